"""The record of a comparison → one HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bywords.evaluation.levels import distinct_levels
from bywords.records.base import Part
from bywords.records.run import (
    MOST_WITH_WORDS,
    HierarchyScores,
    LevelScores,
    RunRecord,
    SystemPair,
    SystemScores,
    WrongDocument,
)
from bywords.report import comparison_words as words
from bywords.report import system_pictures
from bywords.report.page import render
from bywords.report.ranking_picture import ranking_picture
from bywords.report.text_pictures import text_pictures
from bywords.report.time_picture import error_floor, stretch, time_picture
from bywords.system_config import setting_rows

MOST_CLASSES = 200  # rows of a table of classes
MOST_AT_ONCE = 20  # of them that are seen without scrolling; of more the worst come first
LEAST_SUPPORT = 10  # test documents of a label that is shown for being bad
_SHOWN_TEXT, _KEPT_TEXT = 420, 20_000  # characters of a wrong document that are shown at once, and at all
_MOST_WITH_WORDS = 30  # labels of a table of words, where documents have any number
_MOST_SLICES = 12  # that are worse than the rest
_LISTED_COVERAGES = (0.5, 0.7, 0.8, 0.9, 1.0)


def render_comparison(run: RunRecord) -> str:
    """The page as a string. The same record gives the same page; that of an interrupted run says so."""
    systems = words.ranked(run)
    best = systems[0] if systems else None
    losses = [loss for each in systems for row in each.epochs for loss in (row.train_loss, row.valid_loss) if loss]
    top_loss = 1.06 * max(losses) if losses else None  # one height for all systems, so that they can be compared
    return render(
        "comparison.html",
        run=run,
        best=best,
        summary=words.summary(run),
        systems=[_system_view(system, f"system-{n}", run, top_loss) for n, system in enumerate(systems, start=1)],
        classes=class_rows(
            run.corpus.label_names, run.corpus.class_counts,
            totals={"train": run.corpus.n_train, "test": run.corpus.n_test} if run.is_multilabel else None,
        ),
        wrong=[_document_view(row) for row in run.wrong_documents],
        time_picture=time_picture(systems) if systems else None,
        text_pictures=text_pictures(run.words),
        verdict=words.verdict(run),
        pairs=_pairs(run, [system.name for system in systems]),
        sure=_sure(best) if best else None,
        failing=_failing(best, run) if best else None,
        strips=_strips(systems),
        by_level=_by_level(systems),
        ranking=ranking_picture(systems),
        ranked_at=list(best.ranking) if best else [],
        half=MOST_CLASSES // 2,
        least_support=LEAST_SUPPORT,
        most_with_words=MOST_WITH_WORDS,
        at_once=MOST_AT_ONCE,
    )  # fmt: skip


def class_rows(
    label_names: Sequence[str], class_counts: Mapping[Part, Sequence[int]], totals: Mapping[Part, int] | None = None
) -> list[dict[str, Any]]:
    """Label, documents and share in train and test; the MOST_CLASSES most frequent of more classes.

    Shares are of `totals`, the documents of each part; without them documents have one label each.
    """
    rows: list[dict[str, Any]] = [{"label": name} for name in label_names]
    parts: tuple[Part, ...] = ("train", "test")
    for part in parts:
        counts = class_counts.get(part)
        total = totals[part] if totals else sum(counts or [])
        for index, row in enumerate(rows):
            row[part] = counts[index] if counts else None
            row[f"{part}_share"] = counts[index] / total if counts and total else None
    return rows if len(rows) <= MOST_CLASSES else sorted(rows, key=lambda row: -row["train"])[:MOST_CLASSES]


@dataclass(frozen=True)
class _Pair:
    """Two systems compared, from the point of view of one."""

    pair: SystemPair
    difference: float
    interval: tuple[float, float]
    mark: str  # ahead, behind or undecided


def _pairs(run: RunRecord, names: list[str]) -> list[tuple[str, list[_Pair | None]]]:
    """A row for each system: how it does against each other one, None against itself."""
    return [(one, [_pair(run, one, other) for other in names]) for one in names] if run.pairwise else []


def _pair(run: RunRecord, one: str, other: str) -> _Pair | None:
    if ahead := words.pair_of(run, one, other):
        found = ahead.score
        return _Pair(ahead, found.difference, found.interval, "ahead" if ahead.is_better else "undecided")
    if behind := words.pair_of(run, other, one):
        found, mark = behind.score, "behind" if behind.is_better else "undecided"
        return _Pair(behind, -found.difference, (-found.interval[1], -found.interval[0]), mark)
    return None


def _by_level(systems: Sequence[SystemScores]) -> list[tuple[str, HierarchyScores, list[tuple[str, LevelScores]]]]:
    """The systems by how they do at each level of labels that are paths; none where labels are no paths."""
    found = [(system.name, system.hierarchy) for system in systems]
    return [(name, its, distinct_levels(its.levels, lambda row: row.n_labels)) for name, its in found if its]


def _sure(best: SystemScores) -> dict[str, Any] | None:
    """How sure the best system may be: its pictures with what they show, and the coverages that the page lists."""
    reliability = system_pictures.reliability_picture(best)
    selection = system_pictures.selection_picture(best)
    if reliability is None or selection is None:
        return None
    listed = [min(best.coverage, key=lambda row: abs(row.coverage - share)) for share in _LISTED_COVERAGES]
    return {
        "reliability": reliability,
        "selection": selection,
        "reliability_finding": system_pictures.reliability_finding(best),
        "selection_finding": system_pictures.selection_finding(best),
        "coverage": [row for index, row in enumerate(listed) if row not in listed[:index]],
    }


def _failing(best: SystemScores, run: RunRecord) -> dict[str, Any] | None:
    """Where the best system fails: the slices that are worse, confusions with examples, and the words it goes by."""
    worse = sorted((row for row in best.slices if row.is_worse), key=lambda row: row.n_lost)
    n_train = dict(zip(run.corpus.label_names, run.corpus.class_counts["train"], strict=True))
    labels, most = list(best.class_words), _MOST_WITH_WORDS if run.is_multilabel else MOST_CLASSES
    if len(labels) > most:
        labels = sorted(labels, key=lambda label: -n_train.get(label, 0))[:most]
    shown = {
        "slices": worse[:_MOST_SLICES],
        "n_slices": len(best.slices),
        "by": ", ".join(dict.fromkeys(row.by for row in best.slices)),
        "confusions": [row for row in best.hardest_confusions if row.examples],
        "class_words": {label: best.class_words[label] for label in labels},
        "n_words_left_out": len(best.class_words) - len(labels),
    }
    return shown if shown["n_slices"] or shown["confusions"] or shown["class_words"] else None


def _system_view(system: SystemScores, anchor: str, run: RunRecord, top_loss: float | None) -> dict[str, Any]:
    """A system with what the page needs beside its numbers: its pictures, its settings as rows, its anchor."""
    classes = system.per_class
    if len(classes) > MOST_CLASSES and run.is_multilabel:  # half of them the most frequent, half the worst of the rest
        classes = sorted(classes, key=lambda row: -row.support)
        half = MOST_CLASSES // 2
        tested = [row for row in classes[half:] if row.support >= LEAST_SUPPORT]
        classes = classes[:half] + sorted(tested, key=lambda row: row.f1)[:half]
    elif len(classes) > MOST_AT_ONCE:
        classes = sorted(classes, key=lambda row: row.f1)[:MOST_CLASSES]
    return {
        "scores": system,
        "anchor": anchor,
        "confusion_picture": system_pictures.confusion_picture(system, run.corpus.label_names),
        "n_drawn": len(system_pictures.busiest_classes(system.confusion)),
        "loss_picture": system_pictures.loss_picture(system, top=top_loss),
        "loss_finding": system_pictures.loss_finding(system),
        "settings": setting_rows(system.config),
        "per_class": classes,
        "n_classes_left_out": len(system.per_class) + system.n_classes_left_out - len(classes),
    }


def _document_view(row: WrongDocument) -> dict[str, Any]:
    """A wrong document in two parts: what is shown, and the rest of it to unfold."""
    text = row.text.strip()
    cut = len(text)
    if cut > _SHOWN_TEXT * 1.2:
        space = text.rfind(" ", _SHOWN_TEXT // 2, _SHOWN_TEXT)
        cut = space if space > 0 else _SHOWN_TEXT
    return {"document": row, "text": text[:cut], "rest": text[cut:_KEPT_TEXT].strip(),
            "n_left_out": max(len(text) - _KEPT_TEXT, 0)}  # fmt: skip


def _strips(systems: list[SystemScores]) -> dict[str, list[float]]:
    """For each system where its interval begins, its score is and its interval ends: 0 left, 100 right.

    The strip has the middle system in its middle, so that one that failed does not press all others together; such
    a one is below 0.
    """
    if not systems:
        return {}
    found = {each.name: [each.score_interval[0], each.score, each.score_interval[1]] for each in systems}
    floor = error_floor(list(found.values()))
    places = {name: stretch(values, floor) for name, values in found.items()}
    high = max(values.max() for values in places.values())
    middle = sorted(values[1] for values in places.values())[len(places) // 2]
    low = max(min(values.min() for values in places.values()), 2 * middle - high)
    return {name: (100 * (values - low) / ((high - low) or 1)).round(1).tolist() for name, values in places.items()}
