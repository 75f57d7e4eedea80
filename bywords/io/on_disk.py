"""A file of labelled documents of any size → a folder with their ids and labels: what training on disk reads.

    FOLDER/
    ├── corpus.json                       what was read and how, the labels, sums of all files; till then its format
    ├── vocabulary.txt, ngrams.i32        the words and n-grams that have an id
    └── train.*, valid.*, test.*          ids of documents (`bywords.text.memory_mapped`) and their labels: codes.i64,
                                          a class number each, or labels.i32 and label_offsets.i64, `LabelSets`

The file is read and cut once (`bywords.io.labelled_passes`), to count words and to draw what is held out. Its tokens
are kept in the folder, for n-grams to be counted and for the ids, which take their place. Where workers read it, its
words are counted behind the draw. No more than a block is in memory; of a document, one byte is, and 16 MB of which
texts there were. What is in the folder already is read once, and checked (`bywords.io.corpus_record`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import re
import shutil
import struct
import tempfile
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from bywords.checkpoint import Run, write_state
from bywords.config import to_plain
from bywords.data.columns import Columns
from bywords.data.corpus import Corpus, labelled_as, with_label_names
from bywords.data.groups import Together, keys_of
from bywords.data.label_names import of_each_kind
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
from bywords.io.cut_texts import CutTexts
from bywords.io.datasets import with_known_labels
from bywords.io.labelled_passes import LabelledFile, Work
from bywords.io.read_options import ReadOptions
from bywords.io.readers import read_labelled_blocks, skipped_rows
from bywords.locks import locked
from bywords.text.memory_mapped import DocumentWriter, FileSum, MappedDocuments, MappedNumbers, number_writer
from bywords.text.ragged import UNKNOWN, Ragged
from bywords.text.streaming_counts import Counts, NgramCounter, WordCounter, told_of_pruned, words_in
from bywords.text.tokenizer import Tokenizer, TokenizerConfig, Tokens
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.text.word_table import Words
from bywords.version import __version__

if TYPE_CHECKING:
    from bywords.cluster import Executor

TRAIN, VALID, TEST = range(len(PARTS))
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
    fingerprint: str  # 16 hexadecimal digits of SHA-256s over texts and labels; not that of a `Corpus`
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
    vocabulary: Vocabulary  # whose ids the documents have

    def documents_for(self, vocabulary: Vocabulary) -> MappedDocuments:
        """The documents as a vocabulary has them that is the same, or has some of its words alone.

        Raises: SettingError for another one: its words may be in the texts, and are not in the files.
        """
        own = self.vocabulary
        if vocabulary is own:
            return self.documents
        new_ids = np.append(np.arange(UNKNOWN + 1, dtype=np.int32), vocabulary.ids(own.spellings))
        new_ids[0] = UNKNOWN
        are_words = len(own) == own.n_words and len(vocabulary) == vocabulary.n_words
        is_same = len(own) == len(vocabulary) and np.array_equal(own.ngrams, vocabulary.ngrams)
        has_all = np.count_nonzero(new_ids > UNKNOWN) == vocabulary.n_words - UNKNOWN - 1
        if has_all and is_same and (np.diff(new_ids[UNKNOWN:]) > 0).all():
            return self.documents
        reads_alike = (own.config.max_length, own.config.keep_unknown) == (
            vocabulary.config.max_length, vocabulary.config.keep_unknown
        )  # fmt: skip
        if not (has_all and are_words and reads_alike):
            raise SettingError(
                f"{self.documents.folder}: its documents are of other words than the model's. Make the folder by the "
                "tokenizer and the vocabulary of the model, or evaluate it on texts."
            )
        return self.documents.renumbered(new_ids, keep_unknown=own.config.keep_unknown)


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
    tell: Callable[[str], None] = lambda said: None,
    workers: Executor | None = None,
) -> OnDiskCorpus:
    """The corpus in a folder; read from `source` first, unless the folder holds just that already.

    Documents to test on and for validation are drawn with the seed while the file is read, of each class evenly along
    it; of several labels, the one that was rarest so far counts. The first document of a label is trained on, and equal
    texts, those of the same tokens, are in the part of the first. Of very many held out, MOST_TEST and MOST_VALID stay
    so; the words of the others were not counted. Documents without tokens are left out. What is in the folder is used
    when all of it is as it was written; else `tell` gets a sentence on what is not, and it is written anew. `on_block`
    gets what is done, how many documents are, and what share of all (None where that is not known). With `workers`,
    these read the file where they can, and the folder is the same; `tell` gets a sentence where one does not see it.

    Raises: DataError as `read_corpus`, for too few documents, and for a file that changes while it is read;
    SettingError for a folder that holds something else or cannot be written, and for a share that cannot be.
    """
    vocabulary = bounded(vocabulary)
    _check_ours(folder)
    source = dataclasses.replace(source, reading=dataclasses.replace(source.reading, given=tokenizer.is_given))
    run = _run_of(source, tokenizer, vocabulary).plain()
    kept = _kept(folder, run, vocabulary, on_block, tell)
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
                    kept = _Reading(source, folder, Tokenizer(tokenizer), on_block, workers, tell).store(
                        vocabulary, run
                    )
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
    folder: Path, run: dict[str, Any], config: VocabularyConfig, on_block: OnBlock, tell: Callable[[str], None]
) -> tuple[CorpusRecord, Vocabulary] | None:
    """What the folder holds of this run, checked; None where there is nothing, or it is damaged, which is told."""
    try:
        return read_checked(folder, run, config, on_block)
    except DataError as error:
        tell(f"{error} It is written anew.")
        return None


def _told_of_cut(what: str, n_frequent: int, n_kept: int, least: int) -> list[str]:
    """A sentence on the frequent words or n-grams that have no row; none where all have one."""
    if n_kept == n_frequent:
        return []
    return [
        f"Of {n_frequent:,} {what} that occur {least} times or more, the {n_kept:,} commonest have a row, and "
        f"{n_frequent - n_kept:,} have none."
    ]


def _draw(share: float, generator: np.random.Generator) -> Callable[[str | None, bool], bool]:
    """What says of one document of a kind after another whether it is held out: a share, evenly along the stream.

    Of the first 1 / share documents of a kind one is held out, then one of the next, … which of them is drawn. Where it
    may not be, it is not, and the next one of the kind that may be is instead.
    """
    kinds: dict[str | None, list[int]] = {}  # how many were seen and held out, and which is the next to be

    def due(n_held: int) -> int:
        return int((n_held + generator.random()) / share)

    def is_held(kind: str | None, may_be: bool) -> bool:
        if kind not in kinds:
            kinds[kind] = [0, 0, due(0)]
        state = kinds[kind]
        n_seen = state[0]
        state[0] = n_seen + 1
        if n_seen < state[2] or not may_be:
            return False
        state[1] += 1
        state[2] = due(state[1])
        return True

    return is_held


class _Parts:
    """Which part each document belongs to, as an index into PARTS or EMPTY; one byte a document.

    An equal text is in the part of the first. Which texts there were is kept as buckets of their hashes, a byte each:
    of millions of texts some are taken for others, and are in the part of those.
    """

    def __init__(self, source: Source) -> None:
        self.indices = bytearray()
        self._part_of_bucket = bytearray([EMPTY]) * N_BUCKETS  # faster, one by one, than an array
        self._held_buckets = array("I")  # of all documents that are not for training
        self._generator = np.random.default_rng(source.seed)
        self._test = None if source.test is not None else _draw(source.test_share, self._generator)
        self._valid = _draw(source.validation_share, self._generator)
        self.counts: Counter[str] = Counter()  # documents with each label
        self.trained: set[str] = set()

    def add(self, found: _Labels) -> npt.NDArray[np.uint8]:
        """Draw the part of each of these documents, uint8 (N,)."""
        part_of, trained, indices = self._part_of_bucket, self.trained, bytearray()
        has_sets = isinstance(found.labels, LabelSets)
        for labels, bucket in zip(found.label_sets(), found.buckets.tolist(), strict=True):
            if bucket == N_BUCKETS:
                indices.append(EMPTY)
                continue
            part = part_of[bucket]  # of an equal text before, unless the label is new
            if part == EMPTY:
                part = part_of[bucket] = self._drawn(labels)
            elif part == TRAIN or not trained.issuperset(labels):
                part = TRAIN
                trained.update(labels)
            if has_sets:
                self.counts.update(labels)
            if part != TRAIN:
                self._held_buckets.append(bucket)
            indices.append(part)
        if not isinstance(found.labels, LabelSets):
            counts = np.bincount(found.labels[found.buckets != N_BUCKETS], minlength=len(found.label_names))
            self.counts.update(dict(zip(found.label_names, counts.tolist(), strict=True)))
        self.indices.extend(indices)
        return np.frombuffer(indices, dtype=np.uint8)

    def _drawn(self, labels: Sequence[str]) -> int:
        kind = labels[0] if labels else None
        if len(labels) > 1:
            kind = min(labels, key=lambda label: (self.counts[label], label))
        may_be = self.trained.issuperset(labels)
        if self._test is not None and self._test(kind, may_be):
            return TEST
        if self._valid(kind, may_be):
            return VALID
        if not may_be:
            self.trained.update(labels)
        return TRAIN

    def settled(self, n_classes: int) -> npt.NDArray[np.uint8]:
        """The parts of all documents, uint8 (N,), after those of very many held out have gone back to training."""
        indices = np.frombuffer(self.indices, dtype=np.uint8)
        is_held = np.isin(indices, [VALID, TEST])
        bucket_of = np.zeros(len(indices), dtype=np.uint32)
        bucket_of[is_held] = self._held_buckets
        for part, most in ((VALID, MOST_VALID), (TEST, MOST_TEST)):
            held = np.flatnonzero(indices == part)
            n_kept = min(most, max(MOST_ANSWERS // n_classes, 1))
            if len(held) > n_kept:  # equal texts go back together
                _, text_of, sizes = np.unique(bucket_of[held], return_inverse=True, return_counts=True)
                order = self._generator.permutation(len(sizes))
                is_kept = np.zeros(len(sizes), dtype=bool)
                is_kept[order[np.cumsum(sizes[order]) <= n_kept]] = True
                indices[held[~is_kept[text_of]]] = TRAIN
        return indices


class _Reading:
    """The readings of one file, one after the other."""

    def __init__(
        self,
        source: Source,
        folder: Path,
        tokenizer: Tokenizer,
        on_block: OnBlock,
        workers: Executor | None,
        tell: Callable[[str], None],
    ) -> None:
        self.source, self.folder, self.tokenizer, self.on_block = source, folder, tokenizer, on_block
        self.workers = workers
        self.kept = Path(tempfile.mkdtemp(prefix=".cut-", suffix=".part", dir=folder))
        self.file = LabelledFile(source.data, source.reading, tokenizer, self.kept, on_block, workers, tell)
        self.remarks: list[str] = []
        self.notes: list[str] = []
        self.sums: dict[str, FileSum] = {}

    def store(self, config: VocabularyConfig, run: dict[str, Any]) -> tuple[CorpusRecord, Vocabulary]:
        """Write the whole folder. Returns: its record and vocabulary."""
        source, skipped, is_multilabel = self.source, skipped_rows(self.source.reading.bad_rows), False
        parts, words, first = _Parts(source), WordCounter(), self.file.start(skipped)
        is_counted = self.file.reader is None  # with the tokens that are here then
        what, look = ("counting words", _with_tokens) if is_counted else ("looking at labels", _looked_at)
        for found, tokens in self.file.first(what, look, None):
            is_multilabel |= found.is_multilabel
            self.remarks = of_each_kind([*self.remarks, *found.remarks])
            indices = parts.add(found)
            if tokens is not None:
                words.add(*words_in(tokens.select(np.flatnonzero(indices == TRAIN))))
        label_names = tuple(sorted(parts.trained))
        self._check(parts, label_names, is_multilabel)
        if not is_counted:
            drawn = bytes(parts.indices)  # `settled` lets documents go back to training, whose words do not count
            for counted in self._again("counting words", _count_words, None, drawn):
                words.add(*counted)
        indices = parts.settled(len(label_names))
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
        columns, not_read = (None, []) if first is None else (first.read_as, list(first.not_read))
        shutil.rmtree(self.kept, ignore_errors=True)  # a network's disk may not let go of a file at once
        if _run_of(source, self.tokenizer.config, config).plain() != run:
            raise self.file.has_changed()
        record = CorpusRecord(
            run=run, label_names=list(label_names), is_multilabel=is_multilabel, columns=columns,
            not_read=not_read, remarks=self.remarks, notes=self.notes, n_by_label=counts.tolist(),
            fingerprint=fingerprint, dropped=dropped, skipped=[skipped, test_skipped], sums=self.sums,
            n_documents={"train": n_in_parts[0], "valid": n_in_parts[1], "test": n_tested},
        )  # fmt: skip
        write_record(self.folder, record)
        return record, vocabulary

    def _again(
        self, what: str, work: Work, shared: Any, indices: Indices | bytes, *, is_last: bool = False
    ) -> Iterator[Any]:
        """What comes of all blocks again, with the parts of their documents. Raises DataError if these are others."""
        indices = np.frombuffer(indices, dtype=np.uint8)

        def of(start: int, stop: int) -> tuple[int, Indices]:
            return start, indices[start:stop]

        for found in self.file.again(what, work, shared, of, is_last=is_last):
            if found is None:
                raise self.file.has_changed()
            yield found

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
        counter = NgramCounter()
        for counted in self._again("counting n-grams", _count_pairs, vocabulary, indices):
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
        counts, total = np.zeros(len(label_names), dtype=np.int64), 0
        names = PARTS if self.source.test is None else PARTS[:2]
        with contextlib.ExitStack() as stack:
            writers = [stack.enter_context(_PartWriter(self.folder, name, is_multilabel)) for name in names]
            shared = vocabulary, label_names, is_multilabel
            for encoded in self._again("writing ids", _encode, shared, indices, is_last=True):
                for part, (documents, codes) in encoded.parts.items():
                    writers[part].write(documents, codes)
                counts += encoded.counts
                total += encoded.total
            for writer in writers:
                self.sums |= writer.sums()
        return counts, hashlib.sha256((total % 2**256).to_bytes(32, "little")).hexdigest()[:16]

    def _write_test(
        self, vocabulary: Vocabulary, label_names: Sequence[str], is_multilabel: bool, skipped: Any
    ) -> tuple[int, int]:
        """Write the file of documents to test on. Returns: how many there are, and how many were dropped."""
        n_tested = n_dropped = 0
        shared, known = (self.tokenizer, vocabulary), self._of_known_labels(label_names, is_multilabel, skipped)
        with _PartWriter(self.folder, "test", is_multilabel) as writer:
            encoded = (
                (_encode_test(shared, corpus) for corpus in known)
                if self.workers is None
                else self.workers.map(_encode_test, shared, known)
            )
            for documents, codes, n_empty in encoded:
                writer.write(documents, codes)
                n_tested, n_dropped = n_tested + len(documents), n_dropped + n_empty
            self.sums |= writer.sums()
        if not n_tested:
            raise DataError(f"{self.source.test} has no documents with words to test on.")
        return n_tested, n_dropped

    def _of_known_labels(self, label_names: Sequence[str], is_multilabel: bool, skipped: Any) -> Iterator[Corpus]:
        """Blocks to test on, with the labels of training; documents of others are counted where rows are skipped."""
        reading, n_documents = self.source.reading, 0
        for block in read_labelled_blocks(Path(self.source.test or ""), reading, skipped=skipped):
            its = labelled_as(block.corpus, multilabel=is_multilabel)
            known = with_known_labels(its, label_names, bad_rows=reading.bad_rows)
            for _ in range(known.n_skipped - its.n_skipped):
                skipped.add(*known.first_skipped.split(": ", 1))
            if len(known):
                yield known
            n_documents += len(block.corpus)
            self.on_block("reading the test file", n_documents, block.share_read)


@dataclass(frozen=True, eq=False)
class _Labels:
    """What has to be known of N documents to draw their parts."""

    labels: Codes
    label_names: tuple[str, ...]
    remarks: tuple[str, ...]
    buckets: npt.NDArray[np.uint32]  # (N,), of the hash of each text; N_BUCKETS where it has no tokens

    @property
    def is_multilabel(self) -> bool:
        return isinstance(self.labels, LabelSets)

    def label_sets(self) -> list[Sequence[str]]:
        """The labels of each document by their names."""
        if isinstance(self.labels, LabelSets):
            return [[self.label_names[code] for code in codes] for codes in self.labels.lists()]
        alone = [(name,) for name in self.label_names]
        return [alone[code] for code in self.labels.tolist()]


@dataclass(frozen=True, eq=False)
class _Encoded:
    """What is written of a block."""

    parts: dict[int, tuple[Ragged, Codes]]  # documents and labels of those that have some, by their index in PARTS
    counts: npt.NDArray[np.int64]  # documents of each label that are learned from, (K,)
    total: int  # of the hashes of these


def _looked_at(_: None, texts: CutTexts, __: None) -> tuple[_Labels, None]:
    buckets = (keys_of(texts.tokens) % np.uint64(N_BUCKETS)).astype(np.uint32)
    buckets[texts.tokens.lengths == 0] = N_BUCKETS
    its = texts.labelled
    return _Labels(its.labels, its.label_names, its.remarks, buckets), None


def _with_tokens(_: None, texts: CutTexts, __: None) -> tuple[_Labels, Tokens]:
    return _looked_at(_, texts, __)[0], texts.tokens


def _are_others(texts: CutTexts, indices: Indices) -> bool:
    """Whether texts are others than those whose parts these are, as far as tokens tell."""
    return bool(((indices == EMPTY) != (texts.tokens.lengths == 0)).any())


def _count_words(_: None, texts: CutTexts, more: tuple[int, Indices]) -> tuple[Words, Counts] | None:
    """The words in the texts that are learned from, and their counts; None where these are other texts."""
    if _are_others(texts, more[1]):
        return None
    return words_in(texts.tokens.select(np.flatnonzero(more[1] == TRAIN)))


def _count_pairs(
    vocabulary: Vocabulary, texts: CutTexts, more: tuple[int, Indices]
) -> tuple[npt.NDArray[np.uint64], Counts] | None:
    """The pairs of ids in the texts that are learned from, and their counts; None where these are other texts."""
    if _are_others(texts, more[1]):
        return None
    return vocabulary.pairs_in(texts.tokens.select(np.flatnonzero(more[1] == TRAIN)))


def _encode(
    shared: tuple[Vocabulary, Sequence[str], bool], texts: CutTexts, more: tuple[int, Indices]
) -> _Encoded | None:
    """What is written of texts; None where these are others than those of before."""
    (vocabulary, label_names, is_multilabel), (first, indices) = shared, more
    if _are_others(texts, indices):
        return None
    labelled, parts = labelled_as(texts.labelled, multilabel=is_multilabel), {}
    learned = np.flatnonzero((indices == TRAIN) | (indices == VALID))
    learned_from = with_label_names(labelled.select(learned), label_names)
    encoded = vocabulary.encode(texts.tokens)
    for part in range(EMPTY):
        rows = np.flatnonzero(indices == part)
        if len(rows):
            parts[part] = encoded.select(rows), with_label_names(labelled.select(rows), label_names).labels
    total = _total(learned_from, texts.digests[learned], first + learned)
    return _Encoded(parts, learned_from.counts(), total)


def _encode_test(shared: tuple[Tokenizer, Vocabulary], corpus: Corpus) -> tuple[Ragged, Codes, int]:
    """Documents to test on, their labels, and how many others have no tokens."""
    tokens = shared[0](corpus.texts)
    rows = np.flatnonzero(tokens.lengths > 0)
    return shared[1].encode(tokens.select(rows)), corpus.select(rows).labels, len(corpus) - len(rows)


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

    def write(self, documents: Ragged, codes: Codes) -> None:
        self._documents.write(documents)
        labels, *offsets = self._codes.values()
        if not isinstance(codes, LabelSets):
            labels(codes)
            return
        labels(codes.labels)
        offsets[0](codes.offsets[1:] + self._n_labels)
        self._n_labels += len(codes.labels)

    def sums(self) -> dict[str, FileSum]:
        """Those of the files, by their names."""
        writers = {**self._documents.writers, **self._codes}
        return {name: writer.sum for name, writer in writers.items()}


def _total(labelled: Corpus, digests: npt.NDArray[np.uint8], indices: npt.NDArray[np.int64]) -> int:
    """The sum of a SHA-256 over index, labels and SHA-256 of the text of each document, a number.

    It is the same for all parts that documents come in (AdHash: Bellare and Micciancio 1997, "A New Paradigm for
    Collision-Free Hashing: Incrementality at Reduced Cost").
    """
    codes = labelled.labels.lists() if labelled.is_multilabel else labelled.labels[:, np.newaxis].tolist()
    total, whole = 0, digests.tobytes()
    for number, (index, labels) in enumerate(zip(indices.tolist(), codes, strict=True)):
        start = struct.pack(f"<{2 + len(labels)}q", index, len(labels), *labels)
        digest = hashlib.sha256(start + whole[32 * number : 32 * (number + 1)]).digest()
        total += int.from_bytes(digest, "little")
    return total


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
        parts[name] = OnDiskPart(MappedDocuments(folder / name), codes, vocabulary)
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
