"""Labelled documents → a record of what is wrong with them. Rows count from 0 in the files that were given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_arguments
from bywords.auditing.drift import measure_drift
from bywords.auditing.duplicate_impact import duplicate_impact
from bywords.auditing.label_errors import find_label_errors
from bywords.auditing.leakage import find_leakage
from bywords.auditing.profile import profile
from bywords.cluster import Executor, unless_lost
from bywords.data.corpus import Corpus
from bywords.data.duplicates import THRESHOLD, Across, Duplicates, Pairs, Within, find_duplicates
from bywords.data.label_names import remarks_on_labels
from bywords.errors import DataError
from bywords.forks import check_polars
from bywords.records.audit import (
    AuditedData,
    AuditRecord,
    DuplicateCounts,
    DuplicateImpact,
    DuplicatePair,
    DuplicatePairs,
    DuplicatesAcross,
    DuplicatesWithin,
    LabelError,
)
from bywords.records.base import Part
from bywords.text.tokenizer import Tokenizer, Tokens
from bywords.version import __version__

MOST_JUDGED = 50_000_000  # documents times classes: each has a probability of each
TEXTS_KEPT, KEPT_CHARACTERS = 200, 1_000  # of label errors and of each list of pairs, and of each text

Indices = npt.NDArray[np.int64]


@check_arguments
def audit(
    train: Corpus,
    test: Corpus | None = None,
    *,
    seed: int = 0,
    command: str = "",
    on_start: Callable[[str], None] = lambda what: None,
    keep_interrupted: bool = False,
    workers: Executor | None = None,
) -> AuditRecord:
    """Look for whatever makes these documents worse to learn from, or a test on them worth less.

    `test`, where there is one, has the label names of `train`. What cannot be found out is None or empty, and `notes`
    say why. `on_start` is called with each part as it begins. The same seed gives the same record. With
    `keep_interrupted`, Ctrl-C in what takes longest and comes last, label errors and the impact of duplicates, leaves a
    record of the rest, which is `interrupted`. `workers` find the words of texts, and fit what judges labels and the
    impact of duplicates; by default threads of this process do, to the same record.

    Raises: DataError where there are no training documents.

    >>> from bywords import audit, load_dataset
    >>> tickets = load_dataset("tickets.csv")
    >>> audit(tickets.train, tickets.test).to_frame().columns
    ['row', 'label', 'suggested', 'confidence', 'is_flagged']
    """
    check_polars(what="an audit")
    if not len(train):
        raise DataError(f"{train.name} has no documents: there is nothing to look at.")
    on_start("counting words")
    tokenizer, of_rows, notes = Tokenizer(), Tokenizer(train.tokenizer_config()), remarks_on_labels(train)
    data, side_tokens = described(train, test), train.side_tokens()
    row_tokens = of_rows(train.texts)  # what is learned from
    test_row_tokens = None if test is None else of_rows(test.texts)
    train, test = train.texts_alone(), None if test is None else test.texts_alone()
    tokens = tokenizer(train.texts)
    test_tokens = None if test is None else tokenizer(test.texts)
    on_start("looking for duplicates")
    by = None if workers is None else workers.map
    duplicates = find_duplicates(train.texts, None if test is None else test.texts, by=by)
    on_start("what gives the classes away")
    leakage = find_leakage(train, tokens, side_tokens)
    on_start("how training and test differ")
    drift = None if test_tokens is None else measure_drift(tokens, test_tokens, seed=seed)
    on_start("lengths, scripts and remains of markup")
    profiles = profile(train, test, tokens, test_tokens)
    label_errors, impact, interrupted, missing = list[LabelError](), None, False, "labels that are likely wrong"
    try:
        label_errors = _label_errors(train, row_tokens, duplicates, seed, notes, on_start, workers)
        missing = "the impact of duplicates"
        if test is not None and test_row_tokens is not None and duplicates.across is not None:
            on_start("learning with and without the duplicates")
            impact = _impact(train, test, row_tokens, test_row_tokens, duplicates.across, seed, notes, workers)
    except KeyboardInterrupt:
        if not keep_interrupted:
            raise
        interrupted = True
        notes.append(f"This audit was interrupted: {missing} could not be looked for any more.")
    pairs = all_pairs(train, test, duplicates)
    rows = rows_shown(label_errors, pairs)
    texts: dict[Part, dict[str, str]] = {"train": beginnings(train, rows["train"])}
    if test is not None:
        texts["test"] = beginnings(test, rows["test"])
    return AuditRecord(
        bywords_version=__version__,
        command=command,
        seed=seed,
        data=data,
        notes=notes,
        duplicates=counted(train, test, duplicates, impact),
        duplicate_pairs=pairs,
        label_errors=label_errors,
        n_flagged=sum(row.is_flagged for row in label_errors),
        without_words={
            "train": train.rows[tokens.lengths == 0].tolist(),
            "test": [] if test is None or test_tokens is None else test.rows[test_tokens.lengths == 0].tolist(),
        },
        leakage=leakage,
        drift=drift,
        profile=profiles,
        texts=texts,
        interrupted=interrupted,
    )


def described(train: Corpus, test: Corpus | None) -> AuditedData:
    class_counts: dict[Part, list[int]] = {"train": train.counts().tolist()}
    if test is not None:
        class_counts["test"] = test.counts().tolist()
    return AuditedData(
        train=train.name,
        test=None if test is None else test.name,
        n_train=len(train),
        n_test=0 if test is None else len(test),
        columns=None if train.read_as is None else train.read_as.described(),
        label_names=list(train.label_names),
        class_counts=class_counts,
    )


def counted(
    train: Corpus, test: Corpus | None, duplicates: Duplicates, impact: DuplicateImpact | None
) -> DuplicateCounts:
    across = duplicates.across
    return DuplicateCounts(
        threshold=THRESHOLD,
        train=_within(train, duplicates.train),
        test=None if test is None or duplicates.test is None else _within(test, duplicates.test),
        across=None if test is None or across is None else _across(train, test, across),
        impact=impact,
    )


def _within(corpus: Corpus, within: Within) -> DuplicatesWithin:
    n_documents = np.bincount(within.groups)
    kinds = _kinds(corpus)
    pairs = within.pairs
    is_conflict = pairs.is_exact & ~_are_same(corpus, corpus, pairs.firsts, pairs.seconds)  # all copies meet the first
    of_group = np.unique(np.stack([within.groups, kinds], axis=1), axis=0)[:, 0]  # a group once for each of its labels
    return DuplicatesWithin(
        n_exact=int(within.has_exact.sum()),
        n_near=int((within.has_near & ~within.has_exact).sum()),
        n_groups=int((n_documents > 1).sum()),
        n_conflicting=int((np.bincount(of_group) > 1).sum()),
        n_conflicting_exact=len(np.unique(within.groups[pairs.firsts[is_conflict]])),
    )


def _across(train: Corpus, test: Corpus, across: Across) -> DuplicatesAcross:
    pairs = across.pairs
    has_other_label = ~_are_same(train, test, pairs.firsts, pairs.seconds)
    return DuplicatesAcross(
        n_exact=int(across.test_has_exact.sum()),
        n_near=int((across.test_has_near & ~across.test_has_exact).sum()),
        n_test_documents=int((across.test_has_near | across.test_has_exact).sum()),
        n_conflicting=len(np.unique(pairs.seconds[has_other_label])),
    )


def all_pairs(train: Corpus, test: Corpus | None, duplicates: Duplicates, *, most: int | None = None) -> DuplicatePairs:
    """The pairs of each kind, the first `most` of them where that is given."""
    within, across = duplicates.test, duplicates.across
    return DuplicatePairs(
        across=[] if test is None or across is None else _pairs(train, test, across.pairs, most),
        train=_pairs(train, train, duplicates.train.pairs, most),
        test=[] if test is None or within is None else _pairs(test, test, within.pairs, most),
    )


def _pairs(one: Corpus, other: Corpus, pairs: Pairs, most: int | None) -> list[DuplicatePair]:
    """Pairs of a document of `one` and a document of `other`."""
    firsts, seconds = pairs.firsts[:most], pairs.seconds[:most]
    columns = (
        one.rows[firsts].tolist(),
        other.rows[seconds].tolist(),
        pairs.similarities[:most].tolist(),
        pairs.is_exact[:most].tolist(),
        _are_same(one, other, firsts, seconds).tolist(),
        _named(one, firsts),
        _named(other, seconds),
    )
    return [
        DuplicatePair(
            row=row, other_row=other_row, similarity=similarity, kind="exact" if is_exact else "near",
            same_label=same_label, labels=labels,
        )
        for row, other_row, similarity, is_exact, same_label, *labels in zip(*columns, strict=True)
    ]  # fmt: skip


def _named(corpus: Corpus, indices: npt.NDArray[np.int64]) -> list[str]:
    """The label of each document as text."""
    names = corpus.select(indices).names()
    return [", ".join(each) if corpus.is_multilabel else str(each) for each in names]


def _label_errors(
    train: Corpus,
    tokens: Tokens,
    duplicates: Duplicates,
    seed: int,
    notes: list[str],
    on_start: Callable[[str], None],
    workers: Executor | None,
) -> list[LabelError]:
    """All training documents, the likeliest errors first; none, and a note, where they cannot be found."""
    if train.is_multilabel:
        notes.append("Label errors are found where documents have one label each; these have any number.")
        return []
    if len(train) * len(train.label_names) > MOST_JUDGED:
        notes.append("Label errors were not looked for: there are too many documents and classes.")
        return []

    def on_step(n_done: int, n_steps: int) -> None:
        on_start(f"label errors: {n_done} of {n_steps} folds")

    on_start("label errors")
    names = train.label_names
    groups = duplicates.train.groups
    found = unless_lost(
        lambda: find_label_errors(tokens, train.labels, len(names), groups, seed=seed, on_step=on_step, holder=workers)
    )
    if not found.is_judged.any():
        notes.append("Label errors cannot be found: fewer than two classes have two different texts with words.")
        return []
    columns = (train.rows, train.labels, found.suggested, found.confidence, found.is_flagged)
    ranked = zip(*(column[found.order].tolist() for column in columns), strict=True)
    return [
        LabelError(row=row, label=names[label], suggested=names[suggested], confidence=confidence, is_flagged=flag)
        for row, label, suggested, confidence, flag in ranked
    ]


def _impact(
    train: Corpus,
    test: Corpus,
    tokens: Tokens,
    test_tokens: Tokens,
    across: Across,
    seed: int,
    notes: list[str],
    workers: Executor | None,
) -> DuplicateImpact | None:
    if train.is_multilabel:
        notes.append("The impact of duplicates is measured where documents have one label each.")
        return None
    if len(np.unique(train.labels[tokens.lengths > 0])) < 2 or not len(test):
        notes.append("The impact of duplicates cannot be measured: that takes two classes, and test documents.")
        return None
    return unless_lost(lambda: duplicate_impact(train, test, tokens, test_tokens, across, seed=seed, holder=workers))


def rows_shown(label_errors: list[LabelError], pairs: DuplicatePairs) -> dict[Part, list[int]]:
    """The rows whose texts a page shows: of label errors, and of the worst pairs."""

    def worst(pairs: list[DuplicatePair]) -> list[DuplicatePair]:
        return sorted(pairs, key=lambda pair: (pair.same_label, pair.kind == "exact"))[:TEXTS_KEPT]

    across = worst(pairs.across)
    of_train = [*(row.row for row in label_errors[:TEXTS_KEPT]), *(pair.row for pair in across)]
    of_train += [row for pair in worst(pairs.train) for row in (pair.row, pair.other_row)]
    of_test = [pair.other_row for pair in across]
    of_test += [row for pair in worst(pairs.test) for row in (pair.row, pair.other_row)]
    return {"train": of_train, "test": of_test}


def beginnings(corpus: Corpus, rows: list[int]) -> dict[str, str]:
    """The beginnings of these texts by their rows."""
    indices = np.flatnonzero(np.isin(corpus.rows, rows))
    texts = corpus.texts.gather(indices).str.head(KEPT_CHARACTERS)
    return dict(zip(map(str, corpus.rows[indices].tolist()), texts.to_list(), strict=True))


def _kinds(corpus: Corpus) -> Indices:
    """A number for the label, or the labels, of each document, int64 (N,): the same for the same."""
    if not corpus.is_multilabel:
        return corpus.labels
    numbers: dict[tuple[int, ...], int] = {}
    its = [numbers.setdefault(tuple(labels), len(numbers)) for labels in corpus.labels.lists()]
    return np.array(its, dtype=np.int64)


def _are_same(one: Corpus, other: Corpus, firsts: Indices, seconds: Indices) -> npt.NDArray[np.bool_]:
    """Whether the documents of each pair have the same label, or labels, bool (P,)."""
    here, there = one.labels[firsts], other.labels[seconds]
    return np.asarray(here.are_equal(there) if one.is_multilabel else here == there)
