"""A fitted classifier → its card, as Markdown: what it is, how good, what not for. `model_card.md` has the words.

Equal classifiers have equal cards: no dates, no durations, no paths but those that were given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bywords.artifact.model_folder import Extent
from bywords.config import to_plain
from bywords.evaluation.calibration import Sigmoids
from bywords.evaluation.evaluation import models_lacking
from bywords.evaluation.levels import distinct_levels
from bywords.evaluation.ranking import coverage_of, ranking_of
from bywords.evaluation.reliability import calibration_sentence
from bywords.fitted import FittedClassifier
from bywords.system_config import setting_rows
from bywords.terminal import visible

FEW_DOCUMENTS_OF_CLASS = 30  # below which a card warns of it
MOST_ROWS = 200  # of a table by label
MOST_NAMED = 20  # classes in one sentence


def write(classifier: FittedClassifier, extent: Extent) -> str:
    """The card of a model of this extent; what its record lacks is not spoken of. All values are escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bywords.artifact", "."), undefined=StrictUndefined, keep_trailing_newline=True,
        trim_blocks=True, lstrip_blocks=True, finalize=lambda value: escaped(str(value)),
    )  # fmt: skip
    environment.filters |= {"spec": format, "counted": counted, "named": _named}
    record, card, calibration = classifier.record, classifier.record.card, classifier.calibration
    classes = {} if card.data is None else card.data.classes
    labels, n_valid = classifier.classes.tolist(), record.summary.n_valid
    thresholds = {}  # the probability at or above which each label is given; a text of one label needs none
    if isinstance(calibration, Sigmoids):
        thresholds = dict(zip(map(str, labels), calibration.thresholds.tolist(), strict=True))
    rows = (card.test or {}).get("per_class") or []  # where there are many, those with the most documents
    least = sorted((row["support"] for row in rows), reverse=True)[MOST_ROWS - 1] if len(rows) > MOST_ROWS else 0
    per_class = [row for row in rows if row["support"] >= least][:MOST_ROWS]
    in_turn = (card.test or {}).get("held_out_in_turn")
    kinds = (("word", extent.words), ("n-gram", extent.ngrams), ("character n-gram", extent.char_ngrams))
    return environment.get_template("model_card.md").render(
        record=record, card=card, data=card.data, test=card.test, summary=record.summary, extent=extent, labels=labels,
        parameters=record.parameters, is_multilabel=classifier.is_multilabel, few_documents=FEW_DOCUMENTS_OF_CLASS,
        system=card.system or (record.system if isinstance(record.system, str) else "a custom system"),
        averages=_averages(card.test or {}), ranking=ranking_of(card.test or {}), thresholds=thresholds,
        per_class=per_class, coverage=coverage_of(rows), n_more=len(rows) - len(per_class), most_rows=MOST_ROWS,
        kinds=[counted(number, what) for what, number in kinds if number],
        held_out=counted(n_valid, "validation document") if n_valid else "documents that were held out in turn",
        settings=[row for row in setting_rows(to_plain(record.config)) if row.default is not None],
        in_turn=in_turn, lacking=models_lacking(in_turn), trust=_trust(card.test or {}, classifier.is_multilabel),
        hierarchy=classifier.hierarchy, levels=_levels((card.test or {}).get("hierarchy")),
        floor=classifier.reliability.in_vocabulary_floor,
        seldom=[label for label, count in classes.items() if 0 < count < FEW_DOCUMENTS_OF_CLASS],
    )  # fmt: skip


def escaped(text: str) -> str:
    """Any text as one line of Markdown that shows it as it is, in a table too."""
    line = re.sub(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]", "↵", text)
    line = visible(line.replace("\t", " "))
    line = re.sub(r"[\\`*_\[\]|~#$!{}]", r"\\\g<0>", line)
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def counted(number: int, noun: str) -> str:
    """1 document, 1,200 documents."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _averages(test: Mapping[str, Any]) -> list[str]:
    """The averages over the classes, each with its interval where there is one, and the log loss."""
    found = []
    for name in ("micro", "macro", "samples"):
        if test.get(f"{name}_f1") is not None:
            interval = test.get(f"{name}_f1_interval")
            between = "" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})"
            found.append(f"{name} F1 {test[f'{name}_f1']:.3f}{between}")
    return found if test.get("log_loss") is None else [*found, f"log loss {test['log_loss']:.3f}"]


def _trust(test: Mapping[str, Any], is_multilabel: bool) -> str:
    """How far its probabilities can be trusted, in words."""
    error, interval = test.get("calibration_error"), test.get("calibration_error_interval")
    return calibration_sentence(error, interval, "a label" if is_multilabel else "an answer")


def _levels(scores: Mapping[str, Any] | None) -> list[tuple[str, Mapping[str, Any]]]:
    """The levels of labels that are paths, each with its scores; none of others."""
    return [] if scores is None else distinct_levels(scores["levels"], lambda row: int(row["n_labels"]))


def _named(labels: Iterable[Any]) -> str:
    names = list(map(str, labels))
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
