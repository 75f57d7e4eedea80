"""Texts and labels → a corpus: documents, their labels, and the label names in a fixed order."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.data.columns import Columns
from bywords.data.groups import groups_of
from bywords.data.label_names import cleaned, several_spellings
from bywords.data.label_sets import Codes, LabelSets, arrays_of, joined_codes
from bywords.data.labels import FLAGS, flags_in, names_of
from bywords.data.splits import rows_of_shares, strata_of, stratified_split
from bywords.errors import DataError, SettingError, did_you_mean, quoted
from bywords.forks import cached_property
from bywords.text.custom_tokens import TOKEN_END
from bywords.text.tokenizer import SEPARATOR, Tokenizer, TokenizerConfig

MOST_LABEL_BYTES = 1_000


@dataclass(frozen=True, eq=False)
class Corpus:
    """N labelled documents. Two corpora are the same when their fingerprints are.

    Each has one label; or, in a multi-label corpus, none, one or several.

    >>> from bywords import Corpus
    >>> corpus = Corpus.of("tickets", ["printer on fire", "flat tyre"], ["office", "garage"])
    >>> len(corpus), corpus.label_names
    (2, ('garage', 'office'))
    """

    name: str  # of the data set or the file, for messages and records
    texts: pl.Series  # string (N,), no nulls
    labels: Any  # int64 (N,), index into label_names; multi-label: LabelSets of N documents
    label_names: tuple[str, ...]  # (K,), in the order of `sorted_names`
    rows: npt.NDArray[np.int64]  # (N,), index of each document in what it was read from, counted from 0
    n_skipped: int = 0  # rows of the file that could not be read and were left out
    first_skipped: str = ""  # where the first of them is and what is wrong with it
    remarks: tuple[str, ...] = ()  # what was done to its labels when it was read, a sentence each
    columns: pl.DataFrame | None = None  # N rows: more that the file says of each document, where that was asked for
    read_as: Columns | None = None  # which columns of a table it was made of
    example: ClassVar[str] = "load_dataset('tickets.csv').train"
    not_read: tuple[str, ...] = ()  # the other columns of the table
    notes: tuple[str, ...] = ()  # what was guessed about the file when it was read, for a person
    label_hierarchy: str | None = None  # what separates the levels of labels that are paths

    @classmethod
    def of(
        cls,
        name: str,
        texts: Sequence[str] | pl.Series,
        labels: Sequence[str] | pl.Series,
        *,
        rows: npt.NDArray[np.int64] | None = None,
    ) -> Corpus:
        """A corpus of N texts and their N labels as words, `cleaned`. Rows are 0 to N - 1 by default.

        No documents give no label names.

        Raises: DataError when there are not as many labels as texts.
        """
        try:
            text_column = pl.Series("text", texts, dtype=pl.String)
            label_column = pl.Series("label", labels, dtype=pl.String)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"{name}: expected texts and labels, each a list of strings: {error}") from error
        if len(text_column) != len(label_column):
            raise DataError(f"{name}: {len(text_column)} texts and {len(label_column)} labels, expected as many.")
        label_column, remarks = _cleaned(name, label_column)
        label_names = sorted_names(label_column.unique().to_list())
        codes = _indices(label_column, label_names)
        rows = np.arange(len(text_column)) if rows is None else rows
        return cls(name, text_column, codes, label_names, rows, remarks=remarks)

    @classmethod
    def of_sets(
        cls,
        name: str,
        texts: Sequence[str] | pl.Series,
        labels: pl.Series,
        *,
        label_names: Sequence[str] = (),
        rows: npt.NDArray[np.int64] | None = None,
    ) -> Corpus:
        """A multi-label corpus of N texts and their labels, a column of lists of words (N,); a list may be empty.

        Its labels are those that occur, `cleaned`, and `label_names`, which may have some that do not. Lists that are
        all as long as each other and of 0 and 1 only are a table: the labels are their places, counted from 0.
        """
        text_column = pl.Series("text", texts, dtype=pl.String)
        sets = labels.cast(pl.List(pl.String))
        if len(text_column) != len(sets):
            raise DataError(f"{name}: {len(text_column)} texts and {len(sets)} lists of labels, expected as many.")
        rows = np.arange(len(sets)) if rows is None else rows
        sizes = sets.list.len().fill_null(0).to_numpy()
        flat = sets.filter(sets.list.len() > 0).explode()  # an empty list would become a null
        try:
            is_table = not label_names and flat.is_in(list(FLAGS)).all()
            flags = flags_in(sets.to_list()) if is_table else None
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
        if flags is not None:
            names = tuple(map(str, range(flags.shape[1])))
            table = LabelSets.of_table(flags)
            return cls(name, text_column, table, names, rows, remarks=(_table_of_flags(len(names)),))
        flat, remarks = _cleaned(name, flat)
        names = sorted_names([*flat.unique().to_list(), *map(cleaned, label_names)])
        indices = np.repeat(np.arange(len(sets)), sizes)
        label_sets = LabelSets.of_pairs(indices, _indices(flat, names), len(sets), len(names))
        return cls(name, text_column, label_sets, names, rows, remarks=remarks)

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def is_multilabel(self) -> bool:
        """Whether a document may have no label or several."""
        return isinstance(self.labels, LabelSets)

    def tokenizer_config(self, config: TokenizerConfig | None = None) -> TokenizerConfig:
        """These settings, by default the usual ones, for a tokenizer that takes apart what several columns made."""
        config = config or TokenizerConfig()
        return config if self.read_as is None else self.read_as.tokenizer(config)

    def texts_alone(self) -> Corpus:
        """The same documents without the columns beside their texts; several texts are below each other."""
        columns = self.read_as
        if columns is None or (columns.is_one_text and not columns.tokens):
            return self
        if columns.tokens:
            return dataclasses.replace(
                self, texts=self.shown_texts(), read_as=dataclasses.replace(columns, tokens=False)
            )
        texts = self.texts.str.split(SEPARATOR).list.head(len(columns.text)).list.join("\n")
        return dataclasses.replace(self, texts=texts, read_as=Columns(text=columns.text[:1], label=columns.label))

    def shown_texts(self) -> pl.Series:
        """The documents for a person, string (N,): several columns are below each other, tokens have blanks."""
        if self.read_as is None:
            return self.texts
        shown = self.texts.str.replace_all(SEPARATOR, "\n", literal=True)
        return shown.str.replace_all(TOKEN_END, " ", literal=True) if self.read_as.tokens else shown

    def side_tokens(self) -> list[list[str]]:
        """The tokens of the columns beside the text, of each of N documents."""
        if self.read_as is None or not self.read_as.side:
            return [[] for _ in range(len(self))]
        n_texts = len(self.read_as.text)
        return [[token for token in row[n_texts:] if token] for row in self.texts.str.split(SEPARATOR).to_list()]

    def select(self, rows: npt.ArrayLike) -> Corpus:
        """The documents at these indices, int (M,), in that order. Label names stay, used or not."""
        indices = np.asarray(rows, dtype=np.int64)
        columns = None if self.columns is None else self.columns[indices]
        return dataclasses.replace(
            self, texts=self.texts[indices], labels=self.labels[indices], rows=self.rows[indices], columns=columns
        )

    def split(self, shares: Sequence[float] = (0.8, 0.1, 0.1), *, seed: int = 0) -> list[Corpus]:
        """Parts of these shares, each with about the same share of every label; equal texts are in one part.

        The same seed gives the same parts; in each, documents keep their order. `rows` say which they were.
        Raises: SettingError where the shares are not above 0 or do not sum to 1.

        >>> from bywords import Corpus
        >>> corpus = Corpus.of("tickets", [f"text {number}" for number in range(20)], ["office", "garage"] * 10)
        >>> [part.counts().tolist() for part in corpus.split((0.6, 0.2, 0.2))]
        [[6, 6], [2, 2], [2, 2]]
        """
        parts = rows_of_shares(strata_of(self.labels), shares, seed, self.groups)
        return [self.select(rows) for rows in parts]

    def names(self) -> npt.NDArray[Any]:
        """The label of each document by its name, str (N,); multi-label: its labels, object (N,) of tuples of str."""
        return names_of(self.labels, np.array(self.label_names, dtype=np.str_), "sets")

    def counts(self) -> npt.NDArray[np.int64]:
        """Documents of each class, int64 (K,)."""
        if isinstance(self.labels, LabelSets):
            return self.labels.counts()
        return np.bincount(self.labels, minlength=len(self.label_names)).astype(np.int64, copy=False)

    def label_pairs(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Each document with each of its labels: indices of both, int64 (P,)."""
        return self.labels.pairs() if isinstance(self.labels, LabelSets) else (np.arange(len(self)), self.labels)

    def of_class(self, k: int) -> npt.NDArray[np.bool_]:
        """Which documents have the label of this index, bool (N,)."""
        return np.asarray(self.labels.has(k) if isinstance(self.labels, LabelSets) else self.labels == k)

    @cached_property
    def groups(self) -> npt.NDArray[np.int64]:
        """The group of each document, int64 (N,): the same number where texts are equal, as `groups_of` has it."""
        return groups_of(self.texts)

    @property
    def n_different(self) -> int:
        """How many of its texts are different."""
        return len(np.unique(self.groups))

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of a SHA-256 over texts, labels and label names, in order; over nothing else."""
        digest = hashlib.sha256()
        for strings in (pl.Series(self.label_names, dtype=pl.String), self.texts):
            digest.update(np.int64(len(strings)).astype("<i8").tobytes())
            digest.update(strings.str.len_bytes().to_numpy().astype("<i8").tobytes())
            digest.update("".join(strings.to_list()).encode())
        digest.update(b"multi-label" if self.is_multilabel else b"")
        for array in arrays_of(self.labels):
            digest.update(array.astype("<i8").tobytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Split:
    """A corpus to train on and one to test on, with the same label names, and how many documents were dropped.

    >>> from bywords import load_dataset
    >>> split = load_dataset("tickets.csv", test_share=0.25)
    >>> len(split.train), len(split.test)
    (30, 10)
    """

    train: Corpus
    test: Corpus
    n_dropped_train: int = 0
    n_dropped_test: int = 0
    example: ClassVar[str] = "load_dataset('tickets.csv')"

    def drop_empty(self, tokenizer: Tokenizer, *, unseen: Sequence[str] = ()) -> Split:
        """The split without documents that have no tokens, counted. A class that loses all its documents goes too,
        unless it is among `unseen`, those that need none.

        Raises: DataError when a part has no other documents, or training has none of a class that is tested.
        """
        train, n_train = drop_empty(self.train, tokenizer)
        test, n_test = drop_empty(self.test, tokenizer)
        is_trained = (train.counts() > 0) | np.isin(train.label_names, unseen)
        if not is_trained.all():
            untrained = first_with(test, ~is_trained)
            if untrained is not None:
                index, name = untrained
                raise DataError(
                    f"{test.name}: the document at row {test.rows[index]}, counted from 0, has the label "
                    f"{name!r}, but no training document of that label has words. Add some, or take the label out."
                )
            names = tuple(name for name, is_kept in zip(train.label_names, is_trained, strict=True) if is_kept)
            train, test = with_label_names(train, names), with_label_names(test, names)
        return Split(train, test, self.n_dropped_train + n_train, self.n_dropped_test + n_test)

    @property
    def whole(self) -> Corpus:
        """Both parts as one corpus, in the order of their rows: what they were divided from, but for what is dropped.

        Raises: DataError where the test part is of another file.
        """
        rows = np.concatenate([self.train.rows, self.test.rows])
        if self.train.name != self.test.name:
            raise DataError(f"{self.test.name} is no part of {self.train.name}.")
        both = dataclasses.replace(
            self.train, texts=pl.concat([self.train.texts, self.test.texts]), rows=rows, columns=None,
            labels=joined_codes([self.train.labels, self.test.labels]),
        )  # fmt: skip
        return both.select(np.argsort(rows, kind="stable"))

    def limited(self, n_documents: int, *, seed: int) -> Split:
        """The split with a stratified share of about `n_documents` training documents, one of each class at least.

        Of multi-label documents the rarest label of each is its class.

        The test part stays as it is, and so does a training part that is no larger.
        """
        if len(self.train) <= n_documents:
            return self
        chosen, _ = stratified_split(strata_of(self.train.labels), 1 - n_documents / len(self.train), seed)
        return Split(self.train.select(chosen), self.test, self.n_dropped_train, self.n_dropped_test)


def sorted_names(names: Iterable[str]) -> tuple[str, ...]:
    """Label names once each in their fixed order: by number when all are integers, else by code points."""
    distinct = set(names)
    if all(re.fullmatch(r"[+-]?[0-9]{1,18}", name) for name in distinct):
        return tuple(sorted(distinct, key=lambda name: (int(name), name)))
    return tuple(sorted(distinct))


def renamed(corpus: Corpus, mapping: Mapping[str, str]) -> Corpus:
    """The same documents with other names for some labels; two that get one name become one label."""
    if not mapping:
        return corpus
    new = [mapping.get(name, name) for name in corpus.label_names]
    names = sorted_names(new)
    index = {name: number for number, name in enumerate(names)}
    table = np.array([index[name] for name in new], dtype=np.int64)  # (K,) old -> new
    return dataclasses.replace(corpus, labels=_renumbered(corpus.labels, table, len(names)), label_names=names)


def grouped(corpus: Corpus, mapping: Mapping[str, str]) -> Corpus:
    """The same documents under coarser labels: `mapping` goes from each label name to the name of its group.

    Raises: SettingError when the mapping leaves out a label name, or has one that the corpus does not know, and for a
    multi-label corpus.

    >>> from bywords import Corpus, grouped
    >>> fine = Corpus.of("toy", ["a late goal", "a home run", "a dead mouse"], ["hockey", "baseball", "mac"])
    >>> grouped(fine, {"hockey": "sport", "baseball": "sport", "mac": "computers"}).names().tolist()
    ['sport', 'sport', 'computers']
    """
    if corpus.is_multilabel:
        raise SettingError(f"{corpus.name} has documents with several labels: only single labels can be grouped.")
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
    index = {name: number for number, name in enumerate(label_names)}
    table = np.array([index[mapping[name]] for name in corpus.label_names], dtype=np.int64)  # (K,) old -> new
    return dataclasses.replace(corpus, labels=table[corpus.labels], label_names=label_names)


def labelled_as(corpus: Corpus, *, multilabel: bool) -> Corpus:
    """The same documents, multi-label or not: how a test corpus takes after its training corpus.

    Raises: DataError for documents with any number of labels where one each is expected.
    """
    if corpus.is_multilabel == multilabel:
        return corpus
    if corpus.is_multilabel:
        raise DataError(
            f"{corpus.name}: its documents have any number of labels, those of training one each. "
            "Give each document one label, or train on documents with several."
        )
    sets = LabelSets.of_pairs(np.arange(len(corpus)), corpus.labels, len(corpus), len(corpus.label_names))
    return dataclasses.replace(corpus, labels=sets)


def with_label_names(corpus: Corpus, label_names: Sequence[str]) -> Corpus:
    """The same documents, labels as indices into `label_names`: how a test corpus takes those of its training corpus.

    Raises: DataError, naming the first such row, when a document has a label that is not among them.
    """
    index = {name: number for number, name in enumerate(label_names)}
    table = np.array([index.get(name, -1) for name in corpus.label_names], dtype=np.int64)  # (K,) old -> new
    new = first_with(corpus, table < 0)
    if new is not None:
        first, name = new
        raise DataError(
            f"{corpus.name}, row {corpus.rows[first]} (counted from 0): the label {name!r} does not occur in training."
            f"{did_you_mean(name, label_names)} The labels there are: {quoted(label_names)}. "
            "Correct the label, take the row out, or add such documents to training."
        )
    labels = _renumbered(corpus.labels, table, len(label_names))
    return dataclasses.replace(corpus, labels=labels, label_names=tuple(label_names))


def with_unseen_labels(corpus: Corpus, unseen: Sequence[str]) -> Corpus:
    """The same documents, with labels, as `cleaned`, that none of them may have."""
    return with_label_names(corpus, sorted_names([*corpus.label_names, *unseen])) if unseen else corpus


def concatenated(corpora: Sequence[Corpus], name: str) -> Corpus:
    """Several corpora as one, of which `rows` counts on from each to the next; multi-label where one of them is.

    It is read as the first that is of a table.
    """
    many = any(corpus.is_multilabel for corpus in corpora)
    names = sorted_names(label for corpus in corpora for label in corpus.label_names)
    parts = [with_label_names(labelled_as(corpus, multilabel=many), names) for corpus in corpora]
    ends = np.cumsum([0, *(int(part.rows.max(initial=-1)) + 1 for part in parts)])
    columns = None
    if all(part.columns is not None for part in parts):
        columns = pl.concat([part.columns for part in parts if part.columns is not None])
    return Corpus(
        name,
        pl.concat([part.texts.alias("text") for part in parts]),
        joined_codes([part.labels for part in parts]),
        names,
        np.concatenate([part.rows + end for part, end in zip(parts, ends[:-1], strict=True)]),
        n_skipped=sum(part.n_skipped for part in parts),
        first_skipped=next((f"{part.name}, {part.first_skipped}" for part in parts if part.n_skipped), ""),
        columns=columns,
        read_as=next((part.read_as for part in parts if part.read_as is not None), None),
        not_read=tuple(dict.fromkeys(name for part in parts for name in part.not_read)),
        remarks=tuple(dict.fromkeys(remark for part in parts for remark in part.remarks)),
        notes=tuple(dict.fromkeys(f"{part.name}: {note}" for part in parts for note in part.notes)),
        label_hierarchy=corpora[0].label_hierarchy,
    )


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
    """Raises DataError when the documents are not of two classes at least.

    Of multi-label documents some need to have a label that others have not.
    """
    if not len(corpus):
        raise DataError(f"{corpus.name} has no documents: a classifier needs documents of at least two classes.")
    if corpus.is_multilabel:
        if not np.any((corpus.counts() > 0) & (corpus.counts() < len(corpus))):
            raise DataError(
                f"{corpus.name} has no label that some documents have and others have not: there is nothing to tell "
                "apart. Check that the right columns are read as labels."
            )
        return
    present = np.flatnonzero(corpus.counts())
    if len(present) == 1:
        raise DataError(
            f"{corpus.name} has one class only, {corpus.label_names[present[0]]!r}: a classifier needs at least two. "
            "Check that the right column is read as label."
        )


def first_with(corpus: Corpus, is_meant: npt.NDArray[np.bool_]) -> tuple[int, str] | None:
    """The index of the first document with a label where `is_meant`, bool (K,), is true, and the label's name."""
    rows, labels = corpus.labels.pairs() if corpus.is_multilabel else (np.arange(len(corpus)), corpus.labels)
    found = np.flatnonzero(is_meant[labels])  # document by document
    return (int(rows[found[0]]), corpus.label_names[labels[found[0]]]) if len(found) else None


def _renumbered(labels: Codes, new: npt.NDArray[np.int64], n_labels: int) -> Codes:
    """Labels with `new[k]` for k, (K,); of several those of -1 are taken out."""
    return labels.renumbered(new, n_labels) if isinstance(labels, LabelSets) else new[labels]


def _cleaned(corpus_name: str, column: pl.Series) -> tuple[pl.Series, tuple[str, ...]]:
    """Labels (N,) without what nobody sees, and a remark where that makes one label of several.

    Raises: DataError for one that is too long for a label.
    """
    is_long = (column.str.len_bytes() > MOST_LABEL_BYTES).fill_null(False)
    if is_long.any():
        long = column.filter(is_long)[0]
        raise DataError(
            f"{corpus_name}: the label {long[:40]!r}… has {len(long.encode()):,} bytes, expected "
            f"{MOST_LABEL_BYTES:,} at most. Check that the right column is read as label."
        )
    names = {name: cleaned(name) or name for name in column.unique().to_list() if name is not None}
    if all(old == new for old, new in names.items()):
        return column, ()
    old, new = (pl.Series(list(which), dtype=pl.String) for which in (names.keys(), names.values()))
    several = several_spellings(names)
    remark = (
        "Labels that were written in several ways, apart by blanks, invisible signs or Unicode's form, are one: "
        f"{quoted(several, at_most=3)}."
    )
    return column.replace_strict(old, new, return_dtype=pl.String), (remark,) if several else ()


def _table_of_flags(n_labels: int) -> str:
    return (
        f"Each document has a list of {n_labels} times 0 or 1, taken for a table: the labels are the places in it, "
        f"'0' to '{n_labels - 1}'."
    )


def _indices(column: pl.Series, names: Sequence[str]) -> npt.NDArray[np.int64]:
    """The index of each value of `column` in `names`, int64 (N,)."""
    if not len(column):
        return np.zeros(0, dtype=np.int64)
    numbers = pl.Series(np.arange(len(names), dtype=np.int64))
    indices = column.replace_strict(pl.Series(names, dtype=pl.String), numbers, return_dtype=pl.Int64)
    return indices.to_numpy().astype(np.int64)
