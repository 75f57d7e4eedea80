"""The run record of a comparison in, one HTML page out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bywords.files import write_whole
from bywords.report import accuracy, pictures, reliability, words
from bywords.report.page import render
from bywords.report.record import Record, complete

_SHOWN_TEXT = 420  # characters of a wrong document that are shown at once
_KEPT_TEXT = 20_000  # characters of it that the page holds at all
_MOST_SLICES = 12  # that are worse than the rest
_MOST_CLASSES = 60  # rows of a table of classes


def write_report(run: Record, path: Path) -> None:
    """Write the page about `run` to `path`, whole or not at all.

    `run` is the JSON of `bywords compare`; that of an interrupted run may lack parts, and the page says so.
    Raises: DataError when `run` is of another format; SettingError when the file cannot be written.
    """
    write_whole(path, render_report(run).encode("utf-8"))


def render_report(run: Record) -> str:
    """The page as a string. The same record gives the same page."""
    from markupsafe import Markup

    run = complete(run)
    return render(
        "comparison.html",
        run=run,
        summary=words.summary(run),
        systems=[_system_view(system, run) for system in run["systems"]],
        classes=_class_rows(run["corpus"]),
        n_classes=len(run["corpus"]["label_names"]),
        wrong=[_document_view(row) for row in run["wrong_documents"]],
        pictures={name: svg and Markup(svg) for name, svg in _pictures(run).items()},
        findings=words,
        verdict=words.verdict(run),
        pairs=_pairs(run),
        trusted=_trusted(run["systems"]),
        failing=_failing(run["systems"]),
        strips=_strips(run["systems"]),
    )


def _pictures(run: Record) -> dict[str, str | None]:
    """The pictures about the whole run; None where there is nothing to draw."""
    counted, timed = run["words"], _timed(run)
    return {
        "time": pictures.time_picture(timed) if timed else None,
        "zipf": pictures.zipf_picture(counted) if pictures.has_zipf(counted) else None,
        "coverage": pictures.coverage_picture(counted) if pictures.has_coverage(counted) else None,
        "lengths": pictures.lengths_picture(counted) if pictures.has_lengths(counted) else None,
    }


def _pairs(run: Record) -> list[tuple[str, list[dict[str, Any] | None]]]:
    """A row for each system: how it does against each other one, None against itself.

    `claim`, and from the row's point of view `difference` and `interval`, and `mark`: ahead, behind or undecided.
    """
    names = [system["name"] for system in run["systems"] if system["accuracy"] is not None]
    return [(one, [_pair(run, one, other) for other in names]) for one in names] if run["pairwise"] else []


def _pair(run: Record, one: str, other: str) -> dict[str, Any] | None:
    ahead = words.claim_about(run, one, other)
    claim = ahead or words.claim_about(run, other, one)
    if claim is None or claim["accuracy"]["difference"] is None or claim["accuracy"]["interval"] is None:
        return None
    difference, (low, high) = claim["accuracy"]["difference"], claim["accuracy"]["interval"]
    if ahead is None:
        difference, low, high = -difference, -high, -low
    mark = "undecided" if not claim["is_better"] else "ahead" if ahead else "behind"
    return {"claim": claim, "difference": difference, "interval": [low, high], "mark": mark}


def _trusted(systems: list[Record]) -> dict[str, Any] | None:
    """The best system's pictures of how far to trust it, and the coverages that the page lists."""
    from markupsafe import Markup

    if not systems or not (reliability.has_reliability(systems[0]) and reliability.has_selection(systems[0])):
        return None
    best = systems[0]
    wanted = (0.5, 0.7, 0.8, 0.9, 1.0)
    listed = [min(best["coverage"], key=lambda row: abs((row["coverage"] or 0) - share)) for share in wanted]
    return {
        "system": best,
        "reliability": Markup(reliability.reliability_picture(best)),
        "selection": Markup(reliability.selection_picture(best)),
        "reliability_finding": reliability.reliability_finding(best),
        "selection_finding": reliability.selection_finding(best),
        "coverage": [row for index, row in enumerate(listed) if row not in listed[:index]],
    }


def _failing(systems: list[Record]) -> dict[str, Any] | None:
    """Where the best system fails: the slices that are worse, confusions with examples, and what it goes by."""
    if not systems:
        return None
    best = systems[0]
    shown = {
        "system": best,
        "slices": sorted(
            (row for row in best["slices"] if row["is_worse"]), key=lambda row: row["difference"] * row["n_documents"]
        )[:_MOST_SLICES],
        "n_slices": len(best["slices"]),
        "by": list(dict.fromkeys(row["by"] for row in best["slices"])),
        "confusions": [row for row in best["hardest_confusions"] if row["examples"]],
        "class_words": dict(list(best["class_words"].items())[:_MOST_CLASSES]),
    }
    return shown if shown["n_slices"] or shown["confusions"] or shown["class_words"] else None


def _timed(run: Record) -> list[Record]:
    return [s for s in run["systems"] if s["accuracy"] is not None and s["fit_seconds"] is not None]


def _system_view(system: Record, run: Record) -> dict[str, Any]:
    """What the page needs of a system beside its numbers: its pictures, its settings as lines, its anchor."""
    from markupsafe import Markup

    k = len(system["confusion"])
    confusion = loss = None
    if 0 < k <= pictures.MOST_DRAWN:
        confusion = Markup(pictures.confusion_picture(system, run["corpus"]["label_names"]))
    if system["epochs"]:
        loss = Markup(pictures.loss_picture(system, top=_top_loss(run["systems"])))
    per_class = sorted(system["per_class"], key=lambda row: row["f1"] if row["f1"] is not None else 2)
    return system | {
        "anchor": f"system-{run['systems'].index(system) + 1}",
        "is_best": system is run["systems"][0] and system["name"] == run["best"],
        "confusion_picture": confusion,
        "loss_picture": loss,
        "settings": list(_settings(system["config"])),
        "per_class": per_class[:_MOST_CLASSES] if len(per_class) > _MOST_CLASSES else system["per_class"],
        "n_classes_left_out": max(len(per_class) - _MOST_CLASSES, 0),
    }


def _top_loss(systems: list[Record]) -> float | None:
    """One height for the loss axes of all systems, so that they can be compared."""
    losses = [
        row[part]
        for s in systems
        for row in s["epochs"]
        for part in ("train_loss", "valid_loss")
        if row[part] is not None
    ]
    return 1.06 * max(losses) if losses and max(losses) > 0 else None


def _settings(config: Record, prefix: str = "") -> Any:
    """Nested settings as (dotted name, value) in the order of the record."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _settings(value, f"{prefix}{name}.")
        else:
            yield prefix + name, _setting(value)


def _setting(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _class_rows(corpus: Record) -> list[Record]:
    """Label, documents and share in train and test; the most frequent first when there are too many for the page."""
    names = corpus["label_names"]
    rows = [{"label": name} for name in names]
    for part in ("train", "test"):
        counts = corpus["class_counts"].get(part) or []
        total = sum(counts)
        for row, number in zip(rows, counts, strict=False):
            row |= {part: number, f"{part}_share": number / total if total else None}
    rows = [dict.fromkeys(("train", "train_share", "test", "test_share")) | row for row in rows]
    if len(rows) > _MOST_CLASSES:
        rows = sorted(rows, key=lambda row: -(row["train"] or 0))[:_MOST_CLASSES]
    return rows


def _document_view(row: Record) -> dict[str, Any]:
    """A wrong document in two pieces: what is shown, and the rest of it to unfold."""
    text = row["text"].strip()
    cut = len(text)
    if len(text) > _SHOWN_TEXT * 1.2:
        space = text.rfind(" ", _SHOWN_TEXT // 2, _SHOWN_TEXT)
        cut = space if space > 0 else _SHOWN_TEXT
    return row | {
        "text": text[:cut],
        "rest": text[cut:_KEPT_TEXT].strip(),
        "n_left_out": max(len(text) - _KEPT_TEXT, 0),
    }


def _strips(systems: list[Record]) -> dict[str, list[float]]:
    """For each scored system where its interval begins, its accuracy lies and its interval ends: 0 left, 100 right.

    The strip has the middle system in its middle, so that one that failed does not press all others together; such
    a one lies below 0.
    """
    found = {
        s["name"]: [bounds[0], s["accuracy"], bounds[1]]
        for s in systems
        if s["accuracy"] is not None
        for bounds in [s["accuracy_interval"] or [s["accuracy"]] * 2]
    }
    if not found:
        return {}
    floor = accuracy.error_floor(list(found.values()))
    indices = {name: accuracy.stretch(values, floor) for name, values in found.items()}
    high = max(values.max() for values in indices.values())
    middle = sorted(values[1] for values in indices.values())[len(indices) // 2]
    low = max(min(values.min() for values in indices.values()), 2 * middle - high)
    return {name: (100 * (values - low) / ((high - low) or 1)).round(1).tolist() for name, values in indices.items()}
