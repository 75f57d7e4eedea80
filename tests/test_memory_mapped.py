"""Documents of ids in files: the same as in memory, and each once an epoch."""

import numpy as np
import pytest

from bywords.text import memory_mapped
from bywords.text.bags import Bags
from bywords.text.memory_mapped import DocumentWriter, EpochRows, MappedBags, MappedDocuments
from bywords.text.ragged import Ragged


def documents_of(n_documents, *, longest=9) -> Ragged:
    generator = np.random.default_rng(0)
    return Ragged.of([generator.integers(1, 50, generator.integers(1, longest)).tolist() for _ in range(n_documents)])


def written(folder, documents, *, at_a_time=7) -> MappedDocuments:
    with DocumentWriter(folder / "some") as writer:
        for part in documents.batches(at_a_time):
            writer.write(part)
    return MappedDocuments(folder / "some")


def assert_same(found: Ragged, expected: Ragged):
    for name in ("ids", "offsets", "in_vocabulary_share"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of some 40 ids, and memory that is let go all the time."""
    monkeypatch.setattr(memory_mapped, "CHUNK_IDS", 40)
    monkeypatch.setattr(memory_mapped, "CHUNKS_TOGETHER", 3)
    monkeypatch.setattr(memory_mapped, "MOST_HELD_IDS", 60)


def test_stored_documents_are_those_that_were_written(tmp_path, small_chunks):
    documents = documents_of(100)
    found = written(tmp_path, documents)
    np.testing.assert_array_equal(found.lengths, documents.lengths)
    rows = np.array([99, 0, 50, 50, 7])
    assert_same(found.select(rows), documents.select(rows))
    batches = list(found.batches(5))
    assert_same(found.select(np.arange(100)), documents)
    assert np.concatenate([batch.ids for batch in batches]).tolist() == documents.ids.tolist()
    assert max(map(len, batches)) == 5
    assert max(len(batch.ids) for batch in batches) < 40 + 9


def test_what_was_read_from_a_map_are_plain_arrays_of_their_own(tmp_path):
    found = written(tmp_path, documents_of(10)).select(np.arange(10))
    assert type(found.ids) is np.ndarray
    assert found.ids.flags.owndata
    assert found.ids.flags.writeable


def test_idf_of_stored_documents_is_that_of_documents_in_memory(tmp_path, small_chunks):
    documents = documents_of(100)
    expected = Bags.of(documents, 40).inverse_document_frequency()
    np.testing.assert_array_equal(
        MappedBags.of(written(tmp_path, documents), 40).inverse_document_frequency(), expected
    )


@pytest.mark.parametrize("batch_size", [1, 8, 1000])
def test_an_epoch_holds_every_document_once_in_whole_batches(tmp_path, small_chunks, batch_size):
    found = written(tmp_path, documents_of(200))
    epoch = EpochRows(found, batch_size, np.random.default_rng(0))
    batches = list(epoch)
    assert len(batches) == len(epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(200))
    assert {len(rows) for rows in batches[:-1]} <= {batch_size}


def test_epochs_are_drawn_from_the_generator(tmp_path, small_chunks):
    found = written(tmp_path, documents_of(200))
    first, again, other = (np.concatenate(list(EpochRows(found, 8, np.random.default_rng(s)))) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_documents_are_shuffled_among_a_few_chunks_that_are_read_together(tmp_path, small_chunks):
    found = written(tmp_path, documents_of(200))
    bounds = found.chunks()
    rows = np.concatenate(list(EpochRows(found, 8, np.random.default_rng(0))))
    chunk_of = np.searchsorted(bounds, rows, side="right")
    first_pool = chunk_of[: np.isin(chunk_of, np.unique(chunk_of[:20])).argmin()]
    assert len(np.unique(first_pool)) == 3
    assert (np.diff(chunk_of[:20]) != 0).any()


def test_a_writer_that_fails_leaves_no_file(tmp_path):
    def write():
        with DocumentWriter(tmp_path / "some") as writer:
            writer.write(documents_of(3))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert list(tmp_path.iterdir()) == []
