"""Texts and their labels in, one corpus out: documents, label names in a fixed order, and what is asked of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.errors import DataError, SettingError, did_you_mean, quoted
from bywords.splits import stratified_split
from bywords.tokens import Tokenizer


@dataclass(frozen=True, eq=False)
class Corpus:
    """N labelled documents. Two corpora are the same when their fingerprints are."""

    name: str  # of the data set or the file, for messages and records
    texts: pl.Series  # string (N,), no nulls
    labels: npt.NDArray[np.int64]  # (N,), index into label_names
    label_names: tuple[str, ...]  # (K,), in the order of `sorted_names`
    rows: npt.NDArray[np.int64]  # (N,), place of each document in what it was read from, counted from 0

    @classmethod
    def of(cls, name: str, texts: Sequence[str] | pl.Series, labels: Sequence[str] | pl.Series) -> Corpus:
        """A corpus of N texts and their N labels as words. Rows are 0 to N - 1; no documents give no label names.

        Raises: DataError when there are not as many labels as texts.
        """
        text_column = pl.Series("text", texts, dtype=pl.String)
        label_column = pl.Series("label", labels, dtype=pl.String)
        if len(text_column) != len(label_column):
            raise DataError(f"{name}: {len(text_column)} texts and {len(label_column)} labels, expected as many.")
        label_names = sorted_names(label_column.unique().to_list())
        codes = _places(label_column, label_names)
        return cls(name, text_column, codes, label_names, np.arange(len(text_column), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, rows: npt.ArrayLike) -> Corpus:
        """The documents at these places of this corpus, int (M,), in that order. Label names stay, used or not."""
        places = np.asarray(rows, dtype=np.int64)
        return Corpus(self.name, self.texts[places], self.labels[places], self.label_names, self.rows[places])

    def names(self) -> npt.NDArray[np.str_]:
        """The label of each document by its name, str (N,)."""
        return np.array(self.label_names, dtype=np.str_)[self.labels]

    def counts(self) -> npt.NDArray[np.int64]:
        """Documents of each class, int64 (K,)."""
        return np.bincount(self.labels, minlength=len(self.label_names)).astype(np.int64, copy=False)

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of a SHA-256 over texts, labels and label names, in order. The name plays no part."""
        digest = hashlib.sha256()
        for strings in (pl.Series(self.label_names, dtype=pl.String), self.texts):
            digest.update(np.int64(len(strings)).astype("<i8").tobytes())
            digest.update(strings.str.len_bytes().to_numpy().astype("<i8").tobytes())
            digest.update("".join(strings.to_list()).encode())
        digest.update(self.labels.astype("<i8").tobytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Split:
    """A corpus to train on and one to test on, with the same label names, and how many documents were dropped."""

    train: Corpus
    test: Corpus
    n_dropped_train: int = 0
    n_dropped_test: int = 0

    def drop_empty(self, tokenizer: Tokenizer) -> Split:
        """The split without documents that have no tokens, counted. A class that loses all its documents goes too.

        Raises: DataError when a part has no other documents, or training has none of a class that is tested.
        """
        train, n_train = drop_empty(self.train, tokenizer)
        test, n_test = drop_empty(self.test, tokenizer)
        is_trained = train.counts() > 0
        if not is_trained.all():
            untrained = np.flatnonzero(~is_trained[test.labels])
            if len(untrained):
                name = test.label_names[test.labels[untrained[0]]]
                raise DataError(
                    f"{test.name}: the document at row {test.rows[untrained[0]]}, counted from 0, has the label "
                    f"{name!r}, but no training document of that label has words. Add some, or take the label out."
                )
            names = tuple(name for name, is_kept in zip(train.label_names, is_trained, strict=True) if is_kept)
            train, test = with_label_names(train, names), with_label_names(test, names)
        return Split(train, test, self.n_dropped_train + n_train, self.n_dropped_test + n_test)

    def limited(self, n_documents: int, *, seed: int) -> Split:
        """The split with a stratified share of about `n_documents` training documents, one of each class at least.

        The test part stays as it is, and so does a training part that is no larger.
        """
        if len(self.train) <= n_documents:
            return self
        chosen, _ = stratified_split(self.train.labels, 1 - n_documents / len(self.train), seed)
        return Split(self.train.select(chosen), self.test, self.n_dropped_train, self.n_dropped_test)


def sorted_names(names: Iterable[str]) -> tuple[str, ...]:
    """Label names once each in their fixed order: by number when all are integers, else by code points."""
    distinct = set(names)
    if all(re.fullmatch(r"[+-]?[0-9]{1,18}", name) for name in distinct):
        return tuple(sorted(distinct, key=lambda name: (int(name), name)))
    return tuple(sorted(distinct))


def grouped(corpus: Corpus, mapping: Mapping[str, str]) -> Corpus:
    """The same documents under coarser labels: `mapping` goes from each label name to the name of its group.

    Raises: SettingError when the mapping leaves out a label name, or has one that the corpus does not know.
    """
    for name in mapping:
        if name not in corpus.label_names:
            raise SettingError(
                f"the grouping names the label {name!r}, which {corpus.name} does not have."
                f"{did_you_mean(name, corpus.label_names)} Its labels: {quoted(corpus.label_names)}."
            )
    for name in corpus.label_names:
        if name not in mapping:
            raise SettingError(
                f"the grouping leaves out the label {name!r} of {corpus.name}. Give each of its labels a group."
            )
    label_names = sorted_names(mapping.values())
    place = {name: number for number, name in enumerate(label_names)}
    table = np.array([place[mapping[name]] for name in corpus.label_names], dtype=np.int64)  # (K,) old -> new
    return Corpus(corpus.name, corpus.texts, table[corpus.labels], label_names, corpus.rows)


def with_label_names(corpus: Corpus, label_names: Sequence[str]) -> Corpus:
    """The same documents, labels as places in `label_names`: how a test corpus takes those of its training corpus.

    Raises: DataError, naming the first such row, when a document has a label that is not among them.
    """
    place = {name: number for number, name in enumerate(label_names)}
    table = np.array([place.get(name, -1) for name in corpus.label_names], dtype=np.int64)  # (K,) old -> new
    labels = table[corpus.labels]
    is_new = labels < 0
    if is_new.any():
        first = int(is_new.argmax())
        name = corpus.label_names[corpus.labels[first]]
        raise DataError(
            f"{corpus.name}, row {corpus.rows[first]} (counted from 0): the label {name!r} does not occur in training."
            f"{did_you_mean(name, label_names)} The labels there are: {quoted(label_names)}. "
            "Correct the label, take the row out, or add such documents to training."
        )
    return Corpus(corpus.name, corpus.texts, labels, tuple(label_names), corpus.rows)


def drop_empty(corpus: Corpus, tokenizer: Tokenizer) -> tuple[Corpus, int]:
    """The documents that have a token, and how many had none. A corpus without documents comes back as it is.

    Raises: DataError when no document has a token.
    """
    has_tokens = tokenizer(corpus.texts).lengths > 0
    n_dropped = int((~has_tokens).sum())
    if n_dropped and n_dropped == len(corpus):
        raise DataError(
            f"{corpus.name}: none of its {len(corpus)} documents has a {tokenizer.what}. "
            "Check that the right column is read as text, or use another token pattern."
        )
    if not n_dropped:
        return corpus, 0
    return corpus.select(np.flatnonzero(has_tokens)), n_dropped


def check_trainable(corpus: Corpus) -> None:
    """Raises DataError when the documents are not of two classes at least."""
    if not len(corpus):
        raise DataError(f"{corpus.name} has no documents: a classifier needs documents of at least two classes.")
    present = np.flatnonzero(corpus.counts())
    if len(present) == 1:
        raise DataError(
            f"{corpus.name} has one class only, {corpus.label_names[present[0]]!r}: a classifier needs at least two. "
            "Check that the right column is read as label."
        )


def _places(column: pl.Series, names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Where each value of `column` stands in `names`, int64 (N,)."""
    if not len(column):
        return np.zeros(0, dtype=np.int64)
    numbers = pl.Series(np.arange(len(names), dtype=np.int64))
    places = column.replace_strict(pl.Series(names, dtype=pl.String), numbers, return_dtype=pl.Int64)
    return places.to_numpy().astype(np.int64)
