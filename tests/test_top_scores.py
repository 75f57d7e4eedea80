"""The best labels of each document: the same as sorting a whole table gives, in memory that grows with m."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bywords.data.label_sets import LabelSets
from bywords.evaluation import top_scores
from bywords.evaluation.top_scores import TopScores
from bywords.models import base

FEW_VALUES = st.sampled_from([0.0, 0.25, 0.5, 1.0])


@given(arrays(np.float64, st.tuples(st.integers(0, 6), st.integers(1, 7)), elements=FEW_VALUES), st.integers(1, 8))
def test_the_best_are_those_of_a_stable_sort_of_the_whole_table(scores, m):
    top = TopScores.of_table(scores, m)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :m]
    np.testing.assert_array_equal(top.labels, expected)
    np.testing.assert_array_equal(top.scores, np.take_along_axis(scores, expected, axis=1))


@given(arrays(np.float64, (5, 4), elements=FEW_VALUES), arrays(bool, (5, 4)), st.integers(1, 4))
def test_hits_are_the_labels_that_documents_have(scores, has, m):
    top = TopScores.of_table(scores, m)
    sets = LabelSets.of_table(has)
    np.testing.assert_array_equal(top.hits(sets), np.take_along_axis(has, top.labels.astype(int), axis=1))
    given_to = top.sets(top.scores >= 0.5, 4)
    assert (given_to.lengths == np.minimum((scores >= 0.5).sum(axis=1), m)).all()


def test_a_place_without_a_label_is_no_hit_and_gives_none():
    top = TopScores(np.array([[2, -1]], dtype=np.int32), np.array([[1.0, -np.inf]]))
    assert top.hits(LabelSets.of_table([[1, 1, 1]])).tolist() == [[True, False]]
    assert top.sets(np.ones((1, 2), dtype=bool), 3).lists() == [[2]]


@pytest.mark.parametrize("most", [1, 7, 1 << 23])
def test_the_top_logits_of_a_model_do_not_depend_on_how_many_documents_are_worked_out_at_a_time(most, monkeypatch):
    from small_corpus import small_corpus

    from bywords import SYSTEMS, fit_classifier

    corpus = small_corpus(60)
    classifier = fit_classifier(SYSTEMS["tfidf-nb"], corpus.texts, corpus.names())
    documents = classifier.encode(corpus.texts)
    monkeypatch.setattr(base, "MOST_SCORES", most)
    top = classifier.model.top_logits(documents, 2)
    whole = TopScores.of_table(classifier.model.logits(documents), 2)
    np.testing.assert_array_equal(top.labels, whole.labels)
    np.testing.assert_allclose(top.scores, whole.scores, rtol=1e-5)
    assert len(classifier.model.top_logits(documents.select(np.zeros(0, dtype=int)), 2)) == 0
    assert top_scores.NO_LABEL == -1
