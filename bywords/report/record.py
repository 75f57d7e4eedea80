"""A run record as it was read in, the same record with every part in place and fit to be shown out.

An interrupted run leaves parts out, JSON can carry NaN, and texts carry whatever people once sent: here all of
it becomes one form, so that words, pictures and page have no special cases.
"""

from __future__ import annotations

import math
import unicodedata
from typing import Any

from bywords.errors import DataError
from bywords.records import FORMAT

Record = dict[str, Any]

_RUN: Record = {
    "bywords_version": None,
    "created": None,
    "command": None,
    "finished": False,  # a record that does not say that it is whole is not
    "seeds": [],
    "machine": {},
    "corpus": {},
    "words": {},
    "systems": [],
    "failed": [],
    "best": None,
    "pairwise": [],
    "wrong_documents": [],
}
_CORPUS: Record = {
    "name": "unnamed corpus",
    "fingerprint": None,
    "n_train": None,
    "n_valid": None,
    "n_test": None,
    "dropped": {},
    "label_names": [],
    "class_counts": {},
}
_WORDS: Record = {"n_tokens": {}, "n_types": None, "zipf": {}, "coverage": [], "lengths": {}}
_SYSTEM: Record = {
    "name": "unnamed",
    "description": "",
    "kind": None,
    "accuracy": None,
    "accuracy_interval": None,
    "macro_f1": None,
    "macro_f1_interval": None,
    "log_loss": None,
    "calibration_error": None,
    "valid_accuracy": None,
    "fit_seconds": None,
    "predict_documents_per_second": None,
    "size_bytes": None,
    "seeds": [],
    "accuracy_spread": {},
    "epochs": [],
    "best_epoch": None,
    "per_class": [],
    "confusion": [],
    "hardest_confusions": [],
    "slices": [],
    "class_words": {},
    "reliability": {},
    "coverage": [],
    "vectors": None,
    "notes": [],
    "config": {},
}
_MEASURED: Record = {"difference": None, "interval": None, "p_value": None, "p_holm": None, "n_needed": None}
_CLAIM: Record = {
    "one": "",
    "other": "",
    "n_documents": None,
    "accuracy": {},
    "macro_f1": {},
    "is_better": False,
    "sentence": "",
}
_MISSING_NUMBERS = {
    "seeds": ("seed", "accuracy", "macro_f1", "log_loss", "valid_accuracy", "fit_seconds", "n_epochs"),
    "epochs": ("epoch", "train_loss", "valid_loss", "valid_accuracy", "seconds"),
    "per_class": ("label", "precision", "recall", "f1", "support"),
    "hardest_confusions": ("true", "predicted", "count", "share", "examples"),
    "slices": (
        "by",
        "name",
        "n_documents",
        "accuracy",
        "interval",
        "others",
        "difference",
        "difference_interval",
        "is_worse",
    ),
    "coverage": ("min_confidence", "coverage", "accuracy", "interval"),
}
_WRONG_DOCUMENT: Record = {"row": None, "text": "", "label": None, "predicted": None, "probability": None}


def complete(run: Record) -> Record:
    """A copy of `run` in which every part is there: absent numbers are None, absent lists empty, texts printable.

    `best` is the name of the system with the highest accuracy, or None when no system has one; the best system comes
    first, the others by falling accuracy, those without one last.

    Raises: DataError when `run` is not a record of this format.
    """
    found = run.get("format")
    if found != FORMAT:
        raise DataError(
            f"This run record has the format {found!r}, expected {FORMAT!r}. Make it anew with `bywords compare`."
        )
    record = _RUN | _without_none(clean(run))
    record["corpus"] = _CORPUS | _without_none(record["corpus"])
    record["words"] = _WORDS | _without_none(record["words"])
    record["systems"] = [_complete_system(system) for system in record["systems"]]
    record["pairwise"] = [_complete_claim(claim) for claim in record["pairwise"]]
    record["wrong_documents"] = [_WRONG_DOCUMENT | _without_none(row) for row in record["wrong_documents"]]
    scored = [system for system in record["systems"] if system["accuracy"] is not None]
    named, best = record["best"], None
    if scored:  # of equal ones the one that the record names
        best = max(scored, key=lambda system: (system["accuracy"], system["name"] == named))["name"]
    record["best"] = best
    record["systems"].sort(key=lambda system: _rank(system, record["best"]))
    return record


def complete_words(words: Record) -> Record:
    """The same for the part `words` of a record on its own."""
    return _WORDS | _without_none(clean(words))


def printable(text: str) -> str:
    """`text` without what a page or an XML file cannot hold: control signs and lone surrogates become U+FFFD."""
    return "".join(sign if sign in "\n\t" or _is_printable(sign) else "\ufffd" for sign in text)


def _is_printable(sign: str) -> bool:
    return unicodedata.category(sign) not in ("Cc", "Cs") and ord(sign) & 0xFFFE != 0xFFFE


def clean(value: Any) -> Any:
    """The same JSON value with printable strings and None for numbers that are not finite."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {printable(str(key)): clean(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [clean(part) for part in value]
    return value


def _without_none(record: Record) -> Record:
    return {key: value for key, value in record.items() if value is not None}


def _complete_system(found: Record) -> Record:
    system = _SYSTEM | _without_none(found)
    for part, keys in _MISSING_NUMBERS.items():
        system[part] = [dict.fromkeys(keys) | row for row in system[part]]
    for interval in ("accuracy_interval", "macro_f1_interval"):
        if system[interval] is not None and None in system[interval]:
            system[interval] = None
    return system


def _complete_claim(found: Record) -> Record:
    claim = _CLAIM | _without_none(found)
    return claim | {metric: _MEASURED | claim[metric] for metric in ("accuracy", "macro_f1")}


def _rank(system: Record, best: str | None) -> tuple[bool, bool, float]:
    accuracy = system["accuracy"]
    return system["name"] != best, accuracy is None, -(accuracy or 0.0)
