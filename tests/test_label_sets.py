"""Sets of labels: what a table says of documents and labels, in memory that grows with the labels given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bywords.data.label_sets import LabelSets
from bywords.data.targets import Targets

TABLES = arrays(bool, st.tuples(st.integers(0, 6), st.integers(0, 5)))


@given(TABLES)
def test_a_table_comes_back_from_its_sets(table):
    sets = LabelSets.of_table(table)
    assert (sets.table() == table).all()
    assert sets.table().shape == table.shape
    assert (sets.counts() == table.sum(axis=0)).all()
    assert (sets.lengths == table.sum(axis=1)).all()
    assert [part.tolist() for part in sets.pairs()] == [part.tolist() for part in np.nonzero(table)]
    assert sets.lists() == [np.flatnonzero(row).tolist() for row in table]


@given(TABLES, st.data())
def test_what_is_asked_of_sets_is_what_a_table_says(table, data):
    sets = LabelSets.of_table(table)
    other = data.draw(arrays(bool, table.shape))
    others = LabelSets.of_table(other)
    assert (sets.both(others).table() == table & other).all()
    assert (sets.are_equal(others) == (table == other).all(axis=1)).all()
    assert (sets.joined(others).table() == np.vstack([table, other])).all()
    is_meant = data.draw(arrays(bool, table.shape[1]))
    assert (sets.have_any(is_meant) == (table & is_meant).any(axis=1)).all()
    for label in range(table.shape[1]):
        assert (sets.has(label) == table[:, label]).all()
    if len(table):
        rows = data.draw(st.lists(st.integers(0, len(table) - 1)))
        assert (sets[rows].table() == table[np.array(rows, dtype=int)]).all()
    start, stop = sorted(data.draw(st.lists(st.integers(0, len(table)), min_size=2, max_size=2)))
    for some in (slice(start, stop), slice(stop, start), slice(None, None, 2)):
        assert (sets[some].table() == table[some]).all()


@given(TABLES, st.data())
def test_labels_that_become_one_are_had_by_the_documents_of_either(table, data):
    new = np.array(data.draw(st.lists(st.integers(-1, 3), min_size=table.shape[1], max_size=table.shape[1])), dtype=int)
    expected = np.zeros((len(table), 4), dtype=bool)
    for old, label in enumerate(new.tolist()):
        if label >= 0:
            expected[:, label] |= table[:, old]
    assert (LabelSets.of_table(table).renumbered(new, 4).table() == expected).all()


def test_pairs_come_in_any_order_and_more_than_once():
    sets = LabelSets.of_pairs([2, 0, 2, 2], [3, 1, 0, 3], 4, 5)
    assert sets.lists() == [[1], [], [0, 3], []]


def test_a_hundred_thousand_labels_take_the_memory_of_those_that_documents_have():
    generator = np.random.default_rng(0)
    rows = np.repeat(np.arange(300_000), 3)
    sets = LabelSets.of_pairs(rows, generator.integers(100_000, size=len(rows)), 300_000, 100_000)
    targets = Targets.of(sets)
    assert sets.labels.nbytes + sets.offsets.nbytes < 7_000_000
    kept, held_out = targets.split(0.1, 0)
    assert len(kept) + len(held_out) == 300_000
    counts = targets.counts()
    assert (targets.select(kept).counts()[counts > 0] > 0).mean() == pytest.approx(1, abs=0.01)
