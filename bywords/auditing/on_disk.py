"""Files of labelled documents, larger than memory → the record of an audit.

Duplicates are found among all documents. Labels are judged in parts that were drawn, each by models that learn from
the others of its part; leakage, drift and the profile are of the first part.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bywords.auditing.audit import (
    MOST_JUDGED,
    Indices,
    all_pairs,
    beginnings,
    counted,
    described,
    rows_shown,
)
from bywords.auditing.drift import measure_drift
from bywords.auditing.label_errors import ToJudge, judged_by, to_judge
from bywords.auditing.leakage import find_leakage
from bywords.auditing.profile import SMALL_CLASS, profile
from bywords.cluster import Executor, Holder, HolderHere, unless_lost
from bywords.data.corpus import Corpus
from bywords.data.distinct_texts import DistinctTextsBuilder
from bywords.data.duplicates import duplicates_of
from bywords.data.label_names import remarks_on_labels
from bywords.forks import check_polars
from bywords.io.corpus_record import OnBlock
from bywords.io.read_options import ReadOptions
from bywords.io.texts_on_disk import TextsOnDisk, texts_on_disk
from bywords.records.audit import AuditRecord, LabelError, Profile
from bywords.records.base import Part
from bywords.text.tokenizer import Tokenizer
from bywords.version import __version__

MOST_ERRORS = 100_000  # of labels, that are listed
LEAST_PAIRS, BYTES_OF_PAIR = 100_000, 4_000  # of each kind, that are listed; of the memory, for each of them
SHARE_OF_JOIN = 0.25  # of the memory, for the words of texts while duplicates are looked for


@dataclass(frozen=True, eq=False)
class AuditOnDisk:
    """What was found, and the documents in which it was."""

    record: AuditRecord
    train: TextsOnDisk
    test: TextsOnDisk | None


def audit_on_disk(
    data: str,
    options: ReadOptions,
    folder: Path,
    *,
    test: str | None = None,
    n_bytes: int,
    n_parts: int,
    seed: int = 0,
    command: str = "",
    on_start: Callable[[str], None] = lambda what: None,
    on_block: OnBlock = lambda what, n_documents, share: None,
    keep_interrupted: bool = False,
    workers: Executor | None = None,
) -> AuditOnDisk:
    """As `audit`, of files that are read once, with the texts in `folder`, which is empty, and about `n_bytes` held.

    The documents are drawn into `n_parts` parts, so that any of them can be looked at in memory. The impact of
    duplicates is not measured. The same seed, memory and number of parts give the same record. With `keep_interrupted`,
    Ctrl-C behind the first part of the labels leaves a record of what was found until then. `workers` find
    the words of texts and judge a part of the labels each at a time, which takes about as much memory; what is found is
    the same.

    Raises: DataError as `read_parts`, and where there are no training documents.
    """
    check_polars(what="an audit")
    generator, builder = np.random.default_rng(seed), DistinctTextsBuilder(folder, int(n_bytes * SHARE_OF_JOIN))
    by = None if workers is None else workers.map
    train = texts_on_disk(
        data, options, folder / "train", n_parts=n_parts, generator=generator,
        on_texts=lambda texts: builder.add(texts, by=by), on_block=on_block,
    )  # fmt: skip
    test_part = None
    if test is not None:
        test_part = texts_on_disk(
            test, options, folder / "test", n_parts=n_parts, generator=generator, like=train.labelled,
            on_texts=lambda texts: builder.add(texts, is_test=True, by=by), on_block=on_block,
        )  # fmt: skip
    on_start("looking for duplicates")
    duplicates = duplicates_of(builder, has_test=test is not None)
    n_drawn = int((train.part_of == 0).sum())
    notes = [f"{left_out(n_parts, has_test=test is not None)}: {n_drawn:,} of {len(train):,} documents."]
    notes += remarks_on_labels(train.labelled)
    judged, most = _Labels(train, duplicates.train.groups, seed, notes), most_pairs(n_bytes)
    on_start("what gives the classes away")
    tokenizer, (first, _) = Tokenizer(), train.part(0)
    side_tokens, first = first.side_tokens(), first.texts_alone()
    tokens = tokenizer(first.texts)
    leakage = find_leakage(first, tokens, side_tokens)
    on_start("how training and test differ")
    first_test = None if test_part is None else test_part.part(0)[0].texts_alone()
    test_tokens = None if first_test is None else tokenizer(first_test.texts)
    drift = None if test_tokens is None else measure_drift(tokens, test_tokens, seed=seed)
    on_start("lengths, scripts and remains of markup")
    profiles = profile(first, first_test, tokens, test_tokens)
    n_judged, interrupted = 0, False
    try:
        while n_judged < n_parts:
            numbers = range(n_judged, min(n_judged + (1 if workers is None else workers.n_workers), n_parts))
            judged.judge(numbers, workers, on_start)
            n_judged = numbers.stop
    except KeyboardInterrupt:
        if not keep_interrupted or not n_judged:
            raise
        interrupted = True
        judged.leave_out(range(n_judged, n_parts))
        notes.append(
            f"This audit was interrupted: labels were judged, and documents without words looked for, in {n_judged:,} "
            f"of {n_parts:,} parts."
        )
    labelled, test_labelled = train.labelled, None if test_part is None else test_part.labelled
    pairs, errors = all_pairs(labelled, test_labelled, duplicates, most=most), judged.ranked()
    if max(len(pairs.train), len(pairs.test), len(pairs.across)) == most:
        notes.append(
            f"Of pairs of duplicates the first {most:,} of each kind are listed, more with more --memory; all are "
            "counted."
        )
    rows = rows_shown(errors, pairs)
    texts: dict[Part, dict[str, str]] = {"train": beginnings(of_rows(train, rows["train"]), rows["train"])}
    without_words: dict[Part, list[int]] = {"train": judged.without_words, "test": []}
    if test_part is not None:
        texts["test"] = beginnings(of_rows(test_part, rows["test"]), rows["test"])
        without_words["test"] = _without_words(test_part)
    data_facts = described(labelled, test_labelled)
    record = AuditRecord(
        bywords_version=__version__,
        command=command,
        seed=seed,
        data=dataclasses.replace(data_facts, n_drawn=n_drawn),
        notes=notes,
        duplicates=counted(labelled, test_labelled, duplicates, None),
        duplicate_pairs=pairs,
        label_errors=errors,
        n_flagged=judged.n_flagged,
        without_words=without_words,
        leakage=leakage,
        drift=drift,
        profile=_of_all(profiles, labelled, test_labelled),
        texts=texts,
        interrupted=interrupted,
    )
    return AuditOnDisk(record, train, test_part)


def left_out(n_parts: int, *, has_test: bool) -> str:
    """What an audit on disk does not look at, or not in all documents."""
    what = f"Leakage, {'drift, ' if has_test else ''}lengths, scripts and remains of markup"
    said = (
        f"{what} are those of one of {n_parts:,} parts that were drawn" if n_parts > 1 else f"{what} are those of all"
    )
    return f"The impact of duplicates is not measured. {said}" if has_test else said


def n_parts_for(n_texts_bytes: float, n_bytes: int, memory_per_byte: float) -> int:
    """In how many parts so many bytes of texts are judged with so much memory."""
    return max(1, math.ceil(n_texts_bytes * memory_per_byte / n_bytes))


def most_pairs(n_bytes: int) -> int:
    """How many pairs of duplicates of each kind are listed with so much memory."""
    return max(LEAST_PAIRS, n_bytes // BYTES_OF_PAIR)


def of_rows(documents: TextsOnDisk, rows: list[int]) -> Corpus:
    """The documents of these rows, each once, with their texts for a person."""
    found, _ = documents.some(np.flatnonzero(np.isin(documents.labelled.rows, rows)))
    return found.texts_alone()


class _Labels:
    """Judges the labels of one part after the other."""

    def __init__(self, documents: TextsOnDisk, groups: Indices, seed: int, notes: list[str]) -> None:
        self._documents, self._groups, self._seed, self._notes = documents, groups, seed, notes
        n = len(documents)
        self._own, self._confidence = np.full(n, np.inf), np.zeros(n)
        self._is_flagged = np.zeros(n, dtype=bool)
        self._is_multilabel = documents.labelled.is_multilabel
        self._suggested = np.zeros(n, dtype=np.int64) if self._is_multilabel else documents.labelled.labels.copy()
        self._n_left_out = 0
        self._without_words: list[int] = []

    @property
    def without_words(self) -> list[int]:
        """The rows of documents without words, ascending."""
        return sorted(self._without_words)

    @property
    def n_flagged(self) -> int:
        """How many labels are likely wrong."""
        return int(self._is_flagged.sum())

    def leave_out(self, numbers: range) -> None:
        """Count the documents of these parts as not judged."""
        self._n_left_out += int(np.isin(self._documents.part_of, numbers).sum())

    def judge(self, numbers: range, workers: Executor | None, on_start: Callable[[str], None]) -> None:
        """Judge the labels of some parts, one beside the other, where their documents have one each."""
        which = f"part {numbers[0] + 1:,}" if len(numbers) == 1 else f"parts {numbers[0] + 1:,} to {numbers.stop:,}"
        what = f"label errors: {which} of {self._documents.n_parts:,}"
        on_start(what)
        unless_lost(lambda: self._judge(numbers, workers or HolderHere(), partial(_tell_folds, on_start, what)))

    def _judge(self, numbers: range, holder: Holder, on_step: Callable[[int, int], None]) -> None:
        its = list[Indices]()

        def parts() -> Iterator[tuple[Corpus, Indices | None, int]]:
            for number in numbers:
                corpus, indices = self._documents.part(number)
                its.append(indices)
                is_too_large = len(corpus) * len(corpus.label_names) > MOST_JUDGED
                yield corpus, None if self._is_multilabel or is_too_large else self._groups[indices], self._seed

        found = list(holder.map_held(_to_judge, parts(), 1))
        judged = [index for index, (_, n_folds, _, _) in enumerate(found) if n_folds is not None]
        rankings = judged_by(holder, [found[index][1:] for index in judged], self._seed, on_step)
        ranking_of = dict(zip(judged, rankings, strict=True))
        for index, (without_words, *_) in enumerate(found):
            self._without_words += without_words
            if (ranking := ranking_of.get(index)) is None:
                self._n_left_out += len(its[index])
                continue
            at = its[index]
            self._own[at], self._confidence[at] = ranking.own, ranking.confidence
            self._suggested[at], self._is_flagged[at] = ranking.suggested, ranking.is_flagged
            self._n_left_out += int((~ranking.is_judged).sum())

    def ranked(self) -> list[LabelError]:
        """The likeliest errors first, MOST_ERRORS at most; none, and a note, where they cannot be found."""
        n_parts, labelled = self._documents.n_parts, self._documents.labelled
        if self._is_multilabel:
            self._notes.append("Label errors are found where documents have one label each; these have any number.")
            return []
        if np.isinf(self._own).all():
            self._notes.append("Label errors were not found: there are too many classes, or too few texts of each.")
            return []
        order = np.argsort(self._own, kind="stable")
        order = np.concatenate([order[self._is_flagged[order]], order[~self._is_flagged[order]]])[:MOST_ERRORS]
        order = order[np.argsort(self._own[order], kind="stable")]
        self._notes.append(
            f"Labels were judged in {n_parts:,} parts that were drawn, by models that have learned from their own part "
            f"alone; {self._n_left_out:,} of {len(labelled):,} could not be judged. The ranking has {len(order):,}."
        )
        names = labelled.label_names
        columns = (labelled.rows, labelled.labels, self._suggested, self._confidence, self._is_flagged)
        return [
            LabelError(row=row, label=names[label], suggested=names[suggested], confidence=confidence, is_flagged=flag)
            for row, label, suggested, confidence, flag in zip(*(one[order].tolist() for one in columns), strict=True)
        ]


def _tell_folds(on_start: Callable[[str], None], what: str, n_done: int, n_folds: int) -> None:
    on_start(f"{what}, {n_done} of {n_folds} folds")


def _to_judge(corpus: Corpus, groups: Indices | None, seed: int) -> tuple[list[int], int | None, int, ToJudge | None]:
    """Of a part: rows without words, numbers of folds and of judges, and what is judged; None without groups."""
    tokens = Tokenizer(corpus.tokenizer_config())(corpus.texts)
    without_words = corpus.rows[tokens.lengths == 0].tolist()
    if groups is None:
        return without_words, None, 0, None
    given = to_judge(tokens, corpus.labels, len(corpus.label_names), groups, seed)
    return without_words, len(given.folds), len(given.judges), given


def _without_words(documents: TextsOnDisk) -> list[int]:
    """The rows of documents without words, ascending."""
    found: list[int] = []
    for number in range(documents.n_parts):
        corpus = documents.part(number)[0].texts_alone()
        found += corpus.rows[Tokenizer()(corpus.texts).lengths == 0].tolist()
    return sorted(found)


def _of_all(profiles: Profile, train: Corpus, test: Corpus | None) -> Profile:
    """The profile of some documents, with how many all of each class are."""
    counts, tested = train.counts().tolist(), None if test is None else test.counts().tolist()
    classes = [
        dataclasses.replace(
            row, n_train=count, share=count / len(train), is_small=count < SMALL_CLASS,
            n_test=None if tested is None else tested[number],
        )
        for number, (row, count) in enumerate(zip(profiles.classes, counts, strict=True))
    ]  # fmt: skip
    return dataclasses.replace(profiles, classes=classes)
