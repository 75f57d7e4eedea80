"""An audit and its documents → a project of what is doubtful, one by one, and the corrections that `train` takes."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bywords.errors import DataError, SettingError
from bywords.files import write_whole
from bywords.io.corrections import COLUMNS, LEFT_OUT
from bywords.io.projects import SETTLED
from bywords.io.writers import without_formula
from bywords.labelling.project import FROM_FILE, Project
from bywords.records.audit import AuditRecord
from bywords.records.base import read_record

if TYPE_CHECKING:
    from bywords.data.corpus import Corpus

RECORD = "audit.json"
LISTED_SHARE = 0.1  # of all documents, the likeliest label errors; those that are flagged come all


@dataclass(frozen=True)
class ReviewItem:
    """A label to look at, or the labels of two duplicates. Texts are those of the project, by their numbers."""

    number: int
    other: int | None  # the duplicate
    row: int  # in the file of the documents
    other_row: int | None
    label: str  # that the file has
    other_label: str | None
    suggested: str  # by models that have not seen the text; nothing for duplicates
    confidence: float
    answer: str | None  # the label, or LEFT_OUT, that a person gave; None where nobody has looked
    other_answer: str | None

    @property
    def is_done(self) -> bool:
        """Whether a person has looked at it, and at its duplicate."""
        return self.answer is not None and (self.other is None or self.other_answer is not None)


def create_review(path: Path | str, audit: Path, documents: Corpus) -> Project:
    """A new project of what an audit of these documents doubts: duplicates with other labels, then doubtful labels.

    `audit` is the folder that `bywords audit` has written, `documents` are those that it read. Answers are the last
    word: `Project.answer(number, [label], source="settled")`; the label that is there confirms it, and kind "leave out"
    leaves the document out.

    Raises: DataError for an audit that is none, or of other documents, and where nothing is doubtful; SettingError for
    documents with several labels.
    """
    record = read_record(AuditRecord, audit / RECORD)
    if documents.is_multilabel:
        raise SettingError(
            f"{documents.name}: labels are reviewed where documents have one each, and these have several."
        )
    pairs = [pair for pair in record.duplicate_pairs.train if not pair.same_label]
    listed = [
        error
        for index, error in enumerate(record.label_errors)
        if error.is_flagged or index < LISTED_SHARE * len(record.label_errors)
    ]
    rows = list(dict.fromkeys([r for p in pairs for r in (p.row, p.other_row)] + [error.row for error in listed]))
    if not rows:
        raise DataError(f"{audit}: this audit doubts no label: there is nothing to review.")
    index_of = {row: index for index, row in enumerate(documents.rows.tolist())}
    names = documents.names().tolist()
    told = [(pair.row, pair.labels[0]) for pair in pairs] + [(error.row, error.label) for error in listed]
    for row, label in told:
        if row not in index_of or names[index_of[row]] != label:
            raise DataError(
                f"{audit}: row {row} was {label!r} when it was audited, and {documents.name} has "
                f"{names[index_of[row]] if row in index_of else 'no such row'!r} now. Audit these documents anew."
            )
    chosen = [index_of[row] for row in rows]
    texts = documents.texts.gather(chosen).to_list()
    project = Project.of_texts(
        path,
        texts,
        [str(names[index]) for index in chosen],
        labels=documents.label_names,
        cells={"row": list(map(str, rows))},
    )
    number_of = {row: number for number, row in enumerate(rows)}
    project.doubt(
        [
            *((number_of[pair.row], number_of[pair.other_row], "", pair.similarity) for pair in pairs),
            *((number_of[error.row], None, error.suggested, error.confidence) for error in listed),
        ]
    )
    return project


def review_items(project: Project) -> list[ReviewItem]:
    """What is to be looked at, in the order in which it should be; empty for a project that is no review."""
    doubts = project.doubts()
    if not doubts:
        return []
    rows = [int(row or -1) for row in project.column("row")]
    given: dict[int, str] = {}
    answers: dict[int, tuple[int, str]] = {}
    for one in project.answers():
        if one.annotator == FROM_FILE and one.labels:
            given[one.text_id] = one.labels[0]
        elif one.source == SETTLED and one.kind in ("label", "leave out"):
            said = (one.id, one.labels[0] if one.labels else LEFT_OUT)
            answers[one.text_id] = max(said, answers.get(one.text_id, said))

    def answered(number: int | None) -> str | None:
        return answers[number][1] if number in answers else None

    return [
        ReviewItem(
            number, other, rows[number], None if other is None else rows[other], given[number],
            None if other is None else given[other], suggested, confidence, answered(number), answered(other),
        )
        for number, other, suggested, confidence in doubts
    ]  # fmt: skip


def write_corrections(project: Project, path: Path) -> int:
    """Write the csv that `bywords train --labels` takes: a row a document; empty where it stays as it is.

    Returns: how many labels are corrected. Raises: SettingError where the file cannot be written.
    """
    items = review_items(project)
    rows: dict[int, Sequence[object]] = {}
    for item in items:
        pairs = [(item.number, item.row, item.label, item.answer, item.suggested, item.confidence)]
        if item.other is not None and item.other_row is not None:
            pairs.append((item.other, item.other_row, item.other_label or "", item.other_answer, "", 0.0))
        for number, row, label, answer, suggested, confidence in pairs:
            new = "" if answer in (None, label) else answer
            if row not in rows or suggested:
                text = without_formula(project.text(number))
                rows[row] = [row, label, suggested, f"{confidence:.3f}" if suggested else "", new, text]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows.values())
    write_whole(path, file.getvalue())
    return sum(bool(row[4]) for row in rows.values())
