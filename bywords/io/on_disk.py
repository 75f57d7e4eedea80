"""A file of labelled documents of any size → a folder with their ids and labels: what training on disk reads.

    FOLDER/
    ├── corpus.json                       what was read and how, the labels, sums of all files; till then its format
    ├── vocabulary.txt, ngrams.i32        the words and n-grams that have an id
    └── train.*, valid.*, test.*          ids of documents (`bywords.text.memory_mapped`) and their labels: codes.i64,
                                          a class number each, or labels.i32 and label_offsets.i64, `LabelSets`

The file is read twice: to count its words and to draw what is held out, then to write its ids. For n-grams it is read
once more in between. No more than a block of it is in memory; of a document, one byte is, and 16 MB of
which texts there were. What is in the folder already is read once, and checked (`bywords.io.corpus_record`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import re
import shutil
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.checkpoint import Run, write_state
from bywords.config import to_plain
from bywords.data.columns import Columns
from bywords.data.corpus import Corpus, labelled_as, renamed, with_label_names
from bywords.data.groups import Together, keys_of
from bywords.data.label_names import asked_of, of_each_kind, parsed_mapping
from bywords.data.label_sets import Codes, LabelSets
from bywords.data.splits import check_split
from bywords.errors import DataError, SettingError
from bywords.files import check_folder, check_room, format_of, write_errors
from bywords.io import stores
from bywords.io.archives import expanded, split_member
from bywords.io.corpus_record import (
    CORPUS,
    FORMAT,
    NGRAMS,
    PARTS,
    VOCABULARY,
    CorpusRecord,
    OnBlock,
    Part,
    codes_names,
    read_checked,
    write_record,
)  # fmt: skip
from bywords.io.datasets import with_known_labels
from bywords.io.read_options import ReadOptions
from bywords.io.readers import read_labelled_blocks, skipped_rows
from bywords.locks import locked
from bywords.text.memory_mapped import DocumentWriter, FileSum, MappedDocuments, MappedNumbers, number_writer
from bywords.text.ragged import Ragged
from bywords.text.streaming_counts import NgramCounter, WordCounter, told_of_pruned
from bywords.text.tokenizer import Tokenizer, TokenizerConfig, Tokens
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.version import __version__

if TYPE_CHECKING:
    from bywords.cluster import Executor

EMPTY = len(PARTS)  # beside the indices of PARTS: that of documents without tokens
MOST_WORDS = 300_000  # that get a row, and as many n-grams, where the settings do not say how many
MOST_VALID, MOST_TEST = 20_000, 100_000  # documents held out; what is more of them is learned from
N_BUCKETS = 1 << 24  # of texts, a byte each, that say in which part those of before are
MOST_ANSWERS = 20_000_000  # documents held out times classes
_OWN_FILES = re.compile(
    r"(corpus\.json|vocabulary\.txt|ngrams\.i32|(train|valid|test)\.(ids\.i32|offsets\.i64|in_vocabulary_share\.f32|codes\.\w+|labels\.i32|label_offsets\.i64))"
    r"|\..+\.part"
)
Indices = npt.NDArray[np.uint8]  # of documents: which of PARTS, or EMPTY
Shared = TypeVar("Shared")
Chunk = TypeVar("Chunk")
Result = TypeVar("Result")
ADVICE = "Choose a folder on a disk with room: it takes about as much as the texts."


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is read, and what is held out of it. Arguments as for `load_dataset`."""

    data: str
    test: str | None = None
    reading: ReadOptions = field(default_factory=ReadOptions)
    test_share: float = 0.2
    validation_share: float = 0.1
    keep_together: Together = "equal"
    seed: int = 0

    def __post_init__(self) -> None:
        for share in (self.test_share, self.validation_share):
            check_split(share, self.seed)
        if self.keep_together != "equal":
            raise SettingError(
                "of documents on disk equal texts are kept together, near duplicates cannot be found: leave out "
                "--keep-together near."
            )


@dataclass(frozen=True)
class PartFacts:
    """What there is to say of documents that are not in memory, by the names that a `Corpus` has for it."""

    name: str
    n_documents: int
    label_names: tuple[str, ...]
    n_by_label: tuple[int, ...]
    fingerprint: str  # 16 hexadecimal digits of a SHA-256 over texts and labels; not that of a `Corpus`
    n_skipped: int = 0
    first_skipped: str = ""
    read_as: Columns | None = None  # which columns of a table documents are made of
    not_read: tuple[str, ...] = ()  # the other columns of the table
    remarks: tuple[str, ...] = ()  # what was done to the labels when they were read, a sentence each
    notes: tuple[str, ...] = ()  # what of words and n-grams could not be counted, a sentence each

    def __len__(self) -> int:
        return self.n_documents

    def counts(self) -> npt.NDArray[np.int64]:
        """Documents of each class, int64 (K,)."""
        return np.array(self.n_by_label, dtype=np.int64)


@dataclass(frozen=True)
class OnDiskSplit:
    """What was trained on, the validation part included, and what is to test on; as `Split` has it."""

    train: PartFacts
    test: PartFacts
    n_dropped_train: int
    n_dropped_test: int


@dataclass(frozen=True, eq=False)
class OnDiskPart:
    """Some of the documents of a corpus on disk, and their labels."""

    documents: MappedDocuments
    codes: Codes  # mapped too


@dataclass(frozen=True, eq=False)
class OnDiskCorpus:
    """Documents in files, in three parts, and what their ids and codes mean."""

    vocabulary: Vocabulary
    tokenizer: TokenizerConfig
    label_names: tuple[str, ...]  # (K,), sorted by code points
    is_multilabel: bool
    train: OnDiskPart
    valid: OnDiskPart
    test: OnDiskPart
    facts: OnDiskSplit


def corpus_on_disk(
    source: Source,
    folder: Path,
    tokenizer: TokenizerConfig,
    vocabulary: VocabularyConfig,
    *,
    on_block: OnBlock = lambda what, n_documents, share: None,
    on_damage: Callable[[str], None] = lambda what: None,
    workers: Executor | None = None,
) -> OnDiskCorpus:
    """The corpus in a folder; read from `source` first, unless the folder holds just that already.

    Documents to test on and for validation are drawn with the seed while the file is read, of each class evenly along
    it; of several labels, the one that was rarest so far counts. The first document of a label is trained on, and equal
    texts, those of the same tokens, are in the part of the first. Of very many held out, MOST_TEST and MOST_VALID stay
    so; the words of the others were not counted. Documents without tokens are left out. What is in the folder is used
    when all of it is as it was written; else `on_damage` is told what is not, and it is written anew. `on_block` gets
    what is done, how many documents are, and what share of all (None where that is not known).

    Raises: DataError as `read_corpus`, for too few documents, and for a file that changes while it is read;
    SettingError for a folder that holds something else or cannot be written, and for a share that cannot be.
    """
    vocabulary = bounded(vocabulary)
    _check_ours(folder)
    source = dataclasses.replace(source, reading=dataclasses.replace(source.reading, given=tokenizer.is_given))
    run = _run_of(source, tokenizer, vocabulary).plain()
    kept = _kept(folder, run, vocabulary, on_block, on_damage)
    if kept is None:
        with locked(folder), write_errors(folder, ADVICE):
            kept = _kept(folder, run, vocabulary, on_block, lambda said: None)  # another run may just have written it
            if kept is None:
                check_room(folder)
                is_new = not folder.exists()
                folder.mkdir(parents=True, exist_ok=True)
                write_state(folder / CORPUS, {"format": FORMAT, "run": None})  # if killed from here on
                _empty(folder)
                try:
                    kept = _Reading(source, folder, Tokenizer(tokenizer), on_block, workers).store(vocabulary, run)
                except BaseException:  # Ctrl-C too: what is written by then is of no use
                    with contextlib.suppress(OSError):
                        _empty(folder)
                        (folder / CORPUS).unlink()
                        if is_new:
                            folder.rmdir()
                    raise
    return _opened(folder, tokenizer, *kept)


def bounded(config: VocabularyConfig) -> VocabularyConfig:
    """The settings with a limit on the words, where they have none. Raises SettingError for min_df and max_df."""
    if config.has_df:
        raise SettingError("min_df and max_df need all documents in memory: take min_count, or no documents on disk.")
    return config if config.max_size is not None else dataclasses.replace(config, max_size=MOST_WORDS)


def _empty(folder: Path) -> None:
    """Take away all that is in the folder of a corpus, but what says that it is one."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)  # of a fit that was killed
        elif path.name != CORPUS:
            path.unlink()


def _check_ours(folder: Path) -> None:
    """Raise SettingError when something other than a corpus on disk is at `folder`, or nothing can be put there."""
    check_folder(folder)
    is_ours = format_of(folder / CORPUS) == FORMAT.partition("/")[0]
    for path in sorted(folder.iterdir()) if folder.exists() else ():
        if not (is_ours and _OWN_FILES.fullmatch(path.name)) and not path.name.startswith(f".{CORPUS}."):
            raise SettingError(
                f"{folder}: there is {path.name!r} in it already, which is not of a corpus on disk. Choose another "
                "folder, or an empty one."
            )


def _kept(
    folder: Path, run: dict[str, Any], config: VocabularyConfig, on_block: OnBlock, on_damage: Callable[[str], None]
) -> tuple[CorpusRecord, Vocabulary] | None:
    """What the folder holds of this run, checked; None where there is nothing, or it is damaged, which is told."""
    try:
        return read_checked(folder, run, config, on_block)
    except DataError as error:
        on_damage(f"{error} It is written anew.")
        return None


def _told_of_cut(what: str, n_frequent: int, n_kept: int, least: int) -> list[str]:
    """A sentence on the frequent words or n-grams that have no row; none where all have one."""
    if n_kept == n_frequent:
        return []
    return [
        f"Of {n_frequent:,} {what} that occur {least} times or more, the {n_kept:,} commonest have a row, and "
        f"{n_frequent - n_kept:,} have none."
    ]


class _Draw:
    """Says of one document after another whether it is held out: of each kind a share, evenly along the stream.

    Of the first 1 / share documents of a kind one is held out, then one of the next, … which of them is drawn.
    """

    def __init__(self, share: float, generator: np.random.Generator) -> None:
        self._share, self._generator = share, generator
        self._kinds: dict[str | None, tuple[int, int, int]] = {}

    def __call__(self, kind: str | None, *, may_be: bool) -> bool:
        """With `may_be` false, it is not, and the next one of the kind that may be is instead."""
        n_seen, n_held, due = self._kinds.get(kind) or (0, 0, self._due(0))
        is_held = may_be and n_seen >= due
        if is_held:
            n_held += 1
            due = self._due(n_held)
        self._kinds[kind] = (n_seen + 1, n_held, due)
        return is_held

    def _due(self, n_held: int) -> int:
        return int((n_held + self._generator.random()) / self._share)


class _Parts:
    """Which part each document belongs to, as an index into PARTS or EMPTY; one byte a document.

    An equal text is in the part of the first. Which texts there were is kept as buckets of their hashes, a byte each:
    of millions of texts some are taken for others, and are in the part of those.
    """

    def __init__(self, source: Source) -> None:
        self.indices = bytearray()
        self._part_of_bucket = np.full(N_BUCKETS, EMPTY, dtype=np.uint8)
        self._held_buckets = array("I")  # of all documents that are not for training
        self._generator = np.random.default_rng(source.seed)
        self._test = None if source.test is not None else _Draw(source.test_share, self._generator)
        self._valid = _Draw(source.validation_share, self._generator)
        self.counts: Counter[str] = Counter()  # documents with each label
        self.trained: set[str] = set()

    def add(self, label_sets: Sequence[Sequence[str]], tokens: Tokens) -> npt.NDArray[np.uint8]:
        """Draw the part of each of these documents, uint8 (N,)."""
        is_empty = tokens.lengths == 0
        buckets = (keys_of(tokens) % np.uint64(N_BUCKETS)).tolist()
        indices = [
            EMPTY if nothing else self._part(labels, bucket)
            for labels, nothing, bucket in zip(label_sets, is_empty.tolist(), buckets, strict=True)
        ]
        self.indices.extend(indices)
        return np.array(indices, dtype=np.uint8)

    def _part(self, labels: Sequence[str], bucket: int) -> int:
        """That of an equal text before, unless the label is new; else what is drawn."""
        part = int(self._part_of_bucket[bucket])
        if part == EMPTY:
            part = self._part_of_bucket[bucket] = self._drawn(labels)
        else:
            self.counts.update(labels)
            if part == PARTS.index("train") or not self.trained.issuperset(labels):
                part = PARTS.index("train")
                self.trained.update(labels)
        if part != PARTS.index("train"):
            self._held_buckets.append(bucket)
        return part

    def _drawn(self, labels: Sequence[str]) -> int:
        kind = min(labels, key=lambda label: (self.counts[label], label), default=None)
        self.counts.update(labels)
        may_be = self.trained.issuperset(labels)
        if self._test is not None and self._test(kind, may_be=may_be):
            return PARTS.index("test")
        if self._valid(kind, may_be=may_be):
            return PARTS.index("valid")
        self.trained.update(labels)
        return PARTS.index("train")

    def settled(self, n_classes: int) -> npt.NDArray[np.uint8]:
        """The parts of all documents, uint8 (N,), after those of very many held out have gone back to training."""
        indices = np.frombuffer(self.indices, dtype=np.uint8)
        is_held = np.isin(indices, [PARTS.index(part) for part in ("valid", "test")])
        bucket_of = np.zeros(len(indices), dtype=np.uint32)
        bucket_of[is_held] = self._held_buckets
        for part, most in (("valid", MOST_VALID), ("test", MOST_TEST)):
            held = np.flatnonzero(indices == PARTS.index(part))
            n_kept = min(most, max(MOST_ANSWERS // n_classes, 1))
            if len(held) > n_kept:  # equal texts go back together
                _, text_of, sizes = np.unique(bucket_of[held], return_inverse=True, return_counts=True)
                order = self._generator.permutation(len(sizes))
                is_kept = np.zeros(len(sizes), dtype=bool)
                is_kept[order[np.cumsum(sizes[order]) <= n_kept]] = True
                indices[held[~is_kept[text_of]]] = PARTS.index("train")
        return indices


class _Reading:
    """The readings of one file, one after the other."""

    def __init__(
        self, source: Source, folder: Path, tokenizer: Tokenizer, on_block: OnBlock, workers: Executor | None
    ) -> None:
        self.source, self.folder, self.tokenizer, self.on_block = source, folder, tokenizer, on_block
        self.workers = workers
        self.n_documents: int | None = None  # known after the first reading
        self.columns: Columns | None = None  # and these with the first block
        self.not_read: tuple[str, ...] = ()
        self.remarks: list[str] = []
        self.notes: list[str] = []
        self.sums: dict[str, FileSum] = {}

    def store(self, config: VocabularyConfig, run: dict[str, Any]) -> tuple[CorpusRecord, Vocabulary]:
        """Write the whole folder. Returns: its record and vocabulary."""
        source, skipped, is_multilabel = self.source, skipped_rows(self.source.reading.bad_rows), False
        parts, words = _Parts(source), WordCounter()
        for corpus, tokens in self._worked(_cut, self.tokenizer, self._texts("counting words", skipped)):
            is_multilabel |= corpus.is_multilabel
            if self.columns is None:
                self.columns, self.not_read = corpus.read_as, corpus.not_read
            self.remarks = of_each_kind([*self.remarks, *corpus.remarks])
            names = corpus.names().tolist()
            label_sets = names if corpus.is_multilabel else [(name,) for name in names]
            indices = parts.add(label_sets, tokens)
            words.add(tokens.select(np.flatnonzero(indices == PARTS.index("train"))))
        label_names = tuple(sorted(parts.trained))
        self._check(parts, label_names, is_multilabel)
        indices = parts.settled(len(label_names))
        self.n_documents = len(indices)
        counted, n_by_word = words.counted()
        vocabulary = Vocabulary.of_counts(counted, n_by_word, words.n_tokens, config)
        n_frequent = int((n_by_word >= config.min_count).sum())
        self.notes = told_of_pruned("words", words)
        self.notes += _told_of_cut("words", n_frequent, len(vocabulary.words), config.min_count)
        del counted, n_by_word
        del words  # the table is large
        if not len(vocabulary.words):
            raise DataError(
                f"{source.data}: no word occurs {config.min_count} times or more, so there is nothing to learn from. "
                "Add documents, or lower vocabulary.min_count."
            )
        if config.ngrams > 1:
            vocabulary.ngrams = self._ngrams(vocabulary, indices)
        counts, fingerprint = self._write(indices, vocabulary, label_names, is_multilabel)
        n_in_parts = np.bincount(indices, minlength=EMPTY + 1).tolist()
        dropped: dict[Literal["train", "test"], int] = {"train": n_in_parts[EMPTY], "test": 0}
        n_tested, test_skipped = n_in_parts[2], None
        if source.test is not None:
            test_skipped = skipped_rows(source.reading.bad_rows)
            n_tested, dropped["test"] = self._write_test(vocabulary, label_names, is_multilabel, test_skipped)
        text = np.frombuffer(vocabulary.text(), dtype=np.uint8)
        for name, numbers in ((VOCABULARY, text), (NGRAMS, vocabulary.ngrams)):
            with number_writer(self.folder / name) as write:
                write(numbers)
            self.sums[name] = write.sum
        record = CorpusRecord(
            run=run, label_names=list(label_names), is_multilabel=is_multilabel, columns=self.columns,
            not_read=list(self.not_read), remarks=self.remarks, notes=self.notes, n_by_label=counts.tolist(),
            fingerprint=fingerprint, dropped=dropped, skipped=[skipped, test_skipped], sums=self.sums,
            n_documents={"train": n_in_parts[0], "valid": n_in_parts[1], "test": n_tested},
        )  # fmt: skip
        write_record(self.folder, record)
        return record, vocabulary

    def _worked(
        self, work: Callable[[Shared, Chunk], Result], shared: Shared, blocks: Iterator[tuple[Corpus, Chunk]]
    ) -> Iterator[tuple[Corpus, Result]]:
        """Each block with the result of `work(shared, chunk)`, by the workers where there are some."""
        if self.workers is None:
            for corpus, chunk in blocks:
                yield corpus, work(shared, chunk)
            return
        waiting: deque[Corpus] = deque()

        def chunks() -> Iterator[Chunk]:
            for corpus, chunk in blocks:
                waiting.append(corpus)
                yield chunk

        for result in self.workers.map(work, shared, chunks()):
            yield waiting.popleft(), result

    def _texts(self, what: str, skipped: Any, path: str | None = None) -> Iterator[tuple[Corpus, pl.Series]]:
        """The blocks of a file, and their texts."""
        source, n_documents = self.source, 0
        for block in read_labelled_blocks(Path(path or source.data), source.reading, skipped=skipped):
            if len(block.corpus):
                corpus = renamed(block.corpus, self._mapping(block.corpus))
                yield corpus, corpus.texts
            n_documents += len(block.corpus)
            share = block.share_read
            if self.n_documents is not None and path is None:
                share = n_documents / self.n_documents
            self.on_block(what, n_documents, share)

    def _mapping(self, corpus: Corpus) -> dict[str, str]:
        """Other names for those labels that this block has."""
        asked, names, its = self.source.reading.map_label, corpus.label_names, corpus.label_hierarchy
        return parsed_mapping(asked_of(asked, names, hierarchy=its), names, hierarchy=its)

    def _again(self, what: str, indices: Indices) -> Iterator[tuple[Corpus, tuple[pl.Series, Indices]]]:
        """The blocks once more, their texts, and the parts that they belong to. Raises DataError if they are others."""
        n_read = 0
        for corpus, texts in self._texts(what, skipped_rows(self.source.reading.bad_rows)):
            its_indices = indices[n_read : n_read + len(corpus)]
            n_read += len(corpus)
            if n_read > len(indices):
                break
            yield corpus, (texts, its_indices)
        if n_read != len(indices):
            raise self._has_changed()

    def _has_changed(self) -> DataError:
        return DataError(f"{self.source.data} has changed while it was read. Wait until it is whole, and start again.")

    def _check(self, parts: _Parts, label_names: Sequence[str], is_multilabel: bool) -> None:
        """Raise DataError where there is nothing to learn, or nothing to stop early by or to test on."""
        data, held = self.source.data, Counter(parts.indices)
        if len(parts.indices) == held[EMPTY]:
            raise DataError(
                f"{data}: none of its {len(parts.indices)} documents has a {self.tokenizer.what}. Check that the right "
                "column is read as text, or use another token pattern."
            )
        n_filled = len(parts.indices) - held[EMPTY]
        if is_multilabel and not any(count < n_filled for count in parts.counts.values()):
            raise DataError(f"{data} has no label that some documents have and others have not.")
        if not is_multilabel and len(label_names) < 2:
            raise DataError(
                f"{data} has one class only, {label_names[0]!r}: a classifier needs at least two. Check that the right "
                "column is read as label."
            )
        for part in PARTS[1:]:
            if not held[PARTS.index(part)] and not (part == "test" and self.source.test is not None):
                what = "test on" if part == "test" else "stop early by"
                raise DataError(
                    f"{data}: of {n_filled} documents none was held out to {what}; equal texts stay together. Add some."
                )

    def _ngrams(self, vocabulary: Vocabulary, indices: Indices) -> npt.NDArray[np.int32]:
        counter, shared = NgramCounter(), (self.tokenizer, vocabulary)
        for _, counted in self._worked(_count_pairs, shared, self._again("counting n-grams", indices)):
            if counted is None:
                raise self._has_changed()
            counter.add(*counted)
        pairs, counts = counter.counted()
        frequent = pairs[counts >= vocabulary.config.ngram_min_count]
        self.notes += told_of_pruned("n-grams", counter)
        kept = frequent[:MOST_WORDS]
        self.notes += _told_of_cut("n-grams", len(frequent), len(kept), vocabulary.config.ngram_min_count)
        return kept

    def _write(
        self,
        indices: Indices,
        vocabulary: Vocabulary,
        label_names: Sequence[str],
        is_multilabel: bool,
    ) -> tuple[npt.NDArray[np.int64], str]:
        """Write the parts.

        Returns: documents of each label that are learned from, int64 (K,), and their fingerprint.
        """

        def labelled(corpus: Corpus) -> Corpus:
            return with_label_names(labelled_as(corpus, multilabel=is_multilabel), label_names)

        counts, digest = np.zeros(len(label_names), dtype=np.int64), hashlib.sha256()
        names = PARTS if self.source.test is None else PARTS[:2]
        with contextlib.ExitStack() as stack:
            writers = [stack.enter_context(_PartWriter(self.folder, name, is_multilabel)) for name in names]
            shared = self.tokenizer, vocabulary
            for corpus, encoded in self._worked(_encode, shared, self._again("writing ids", indices)):
                if encoded is None:
                    raise self._has_changed()
                for part, (rows, documents) in encoded.items():
                    writers[part].write(documents, labelled(corpus.select(rows)))
                rows_of = [rows for part, (rows, _) in encoded.items() if part != PARTS.index("test")]
                learned = labelled(corpus.select(np.sort(np.concatenate(rows_of or [np.zeros(0, dtype=np.int64)]))))
                counts += learned.counts()
                digest.update(_bytes_of(learned))
            for writer in writers:
                self.sums |= writer.sums()
        return counts, digest.hexdigest()[:16]

    def _write_test(
        self, vocabulary: Vocabulary, label_names: Sequence[str], is_multilabel: bool, skipped: Any
    ) -> tuple[int, int]:
        """Write the file of documents to test on. Returns: how many there are, and how many were dropped."""
        n_tested = n_dropped = 0
        with _PartWriter(self.folder, "test", is_multilabel) as writer:
            texts = self._texts("reading the test file", skipped, self.source.test)
            known = self._of_known_labels(texts, label_names, is_multilabel, skipped)
            blocks = ((corpus, (corpus.texts, None)) for corpus in known)
            for corpus, encoded in self._worked(_encode, (self.tokenizer, vocabulary), blocks):
                rows, documents = (encoded or {}).get(0) or (np.zeros(0, dtype=np.int64), None)
                if documents is not None:
                    writer.write(documents, corpus.select(rows))
                n_tested, n_dropped = n_tested + len(rows), n_dropped + len(corpus) - len(rows)
            self.sums |= writer.sums()
        if not n_tested:
            raise DataError(f"{self.source.test} has no documents with words to test on.")
        return n_tested, n_dropped

    def _of_known_labels(
        self, blocks: Iterator[tuple[Corpus, pl.Series]], label_names: Sequence[str], is_multilabel: bool, skipped: Any
    ) -> Iterator[Corpus]:
        """Blocks to test on, with the labels of training; documents of others are counted where rows are skipped."""
        for corpus, _ in blocks:
            its = labelled_as(corpus, multilabel=is_multilabel)
            known = with_known_labels(its, label_names, bad_rows=self.source.reading.bad_rows)
            for _ in range(known.n_skipped - its.n_skipped):
                skipped.add(*known.first_skipped.split(": ", 1))
            if len(known):
                yield known


def _cut(tokenizer: Tokenizer, texts: pl.Series) -> Tokens:
    return tokenizer(texts)


def _count_pairs(
    shared: tuple[Tokenizer, Vocabulary], chunk: tuple[pl.Series, Indices]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]] | None:
    """The pairs of ids in the texts that are learned from, and their counts; None where these are other texts."""
    (tokenizer, vocabulary), (texts, indices) = shared, chunk
    tokens = tokenizer(texts)
    if ((indices == EMPTY) != (tokens.lengths == 0)).any():
        return None
    return vocabulary.pairs_in(tokens.select(np.flatnonzero(indices == PARTS.index("train"))))


def _encode(
    shared: tuple[Tokenizer, Vocabulary], chunk: tuple[pl.Series, Indices | None]
) -> dict[int, tuple[npt.NDArray[np.int64], Ragged]] | None:
    """The rows of each part that has some, and their ids; None where these are other texts.

    Without indices, all that have tokens are of one part, 0.
    """
    (tokenizer, vocabulary), (texts, indices) = shared, chunk
    tokens = tokenizer(texts)
    is_empty = tokens.lengths == 0
    if indices is None:
        indices = np.where(is_empty, EMPTY, 0).astype(np.uint8)
    if ((indices == EMPTY) != is_empty).any():
        return None
    rows_of = {part: np.flatnonzero(indices == part) for part in range(EMPTY)}
    return {part: (rows, vocabulary.encode(tokens.select(rows))) for part, rows in rows_of.items() if len(rows)}


class _PartWriter(contextlib.ExitStack):
    """Writes the documents of a part, and their codes."""

    def __init__(self, folder: Path, name: Part, is_multilabel: bool) -> None:
        super().__init__()
        self._documents = self.enter_context(DocumentWriter(folder / name))
        names = codes_names(name, is_multilabel=is_multilabel)
        self._codes = {name: self.enter_context(number_writer(folder / name)) for name in names}
        self._n_labels = 0  # written so far, of label sets
        if is_multilabel:
            self._codes[names[1]](np.zeros(1, dtype=np.int64))

    def write(self, documents: Ragged, corpus: Corpus) -> None:
        self._documents.write(documents)
        labels, *offsets = self._codes.values()
        if not offsets:
            labels(corpus.labels)
            return
        labels(corpus.labels.labels)
        offsets[0](corpus.labels.offsets[1:] + self._n_labels)
        self._n_labels += len(corpus.labels.labels)

    def sums(self) -> dict[str, FileSum]:
        """Those of the files, by their names."""
        writers = {**self._documents.writers, **self._codes}
        return {name: writer.sum for name, writer in writers.items()}


def _bytes_of(corpus: Corpus) -> bytes:
    """Texts and labels as bytes that no other documents have."""
    codes = corpus.labels.lists() if corpus.is_multilabel else corpus.labels[:, np.newaxis].tolist()
    parts = []
    for text, labels in zip(corpus.texts.to_list(), codes, strict=True):
        encoded = text.encode()
        parts += [np.array([len(encoded), len(labels), *labels], dtype="<i8").tobytes(), encoded]
    return b"".join(parts)


def _run_of(source: Source, tokenizer: TokenizerConfig, vocabulary: VocabularyConfig) -> Run:
    """What has to be the same for the same folder to come out."""
    files = {}
    for name in filter(None, (source.data, source.test)):
        path, _ = split_member(expanded(name))
        if stores.url_of(path) is not None:
            files[stores.shown(path)] = stores.version_of(path)
            continue
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DataError(f"{name}: there is no such file. Documents on disk are read from a file.") from error
        files[str(path.resolve())] = f"{status.st_size} {status.st_mtime_ns}"
    settings = {"reading": to_plain(source), "tokenizer": to_plain(tokenizer), "vocabulary": to_plain(vocabulary)}
    return Run(files, {**settings, "version": __version__})


def _opened(folder: Path, tokenizer: TokenizerConfig, record: CorpusRecord, vocabulary: Vocabulary) -> OnDiskCorpus:
    names, n_documents = tuple(record.label_names), record.n_documents
    parts = {}
    for name in PARTS:
        paths = [folder / its for its in codes_names(name, is_multilabel=record.is_multilabel)]
        dtypes = (np.int32, np.int64) if record.is_multilabel else (np.int64,)
        first, *offsets = (
            MappedNumbers(path, dtype, may_change=True).array for path, dtype in zip(paths, dtypes, strict=True)
        )
        codes = LabelSets(first, offsets[0], len(names)) if offsets else first
        parts[name] = OnDiskPart(MappedDocuments(folder / name), codes)
    files = [Path(path).name for path in record.run["data"]]
    skipped = [(0, "") if one is None else (one.count, one.first) for one in record.skipped]
    n_learned, n_by_label = n_documents["train"] + n_documents["valid"], tuple(record.n_by_label)
    train = PartFacts(
        files[0], n_learned, names, n_by_label, record.fingerprint, *skipped[0],
        read_as=record.columns, not_read=tuple(record.not_read), remarks=tuple(record.remarks),
        notes=tuple(record.notes),
    )  # fmt: skip
    tested = codes.labels if isinstance(codes := parts["test"].codes, LabelSets) else codes
    counts = tuple(np.bincount(tested, minlength=len(names)).tolist())
    test = PartFacts(files[-1], n_documents["test"], names, counts, "", *skipped[1])
    facts = OnDiskSplit(train, test, record.dropped["train"], record.dropped["test"])
    return OnDiskCorpus(vocabulary, tokenizer, names, record.is_multilabel, facts=facts, **parts)
