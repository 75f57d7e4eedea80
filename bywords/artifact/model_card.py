"""A fitted classifier → its card, as Markdown: what it is, how good, what not for.

Equal classifiers have equal cards: no dates, no durations, no paths but those that were given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bywords.artifact.model_folder import Extent
from bywords.evaluation.calibration import Sigmoids
from bywords.fitted import FittedClassifier

FEW_DOCUMENTS_OF_CLASS = 30  # below which a card warns of it
MOST_NAMED = 20  # classes in one sentence


def write(classifier: FittedClassifier, extent: Extent) -> str:
    """The card of a model of this extent; what its record lacks is not spoken of."""
    sections = [
        ("", _what(classifier)),
        ("Data", _data(classifier)),
        ("Training", _training(classifier)),
        ("Scores", _scores(classifier)),
        ("Size", _size(classifier, extent)),
        ("Use", _use(classifier)),
        ("Limits", _limits(classifier)),
    ]
    parts = [f"## {title}\n\n{text}" if title else text for title, text in sections if text]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Any text as one line of Markdown that shows it as it is, in a table too."""
    line = re.sub(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]", "↵", text)
    line = re.sub(r"[\x00-\x1f\x7f]", "\ufffd", line.replace("\t", " "))
    line = re.sub(r"[\\`*_\[\]|~#$!{}]", r"\\\g<0>", line)
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _what(classifier: FittedClassifier) -> str:
    record, labels = classifier.record, classifier.classes.tolist()
    how_many = "any number of them" if classifier.is_multilabel else "one of them"
    system = record.card.system or (record.system if isinstance(record.system, str) else "a custom system")
    lines = [
        "# Model card",
        f"A text classifier: **{escaped(system)}**, {escaped(record.config.description)}. It knows {len(labels):,} "
        f"labels and gives a text {how_many}: {_named(labels)}.",
    ]
    if record.selection is not None:
        lines.append(escaped(record.selection.reason))
    return "\n\n".join(lines)


def _data(classifier: FittedClassifier) -> str:
    data = classifier.record.card.data
    if data is None:
        return ""
    rows = [f"- Trained on: {escaped(data.name)}"]
    if classifier.record.columns is not None:
        rows.append(f"- Columns, and no others are read: {escaped(classifier.record.columns.described())}")
    if data.test:
        rows.append(f"- Tested on: {escaped(data.test)}")
    if data.fingerprint:
        rows.append(f"- Fingerprint of the training documents: {escaped(data.fingerprint)}")
    rows.append(f"- Documents: {data.n_documents:,}")
    if data.dropped:
        rows.append(f"- Left out, for they have no words: {data.dropped:,}")
    if data.skipped:
        rows.append(f"- Rows that could not be read: {data.skipped:,}")
    table = _table(("label", "training documents"), [(name, f"{count:,}") for name, count in data.classes.items()])
    return "\n\n".join(["\n".join(rows), *([table] if data.classes else [])])


def _training(classifier: FittedClassifier) -> str:
    record = classifier.record
    summary, parameters = record.summary, record.parameters
    held_out = f", {summary.n_valid:,} more held out for validation" if summary.n_valid else ""
    rows = [
        f"- Learned from {summary.n_train:,} documents{held_out}",
        f"- Share of the documents for validation: {parameters.validation_share:g}",
        f"- Seed: {parameters.seed}",
        f"- Kind of model: {escaped(record.config.model.title)}; all settings are in model.json",
    ]
    if isinstance(parameters.class_weight, str):
        rows.append("- Each class counts the same, whatever its number of documents")
    elif parameters.class_weight is not None:
        each = (f"{escaped(str(label))} {weight:.3g}" for label, weight in parameters.class_weight.items())
        rows.append(f"- What a document of a class counts: {', '.join(each)}")
    return "\n".join(rows)


def _scores(classifier: FittedClassifier) -> str:
    card = classifier.record.card
    parts = _validation_scores(classifier) if card.test is None else _test_scores(classifier, card.test)
    if card.hardest_confusions:
        mistakes = [
            f"- {mistake['share']:.1%} of {escaped(mistake['true'])} ({counted(mistake['count'], 'document')}) are "
            f"taken for {escaped(mistake['predicted'])}"
            for mistake in card.hardest_confusions
        ]
        parts.append("Where it fails most:\n\n" + "\n".join(mistakes))
    return "\n\n".join(parts)


def _validation_scores(classifier: FittedClassifier) -> list[str]:
    summary = classifier.record.summary
    how_good = f"Right on {summary.valid_accuracy:.1%} of"
    if classifier.is_multilabel:
        how_good = f"F1 of all decisions together {summary.valid_accuracy:.3f} on"
    parts = [
        f"{how_good} {_held_out(classifier)}, by which the model was selected too: on new documents it may be right "
        "less often. It was not tested on others."
    ]
    if thresholds := _thresholds(classifier):
        rows = [(label, f"{threshold:.2f}") for label, threshold in thresholds.items()]
        parts.append(_table(("label", "given from"), rows))
    return parts


def _test_scores(classifier: FittedClassifier, test: Mapping[str, Any]) -> list[str]:
    is_multi = classifier.is_multilabel
    low, high = test["accuracy_interval"]
    more = [
        f"{name} F1 {test[key]:.3f}{_between(test.get(f'{key}_interval'))}"
        for key, name in (("micro_f1", "micro"), ("macro_f1", "macro"), ("samples_f1", "samples"))
        if test.get(key) is not None
    ]
    if test.get("log_loss") is not None:
        more.append(f"log loss {test['log_loss']:.3f}")
    parts = [
        f"{'All labels right on' if is_multi else 'Right on'} {test['accuracy']:.1%} of {test['n_documents']:,} test "
        f"documents that it had not seen (95 % interval {low:.1%} to {high:.1%}); {', '.join(more)}."
    ]
    if test.get("calibration_error") is not None:
        what = "The probability of a label" if is_multi else "The probability of an answer"
        parts.append(f"{what} is off by {100 * test['calibration_error']:.1f} points on average.")
    if test.get("coverage"):
        covered = [
            (f"{row['coverage']:.0%}", f"{row['min_confidence']:.1%}", f"{row['accuracy']:.1%}")
            for row in test["coverage"]
        ]
        parts.append(_table(("documents that get an answer", "if it is at least so probable", "right"), covered))
    if test.get("per_class"):
        parts.append(_class_table(test["per_class"], _thresholds(classifier)))
    return parts


def _between(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})"


def _class_table(rows: Sequence[Mapping[str, Any]], thresholds: Mapping[str, float]) -> str:
    columns = ["label", "precision", "recall", "F1", "documents"]
    cells = [
        [row["label"], *(f"{row[key]:.3f}" for key in ("precision", "recall", "f1")), f"{row['support']:,}"]
        for row in rows
    ]
    if thresholds:
        columns.append("given from")
        for row in cells:
            row.append(f"{thresholds[row[0]]:.2f}" if row[0] in thresholds else "")
    return _table(columns, cells)


def _size(classifier: FittedClassifier, extent: Extent) -> str:
    kinds = (("word", extent.words), ("n-gram", extent.ngrams), ("character n-gram", extent.char_ngrams))
    rows = [f"- Vocabulary: {', '.join(counted(number, what) for what, number in kinds if number)}"]
    rows.append(f"- Numbers learned: {extent.numbers:,}")
    rows.append(f"- Vocabulary and weights together: {extent.bytes / 1e6:.2f} MB")
    if classifier.record.card.reduction:
        rows.append(f"- Made smaller: {escaped(classifier.record.card.reduction)}")
    return "\n".join(rows)


def _use(classifier: FittedClassifier) -> str:
    remark = "  # all labels that each text gets" if classifier.is_multilabel else ""
    return (
        "MODEL is this folder.\n\n```sh\nbywords predict MODEL texts.txt      # a JSON line for each line\n"
        "bywords evaluate MODEL labelled.csv  # scores on documents of your own\n```\n\n```python\n"
        "from bywords import TextClassifier\n\n"
        f'TextClassifier.load("MODEL").predict(["a text", "another"]){remark}\n```'
    )


def _limits(classifier: FittedClassifier) -> str:
    card, summary = classifier.record.card, classifier.record.summary
    rows = [
        "- It knows the language, the topics and the kind of text of the documents that it was trained on, and nothing "
        "else. On others, how often it is right is not known: evaluate it on some of your own first."
    ]
    unknown = "- A text with no word that it knows gets an answer all the same, which says nothing of the text; "
    unknown += "`all_out_of_vocabulary` is true then."
    if card.test is not None and card.test.get("n_all_out_of_vocabulary"):
        n_unknown, n_documents = card.test["n_all_out_of_vocabulary"], card.test["n_documents"]
        unknown += f" So it was with {n_unknown:,} of the {n_documents:,} test documents."
    rows.append(unknown)
    if floor := classifier.reliability.in_vocabulary_floor:
        rows.append(
            f"- Of at most one training document in a hundred it would know less than {floor:.0%} of the words: texts "
            "of which it knows less are unlike those, and `out_of_distribution` is true."
        )
    few = " So few say little of how sure it may be." if 0 < summary.n_valid < 10 * FEW_DOCUMENTS_OF_CLASS else ""
    rows.append(f"- Its probabilities were calibrated on {_held_out(classifier)}.{few}")
    classes = {} if card.data is None else card.data.classes
    if seldom := [label for label, count in classes.items() if count < FEW_DOCUMENTS_OF_CLASS]:
        which = f"- Classes with fewer than {FEW_DOCUMENTS_OF_CLASS} training documents: {_named(seldom)}."
        rows.append(f"{which} Trust these least.")
    if card.test is not None:
        rows.append(
            "- The interval is that of drawing other test documents of the same kind. It does not cover documents that "
            "change with time, or labels that are wrong."
        )
    if card.reduction:
        rows.append("- It was made smaller, which cost what is said under Size.")
    rows += [f"- {escaped(limit)}" for limit in card.limits]
    return "\n".join(rows)


def counted(number: int, noun: str) -> str:
    """1 document, 1,200 documents."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _held_out(classifier: FittedClassifier) -> str:
    n_valid = classifier.record.summary.n_valid
    return counted(n_valid, "validation document") if n_valid else "documents that were held out in turn"


def _thresholds(classifier: FittedClassifier) -> dict[str, float]:
    """The probability at or above which each label is given; empty where a text has one label."""
    if not isinstance(classifier.calibration, Sigmoids):
        return {}
    return dict(zip(map(str, classifier.classes), classifier.calibration.thresholds.tolist(), strict=True))


def _named(labels: Iterable[Any]) -> str:
    names = [escaped(str(label)) for label in labels]
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """The first column to the left, the others to the right."""
    lines = [f"| {' | '.join(columns)} |", f"|---|{'---:|' * (len(columns) - 1)}"]
    lines += [f"| {' | '.join([escaped(str(row[0])), *map(str, row[1:])])} |" for row in rows]
    return "\n".join(lines)
