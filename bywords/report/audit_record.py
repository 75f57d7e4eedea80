"""An audit as it was read in, the same with every part in place and fit to be shown out.

A part that was not looked at is None, a list without rows is empty, a number that is not known is None.
"""

from __future__ import annotations

from typing import Any

from bywords.errors import DataError
from bywords.records import AUDIT_FORMAT
from bywords.report.record import Record, clean

_COUNTED: Record = {"n_documents": 0, "share": None, "rows": [None]}
_DUPLICATES: Record = {"n_exact": 0, "n_near": 0, "n_groups": 0, "n_conflicting": 0, "n_conflicting_exact": None}
_ACCURACY: Record = {"n_documents": None, "accuracy": None, "interval": None}
_PAIR: Record = dict.fromkeys(("similarity", "kind", "same_label"))
_WITHIN: Record = {"row": None, "other_row": None, **_PAIR}
_ACROSS: Record = {"train_row": None, "test_row": None, **_PAIR}
_QUANTILES: Record = dict.fromkeys(("min", "p10", "median", "p90", "p99", "max", "mean"))
_PART: Record = {
    "n_documents": 0,
    "n_distinct_texts": None,
    "characters": _QUANTILES,
    "tokens": _QUANTILES,
    "very_long": _COUNTED,
    "very_short": _COUNTED,
    "without_words": _COUNTED,
    "unlike_the_rest": _COUNTED,
    "scripts": [{"script": None, "n_documents": 0, "share": None}],
    "mixed": _COUNTED,
    "remains": dict.fromkeys(("html_tag", "html_entity", "url", "broken_encoding", "control_sign"), _COUNTED),
}
_DRIFT_WORD: Record = {"word": "", "train_per_thousand": 0.0, "test_per_thousand": 0.0, "g2": None}

# A dict stands for a part that may be absent, a list for one whose rows all look like its only one, None for any value.
_AUDIT: Record = {
    "bywords_version": None,
    "command": None,
    "seed": None,
    "notes": [None],
    "data": {
        "train": "unnamed corpus",
        "test": None,
        "n_train": None,
        "n_test": None,
        "label_names": None,
        "class_counts": {"train": None, "test": None},
    },
    "duplicates": {
        "threshold": None,
        "train": _DUPLICATES,
        "test": _DUPLICATES,
        "across": {"n_exact": 0, "n_near": 0, "n_test_documents": 0, "n_conflicting": 0},
        "accuracy": {
            "system": None,
            "all": _ACCURACY,
            "without": _ACCURACY,
            "duplicates_only": _ACCURACY,
            "gain": {"difference": None, "interval": None},
        },
    },
    "near_duplicates_across_splits": [_ACROSS],
    "near_duplicates_within": {"train": [_WITHIN], "test": [_WITHIN]},
    "label_errors": [
        {"row": None, "label": None, "suggested": None, "confidence": None, "is_flagged": None},
    ],
    "n_doubtful": None,
    "without_words": {"train": None, "test": None},
    "small_classes": [{"label": None, "n_documents": 0}],
    "texts": {"train": None, "test": None},
    "leakage": {
        "found": [
            {
                **dict.fromkeys(("kind", "what", "class", "share", "lower_bound", "share_of_class", "lift")),
                **{"n_documents": 0, "n_of_class": 0, "rows": None, "also": [{"kind": None, "what": None}]},
            }
        ],
        "n_found": 0,
        "kinds": [{"kind": None, "n_patterns": 0, "n_documents": 0, "accuracy": None}],
        "fields": [dict.fromkeys(("field", "n_documents", "n_values", "accuracy", "interval", "guess"))],
        "rule": {
            **dict.fromkeys(("accuracy_of_decided", "accuracy", "interval", "guess")),
            **{"n_documents": 0, "n_decided": 0},
        },
    },
    "drift": {
        **dict.fromkeys(("auc", "interval", "n_compared", "is_drift", "verdict")),
        "median_tokens": {"train": None, "test": None},
        "roc": {"train": None, "test": None},
        "words": {"train": [_DRIFT_WORD], "test": [_DRIFT_WORD]},
    },
    "profile": {
        "parts": {"train": _PART, "test": _PART},
        "classes": [
            {
                **dict.fromkeys(("label", "n_train", "share", "n_test", "median_tokens", "length_auc")),
                **{"is_small": False, "is_told_by_length": False},
            }
        ],
        "lengths_by_class": {"edges": None, "counts": None},
        "names_alike": None,
        "coverage": {
            **dict.fromkeys(("n_running_words", "running_words", "n_types", "types")),
            **{"half_unknown": _COUNTED, "unknown_words": [{"word": "", "n_documents": 0}]},
        },
        "meaning": dict.fromkeys(
            ("small_class", "very_long", "very_short", "mixed", "told_by_length", "half_known"),
        ),
    },
}


def complete_audit(record: Record) -> Record:
    """A copy of `record` in which every part is there or None, and all texts are printable. What else it has is kept.

    Raises: DataError when `record` is not of this format, or a part of it is not of the kind that it has to be.
    """
    found = record.get("format")
    if found != AUDIT_FORMAT:
        raise DataError(
            f"This record has the format {found!r}, expected {AUDIT_FORMAT!r}. "
            "Make it anew with `bywords audit --json`."
        )
    audit: Record = _filled(_AUDIT, clean(record), "the record")
    for name in ("data", "texts", "near_duplicates_within"):
        audit[name] = audit[name] or _filled(_AUDIT[name], {}, name)
    return audit


def _filled(template: Any, found: Any, where: str) -> Any:
    """What was found, in the shape of the template; nothing that was found is left out."""
    if isinstance(template, dict):
        if found is None:
            return None
        if not isinstance(found, dict):
            raise DataError(f"{where} of this audit: expected parts with names, found {found!r:.60}.")
        return found | {name: _filled(part, found.get(name), name) for name, part in template.items()}
    if isinstance(template, list):
        (of_row,) = template
        if not isinstance(found, list | None):
            raise DataError(f"{where} of this audit: expected a list, found {found!r:.60}.")
        if isinstance(of_row, dict) and None in (found or []):
            raise DataError(f"{where} of this audit: expected parts with names, found null among them.")
        return [_filled(of_row, row, f"row {index} of {where}") for index, row in enumerate(found or [])]
    return template if found is None else found
