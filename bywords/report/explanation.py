"""Explanations of some texts, and the words that speak for each class → one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bywords.explain.segments import segments, strengths
from bywords.report.formats import percent
from bywords.report.page import render
from bywords.terminal import shell_words
from bywords.version import __version__

Record = dict[str, Any]

N_LEVELS = 4  # of colour, as page.css has them
MOST_ASKED = 1_000  # characters of a text that a command can be copied with
MOST_CHARACTERS = 4_000  # of a text that are shown
MOST_CLASSES = 200  # whose words are shown
N_OTHERS = 4  # classes of a text that are named with their probability


def render_explanations(record: Record) -> str:
    """The page as a string. The same record gives the same page.

    `record` has `model` and `file` (None for a text that was given as it is), `n_documents`, `n_documents_used` for the
    words of each class, `class_words`, and `documents`: `Explanation.plain()` each, with its `counterfactual`.
    """
    class_words = list(record["class_words"].items())
    return render(
        "explanation.html",
        record=record,
        version=__version__,
        file_name=Path(str(record["file"])).name,
        documents=[_document_view(document, str(record["model"])) for document in record["documents"]],
        class_words=[_class_view(label, words) for label, words in class_words[:MOST_CLASSES]],
        n_classes_left_out=max(len(class_words) - MOST_CLASSES, 0),
        is_exact={document["method"] for document in record["documents"]} <= {"exact"},
        largest_gap=max((document["completeness_gap"] for document in record["documents"]), default=0.0),
    )


def _document_view(document: Record, model: str) -> dict[str, Any]:
    """A text in segments, each with how strongly it speaks for the class, and what the numbers say in words."""
    text, tokens = document["text"], document["tokens"]
    offsets = np.array([[token["start"], token["end"]] for token in tokens], dtype=np.int64).reshape(-1, 2)
    found = segments(len(text), offsets, [token["attribution"] for token in tokens])
    parts = [
        {"text": text[segment.start : segment.end], "level": level, "value": segment.value}
        for segment, level in zip(found, strengths(found, N_LEVELS), strict=True)
        if segment.start < MOST_CHARACTERS
    ]
    index = document["labels"].index(document["explained"])
    total = float(sum(token["attribution"] for token in tokens))
    predicted = document["predicted"]
    is_one_text = not document.get("by_token") and not any("field" in token for token in tokens)
    is_asked_again = is_one_text and 0 < len(text) <= MOST_ASKED
    return {
        **document,
        "parts": _joined(parts),
        "n_left_out": max(len(text) - MOST_CHARACTERS, 0),
        "predicted": predicted if isinstance(predicted, list) else [predicted],
        "by_vector": list(dict.fromkeys(token["token"] for token in tokens if token.get("by_vector"))),
        "probability": document["probabilities"][index],
        "others": _others(document, index),
        "command": shell_words(["bywords", "explain", model, "--", text]) if is_asked_again else None,
        "bias": document["bias"][index],
        "logit": document["logits"][index],
        "total": total,
        "missing": document["logits"][index] - document["bias"][index] - total,
        "widest": max((abs(w["attribution"]) for w in document["words_for"] + document["words_against"]), default=1.0),
    }


def _joined(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbours that are not to be marked, as one."""
    joined: list[dict[str, Any]] = []
    for part in parts:
        if joined and not part["level"] and not joined[-1]["level"]:
            joined[-1]["text"] += part["text"]
        else:
            joined.append(dict(part))
    return joined


def _others(document: Record, index: int) -> str:
    """The likeliest of the other classes, in words."""
    ranked = sorted(zip(document["labels"], document["probabilities"], strict=True), key=lambda pair: -pair[1])
    others = [pair for pair in ranked if pair[0] != document["labels"][index]]
    named = ", ".join(f"{label} {percent(probability)}" for label, probability in others[:N_OTHERS])
    return named + (f", and {len(others) - N_OTHERS} more" if len(others) > N_OTHERS else "")


def _class_view(label: str, words: list[Record]) -> dict[str, Any]:
    return {"label": label, "words": words, "widest": max((word["attribution"] for word in words), default=1.0)}
