"""Labelled documents in, a record of what is wrong with them out. Table, csv file and page are made from nothing else.

Rows count from 0 in the files that were given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.audit.drift import measure_drift
from bywords.audit.duplicate_impact import duplicate_impact
from bywords.audit.duplicates import THRESHOLD, Across, Duplicates, Pairs, Within, find_duplicates
from bywords.audit.label_errors import find_doubtful
from bywords.audit.leakage import find_giveaways
from bywords.audit.profile import SMALL_CLASS, profile
from bywords.data.corpus import Corpus
from bywords.errors import DataError
from bywords.records import AUDIT_FORMAT
from bywords.text.tokenizer import Tokenizer, Tokens
from bywords.version import __version__

MOST_JUDGED = 50_000_000  # documents times classes: each has a probability of each
TEXTS_KEPT, KEPT_CHARACTERS = 200, 1_000  # of doubtful labels and of each list of pairs, and of each text

Record = dict[str, Any]
Places = npt.NDArray[np.int64]


def audit(
    train: Corpus,
    test: Corpus | None = None,
    *,
    seed: int = 0,
    command: str = "",
    on_start: Callable[[str], None] = lambda what: None,
) -> Record:
    """Look for whatever makes these documents worse to learn from, or a test on them worth less.

    `test`, where there is one, has the label names of `train`. What cannot be found out is None or empty, and `notes`
    says why. `on_start` hears of each part as it begins. The same seed gives the same record.

    Raises: DataError where there are no training documents.
    """
    if not len(train):
        raise DataError(f"{train.name} has no documents: there is nothing to look at.")
    on_start("counting words")
    tokenizer = Tokenizer()
    tokens = tokenizer(train.texts)
    test_tokens = None if test is None else tokenizer(test.texts)
    notes: list[str] = []
    on_start("looking for duplicates")
    duplicates = find_duplicates(train.texts, None if test is None else test.texts)
    doubtful = _doubtful_labels(train, tokens, duplicates, seed, notes, on_start)
    record = {
        "format": AUDIT_FORMAT,
        "bywords_version": __version__,
        "command": command,
        "seed": seed,
        "data": _described(train, test),
        "notes": notes,
        "duplicates": _counted(train, test, duplicates),
        "near_duplicates_across_splits": _pairs_across(train, test, duplicates.across),
        "near_duplicates_within": {
            "train": _pairs_within(train, duplicates.train),
            "test": _pairs_within(test, duplicates.test),
        },
        "label_errors": doubtful,
        "n_doubtful": sum(row["is_flagged"] for row in doubtful),
        "without_words": {
            "train": train.rows[tokens.lengths == 0].tolist(),
            "test": [] if test is None or test_tokens is None else test.rows[test_tokens.lengths == 0].tolist(),
        },
        "small_classes": _small_classes(train),
    }
    on_start("what gives the classes away")
    record["leakage"] = find_giveaways(train, tokens)
    on_start("how training and test differ")
    record["drift"] = None if test_tokens is None else measure_drift(tokens, test_tokens, seed=seed)
    on_start("lengths, scripts and remains of markup")
    record["profile"] = profile(train, test, tokens, test_tokens)
    if test is not None and test_tokens is not None and duplicates.across is not None:
        on_start("learning with and without the duplicates")
        record["duplicates"]["accuracy"] = _worth(train, test, tokens, test_tokens, duplicates.across, seed, notes)
    record["texts"] = _texts(record, train, test)
    return record


def _described(train: Corpus, test: Corpus | None) -> Record:
    return {
        "train": train.name,
        "test": None if test is None else test.name,
        "n_train": len(train),
        "n_test": 0 if test is None else len(test),
        "label_names": list(train.label_names),
        "class_counts": {
            "train": train.counts().tolist(),
            "test": None if test is None else test.counts().tolist(),
        },
    }


def _counted(train: Corpus, test: Corpus | None, duplicates: Duplicates) -> Record:
    """How many documents have duplicates. One that has an exact duplicate is not counted for its near ones.

    Of the groups with unlike labels, `n_conflicting`, `n_conflicting_exact` have them for one and the same text.
    """
    across = duplicates.across
    return {
        "threshold": THRESHOLD,
        "train": _counted_within(train, duplicates.train),
        "test": None if test is None or duplicates.test is None else _counted_within(test, duplicates.test),
        "across": None if test is None or across is None else _counted_across(train, test, across),
        "accuracy": None,
    }


def _counted_within(corpus: Corpus, within: Within) -> Record:
    n_documents = np.bincount(within.groups)
    kinds = _kinds(corpus)
    pairs = within.pairs
    is_conflict = pairs.is_exact & ~_are_same(corpus, corpus, pairs.firsts, pairs.seconds)  # all copies meet the first
    of_group = np.unique(np.stack([within.groups, kinds], axis=1), axis=0)[:, 0]  # a group once for each of its labels
    return {
        "n_exact": int(within.has_exact.sum()),
        "n_near": int((within.has_near & ~within.has_exact).sum()),
        "n_groups": int((n_documents > 1).sum()),
        "n_conflicting": int((np.bincount(of_group) > 1).sum()),
        "n_conflicting_exact": len(np.unique(within.groups[pairs.firsts[is_conflict]])),
    }


def _counted_across(train: Corpus, test: Corpus, across: Across) -> Record:
    pairs = across.pairs
    has_other_label = ~_are_same(train, test, pairs.firsts, pairs.seconds)
    return {
        "n_exact": int(across.test_has_exact.sum()),
        "n_near": int((across.test_has_near & ~across.test_has_exact).sum()),
        "n_test_documents": int((across.test_has_near | across.test_has_exact).sum()),
        "n_conflicting": len(np.unique(pairs.seconds[has_other_label])),
    }


def _pairs_across(train: Corpus, test: Corpus | None, across: Across | None) -> list[Record]:
    if test is None or across is None:
        return []
    return _pairs(("train_row", "test_row"), train, test, across.pairs)


def _pairs_within(corpus: Corpus | None, within: Within | None) -> list[Record]:
    if corpus is None or within is None:
        return []
    return _pairs(("row", "other_row"), corpus, corpus, within.pairs)


def _pairs(names: tuple[str, str], one: Corpus, other: Corpus, pairs: Pairs) -> list[Record]:
    """Pairs of a document of `one` and a document of `other`, their rows under these names."""
    columns = [
        one.rows[pairs.firsts],
        other.rows[pairs.seconds],
        pairs.similarities,
        np.where(pairs.is_exact, "exact", "near"),
        _are_same(one, other, pairs.firsts, pairs.seconds),
    ]
    return _records((*names, "similarity", "kind", "same_label"), columns)


def _doubtful_labels(
    train: Corpus,
    tokens: Tokens,
    duplicates: Duplicates,
    seed: int,
    notes: list[str],
    on_start: Callable[[str], None],
) -> list[Record]:
    if train.is_multilabel:
        notes.append("Doubtful labels are found where documents have one label each; these have any number.")
        return []
    if len(train) * len(train.label_names) > MOST_JUDGED:
        notes.append("Doubtful labels are not looked for: there are too many documents and classes for this.")
        return []

    def on_step(n_done: int, n_steps: int) -> None:
        on_start(f"doubtful labels: {n_done} of {n_steps} folds")

    on_start("doubtful labels")
    names = np.array(train.label_names)
    found = find_doubtful(
        tokens, train.labels, len(train.label_names), duplicates.train.groups, seed=seed, on_step=on_step
    )
    if not found.is_judged.any():
        notes.append("Doubtful labels cannot be found: fewer than two classes have two different texts with words.")
        return []
    order = found.order
    columns = [
        train.rows[order],
        names[train.labels[order]],
        names[found.suggested[order]],
        found.confidence[order],
        found.is_flagged[order],
    ]
    return _records(("row", "label", "suggested", "confidence", "is_flagged"), columns)


def _worth(
    train: Corpus, test: Corpus, tokens: Tokens, test_tokens: Tokens, across: Across, seed: int, notes: list[str]
) -> Record | None:
    if train.is_multilabel:
        notes.append("What duplicates are worth is measured where documents have one label each.")
        return None
    if len(np.unique(train.labels[tokens.lengths > 0])) < 2 or not len(test):
        notes.append("What duplicates are worth cannot be measured: that takes two classes, and test documents.")
        return None
    return duplicate_impact(train, test, tokens, test_tokens, across, seed=seed)


def _small_classes(train: Corpus) -> list[Record]:
    """Classes of fewer than SMALL_CLASS documents, the smallest first."""
    counts = train.counts()
    order = np.argsort(counts, kind="stable")
    return [{"label": train.label_names[k], "n_documents": int(counts[k])} for k in order if counts[k] < SMALL_CLASS]


def _texts(record: Record, train: Corpus, test: Corpus | None) -> dict[str, dict[str, str] | None]:
    """The beginnings of the texts that a page shows, by their rows as strings: doubtful labels, and some pairs."""
    within, across = record["near_duplicates_within"], record["near_duplicates_across_splits"]
    rows: dict[str, list[int]] = {
        "train": [found["row"] for found in record["label_errors"][:TEXTS_KEPT]],
        "test": [],
    }
    for pairs, left, right in (
        (across, ("train", "train_row"), ("test", "test_row")),
        (within["train"], ("train", "row"), ("train", "other_row")),
        (within["test"], ("test", "row"), ("test", "other_row")),
    ):
        worst = sorted(pairs, key=lambda pair: (pair["same_label"], pair["kind"] == "exact"))
        for pair in worst[:TEXTS_KEPT]:
            for part, key in (left, right):
                rows[part].append(pair[key])
    kept: dict[str, dict[str, str] | None] = {}
    for part, corpus in (("train", train), ("test", test)):
        if corpus is None:
            kept[part] = None
            continue
        indices = np.flatnonzero(np.isin(corpus.rows, rows[part]))
        texts = corpus.texts.gather(indices).str.head(KEPT_CHARACTERS)
        kept[part] = dict(zip(map(str, corpus.rows[indices].tolist()), texts.to_list(), strict=True))
    return kept


def _kinds(corpus: Corpus) -> Places:
    """A number for the label, or the labels, of each document, int64 (N,): the same for the same."""
    if not corpus.is_multilabel:
        return corpus.labels
    packed = np.packbits(corpus.labels, axis=1)
    return np.unique(packed, axis=0, return_inverse=True)[1].reshape(-1)


def _are_same(one: Corpus, other: Corpus, firsts: Places, seconds: Places) -> npt.NDArray[np.bool_]:
    """Whether the documents of each pair have the same label, or labels, bool (P,)."""
    is_same = one.labels[firsts] == other.labels[seconds]
    return np.asarray(is_same.all(axis=1) if one.is_multilabel else is_same)


def _records(names: tuple[str, ...], columns: list[npt.NDArray[Any]]) -> list[Record]:
    return [dict(zip(names, row, strict=True)) for row in zip(*(column.tolist() for column in columns), strict=True)]
