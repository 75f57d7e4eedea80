"""The record of an audit → one HTML page."""

from __future__ import annotations

import difflib
import re
from typing import Any

from bywords.records.audit import AuditRecord, DuplicatePair
from bywords.records.base import Part
from bywords.report import audit_words
from bywords.report.audit_pictures import lengths_picture, roc_picture, words_picture
from bywords.report.comparison import class_rows
from bywords.report.page import render
from bywords.terminal import command, shorten

_MOST_PAIRS = 200  # rows of a table of pairs
_MOST_BESIDE = 10  # pairs whose texts are side by side
_MOST_LABEL_ERRORS = 40
_MOST_PATTERNS = 40
_SHOWN_TEXT = 700  # characters of a text beside another
_EXCERPT = 280  # characters of a text in a table


def render_audit(audit: AuditRecord, *, review: str | None = None) -> str:
    """The page as a string. The same record gives the same page; `review` is the command that goes through labels."""
    profiles = {row.label: row for row in audit.profile.classes}
    flagged = [row for row in audit.label_errors if row.is_flagged][:_MOST_LABEL_ERRORS]
    texts = audit.texts["train"]
    return render(
        "audit.html",
        audit=audit,
        summary=audit_words.summary(audit),
        pairs=_pairs(audit),
        label_errors=[(row, shorten(texts.get(str(row.row), ""), _EXCERPT)) for row in flagged],
        patterns=audit.leakage.found[:_MOST_PATTERNS],
        classes=[(row, profiles[row["label"]]) for row in class_rows(audit.data.label_names, audit.data.class_counts)],
        parts=audit.profile.parts,
        pictures={"words": words_picture(audit), "roc": roc_picture(audit), "lengths": lengths_picture(audit)},
        words=audit_words,
        review=review or f"{command('label', audit.data.train)} --review FOLDER",
    )


def _pairs(audit: AuditRecord) -> list[dict[str, Any]]:
    """Each place where duplicates were looked for: title, rows of its table, and some pairs of texts."""
    pairs = audit.duplicate_pairs
    lots: list[tuple[str, Part, Part, list[DuplicatePair]]] = [
        ("Across training and test", "train", "test", pairs.across),
        ("Within training", "train", "train", pairs.train),
        ("Within test", "test", "test", pairs.test),
    ]
    return [
        {
            "title": title,
            "names": ["row", "other row"] if left == right else ["training row", "test row"],
            "rows": rows[:_MOST_PAIRS],
            "n_rows": len(rows),
            "beside": _beside(rows, audit.texts[left], audit.texts[right]),
        }
        for title, left, right, rows in lots
        if rows
    ]


def _beside(
    rows: list[DuplicatePair], left: dict[str, str], right: dict[str, str]
) -> list[tuple[DuplicatePair, list[list[tuple[bool, str]]]]]:
    """Some pairs of which the record has both texts, those with different labels first, with what one alone has."""
    known = [row for row in rows if str(row.row) in left and str(row.other_row) in right]
    known.sort(key=lambda row: (row.same_label, row.kind == "exact"))
    return [
        (row, _marked(left[str(row.row)][:_SHOWN_TEXT], right[str(row.other_row)][:_SHOWN_TEXT]))
        for row in known[:_MOST_BESIDE]
    ]


def _marked(left: str, right: str) -> list[list[tuple[bool, str]]]:
    """Both texts in parts, each with whether the other lacks it: a word or a sign, capitals aside.

    Of neighbours that one alone has, the space between them belongs to the part; that around it does not.
    """
    texts = left, right
    found = [list(re.finditer(r"\w+(?:['’]\w+)*|[^\w\s]", text)) for text in texts]
    words = [[match.group().casefold() for match in matches] for matches in found]
    sides: list[list[tuple[bool, str]]] = [[], []]
    ends = [0, 0]
    for tag, *bounds in difflib.SequenceMatcher(None, words[0], words[1], autojunk=False).get_opcodes():
        for index, (start, stop) in enumerate((bounds[:2], bounds[2:])):
            if tag != "equal" and start < stop:
                first, last = found[index][start].start(), found[index][stop - 1].end()
                parts = (False, texts[index][ends[index] : first]), (True, texts[index][first:last])
                sides[index] += [part for part in parts if part[1]]
                ends[index] = last
    for index, text in enumerate(texts):
        if text[ends[index] :]:
            sides[index].append((False, text[ends[index] :]))
    return sides
