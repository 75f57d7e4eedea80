"""Labels that cross-validated models find unlikely: planted ones come first, and no document vouches for its copy."""

import numpy as np
import pytest
from small_corpus import TOPICS, small_corpus

from bywords.auditing.label_errors import confident_learning, find_label_errors, judges_for
from bywords.data.corpus import Corpus
from bywords.data.duplicates import find_duplicates
from bywords.text.tokenizer import Tokenizer


def ranking(corpus, *, seed=0):
    groups = find_duplicates(corpus.texts).train.groups
    return find_label_errors(Tokenizer()(corpus.texts), corpus.labels, len(corpus.label_names), groups, seed=seed)


@pytest.fixture(scope="module")
def planted():
    """Three topics, 15 of whose 300 documents have another topic's label."""
    corpus = small_corpus(300)
    wrong = np.random.default_rng(1).choice(300, 15, replace=False)
    names = corpus.names()
    names[wrong] = np.array(sorted(TOPICS))[(corpus.labels[wrong] + 1) % 3]
    return Corpus.of("planted", corpus.texts, names), wrong, corpus


def test_planted_errors_come_first_and_get_back_the_label_that_they_had(planted):
    corpus, wrong, original = planted
    found = ranking(corpus)
    assert set(found.order[:15].tolist()) == set(wrong.tolist())
    assert found.suggested[wrong].tolist() == original.labels[wrong].tolist()
    assert found.is_flagged[wrong].sum() >= 10  # of the others the models are no more confident than on average
    assert found.is_flagged.sum() - found.is_flagged[wrong].sum() <= 2


def test_all_documents_are_ranked_once(planted):
    corpus, _, _ = planted
    assert sorted(ranking(corpus).order.tolist()) == list(range(300))


def test_where_the_models_agree_the_suggestion_is_the_label_and_its_confidence_theirs(planted):
    corpus, _, _ = planted
    found = ranking(corpus)
    agreed = found.suggested == corpus.labels
    assert agreed.sum() > 250
    assert not found.is_flagged[agreed].any()
    assert ((found.confidence > 0) & (found.confidence <= 1)).all()


def test_the_same_seed_gives_the_same_ranking(planted):
    corpus, _, _ = planted
    first, second = ranking(corpus, seed=3), ranking(corpus, seed=3)
    assert first.order.tolist() == second.order.tolist()
    assert first.confidence.tolist() == second.confidence.tolist()


@pytest.mark.parametrize("n_documents", [30, 60])
def test_a_few_documents_whose_labels_all_fit_make_no_confidence_of_one(n_documents):
    found = ranking(small_corpus(n_documents))
    assert not found.is_flagged.any()
    assert 0.9 < found.confidence.mean() < (n_documents + 1) / (n_documents + 2)


def test_copies_of_a_document_do_not_vouch_for_its_label():
    corpus = small_corpus(150)
    text = "a moon orbit with a rocket launch by nasa"
    copied = Corpus.of("copied", [*corpus.texts, *[text] * 6], [*corpus.names(), *["sport"] * 6])
    found = ranking(copied)
    assert found.is_flagged[150:].all()
    alone = find_label_errors(
        Tokenizer()(copied.texts), copied.labels, 3, np.arange(len(copied)), seed=0
    )  # with each copy in a fold of its own they would
    assert not alone.is_flagged[150:].all()


def test_a_class_with_one_text_and_a_document_without_words_are_not_judged_and_come_last():
    corpus = small_corpus(60)
    texts = [*corpus.texts, "one of its kind", "", "a copy here", "a copy here"]
    found = ranking(Corpus.of("rare", texts, [*corpus.names(), "rare", "sport", "copied", "copied"]))
    assert found.order[-4:].tolist() == [60, 61, 62, 63]
    assert found.is_judged.tolist() == [True] * 60 + [False] * 4
    assert found.confidence[60:].tolist() == [0] * 4
    assert not found.is_flagged[60:].any()


@pytest.mark.parametrize(
    ("texts", "labels"), [(["a b", "c d"], ["x", "x"]), (["a b", "c d"], ["x", "y"]), (["", ""], ["x", "y"])]
)
def test_where_nothing_can_be_learned_nothing_is_flagged(texts, labels):
    found = ranking(Corpus.of("tiny", texts, labels))
    assert not found.is_judged.any()
    assert not found.is_flagged.any()
    assert found.order.tolist() == [0, 1]


def test_confident_learning_asks_of_each_class_what_it_has_on_average():
    labels = np.array([0, 0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.4, 0.6], [0.5, 0.5]])
    # The thresholds are (0.9 + 0.7 + 0.4) / 3 = 0.667 and (0.6 + 0.5) / 2 = 0.55: the third is confidently the other
    # class, and the last of none.
    said, is_flagged = confident_learning(labels, probabilities)
    assert is_flagged.tolist() == [False, False, True, False, False]
    assert said.tolist() == [0, 0, 1, 1, 0]


def test_a_class_without_documents_takes_none():
    _, is_flagged = confident_learning(np.array([0, 0]), np.array([[0.6, 0.4], [0.2, 0.8]]))
    assert not is_flagged.any()


def test_of_very_many_classes_fewer_words_are_known_and_no_ngrams(monkeypatch):
    monkeypatch.setattr("bywords.auditing.label_errors.MOST_NUMBERS", 40)
    vocabulary, judges = judges_for(Tokenizer()(small_corpus(60).texts), 4)
    assert len(vocabulary.words) == 10
    assert {judge.features for judge in judges} == {"words"}
