"""What is to be learned: classes or labels, how much documents count, and how they are held out."""

import numpy as np
import pytest

from bywords.data.label_sets import LabelSets
from bywords.data.targets import Targets

MANY = LabelSets.of_table([[1, 0], [0, 0], [1, 1], [0, 1], [1, 0]])


def test_a_class_each_is_a_label_each():
    targets = Targets.of(np.array([2, 0]), 3)
    assert targets.one_hot().tolist() == [[False, False, True], [True, False, False]]
    assert [part.tolist() for part in targets.pairs()] == [[0, 1], [2, 0]]
    assert not targets.is_multilabel


def test_pairs_are_each_document_with_each_of_its_labels():
    assert [part.tolist() for part in Targets.of(MANY).pairs()] == [[0, 2, 2, 3, 4], [0, 0, 1, 1, 0]]


def test_documents_are_chosen_and_joined_with_their_weights():
    targets = Targets.of(MANY, weights=[1, 2, 3, 4, 5])
    both = targets.select(np.array([4, 0])).joined(targets.select(np.array([1])))
    assert both.codes.table().tolist() == [[True, False], [True, False], [False, False]]
    assert both.weights.tolist() == [5, 1, 2]


def test_it_says_whether_documents_count_differently():
    assert not Targets.of(np.array([0, 1]), weights=[2, 2]).is_weighed
    assert Targets.of(np.array([0, 1]), weights=[1, 2]).is_weighed


def test_a_split_leaves_a_document_of_each_class_that_has_two():
    codes = np.array([0] * 50 + [1, 1, 2])
    kept, held_out = Targets.of(codes).split(0.1, 0)
    assert set(codes[kept]) == {0, 1, 2}
    assert {0, 1} <= set(codes[held_out])


def test_documents_with_many_labels_are_held_out_by_their_rarest():
    generator = np.random.default_rng(0)
    labels = generator.random((400, 3)) < np.array([0.8, 0.3, 0.02])
    kept, held_out = Targets.of(LabelSets.of_table(labels)).split(0.25, 0)
    assert labels[kept, 2].any()
    assert labels[held_out, 2].any()
    assert labels[held_out, 0].mean() == pytest.approx(labels[:, 0].mean(), abs=0.05)


def test_every_document_is_held_out_once_in_folds_of_classes_that_have_one_document():
    folds = Targets.of(np.arange(12)).folds(3, 0)
    assert np.sort(np.concatenate([held_out for _, held_out in folds])).tolist() == list(range(12))


def test_documents_that_are_alone_in_their_class_cannot_be_split():
    assert not Targets.of(np.arange(4)).can_be_split()
    assert Targets.of(np.array([0, 0, 1])).can_be_split()
    assert not Targets.of(np.zeros(0, dtype=np.int64), 0).can_be_split()
