"""Few documents of one class, many of another: weights, measures, and classes of one document."""

import numpy as np
import pytest
from small_corpus import COMMON, small_corpus, small_system, write_small_glove

from bywords.classifier import TextClassifier
from bywords.evaluation.metrics import ClassCounts

SYSTEMS = ["auto", "tfidf-svc", "dan", "averaging", "lstm", "glove-mean"]


def unequal(n_documents=400, *, share=0.06, seed=0):
    """Common words, now and then the moon; few documents are of the class in which it comes more often."""
    generator = np.random.default_rng(seed)
    is_rare = generator.random(n_documents) < share
    texts = []
    for rare in is_rare:
        words = generator.choice(COMMON[:6], 5).tolist()
        texts.append(" ".join(words + ["moon"] * (generator.random() < (0.7 if rare else 0.2))))
    return texts, np.where(is_rare, "rare", "common")


TEXTS, LABELS = unequal()
NEW_TEXTS, NEW_LABELS = unequal(600, share=0.5, seed=1)


def recall_of_rare(classifier):
    return float((classifier.predict(NEW_TEXTS) == "rare")[NEW_LABELS == "rare"].mean())


@pytest.fixture(scope="module")
def glove(tmp_path_factory):
    return write_small_glove(tmp_path_factory.mktemp("vectors"))


@pytest.mark.parametrize("name", SYSTEMS)
def test_balanced_classes_find_more_of_the_rare_class(name, glove):
    config = small_system(name, glove)
    plain = TextClassifier(config).fit(TEXTS, LABELS)
    balanced = TextClassifier(config, class_weight="balanced").fit(TEXTS, LABELS)
    assert recall_of_rare(balanced) > recall_of_rare(plain) + 0.05


def test_balanced_is_the_same_as_giving_each_class_its_weight():
    counts = {label: int((label == LABELS).sum()) for label in ("rare", "common")}
    weights = {label: len(LABELS) / (2 * count) for label, count in counts.items()}
    given = TextClassifier("tfidf-svc", class_weight=weights).fit(TEXTS, LABELS)
    balanced = TextClassifier("tfidf-svc", class_weight="balanced").fit(TEXTS, LABELS)
    np.testing.assert_allclose(given.predict_proba(NEW_TEXTS), balanced.predict_proba(NEW_TEXTS), atol=1e-6)


@pytest.mark.parametrize("name", ["auto", "averaging"])
@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "balanced_accuracy"])
def test_epochs_and_candidates_are_judged_by_the_measure_that_is_asked_for(name, metric, glove):
    classifier = TextClassifier(small_system(name, glove), metric=metric).fit(TEXTS, LABELS)
    if classifier.selection_ is not None:
        scores = {trial["name"]: trial["score"] for trial in classifier.selection_.trials}
        assert metric.replace("_", " ").replace(" f1", " F1") in classifier.selection_.reason
        assert f"{max(scores.values()):.3f}" in classifier.selection_.reason
    else:
        epochs = classifier.fitted_.record.history.epochs
        scores = [epoch.valid_score for epoch in epochs]
        assert classifier.fitted_.record.history.best_epoch == 1 + scores.index(max(scores))
        if metric == "accuracy":
            assert scores == [epoch.valid_accuracy for epoch in epochs]


def test_classes_of_one_and_two_documents_are_learned_beside_large_ones():
    corpus = small_corpus(150)
    texts = [*corpus.texts, "quark boson", "eggs flour", "eggs butter"]
    labels = [*corpus.names(), "physics", "kitchen", "kitchen"]
    for name in ("auto", "tfidf-svc", "dan"):
        classifier = TextClassifier(name).fit(texts, labels)
        assert len(classifier.classes_) == 5
        assert classifier.predict(["moon rocket orbit"]) == ["space"]


def test_scores_say_how_often_the_right_label_is_among_the_likeliest():
    corpus, test = small_corpus(150), small_corpus(60, seed=1)
    evaluation = TextClassifier("tfidf-svc").fit(corpus.texts, corpus.names()).evaluate(test.texts, test.names())
    scores = evaluation.summary()
    assert set(scores["top_k_accuracy"]) == {"2"}  # of three classes
    assert scores["accuracy"] <= scores["top_k_accuracy"]["2"] <= 1
    assert scores["balanced_accuracy"] == ClassCounts.of_matrix(evaluation.confusion).balanced_accuracy
