"""A folder with a corpus on disk → its record and vocabulary, once every number in it was read and checked.

Each file has to have the SHA-256 that was noted when it was written; and, as somebody may have written files and sums
alike, ids, offsets, shares, labels and n-grams have to be in their ranges, and as many as they should be.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bywords.checkpoint import read_state, write_state
from bywords.config import typed
from bywords.data.columns import Columns
from bywords.errors import DataError, SettingError
from bywords.io.streams import Skipped
from bywords.records.base import RecordPart, plain
from bywords.text.memory_mapped import ENDINGS, FileSum, MappedNumbers
from bywords.text.ragged import UNKNOWN
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.validation import check_bytes, check_count, check_ids, check_offsets, check_within, naming

FORMAT = "bywords-corpus/7"
CORPUS, VOCABULARY, NGRAMS = "corpus.json", "vocabulary.txt", "ngrams.i32"
Part = Literal["train", "valid", "test"]
PARTS: tuple[Part, ...] = ("train", "valid", "test")
BLOCK_BYTES = 1 << 22  # of a file that are checked at a time
Array = npt.NDArray[Any]
OnBlock = Callable[[str, int, float | None], None]


class CorpusRecord(RecordPart):
    """What corpus.json says."""

    run: dict[str, Any]  # what was read and how: `checkpoint.Run` as JSON values
    label_names: list[str]  # sorted by code points
    is_multilabel: bool
    columns: Columns | None
    not_read: list[str]
    remarks: list[str]  # what was done to labels when they were read, a sentence each
    n_documents: dict[Part, int]
    n_by_label: list[int]  # documents of each that are learned from
    fingerprint: str
    dropped: dict[Literal["train", "test"], int]
    skipped: list[Skipped | None]  # of the file of documents, and of that to test on
    sums: dict[str, FileSum]  # of all files but this one
    notes: list[str] = field(default_factory=list)  # what of words and n-grams could not be counted, a sentence each


def codes_names(part: Part, *, is_multilabel: bool) -> tuple[str, ...]:
    """The names of the files with the labels of a part: a class number each; or label sets, labels and offsets."""
    return (f"{part}.labels.i32", f"{part}.label_offsets.i64") if is_multilabel else (f"{part}.codes.i64",)


def write_record(folder: Path, record: CorpusRecord) -> None:
    """Write corpus.json, the last of all files. It has a sum of its own too."""
    values = plain(record)
    write_state(folder / CORPUS, {"format": FORMAT, "sha256": _sum_of(values), **values})


def read_checked(
    folder: Path, run: Mapping[str, Any], config: VocabularyConfig, on_block: OnBlock
) -> tuple[CorpusRecord, Vocabulary] | None:
    """The record and the vocabulary of what this run has written; None where there is nothing, or of another run.

    Raises: DataError, naming the file, for one that is not as it was written, or cannot have been written.
    """
    if not (folder / CORPUS).exists():
        return None
    if read_state(folder / CORPUS, FORMAT, run=type(None)) is not None:  # whoever wrote it was killed
        return None
    state = read_state(folder / CORPUS, FORMAT, sha256=str) or {}
    if _sum_of({key: value for key, value in state.items() if key not in ("format", "sha256")}) != state.get("sha256"):
        raise DataError(f"{folder / CORPUS} is damaged, or of another version.")
    if state.get("run") != run:
        return None
    with naming(folder / CORPUS, error=DataError):
        record = typed(CorpusRecord, {key: state[key] for key in state if key not in ("format", "sha256")}, where="it")
        _check_record(record)
    return record, _Check(folder, record, on_block).files(config)


def _sum_of(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _check_record(record: CorpusRecord) -> None:
    """Raise SettingError for what cannot be of a corpus, whatever is in its files."""
    names = record.label_names
    if names != sorted(set(names)) or len(names) < (1 if record.is_multilabel else 2):
        raise SettingError(f"the labels are {names!r:.100}, expected two or more, sorted")
    for part in PARTS:
        check_count(f"the number of {part} documents", record.n_documents[part], least=1)
    for n_dropped in (record.dropped["train"], record.dropped["test"]):
        check_count("the number of documents dropped", n_dropped)
    for skipped in (record.skipped[0], record.skipped[1]):
        check_count("the number of rows skipped", 0 if skipped is None else skipped.count)


class _Check:
    """One reading of all files, a block at a time, in little memory."""

    def __init__(self, folder: Path, record: CorpusRecord, on_block: OnBlock) -> None:
        self.folder, self.record, self.on_block = folder, record, on_block
        self.n_bytes, self.n_read = sum(one.n_bytes for one in record.sums.values()), 0

    def files(self, config: VocabularyConfig) -> Vocabulary:
        """The vocabulary, after all files were checked."""
        record, path = self.record, self.folder / VOCABULARY
        self._read(VOCABULARY, np.uint8, (self._size(VOCABULARY),), lambda signs: None)
        with naming(path, error=DataError):
            vocabulary = Vocabulary.load(path, config=config)
            check_count("the number of words", len(vocabulary.words), least=1, most=config.max_size or 2**31)
        pairs = [np.zeros((0, 2), dtype=np.int32)]

        def add_pairs(some: Array) -> None:
            check_ids("pairs", some, vocabulary.n_words)  # of words: there are no longer ones
            pairs.append(some)

        self._read(NGRAMS, np.int32, (self._size(NGRAMS) // 8, 2), add_pairs)
        vocabulary.ngrams = np.concatenate(pairs)
        for part in PARTS:
            self._check_documents(part, record.n_documents[part], len(vocabulary))
        counts = [self._label_counts(part, record.n_documents[part]) for part in PARTS]
        if (counts[0] + counts[1]).tolist() != record.n_by_label:
            raise DataError(f"{self.folder / CORPUS}: n_by_label is not what the labels of its documents sum to.")
        return vocabulary

    def _check_documents(self, part: Part, n_documents: int, n_rows: int) -> None:
        """Ids in the vocabulary, of each document one or more, and shares of its tokens that are."""
        ids, offsets, shares = (f"{part}{ending}" for ending in ENDINGS)
        n_ids = self._check_offsets(offsets, ids, n_documents, least_length=1)
        self._read(ids, np.int32, (n_ids,), lambda some: check_ids("ids", some, n_rows, least=UNKNOWN))
        self._read(shares, np.float32, (n_documents,), lambda some: check_within("shares", some, 0, 1))

    def _check_offsets(self, name: str, of: str, n_documents: int, *, least_length: int) -> int:
        """Offsets of so many documents in the int32 numbers of the file `of`. Returns: how many numbers there are."""
        n_ids, last = self._size(of) // 4, np.array([-1], dtype=np.int64)  # as if one came before that ends there

        def check_some(some: Array) -> None:
            nonlocal last
            check_within("offsets", some, 0, n_ids)
            joined = np.concatenate([last, some])
            check_offsets("offsets", joined - joined[0], int(joined[-1] - joined[0]), least_length=least_length)
            if last[0] < 0:
                check_within("offsets", some[:1], 0, 0)
            last = some[-1:]

        self._read(name, np.int64, (n_documents + 1,), check_some)
        if last[0] != n_ids:
            what = "ids" if least_length else "labels"
            raise DataError(f"{self.folder / name}: it ends with {last[0]}, expected the number of {what}, {n_ids}.")
        return n_ids

    def _label_counts(self, part: Part, n_documents: int) -> npt.NDArray[np.int64]:
        """Documents of each label, int64 (K,)."""
        n_classes, is_many = len(self.record.label_names), self.record.is_multilabel
        counts = np.zeros(n_classes, dtype=np.int64)
        labels, *offsets = codes_names(part, is_multilabel=is_many)

        def add(some: Array) -> None:
            check_ids("codes", some, n_classes)
            counts[:] += np.bincount(some, minlength=n_classes)

        if not offsets:
            self._read(labels, np.int64, (n_documents,), add)
            return counts
        n_labels = self._check_offsets(offsets[0], labels, n_documents, least_length=0)
        starts = MappedNumbers(self.folder / offsets[0], np.int64).array
        n_read, last = 0, np.zeros(1, dtype=np.int32)

        def add_ascending(some: Array) -> None:
            """The labels of a document are ascending, each once."""
            nonlocal n_read, last
            add(some)
            first, stop = np.searchsorted(starts, [n_read, n_read + len(some)])
            is_within = np.diff(np.concatenate([last, some])) <= 0
            is_within[starts[first:stop] - n_read] = False
            if is_within.any():
                index = int(is_within.argmax())
                raise SettingError(f"labels[{n_read + index}] is {some[index]}, expected one above that before it")
            n_read, last = n_read + len(some), some[-1:]

        self._read(labels, np.int32, (n_labels,), add_ascending)
        return counts

    def _size(self, name: str) -> int:
        """The bytes that a file should have."""
        with naming(self.folder / CORPUS, error=DataError):
            return self.record.sums[name].n_bytes

    def _read(self, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...], check: Callable[[Array], None]) -> None:
        """Give a file to `check`, some whole rows at a time. Raises DataError, also where its sum is another."""
        path, n_bytes, hashed = self.folder / name, self._size(name), hashlib.sha256()
        row_bytes = np.dtype(dtype).itemsize * math.prod(shape[1:])
        if not path.is_file():
            raise DataError(f"{path} is missing.")
        try:
            opened = path.open("rb")
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}.") from error
        with naming(path, error=DataError), opened as file:
            if (found := os.fstat(file.fileno()).st_size) != n_bytes:
                raise SettingError(f"it has {found:,} bytes, expected {n_bytes:,}")
            check_bytes("it", n_bytes, dtype, shape)
            while block := file.read(max(BLOCK_BYTES // row_bytes, 1) * row_bytes):
                hashed.update(block)
                check(np.frombuffer(block, dtype=dtype).reshape(-1, *shape[1:]))
                self.n_read += len(block)
                self.on_block("checking", sum(self.record.n_documents.values()), self.n_read / self.n_bytes)
            if hashed.hexdigest() != self.record.sums[name].sha256:
                raise SettingError(f"its SHA-256 is not the one in {CORPUS}")
