"""Documents of any length."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bywords.text.ragged import Ragged, like_length_rows, shuffled_rows

lengths = st.lists(st.integers(1, 300), min_size=1, max_size=200).map(lambda numbers: np.array(numbers, dtype=np.int64))


def as_lists(documents: Ragged) -> list[list[int]]:
    return [part.tolist() for part in np.split(documents.ids, documents.offsets[1:-1])]


def test_an_empty_document_becomes_one_unknown_word():
    assert as_lists(Ragged.of([[], [5]])) == [[1], [5]]
    assert Ragged.of([[], [5]]).in_vocabulary_share.tolist() == [0, 1]


def test_selected_documents_come_in_the_order_asked_for():
    documents = Ragged.of([[2], [3, 3], [4]])
    assert as_lists(documents.select(np.array([2, 1, 1]))) == [[4], [3, 3], [3, 3]]


def test_batches_hold_all_documents_in_their_order():
    documents = Ragged.of([[2], [3, 3], [4], [5, 5, 5], [6]])
    assert [as_lists(batch) for batch in documents.batches(2)] == [[[2], [3, 3]], [[4], [5, 5, 5]], [[6]]]


@given(lengths, st.integers(1, 64), st.integers(0, 5))
def test_each_epoch_has_every_document_once(lengths, batch_size, seed):
    for rows in (
        shuffled_rows(len(lengths), batch_size, np.random.default_rng(seed)),
        like_length_rows(lengths, batch_size, np.random.default_rng(seed)),
    ):
        assert sorted(np.concatenate(rows).tolist()) == list(range(len(lengths)))
        assert max(map(len, rows)) <= batch_size


def test_batch_mates_of_like_length_waste_little():
    lengths = np.random.default_rng(0).integers(1, 1000, size=2000)
    rows = like_length_rows(lengths, 32, np.random.default_rng(0))
    steps = sum(int(lengths[batch].max()) * len(batch) for batch in rows)
    assert steps < 1.1 * lengths.sum()


def test_batch_mates_change_from_epoch_to_epoch():
    lengths = np.full(100, 7)
    generator = np.random.default_rng(0)
    first, second = (like_length_rows(lengths, 10, generator) for _ in range(2))
    assert {tuple(sorted(rows)) for rows in first} != {tuple(sorted(rows)) for rows in second}
