"""One face for all systems: fitted, asked, saved and loaded."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from small_corpus import small_corpus, small_system, write_small_glove

from bywords.artifact import model_folder
from bywords.classifier import TextClassifier
from bywords.errors import DataError, ModelFolderError, SettingError
from bywords.evaluation.metrics import softmax
from bywords.systems import SYSTEMS

each_system = pytest.mark.parametrize("name", SYSTEMS)
TRAIN, TEST = small_corpus(), small_corpus(60, seed=1)
ODD = ["", "zzz qqq", "the moon", "THE MOON", "😀", "\x00", "rocket " * 3000]


@pytest.fixture(scope="module")
def glove(tmp_path_factory):
    return write_small_glove(tmp_path_factory.mktemp("vectors"))


@pytest.fixture(scope="module")
def fitted(glove):
    """Each system fitted once, by name."""
    known = {}

    def get(name):
        if name not in known:
            known[name] = TextClassifier(small_system(name, glove)).fit(TRAIN.texts, TRAIN.names())
        return known[name]

    return get


@each_system
def test_it_learns_topics_and_says_how_sure_it_is(name, fitted):
    classifier = fitted(name)
    evaluation = classifier.evaluate(TEST.texts, TEST.names())
    assert evaluation.accuracy > 0.9
    assert evaluation.log_loss < 0.6
    probabilities = classifier.predict_proba(TEST.texts)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(classifier.predict(TEST.texts), classifier.classes_[probabilities.argmax(axis=1)])


@each_system
def test_saved_and_loaded_it_gives_the_same_probabilities(name, fitted, tmp_path):
    classifier = fitted(name)
    classifier.save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model")
    texts = [*TEST.texts, *ODD]
    np.testing.assert_array_equal(loaded.predict_proba(texts), classifier.predict_proba(texts))
    assert loaded.summary_ == classifier.summary_
    assert loaded.config_ == classifier.config_


@each_system
def test_the_same_seed_gives_the_same_bits(name, fitted, glove):
    again = TextClassifier(small_system(name, glove)).fit(TRAIN.texts, TRAIN.names())
    np.testing.assert_array_equal(again.predict_proba(TEST.texts), fitted(name).predict_proba(TEST.texts))


@each_system
def test_trained_again_it_is_the_same_folder_to_the_byte(name, fitted, glove, tmp_path):
    fitted(name).save(tmp_path / "once")
    TextClassifier(small_system(name, glove)).fit(TRAIN.texts, TRAIN.names()).save(tmp_path / "again")
    for file in (*model_folder.FILES, model_folder.SUMS):
        assert (tmp_path / "once" / file).read_bytes() == (tmp_path / "again" / file).read_bytes(), file


@each_system
def test_a_text_in_which_nothing_is_known_gets_an_answer_and_a_flag(name, fitted):
    answers = fitted(name).predict_documents(["", "zzz qqq", "rocket"])
    assert answers.all_out_of_vocabulary.tolist() == [True, True, False]
    assert np.isfinite(answers.probabilities).all()
    np.testing.assert_array_equal(answers.probabilities[0], answers.probabilities[1])


@each_system
def test_an_answer_does_not_depend_on_the_other_texts(name, fitted):
    texts = [*TEST.texts[:10], *ODD]
    together = fitted(name).predict_proba(texts)
    alone = np.concatenate([fitted(name).predict_proba([text]) for text in texts])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)


@each_system
def test_an_embedding_of_each_system_is_a_plain_array_that_cannot_run_code(name, fitted, tmp_path):
    fitted(name).save(tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "README.md", "SHA256SUMS", "model.json", "vocabulary.txt", "weights.safetensors",
    ]  # fmt: skip
    assert all(array.dtype.kind in "fi" for array in model_folder.read_folder(tmp_path / "model").arrays.values())


def test_labels_keep_their_type(glove, tmp_path):
    for labels in (TRAIN.labels, TRAIN.labels == 1, TRAIN.names()):
        classifier = TextClassifier("tfidf-nb").fit(TRAIN.texts, labels)
        classifier.save(tmp_path / "model")
        loaded = TextClassifier.load(tmp_path / "model")
        assert loaded.classes_.dtype == classifier.classes_.dtype == labels.dtype
        np.testing.assert_array_equal(loaded.predict(TEST.texts), classifier.predict(TEST.texts))


def test_no_texts_get_no_answers(fitted):
    assert fitted("tfidf-nb").predict([]).shape == (0,)
    assert fitted("tfidf-nb").predict_proba([]).shape == (0, 3)


def test_pretrained_vectors_are_read_for_the_words_of_all_documents(glove):
    classifier = TextClassifier("glove-mean", vectors=glove).fit(TRAIN.texts, TRAIN.names())
    everything = TextClassifier("glove-mean", vectors=glove, validation_share=0.5).fit(TRAIN.texts, TRAIN.names())
    assert everything.fitted_.vocabulary.words.to_list() == classifier.fitted_.vocabulary.words.to_list()
    np.testing.assert_array_equal(everything.fitted_.model.vectors, classifier.fitted_.model.vectors)


def test_words_that_only_validation_has_get_no_random_vector(glove):
    texts, labels = [*TRAIN.texts[:90], *["rocket quasar"] * 10], [*TRAIN.names()[:90], *["space"] * 10]
    for name in ("word2vec-mean", "glove-corpus-mean"):
        config = small_system(name, glove)
        classifier = TextClassifier(config).fit(TRAIN.texts, TRAIN.names(), validation=(texts, labels))
        assert "quasar" not in classifier.fitted_.vocabulary.words.to_list()


def test_documents_without_words_are_dropped_and_counted():
    texts, labels = [*TRAIN.texts, "", " "], [*TRAIN.names(), "space", "motor"]
    summary = TextClassifier("tfidf-nb").fit(texts, labels).summary_
    assert summary.n_dropped == 2
    assert summary.n_train + summary.n_valid == len(TRAIN)


def test_a_given_validation_part_is_used():
    classifier = TextClassifier("tfidf-nb")
    classifier.fit(TRAIN.texts, TRAIN.names(), validation=(TEST.texts, TEST.names()))
    assert (classifier.summary_.n_train, classifier.summary_.n_valid) == (150, 60)


def test_the_calibration_is_kept_and_used(fitted):
    classifier = fitted("tfidf-svc")
    documents = classifier.fitted_.vocabulary.encode(_tokens(classifier, TEST.texts))
    logits = classifier.fitted_.model.logits(documents)
    expected = classifier.calibration_.probabilities(logits)
    answers = classifier.predict_documents(TEST.texts)
    np.testing.assert_allclose(answers.probabilities, expected, rtol=1e-5)
    np.testing.assert_allclose(answers.logits, logits, rtol=1e-5)
    assert classifier.calibration_.temperature != 1
    assert classifier.calibration_.curve != (1, 1, 0)


def test_an_evaluation_knows_the_probabilities_without_calibration(fitted):
    classifier = fitted("tfidf-svc")
    evaluation = classifier.evaluate(TEST.texts, TEST.names())
    expected = softmax(classifier.predict_documents(TEST.texts).logits)
    np.testing.assert_allclose(evaluation.uncalibrated, expected)


def _tokens(classifier, texts):
    from bywords.text.tokenizer import Tokenizer

    return Tokenizer(classifier.config.tokenizer)(texts)


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["the moon", "a car"], ["x"], "2 training texts and 1 labels"),
        (["the moon", "a car"], ["x", "x"], "one class only, 'x': expected at least two"),
        (["", " "], ["x", "y"], "none of the 2 training documents has a word"),
        (["the moon", "a car"], ["x", "y"], "too few documents to hold one out"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(texts, labels, message):
    with pytest.raises(DataError, match=message):
        TextClassifier("tfidf-nb").fit(texts, labels)


def test_a_label_that_training_lacked_is_named(fitted):
    with pytest.raises(DataError, match="'cooking' of document 1 did not occur in training"):
        fitted("tfidf-nb").evaluate(["the moon", "eggs"], ["space", "cooking"])


def test_a_system_that_there_is_not_is_refused_with_the_nearest():
    with pytest.raises(SettingError, match=r"no system 'averagin'.*Did you mean 'averaging'"):
        TextClassifier("averagin").fit(TRAIN.texts, TRAIN.names())


def test_vectors_for_a_system_that_starts_from_none_are_refused(glove):
    with pytest.raises(SettingError, match="does not start from given vectors"):
        TextClassifier("averaging", vectors=glove).fit(TRAIN.texts, TRAIN.names())


def test_given_vectors_replace_the_systems_own(glove):
    classifier = TextClassifier("glove-mean", vectors=glove).fit(TRAIN.texts, TRAIN.names())
    assert classifier.fitted_.record.vectors.dimension == 4


def test_vectors_of_another_language_are_refused(tmp_path):
    path = tmp_path / "other.txt"
    path.write_text("слово 1 2\nдругое 3 4\n", encoding="utf-8")
    with pytest.raises(SettingError, match=r"none of the .* words of the training texts"):
        TextClassifier("glove-mean", vectors=str(path)).fit(TRAIN.texts, TRAIN.names())


@pytest.fixture
def folder(fitted, tmp_path):
    fitted("averaging").save(tmp_path / "model")
    return tmp_path / "model"


def _rewrite(folder, change):
    told = json.loads((folder / "model.json").read_text())
    change(told)
    (folder / "model.json").write_text(json.dumps(told))
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in model_folder.FILES}
    (folder / "SHA256SUMS").write_bytes(model_folder._sums(files))


def test_settings_that_do_not_fit_the_weights_are_refused(folder):
    def more(told):
        told["label_names"].append("more")
        told["reliability"]["profile"]["labels"].append(0)

    _rewrite(folder, more)
    with pytest.raises(ModelFolderError, match="do not fit this version"):
        TextClassifier.load(folder)


def test_a_model_replaces_a_model_but_nothing_else(fitted, folder, tmp_path):
    fitted("tfidf-nb").save(folder)
    assert TextClassifier.load(folder).config_.model.estimator == "nb"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(ModelFolderError, match="it is not a model"):
        fitted("tfidf-nb").save(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


def test_a_failed_save_leaves_the_old_model_whole(fitted, folder, tmp_path, monkeypatch):
    def no_space(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", no_space)
    with pytest.raises(ModelFolderError, match="No space left on device"):
        fitted("tfidf-nb").save(folder)
    assert TextClassifier.load(folder).config_.model.dimension == 16
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("method", ["fit", "continue_fit"])
def test_a_fit_that_raises_leaves_the_classifier_as_it_was(method):
    classifier = TextClassifier("tfidf-nb").fit(TRAIN.texts, TRAIN.names())
    answers = classifier.predict_documents(TEST.texts)
    with pytest.raises(DataError):
        getattr(classifier, method)(TRAIN.texts[:4], list("qrst"))
    np.testing.assert_array_equal(classifier.predict(TEST.texts), answers.labels)
    unfitted = TextClassifier("tfidf-nb")
    with pytest.raises(DataError):
        unfitted.fit(["a b"], ["x"])
    assert not hasattr(unfitted, "classes_")


def test_labels_of_another_number_than_texts_are_refused(fitted):
    for labels in (["space"], ["space"] * 7):
        for method in ("score", "evaluate"):
            with pytest.raises(DataError, match=f"60 test texts and {len(labels)} labels"):
                getattr(fitted("tfidf-nb"), method)(TEST.texts, labels)
    for weights in (np.zeros(60), np.ones(3)):
        with pytest.raises(SettingError, match="sample_weight"):
            fitted("tfidf-nb").score(TEST.texts, TEST.names(), weights)


def test_parameters_of_numpy_and_pandas_are_saved(tmp_path):
    weights = pd.Series({"space": np.float32(2), "sport": 1, "motor": 1})
    classifier = TextClassifier("tfidf-nb", class_weight=weights, seed=np.int64(1), validation_share=np.float32(0.25))
    classifier.fit(TRAIN.texts, TRAIN.names()).save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model")
    assert (loaded.seed, loaded.validation_share, loaded.class_weight["space"]) == (1, 0.25, 2)


def test_a_folder_says_what_was_fitted_not_what_was_set_later(tmp_path):
    classifier = TextClassifier("tfidf-nb").fit(TRAIN.texts, TRAIN.names())
    classifier.set_params(system="dan").save(tmp_path / "model")
    assert TextClassifier.load(tmp_path / "model").system == "tfidf-nb"


def test_a_text_known_by_its_pieces_alone_is_not_counted_as_one_of_which_nothing_is_known():
    classifier = TextClassifier().fit(TRAIN.texts, TRAIN.names())
    evaluation = classifier.evaluate(["rocketeers", "zzz"], ["space", "sport"])
    assert evaluation.in_vocabulary_share.tolist() == [0, 0]
    assert evaluation.summary()["n_all_out_of_vocabulary"] == 1


def test_an_array_of_no_dimension_is_one_text_not_its_letters(fitted):
    for call in (fitted("tfidf-nb").predict, lambda texts: TextClassifier("tfidf-nb").fit(texts, ["a", "b"])):
        with pytest.raises(DataError, match="expected a sequence of texts, found one text"):
            call(np.array("ab"))


@pytest.mark.parametrize("given", ["y", "sample_weight"])
def test_an_index_of_pandas_in_another_order_is_warned_of(given):
    texts, y = pd.Series(TRAIN.texts.to_list()), pd.Series(TRAIN.names())
    weights = pd.Series(1.0, index=texts.index)
    turned = {"y": y, "sample_weight": weights, given: {"y": y, "sample_weight": weights}[given].iloc[::-1]}
    for other in (y, y.set_axis(y.index + 1), y.set_axis(range(len(y), 2 * len(y)))):  # as of parts that were joined
        classifier = TextClassifier("tfidf-nb").fit(texts, other, sample_weight=weights)
    with pytest.warns(UserWarning, match="same index as the texts, in another order"):
        TextClassifier("tfidf-nb").fit(texts, **turned)
    with pytest.warns(UserWarning, match="same index as the texts, in another order"):
        classifier.score(texts, **turned)
    if given == "y":
        with pytest.warns(UserWarning, match=r"give y.loc\[X.index\]"):
            classifier.evaluate(texts, turned["y"])


def test_classes_that_differ_by_blanks_alone_are_warned_of():
    labels = [f"{name} " if number % 9 == 0 else name for number, name in enumerate(TRAIN.names())]
    with pytest.warns(UserWarning, match="several classes 'space', apart by blanks"):
        classifier = TextClassifier("tfidf-nb").fit(TRAIN.texts, labels)
    assert {"space", "space "} <= set(classifier.classes_)
