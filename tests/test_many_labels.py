"""Documents with any number of labels: every system learns them, answers in the form given, and survives a folder."""

import numpy as np
import pandas as pd
import pytest
from small_corpus import COMMON, TOPICS, small_system, write_small_glove

from bywords.classifier import TextClassifier
from bywords.errors import DataError, SettingError
from bywords.systems import SYSTEMS

NAMES = sorted(TOPICS)


def documents(n_documents=240, *, seed=0):
    """Texts on none, one, two or three topics, and which."""
    generator = np.random.default_rng(seed)
    has = generator.random((n_documents, 3)) < 0.45
    texts = []
    for row in has:
        words = [word for k in np.flatnonzero(row) for word in generator.choice(TOPICS[NAMES[k]], 3)]
        texts.append(" ".join(generator.permutation([*words, *generator.choice(COMMON, 4)])))
    return texts, has


TEXTS, HAS = documents()
NEW_TEXTS, NEW_HAS = documents(80, seed=1)


def sets_of(has):
    return [[NAMES[k] for k in np.flatnonzero(row)] for row in has]


@pytest.fixture(scope="module")
def glove(tmp_path_factory):
    return write_small_glove(tmp_path_factory.mktemp("vectors"))


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_learns_any_number_of_labels(name, glove, tmp_path):
    classifier = TextClassifier(small_system(name, glove)).fit(TEXTS, sets_of(HAS))
    evaluation = classifier.evaluate(NEW_TEXTS, sets_of(NEW_HAS))
    assert evaluation.f1["micro_f1"] > 0.75
    assert evaluation.summary()["n_without_labels"] == (~NEW_HAS.any(axis=1)).sum()
    probabilities = classifier.predict_proba(NEW_TEXTS)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    classifier.save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(NEW_TEXTS), probabilities)
    assert list(loaded.predict(NEW_TEXTS)) == list(classifier.predict(NEW_TEXTS))


def test_answers_have_the_form_in_which_labels_were_given():
    by_sets = TextClassifier("tfidf-svc").fit(TEXTS, sets_of(HAS))
    by_table = TextClassifier("tfidf-svc").fit(TEXTS, HAS.astype(int))
    np.testing.assert_array_equal(by_sets.predict_proba(NEW_TEXTS), by_table.predict_proba(NEW_TEXTS))
    table = by_table.predict(NEW_TEXTS)
    assert (table.dtype, table.shape) == (np.int64, (80, 3))
    assert list(by_sets.predict(NEW_TEXTS)) == [tuple(labels) for labels in sets_of(table)]
    assert by_sets.predict([]).shape == (0,)
    assert by_table.predict([]).shape == (0, 3)


def test_a_text_may_get_no_label_and_several():
    classifier = TextClassifier().fit(TEXTS, sets_of(HAS))
    assert classifier.predict(["the a of", "moon rocket car engine"]).tolist() == [(), ("motor", "space")]


def test_the_score_is_the_share_of_texts_that_are_right_in_all_labels():
    classifier = TextClassifier("tfidf-svc").fit(TEXTS, HAS)
    is_right = (classifier.predict(NEW_TEXTS) == NEW_HAS).all(axis=1)
    assert classifier.score(NEW_TEXTS, NEW_HAS) == pytest.approx(is_right.mean())
    assert classifier.evaluate(NEW_TEXTS, NEW_HAS).accuracy == pytest.approx(is_right.mean())


def test_a_label_that_one_document_has_is_learned_too():
    labels = [*sets_of(HAS), ["rare", "space"]]
    classifier = TextClassifier().fit([*TEXTS, "quark boson moon rocket"], labels)
    assert classifier.classes_.tolist() == ["motor", "rare", "space", "sport"]
    assert np.isfinite(classifier.predict_proba(NEW_TEXTS)).all()


@pytest.mark.parametrize(
    ("labels", "message"),
    [([[]] * 240, "all documents have no labels"), ([["a"]] * 240, "all documents have all labels")],
)
def test_labels_that_tell_nothing_apart_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        TextClassifier().fit(TEXTS, labels)


def test_weights_of_classes_are_refused_and_of_documents_are_taken():
    with pytest.raises(SettingError, match="class_weight is for one label a document"):
        TextClassifier(class_weight="balanced").fit(TEXTS, HAS)
    with pytest.raises(SettingError, match="Take 'macro_f1'"):
        TextClassifier(metric="balanced_accuracy").fit(TEXTS, HAS)
    only = TextClassifier("tfidf-svc").fit(TEXTS, HAS, sample_weight=np.arange(240) < 200)
    assert only.summary_.n_train + only.summary_.n_valid == 200


def test_a_table_of_labels_is_read_by_the_names_of_its_columns():
    table = pd.DataFrame(HAS.astype(int), columns=NAMES)
    classifier = TextClassifier("tfidf-svc").fit(TEXTS, table)
    new = pd.DataFrame(NEW_HAS.astype(int), columns=NAMES)
    assert classifier.score(NEW_TEXTS, new[NAMES[::-1]]) == classifier.score(NEW_TEXTS, new)
    assert classifier.score(NEW_TEXTS, NEW_HAS) == classifier.score(NEW_TEXTS, new)
    with pytest.raises(DataError, match="have a column 'other'"):
        classifier.score(NEW_TEXTS, new.rename(columns={"space": "other"}))
