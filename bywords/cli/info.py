"""`bywords info MODEL`: what a model folder holds, how good the model is, and that no byte of it has changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bywords.cli import options
from bywords.cli.scores import tell_ranking, tell_seen
from bywords.cli.screen import MOST_NAMED, print_json, print_table, say
from bywords.errors import quoted
from bywords.terminal import shorten

if TYPE_CHECKING:
    from bywords.artifact.validate import Overview

DTYPES = {"F32": "float32", "F16": "float16", "I8": "int8"}  # as safetensors has them
MOST_LABELS = 30  # of the table; --json has all


def info(model: options.Model, as_json: options.AsJson = False) -> None:
    """Check a model folder against its sums and say what is in it: labels, scores, sizes, versions, training data."""
    from bywords.artifact.validate import look_at

    found = _record(look_at(model))
    if as_json:
        print_json({"model": str(model), **found})
    else:
        _tell(found)


def _record(overview: Overview) -> dict[str, Any]:
    found = overview.description
    record = found.get("card") or {}
    data = {"name": (found.get("trained_on") or {}).get("data"), **(record.get("data") or {})}
    rows = (record.get("test") or {}).get("per_class", [])
    scores = {row["label"]: row for row in rows if row["support"]}  # of a label without test documents none is known
    counts = data.pop("classes", {})
    return {
        "format": found["format"],
        "versions": found["versions"],
        "system": record.get("system") or (found["system"] if isinstance(found.get("system"), str) else None),
        "description": (found.get("config") or {}).get("description"),
        "reason": (found.get("selection") or {}).get("reason"),
        "is_multilabel": "thresholds" in (found.get("calibration") or {}),
        "hierarchy": _hierarchy(found),
        "labels": [
            {"label": label, "n_documents": counts.get(str(label)), "f1": scores.get(str(label), {}).get("f1")}
            for label in found["label_names"]
        ],
        "data": data,
        "columns": found.get("columns"),
        "fingerprint": found.get("fingerprint") or data.get("fingerprint"),
        "seed": (found.get("parameters") or {}).get("seed"),
        "validation": found.get("summary"),
        "test": record.get("test"),
        "test_also_in_training": record.get("also_in_training"),
        "reduction": record.get("reduction"),
        "tokens": _tokens(found),
        "vocabulary": {"words": overview.n_words, "ngrams": overview.n_ngrams, "char_ngrams": overview.n_char_ngrams},
        "words_by_vector": overview.n_by_vector,
        "arrays": {
            name: {"dtype": DTYPES.get(dtype, dtype), "shape": list(shape)}
            for name, (dtype, shape) in overview.arrays.items()
        },
        "files": dict(overview.files),
        "size_bytes": sum(overview.files.values()),
        "whole": True,  # else looking at it would have failed
    }


def _tokens(found: Mapping[str, Any]) -> str | None:
    """What there is to say of the tokens beside the usual; None where there is nothing."""
    from bywords.artifact.validate import described as description_of

    return description_of(found).config.tokenizer.described()


def _hierarchy(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """The hierarchy of labels that are paths, ready for JSON; None of others."""
    from bywords.data.hierarchy import Hierarchy

    separator = found["parameters"].get("label_hierarchy")
    if separator is None:
        return None
    its = Hierarchy.of(found["label_names"], separator)
    return {"separator": separator, "levels": [len(level) for level in its.levels], "described": its.described()}


def described(columns: dict[str, Any]) -> str:
    """The columns of a model folder, on one line."""
    from bywords.data.columns import Columns

    read = Columns.plain(columns)
    return "" if read is None else shorten(read.described(), MOST_NAMED)


def _tell(found: dict[str, Any]) -> None:
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    n_bytes, rows = found["size_bytes"], found["vocabulary"]
    say(f"{found['format']}, whole: every file is as it was written. Made with {versions}.")
    say(f"{found['system'] or 'a system of its own'}: {found['description']}.")
    if found["reason"]:
        say(found["reason"])
    name = found["data"].get("name")
    n_documents = found["data"].get("n_documents")
    count = _of(found["validation"]) if n_documents is None else f" ({n_documents:,} documents)"
    say(f"Trained on {name or 'texts that have no name'}{count}, seed {found['seed']}.")
    if (found["validation"] or {}).get("n_before"):
        say(f"It had learned from {found['validation']['n_before']:,} documents before.")
    if found["columns"] is not None:
        say(f"Columns that it reads: {described(found['columns'])}.")
    if found["tokens"]:
        say(found["tokens"])
    if found["fingerprint"]:
        say(f"Fingerprint of the training documents: {found['fingerprint']}")
    _tell_scores(found)
    say()
    if found["hierarchy"] is not None:
        say(found["hierarchy"]["described"])
    _tell_labels(found["labels"])
    if named := (found["validation"] or {}).get("named_classes"):
        say(
            f"No document of {quoted(named)} was seen: {'it is' if len(named) == 1 else 'each is'} known by what its "
            "name means alone, and how good the answers for it are is unknown."
        )
    say()
    kinds = ("words", "n-grams", "character n-grams")
    say(f"{' and '.join(f'{count:,} {kind}' for count, kind in zip(rows.values(), kinds, strict=True) if count)}.")
    if n_by_vector := found["words_by_vector"]:
        say(f"{n_by_vector:,} of the words are known by vectors of English words alone, never seen in training.")
    if found["reduction"]:
        say(found["reduction"])
    say()
    print_table(
        ["file", "bytes"],
        [*([file, f"{size:,}"] for file, size in found["files"].items()), ["together", f"{n_bytes:,}"]],
    )
    say()
    print_table(
        ["learned", "shape", "stored as"],
        [
            [name, " x ".join(f"{length:,}" for length in array["shape"]), array["dtype"]]
            for name, array in found["arrays"].items()
        ],
    )


def _of(summary: dict[str, Any] | None) -> str:
    return f" ({summary['n_train']:,} documents)" if summary else ""


def _tell_scores(found: dict[str, Any]) -> None:
    from bywords.evaluation.evaluation import models_lacking
    from bywords.evaluation.reliability import calibration_sentence

    test, validation = found["test"], found["validation"]
    if test:
        low, high = test["accuracy_interval"]
        right = "All labels right on" if found["is_multilabel"] else "Right on"
        in_turn = test.get("held_out_in_turn")
        unseen = "" if found["test_also_in_training"] else " that it had not seen"
        documents = "documents, each held out in turn" if in_turn else f"test documents{unseen}"
        micro = f"micro F1 {test['micro_f1']:.3f}, " if found["is_multilabel"] else ""
        say(
            f"{right} {test['accuracy']:.1%} of {test['n_documents']:,} {documents} "
            f"(95 % interval {low:.1%} to {high:.1%}), {micro}macro F1 {test['macro_f1']:.3f}."
        )
        if lacking := models_lacking(in_turn):
            say(f"Its test was interrupted: these are the answers of {lacking[0]} of {lacking[1]} models.")
        if test.get("calibration_error") is not None:
            what = "a label" if found["is_multilabel"] else "an answer"
            say(calibration_sentence(test["calibration_error"], test.get("calibration_error_interval"), what))
        if found["is_multilabel"]:
            _tell_ranking(test)
        if validation and validation["n_learned_after"]:
            say("It has since learned from these too: the scores are those of the model without them.")
        if found["test_also_in_training"]:
            tell_seen(found["test_also_in_training"], test["n_documents"])
    elif validation:
        score = validation["valid_accuracy"]
        how_good = f"F1 {score:.3f} on" if found["is_multilabel"] else f"Right on {score:.1%} of"
        say(f"{how_good} the validation documents; not tested on others.")


def _tell_ranking(test: dict[str, Any]) -> None:
    from bywords.evaluation.ranking import coverage_of, ranking_of

    if ranking := ranking_of(test):
        tell_ranking(ranking)
        say(coverage_of(test["per_class"]))


def _tell_labels(labels: list[dict[str, Any]]) -> None:
    shown = [
        [
            str(row["label"]),
            "" if row["n_documents"] is None else f"{row['n_documents']:,}",
            "" if row["f1"] is None else f"{row['f1']:.3f}",
        ]
        for row in labels[:MOST_LABELS]
    ]
    print_table(["label", "training documents", "F1"], shown)
    if len(labels) > MOST_LABELS:
        say(f"and {len(labels) - MOST_LABELS:,} more; --json has them all")
