"""A table of corrected labels → the split with those labels, and the one without to compare it with.

    row,label,suggested,confidence,new_label,text
    17,sport,music,0.981,music,the band played on
    40,sport,space,0.904,,the team flew to the moon for the last game of the season
    52,space,sport,0.887,-,click here

`row` counts from 0 in the file of the documents, and `label` is the label there now. Where `new_label` is empty the
document stays as it is, and where it is - it is left out. Of the other columns a file may have none: what only has
`row` and `label` gives the right labels as `label`. `text` says which document is meant.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bywords.data.corpus import Corpus, Split
from bywords.data.label_names import cleaned
from bywords.errors import DataError, did_you_mean, quoted
from bywords.io.formats import format_of
from bywords.io.streams import open_input, unskippable
from bywords.io.tables import Table, read_delimited, read_spreadsheet
from bywords.terminal import shorten

COLUMNS = ("row", "label", "suggested", "confidence", "new_label", "text")
LEFT_OUT = "-"  # instead of a new label: leave the document out
SHOWN = 60  # characters of a text in a message


@dataclass(frozen=True)
class Correction:
    """What is to become of the label of one document."""

    row: int  # counted from 0 in the file of the documents
    new_label: str  # LEFT_OUT for a document that is to be left out, unless a label is called so
    label: str | None  # what the label is taken to be now; None where the file does not say
    location: str  # for messages: "fixed.csv, line 7"
    text: str = ""  # what the text is taken to be; empty where the file does not say


@dataclass(frozen=True, eq=False)
class Corrected:
    """A split after corrections, and the same documents before them.

    Both have the same test documents in the same order, so that two classifiers can be compared on them; those that
    are left out are in neither test part.
    """

    split: Split
    before: Split
    n_changed: int  # training documents with another label
    n_left_out: int  # training documents
    n_changed_test: int
    n_left_out_test: int


def read_corrections(path: Path) -> list[Correction]:
    """The corrections in a csv or tsv file or a spreadsheet, those without a new label left out.

    Raises: DataError, naming the file and the line, for a row that is not a whole number or comes twice, for columns
    that are missing, and where no label is corrected.
    """
    table = _read(path)
    columns = {name.strip().casefold(): column for name, column in table.columns.items()}
    new = "new_label" if "new_label" in columns else "label"
    for name in ("row", new):
        if name not in columns:
            raise DataError(
                f"{path}: has no column {name!r}, expected row, label and new_label as `bywords audit` writes them. "
                f"The columns are {quoted(list(table.columns))}."
            )
    found: dict[int, Correction] = {}
    new_labels = [cleaned(label) for label in columns[new].fill_null("").to_list()]
    now = (
        [cleaned(label) for label in columns["label"].fill_null("").to_list()]
        if new == "new_label" and "label" in columns
        else []
    )
    texts = columns["text"].fill_null("").to_list() if "text" in columns else [""] * len(table)
    for number, (row, new_label) in enumerate(zip(columns["row"].to_list(), new_labels, strict=True)):
        if not new_label:
            continue
        location = f"{path}, {table.location_of(number)}"
        one = Correction(_row(row, location), new_label, now[number] if now else None, location, texts[number])
        if one.row in found:
            raise DataError(
                f"{location}: row {one.row} is in the file twice, first in {found[one.row].location}. Keep one."
            )
        found[one.row] = one
    if not found:
        raise DataError(f"{path}: corrects no label. Write the right labels into its column {new}.")
    return list(found.values())


def corrected(split: Split, corrections: list[Correction], *, is_drawn: bool) -> Corrected:
    """The split with corrected labels; it is drawn already, by the labels as they were.

    So the test documents are those of a training without corrections. Where the split `is_drawn` from one file, rows
    of both parts are meant; else those of the training file only.

    Raises: DataError, naming the line of the correction, for a row that the file does not have, a label or a text that
    is not what the document has now, and a label that no document has; also for documents with any number of labels.
    """
    if split.train.is_multilabel:
        raise DataError(
            f"{split.train.name}: labels are corrected where documents have one each, and these have any number."
        )
    rows = np.concatenate([split.train.rows, split.test.rows]) if is_drawn else split.train.rows
    left = set(rows.tolist())
    for one in corrections:
        if one.row not in left:
            raise DataError(
                f"{one.location}: {split.train.name} has no document in row {one.row}. Rows count from 0; is the file "
                "of corrections one of these documents?"
            )
    by_row = {one.row: one for one in corrections}
    train, n_changed, is_kept = _with_new_labels(split.train, by_row)
    test, n_changed_test, is_kept_test = split.test, 0, np.ones(len(split.test), dtype=bool)
    if is_drawn:
        test, n_changed_test, is_kept_test = _with_new_labels(split.test, by_row)
    kept, kept_test = np.flatnonzero(is_kept), np.flatnonzero(is_kept_test)
    return Corrected(
        dataclasses.replace(split, train=train.select(kept), test=test.select(kept_test)),
        dataclasses.replace(split, test=split.test.select(kept_test)),
        n_changed,
        len(train) - len(kept),
        n_changed_test,
        len(test) - len(kept_test),
    )


def _read(path: Path) -> Table:
    with open_input(path, encoding=None) as file:
        kind, known = format_of(file, set(COLUMNS), labelled=True), set(COLUMNS)
        separator = "\t" if kind == ".tsv" else None
        try:
            if kind == ".xlsx":
                return next(read_spreadsheet(file, known=known, labelled=True))
            return next(read_delimited(file, separator=separator, known=known, block_bytes=0))
        except DataError as error:
            raise unskippable(error) from error


def _row(text: str | None, location: str) -> int:
    row = (text or "").strip()
    if not row.isdecimal():
        raise DataError(f"{location}: the row is {row!r}, expected a whole number, counted from 0.")
    return int(row)


def _kept_signs(text: str) -> str:
    """What stays of a text whatever a spreadsheet has made of its letters, quotes and line ends."""
    return re.sub("[^a-z0-9]", "", text.lower())


def _with_new_labels(corpus: Corpus, by_row: dict[int, Correction]) -> tuple[Corpus, int, npt.NDArray[np.bool_]]:
    """The corpus with new labels, how many are others than before, and which documents are not left out, bool (N,)."""
    labels, is_kept = corpus.labels.copy(), np.ones(len(corpus), dtype=bool)
    names = {name: number for number, name in enumerate(corpus.label_names)}
    for index, row in enumerate(corpus.rows.tolist()):
        if row not in by_row:
            continue
        one, now = by_row[row], corpus.label_names[corpus.labels[index]]
        if one.label is not None and one.label != now:
            raise DataError(
                f"{one.location}: row {row} of {corpus.name} has the label {now!r}, and here it is {one.label!r}. Was "
                "the file made of other documents? Audit these anew."
            )
        text = corpus.texts[index]
        told, there = _kept_signs(one.text), _kept_signs(text)
        if told not in there and there not in told:
            raise DataError(
                f"{one.location}: row {row} of {corpus.name} is the text {shorten(text, SHOWN)!r}, and "
                f"here it is {shorten(one.text, SHOWN)!r}. Was the file made of other documents? Audit "
                "these anew, or, if they are the same, take the column text out."
            )
        if one.new_label in names:
            labels[index] = names[one.new_label]
        elif one.new_label == LEFT_OUT:
            is_kept[index] = False
        else:
            raise DataError(
                f"{one.location}: no document of {corpus.name} has the label {one.new_label!r}."
                f"{did_you_mean(one.new_label, corpus.label_names)} The labels are {quoted(corpus.label_names)}."
            )
    n_changed = int((labels != corpus.labels)[is_kept].sum())
    return dataclasses.replace(corpus, labels=labels), n_changed, is_kept
