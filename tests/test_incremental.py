"""Going on from a fitted model: what it knows stays, what is new is learned, words and classes too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_corpus import TOPICS, small_corpus, small_system, write_small_glove

from bywords.classifier import TextClassifier
from bywords.data.targets import Targets
from bywords.errors import DataError, SettingError
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.training.incremental import _standing_for, grown_vocabulary

TRAIN, TEST = small_corpus(150), small_corpus(60, seed=1)
COOKING = ["eggs", "flour", "butter", "oven", "sugar", "pan"]
GROWS = ["auto", "tfidf-svc", "tfidf-nb", "dan", "averaging", "averaging-glove", "lstm", "gru", "cnn"]


def with_cooking(n_documents=60, *, seed=2):
    """New documents of the old classes, and as many of a new one with words of its own."""
    generator = np.random.default_rng(seed)
    old = small_corpus(n_documents, seed=seed)
    texts = [" ".join(["the", *generator.choice(COOKING, 3), "of"]) for _ in range(n_documents)]
    return [*old.texts, *texts], [*old.names(), *["cooking"] * n_documents]


@pytest.fixture(scope="module")
def glove(tmp_path_factory):
    return write_small_glove(tmp_path_factory.mktemp("vectors"))


def words(*texts):
    return Tokenizer()(list(texts))


CONFIG = VocabularyConfig(ngrams=3, ngram_min_count=1, char_ngrams=(2, 3), char_ngram_min_count=1)


def rows_of(vocabulary):
    """What each row stands for, in words."""
    spelled = ["<pad>", "<unk>", *vocabulary.words.to_list()]
    for left, right in vocabulary.ngrams.tolist():
        spelled.append(f"{spelled[left]} {spelled[right]}")
    return [*spelled, *(f"[{char_ngram}]" for char_ngram in vocabulary.char_ngrams.strings())]


def test_a_vocabulary_grows_by_the_words_runs_and_pieces_that_it_lacks():
    old = Vocabulary.of(words("red cat runs", "red cat"), CONFIG)
    grown, indices = grown_vocabulary(old, words("red cat sits down"))
    was, now = rows_of(old), rows_of(grown)
    assert [now[index] for index in indices] == was
    assert len(set(now)) == len(now)
    assert {"sits", "cat sits", "red cat sits", "[sit]"} <= set(now) - set(was)
    assert dict(zip(now, [*grown.counts, *[None] * 99], strict=False))["cat"] == 3


@settings(deadline=None, max_examples=60)
@given(*[st.lists(st.lists(st.sampled_from("abcde"), max_size=5).map(" ".join), min_size=1, max_size=4)] * 2)
def test_documents_keep_their_old_rows_in_a_grown_vocabulary(first, second):
    old = Vocabulary.of(words(*first), CONFIG)
    grown, indices = grown_vocabulary(old, words(*second))
    before, after = rows_of(old), rows_of(grown)
    assert [after[index] for index in indices] == before
    for text in [*first, *second]:
        known = [before[number] for number in old.encode(words(text)).ids]
        found = [after[number] for number in grown.encode(words(text)).ids]
        assert [row for row in found if row in set(before) - {"<unk>"}] == [row for row in known if row != "<unk>"]


@pytest.mark.parametrize("name", GROWS)
def test_a_system_goes_on_and_learns_new_words_and_a_new_class(name, glove, tmp_path):
    classifier = TextClassifier(small_system(name, glove)).fit(TRAIN.texts, TRAIN.names())
    n_words = (classifier.fitted_.vocabulary.counts[2:] > 0).sum()  # others are known by their vectors
    texts, labels = with_cooking()
    classifier.continue_fit(texts, labels)
    summary = classifier.summary_
    assert summary.new_classes == ["cooking"]
    assert (summary.n_before, summary.n_train + summary.n_valid) == (150, 120)
    assert summary.n_new_words == len(COOKING) == (classifier.fitted_.vocabulary.counts[2:] > 0).sum() - n_words
    assert classifier.classes_.tolist() == ["cooking", "motor", "space", "sport"]
    assert classifier.score(TEST.texts, TEST.names()) > 0.9
    cooking = [text for text, label in zip(*with_cooking(seed=9), strict=True) if label == "cooking"]
    assert classifier.score(cooking, ["cooking"] * len(cooking)) > 0.75
    classifier.save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(TEST.texts), classifier.predict_proba(TEST.texts))
    loaded.continue_fit(texts, labels)
    assert loaded.summary_.n_before == 270


@pytest.mark.parametrize("name", ["auto", "tfidf-nb", "dan"])
def test_what_new_documents_do_not_speak_of_is_not_forgotten(name):
    """The new documents have half of each topic's words; the others are known from before alone."""
    known = [word for topic in TOPICS.values() for word in topic[:3]]
    texts = [" ".join(word for word in text.split() if word not in known) for text in TRAIN.texts]
    classifier = TextClassifier(name).fit(TRAIN.texts, TRAIN.names()).continue_fit(texts, TRAIN.names())
    only = [" ".join(words[:3]) for words in TOPICS.values()]
    assert classifier.predict(only).tolist() == list(TOPICS)


def test_more_documents_of_the_same_kind_make_it_better():
    generator = np.random.default_rng(0)
    noisy = [TRAIN.names()[0] if generator.random() < 0.3 else name for name in TRAIN.names()]
    before = TextClassifier("tfidf-nb").fit(TRAIN.texts[:30], noisy[:30])
    log_loss = before.evaluate(TEST.texts, TEST.names()).log_loss
    assert before.continue_fit(TRAIN.texts, TRAIN.names()).evaluate(TEST.texts, TEST.names()).log_loss < log_loss


def test_a_text_like_those_of_before_is_like_the_training_after_going_on_too():
    """Of the first texts most words are in no other; of the new ones every word is known."""
    names = [" ".join(f"name{index}x{number}" for number in range(20)) for index in range(len(TRAIN))]
    texts = [f"{text} {own}" for text, own in zip(TRAIN.texts, names, strict=True)]
    model = TextClassifier(system="tfidf-svc").fit(texts, TRAIN.names())
    model.continue_fit(TEST.texts, TEST.names())
    like, unlike = "the moon orbit of nobody knows what", " ".join(f"unheard{number}" for number in range(40))
    assert model.predict_documents([like, f"{unlike} moon"]).out_of_distribution.tolist() == [False, True]


def test_going_on_gives_the_same_bits_again():
    texts, labels = with_cooking()
    first, again = (TextClassifier().fit(TRAIN.texts, TRAIN.names()).continue_fit(texts, labels) for _ in range(2))
    np.testing.assert_array_equal(first.predict_proba(TEST.texts), again.predict_proba(TEST.texts))


def test_many_new_words_do_not_take_the_pieces_from_a_model_that_has_them(monkeypatch, tmp_path):
    classifier = TextClassifier().fit(TRAIN.texts, TRAIN.names())
    monkeypatch.setattr("bywords.training.model_selection.CHAR_NGRAMS_UP_TO", 10)
    texts, labels = with_cooking()
    classifier.continue_fit(texts, labels).save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model")
    asked = [*TEST.texts, "moonlight rocketry cars"]
    np.testing.assert_array_equal(loaded.predict_proba(asked), classifier.predict_proba(asked))


def test_labels_of_any_number_go_on_too():
    labels = [[name] if index % 5 else [name, "fifth"] for index, name in enumerate(TRAIN.names())]
    classifier = TextClassifier().fit(TRAIN.texts, labels)
    texts, more = with_cooking()
    classifier.continue_fit(texts, [[label] for label in more])
    assert classifier.summary_.new_classes == ["cooking"]
    assert classifier.predict(["eggs flour butter", "moon rocket orbit"]).tolist() == [("cooking",), ("space",)]


def test_documents_of_old_classes_stand_for_those_that_are_not_there_any_more():
    targets = _standing_for(Targets.of(np.array([0, 1, 2, 2]), 3), np.array([0, 1]), 98)
    np.testing.assert_allclose(targets.weights / targets.weights[2], [50, 50, 1, 1])
    assert targets.weights.mean() == pytest.approx(1)
    same = Targets.of(np.array([0, 1, 1]), 2)
    assert _standing_for(same, np.array([0, 1]), 98) is same


def test_what_cannot_go_on_says_so(glove):
    classifier = TextClassifier("glove-mean", vectors=glove).fit(TRAIN.texts, TRAIN.names())
    with pytest.raises(SettingError, match="cannot continue with new documents"):
        classifier.continue_fit(TRAIN.texts, TRAIN.names())
    classifier = TextClassifier("tfidf-nb").fit(TRAIN.texts, TRAIN.names())
    with pytest.raises(DataError, match="all new documents are of one class, 'cooking'"):
        classifier.continue_fit(["eggs", "flour"], ["cooking", "cooking"])
    with pytest.raises(DataError, match=r"another type \(int64\)"):
        classifier.continue_fit(["eggs", "flour"], [1, 2])
    with pytest.raises(DataError, match="of another form"):
        classifier.continue_fit(["eggs", "flour"], [["a"], ["b"]])


def test_classes_that_new_documents_lack_keep_what_was_known_of_them():
    for name in ("auto", "tfidf-svc", "tfidf-nb", "dan"):
        classifier = TextClassifier(name).fit(TRAIN.texts, TRAIN.names())
        rows = [index for index, label in enumerate(TRAIN.names()) if label != "space"]
        classifier.continue_fit([TRAIN.texts[row] for row in rows], TRAIN.names()[rows])
        assert classifier.summary_.kept_classes == ["space"]
        assert classifier.score(TEST.texts, TEST.names()) > 0.9


def test_a_new_class_does_not_push_out_old_ones_that_few_new_documents_are_of():
    texts, labels = with_cooking()
    few = [index for index, label in enumerate(labels) if label in ("cooking", "motor")]
    for name in ("auto", "tfidf-svc", "dan"):
        classifier = TextClassifier(name).fit(TRAIN.texts, TRAIN.names())
        classifier.continue_fit([texts[index] for index in few], [labels[index] for index in few])
        assert classifier.summary_.kept_classes == ["space", "sport"]
        assert classifier.score(TEST.texts, TEST.names()) > 0.9
        cooking = [text for text, label in zip(texts, labels, strict=True) if label == "cooking"]
        assert classifier.score(cooking, ["cooking"] * len(cooking)) > 0.9


def test_labels_that_new_documents_lack_keep_their_odds_and_thresholds():
    labels = [[name] if index % 5 else [name, "fifth"] for index, name in enumerate(TRAIN.names())]
    classifier = TextClassifier().fit(TRAIN.texts, labels)
    before = classifier.predict_proba(TEST.texts)[:, 0]
    threshold = classifier.calibration_.thresholds[0]
    classifier.continue_fit(TRAIN.texts, [[name] for name in TRAIN.names()])
    assert classifier.summary_.kept_classes == ["fifth"]
    np.testing.assert_allclose(classifier.predict_proba(TEST.texts)[:, 0], before, atol=1e-4)
    assert classifier.calibration_.thresholds[0] == threshold


def test_new_documents_of_new_classes_alone_and_an_lstm_that_would_forget_are_refused(glove):
    classifier = TextClassifier("tfidf-nb").fit(TRAIN.texts, TRAIN.names())
    with pytest.raises(DataError, match="all new documents are of classes that are unknown to the model"):
        classifier.continue_fit(["eggs flour", "paint brush"] * 20, ["cooking", "art"] * 20)
    classifier = TextClassifier(small_system("lstm", glove)).fit(TRAIN.texts, TRAIN.names())
    with pytest.raises(DataError, match="an LSTM would forget them"):
        classifier.continue_fit(*(part[:2] for part in with_cooking()))
