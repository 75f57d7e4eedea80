"""What is known of a model, as plain JSON values, in; its card, as Markdown, out: what it is, how good, what not for.

Equal values make an equal card: no dates, no durations, no paths but those that were given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FEW_DOCUMENTS_OF_CLASS = 30  # documents of a class, below which a card warns of it
MOST_NAMED = 20  # classes in one sentence

Record = Mapping[str, Any]


def write(record: Record) -> str:
    """The card of one model.

    `record` has these keys; all but the first three may be missing or None, and are then not spoken of:

        system              str, its name in the table of systems
        description         str, what that is
        labels              list of str, the classes in their order
        reason              str, why this model was selected
        data                {"name", "fingerprint", "n_documents", "classes": {label: documents}, "dropped", "skipped",
                             "test": name of the test part}; each may be missing
        summary             {"n_train", "n_valid", "valid_accuracy"}; the last, where documents have any number of
                            labels, is the F1 of all decisions together
        training            {"seed", "validation_share", "class_weight": "balanced" or pairs of label and weight}
        test                `Evaluation.summary()` of documents that the model had not seen; where a document may have
                            several labels, also "micro_f1" and "samples_f1"
        hardest_confusions  `Evaluation.hardest_confusions()`
        multi_label         bool, a document may have several labels, or none
        thresholds          {label: probability from which it is given}
        in_vocabulary_floor   float, the share of known words below which a text is out of distribution
        size                {"words", "ngrams", "char_ngrams", "numbers", "bytes": of vocabulary and weights together,
                             "reduction": str, what was left out and what it cost}
        config              the settings, for the name of the kind of model
        limits              list of str, more sentences on what it is not for
    """
    sections = [
        ("", _what(record)),
        ("Data", _data(record.get("data") or {})),
        ("Training", _training(record)),
        ("Scores", _scores(record)),
        ("Size", _size(record.get("size") or {})),
        ("Use", _use(record)),
        ("Limits", _limits(record)),
    ]
    parts = [f"## {title}\n\n{text}" if title else text for title, text in sections if text]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Any text as one line of Markdown that shows it as it is, in a table too."""
    line = re.sub(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]", "↵", text)
    line = re.sub(r"[\x00-\x1f\x7f]", "\ufffd", line.replace("\t", " "))
    line = re.sub(r"[\\`*_\[\]|~#$!{}]", r"\\\g<0>", line)
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _what(record: Record) -> str:
    labels = record["labels"]
    how_many = "any number of them" if record.get("multi_label") else "one of them"
    lines = [
        "# Model card",
        f"A text classifier: **{escaped(record['system'])}**, {escaped(record['description'])}. It knows "
        f"{len(labels):,} labels and gives a text {how_many}: {_named(labels)}.",
    ]
    if record.get("reason"):
        lines.append(escaped(record["reason"]))
    return "\n\n".join(lines)


def _data(data: Record) -> str:
    rows = []
    if data.get("name"):
        rows.append(f"- Trained on: {escaped(str(data['name']))}")
    if data.get("test"):
        rows.append(f"- Tested on: {escaped(str(data['test']))}")
    if data.get("fingerprint"):
        rows.append(f"- Fingerprint of the training documents: {escaped(str(data['fingerprint']))}")
    if data.get("n_documents") is not None:
        rows.append(f"- Documents: {data['n_documents']:,}")
    rows += [
        f"- {what}: {data[key]:,}"
        for key, what in (("dropped", "Left out, for they have no words"), ("skipped", "Rows that could not be read"))
        if data.get(key)
    ]
    text = "\n".join(rows)
    if data.get("classes"):
        table = _table(("label", "training documents"), [(n, f"{c:,}") for n, c in data["classes"].items()])
        text = "\n\n".join(filter(None, [text, table]))
    return text


def _training(record: Record) -> str:
    summary, training = record.get("summary") or {}, record.get("training") or {}
    rows = []
    if summary.get("n_train") is not None:
        held_out = f", {summary['n_valid']:,} more held out for validation" if summary.get("n_valid") else ""
        rows.append(f"- Learned from {summary['n_train']:,} documents{held_out}")
    if training.get("validation_share") is not None:
        rows.append(f"- Share of the documents for validation: {training['validation_share']:g}")
    if training.get("seed") is not None:
        rows.append(f"- Seed: {training['seed']}")
    kind = ((record.get("config") or {}).get("model") or {}).get("kind")
    if kind:
        rows.append(f"- Kind of model: {escaped(kind.removesuffix('Config'))}; all settings are in model.json")
    weights = training.get("class_weight")
    if weights == "balanced":
        rows.append("- Each class counts the same, whatever its number of documents")
    elif weights:
        each = (f"{escaped(str(label))} {weight:.3g}" for label, weight in weights)
        rows.append(f"- What a document of a class counts: {', '.join(each)}")
    return "\n".join(rows)


def _scores(record: Record) -> str:
    test, summary = record.get("test"), record.get("summary") or {}
    is_multi = bool(record.get("multi_label"))
    right, parts = "All labels right on" if is_multi else "Right on", list[str]()
    if test is None:
        if summary.get("valid_accuracy") is None:
            return ""
        n_valid = summary.get("n_valid")
        on = f"{n_valid:,} validation documents" if n_valid else "documents that were held out in turn"
        how_good = f"Right on {summary['valid_accuracy']:.1%} of"
        if is_multi:
            how_good = f"F1 of all decisions together {summary['valid_accuracy']:.3f} on"
        parts.append(
            f"{how_good} {on}, by which the model was selected too: on new documents it may be right less often. It "
            "was not tested on others."
        )
        if record.get("thresholds"):
            rows = [(label, f"{threshold:.2f}") for label, threshold in record["thresholds"].items()]
            parts.append(_table(("label", "given from"), rows))
    else:
        low, high = test["accuracy_interval"]
        more = [
            f"{name} F1 {test[key]:.3f}{_between(test.get(f'{key}_interval'))}"
            for key, name in (("micro_f1", "micro"), ("macro_f1", "macro"), ("samples_f1", "samples"))
            if test.get(key) is not None
        ]
        if test.get("log_loss") is not None:
            more.append(f"log loss {test['log_loss']:.3f}")
        parts.append(
            f"{right} {test['accuracy']:.1%} of {test['n_documents']:,} test documents that it had not seen "
            f"(95 % interval {low:.1%} to {high:.1%}); {', '.join(more)}."
        )
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
            parts.append(_class_table(test["per_class"], record.get("thresholds")))
    if record.get("hardest_confusions"):
        mistakes = [
            f"- {mistake['share']:.1%} of {escaped(mistake['true'])} ({mistake['count']:,} documents) are taken for "
            f"{escaped(mistake['predicted'])}"
            for mistake in record["hardest_confusions"]
        ]
        parts.append("Where it fails most:\n\n" + "\n".join(mistakes))
    return "\n\n".join(parts)


def _between(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})"


def _class_table(rows: Sequence[Record], thresholds: Record | None) -> str:
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


def _size(size: Record) -> str:
    rows = []
    kinds = [f"{size[key]:,} {what}" for key, what in _ROWS if size.get(key)]
    if kinds:
        rows.append(f"- Vocabulary: {', '.join(kinds)}")
    if size.get("numbers"):
        rows.append(f"- Numbers learned: {size['numbers']:,}")
    if size.get("bytes"):
        rows.append(f"- Vocabulary and weights together: {size['bytes'] / 1e6:.2f} MB")
    if size.get("reduction"):
        rows.append(f"- Made smaller: {escaped(size['reduction'])}")
    return "\n".join(rows)


_ROWS = (("words", "words"), ("ngrams", "n-grams"), ("char_ngrams", "character n-grams"))


def _use(record: Record) -> str:
    remark = "  # all labels that each text gets" if record.get("multi_label") else ""
    return (
        "MODEL is this folder.\n\n```sh\nbywords predict MODEL texts.txt      # a JSON line for each line\n"
        "bywords evaluate MODEL labelled.csv  # scores on documents of your own\n```\n\n```python\n"
        "from bywords import TextClassifier\n\n"
        f'TextClassifier.load("MODEL").predict(["a text", "another"]){remark}\n```'
    )


def _limits(record: Record) -> str:
    data, summary, test = record.get("data") or {}, record.get("summary") or {}, record.get("test") or {}
    rows = [
        "- It knows the language, the topics and the kind of text of the documents that it was trained on, and nothing "
        "else. On others, how often it is right is not known: evaluate it on some of your own first."
    ]
    unknown = "- A text with no word that it knows gets an answer all the same, which says nothing of the text; "
    unknown += "`all_out_of_vocabulary` is true then."
    if test.get("n_all_out_of_vocabulary"):
        unknown += f" So it was with {test['n_all_out_of_vocabulary']:,} of the {test['n_documents']:,} test documents."
    rows.append(unknown)
    if record.get("in_vocabulary_floor"):
        rows.append(
            f"- Of at most one training document in a hundred it would know less than "
            f"{record['in_vocabulary_floor']:.0%} of the words: texts of which it knows less are unlike those, and "
            "`out_of_distribution` is true."
        )
    if summary:
        n_valid = summary.get("n_valid")
        on = f"{n_valid:,} validation documents" if n_valid else "documents that were held out in turn"
        few = " So few say little of how sure it may be." if n_valid and n_valid < 10 * FEW_DOCUMENTS_OF_CLASS else ""
        rows.append(f"- Its probabilities were calibrated on {on}.{few}")
    seldom = {label: count for label, count in (data.get("classes") or {}).items() if count < FEW_DOCUMENTS_OF_CLASS}
    if seldom:
        few = f"- Classes with fewer than {FEW_DOCUMENTS_OF_CLASS} training documents: {_named(seldom)}."
        rows.append(f"{few} Trust these least.")
    if test:
        rows.append(
            "- The interval is that of drawing other test documents of the same kind. It does not cover documents that "
            "change with time, or labels that are wrong."
        )
    reduction = (record.get("size") or {}).get("reduction")
    if reduction:
        rows.append("- It was made smaller, which cost what is said under Size.")
    rows += [f"- {escaped(limit)}" for limit in record.get("limits") or ()]
    return "\n".join(rows)


def _named(labels: Iterable[Any]) -> str:
    names = [escaped(str(label)) for label in labels]
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """The first column to the left, the others to the right."""
    lines = [f"| {' | '.join(columns)} |", f"|---|{'---:|' * (len(columns) - 1)}"]
    lines += [f"| {' | '.join([escaped(str(row[0])), *map(str, row[1:])])} |" for row in rows]
    return "\n".join(lines)
