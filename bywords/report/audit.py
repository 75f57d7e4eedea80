"""The record of an audit in, one HTML page out."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

from bywords.files import write_whole
from bywords.report import audit_pictures, audit_words
from bywords.report.audit_record import complete_audit
from bywords.report.numbers import shorten
from bywords.report.page import render
from bywords.report.record import Record

_MOST_PAIRS = 200  # rows of a table of pairs
_MOST_BESIDE = 10  # pairs whose texts stand side by side
_MOST_DOUBTFUL = 40
_MOST_PATTERNS = 40
_MOST_CLASSES = 60
_SHOWN_TEXT = 700  # characters of a text beside another
_EXCERPT = 280  # characters of a text in a table


def write_audit(record: Record, path: Path) -> None:
    """Write the page about `record`, the JSON of `bywords audit`, to `path`, whole or not at all.

    Raises: DataError when `record` is of another format; SettingError when the file cannot be written.
    """
    write_whole(path, render_audit(record).encode("utf-8"))


def render_audit(record: Record) -> str:
    """The page as a string. The same record gives the same page. Parts that the record lacks are left out."""
    audit = complete_audit(record)
    return render(
        "audit.html",
        audit=audit,
        summary=audit_words.summary(audit),
        pairs=_pairs(audit),
        doubtful=_doubtful(audit),
        patterns=((audit["leakage"] or {}).get("found") or [])[:_MOST_PATTERNS],
        classes=_class_rows(audit),
        parts=_parts(audit),
        pictures=_pictures(audit),
        words=audit_words,
        lengths_finding=audit_pictures.lengths_finding,
    )


def _pictures(audit: Record) -> dict[str, Any]:
    """SVG of each picture; None where there is nothing to draw."""
    from markupsafe import Markup

    drift, profile = audit["drift"], audit["profile"]
    drawn = {
        "words": audit_pictures.words_picture(drift) if drift else None,
        "roc": audit_pictures.roc_picture(drift) if drift else None,
        "lengths": audit_pictures.lengths_picture(profile) if profile else None,
    }
    return {name: svg and Markup(svg) for name, svg in drawn.items()}


def _pairs(audit: Record) -> list[dict[str, Any]]:
    """Each place where duplicates were looked for: title, rows of its table, and some pairs of texts."""
    across, within = audit["near_duplicates_across_splits"], audit["near_duplicates_within"]
    lots = [
        ("Across training and test", "train", "test", _sides(across, "train_row", "test_row")),
        ("Within training", "train", "train", _sides(within["train"], "row", "other_row")),
        ("Within test", "test", "test", _sides(within["test"], "row", "other_row")),
    ]
    return [
        {
            "title": title,
            "names": ["row", "other row"] if left == right else ["training row", "test row"],
            "rows": rows[:_MOST_PAIRS],
            "n_rows": len(rows),
            "has_labels": any(row["same_label"] is not None for row in rows),
            "beside": _beside(rows, audit["texts"][left] or {}, audit["texts"][right] or {}),
        }
        for title, left, right, rows in lots
        if rows
    ]


def _sides(rows: list[Record], left: str, right: str) -> list[Record]:
    """Rows of any of the three lists as left, right, similarity, kind and whether they have the same label."""
    return [
        {
            "left": row[left],
            "right": row[right],
            "similarity": row["similarity"],
            "kind": row["kind"],
            "same_label": row.get("same_label"),
        }
        for row in rows
    ]


def _beside(rows: list[Record], left: Record, right: Record) -> list[dict[str, Any]]:
    """Some pairs of which the record has both texts, those that differ first, as pieces with what one alone has."""
    known = [row for row in rows if str(row["left"]) in left and str(row["right"]) in right]
    known.sort(key=lambda row: (row["same_label"] is not False, row["kind"] == "exact"))
    beside = []
    for row in known[:_MOST_BESIDE]:
        texts = [str(side[str(row[name])])[:_SHOWN_TEXT] for side, name in ((left, "left"), (right, "right"))]
        beside.append(row | {"texts": _marked(*texts)})
    return beside


def _marked(left: str, right: str) -> list[list[tuple[bool, str]]]:
    """Both texts as pieces, each with whether the other lacks it: a word or a sign, capitals aside.

    Of neighbours that one alone has, the space between them belongs to the piece; that around it does not.
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
                pieces = (False, texts[index][ends[index] : first]), (True, texts[index][first:last])
                sides[index] += [piece for piece in pieces if piece[1]]
                ends[index] = last
    for index, text in enumerate(texts):
        if text[ends[index] :]:
            sides[index].append((False, text[ends[index] :]))
    return sides


def _doubtful(audit: Record) -> list[Record]:
    """The first doubtful labels with their texts, where the record has them."""
    texts = audit["texts"]["train"] or {}
    rows = [row for row in audit["label_errors"] if row["is_flagged"] is not False][:_MOST_DOUBTFUL]
    return [row | {"text": shorten(str(texts.get(str(row["row"]), "")), _EXCERPT)} for row in rows]


def _class_rows(audit: Record) -> list[Record]:
    """Label, documents and shares of each class, by the profile where there is one; the most frequent of too many."""
    data, profile = audit["data"], audit["profile"] or {}
    by_label = {row["label"]: row for row in profile.get("classes") or []}
    counts = data["class_counts"] or {"train": None, "test": None}
    totals = {part: sum(counts[part] or []) for part in counts}
    rows = []
    for index, label in enumerate(data["label_names"] or []):
        found = by_label.get(label) or {}
        row: Record = {
            name: found.get(name) for name in ("median_tokens", "length_auc", "is_small", "is_told_by_length")
        }
        row["label"] = str(label)
        for part in ("train", "test"):
            of_part = counts[part] or []
            row[part] = of_part[index] if index < len(of_part) else None
            row[f"{part}_share"] = row[part] / totals[part] if row[part] is not None and totals[part] else None
        rows.append(row)
    return sorted(rows, key=lambda row: -(row["train"] or 0))[:_MOST_CLASSES] if len(rows) > _MOST_CLASSES else rows


def _parts(audit: Record) -> list[tuple[str, Record]]:
    """The profiles of training and test, by name."""
    parts = (audit["profile"] or {}).get("parts") or {}
    return [(name, parts[name]) for name in ("train", "test") if parts.get(name)]
