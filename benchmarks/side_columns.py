"""What do the columns of a table bring, beside all of it in one text?

Two corpora. 20newsgroups-full with its subject, its organisation and its body: as one text, as three text columns, and
without the two. And a made table in which the text tells half of the label, and a column beside it the other half: with
the text alone, with the value written into the text, and with the column.
Claims: on the made table the whole 95 % interval of the gain is above .3, and explanations sum to the logit to 1e-6; on
the newsgroups the three columns are not worse than one text by more than chance.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import argparse
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from measure import write_result

from bywords.classifier import TextClassifier
from bywords.evaluation.significance import paired_difference
from bywords.io.datasets import load_dataset

Row = dict[str, str]
Right = npt.NDArray[np.float64]

LEAST_GAIN = 0.3
LARGEST_GAP = 1e-6
N_MADE, N_MADE_TEST, N_EXPLAINED = 2_000, 2_000, 50
TOPICS = (("printer", "paper", "toner", "desk", "screen"), ("tyre", "engine", "oil", "brake", "clutch"))
REGIONS = ("north", "south")
FILLING = (
    "please",
    "help",
    "us",
    "with",
    "the",
    "thing",
    "that",
    "was",
    "broken",
    "and",
    "we",
    "need",
    "soon",
    "again",
)


def main() -> None:
    """Measure both, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--system", default="auto")
    parser.add_argument("--limit", type=int, default=None, help="newsgroup messages to train on, for a try")
    parser.add_argument("--made-only", action="store_true")
    options = parser.parse_args()
    made = measured_made(options.system)
    result: dict[str, Any] = {"system": options.system, "made": made}
    if not options.made_only:
        result["20newsgroups-full"] = measured_newsgroups(options.system, options.limit)
    if options.limit is None and not options.made_only:
        write_result("side_columns", result)
    low, _ = made["gain"]["interval"]
    assert low > LEAST_GAIN, made["gain"]
    assert made["largest_gap"] < LARGEST_GAP, made["largest_gap"]
    if not options.made_only:
        _, high = result["20newsgroups-full"]["gain"]["interval"]
        assert high >= 0, result["20newsgroups-full"]["gain"]


def measured_made(system: str) -> dict[str, Any]:
    """Accuracy with the text alone, with the value in the text and with the column; what the column brings."""
    rows, labels = made_table(N_MADE + N_MADE_TEST, np.random.default_rng(0))
    parts = (rows[:N_MADE], labels[:N_MADE], rows[N_MADE:], labels[N_MADE:])
    alone, _ = right(TextClassifier(system, text="text"), *parts)
    written, _ = right(TextClassifier(system, text=["text", "region"]), *parts)
    beside, classifier = right(TextClassifier(system, text="text", columns=["region", "amount"]), *parts)
    explanations = classifier.explain(rows[N_MADE : N_MADE + N_EXPLAINED])
    gaps = [
        np.abs(found.bias + found.attributions.sum(axis=0) - found.logits).max()
        for found in explanations
        if found.method == "exact"
    ]
    assert len(gaps) == len(explanations), "the model that was selected has a hidden layer"
    return told(
        "made", {"text alone": alone, "value in the text": written, "text and column": beside},
        first="text alone", second="text and column",
    ) | {"largest_gap": float(max(gaps))}  # fmt: skip


def made_table(n: int, generator: np.random.Generator) -> tuple[list[Row], list[str]]:
    """Rows with one of four labels: the text says which two it may be, the region says which of the two.

    The amount says nothing. One text in twenty has no word of its topic, and one region in twenty is missing.
    """
    rows, labels = [], []
    for _ in range(n):
        topic, region = generator.integers(2, size=2)
        words = generator.choice(FILLING, size=generator.integers(10, 40)).tolist()
        if generator.random() > 0.05:
            words[generator.integers(len(words))] = str(generator.choice(TOPICS[topic]))
        is_missing = generator.random() < 0.05
        amount = f"{generator.lognormal(4, 1):.2f}"
        rows.append({"text": " ".join(words), "region": "" if is_missing else REGIONS[region], "amount": amount})
        labels.append(f"{'office' if topic == 0 else 'garage'} {REGIONS[region]}")
    return rows, labels


def measured_newsgroups(system: str, limit: int | None) -> dict[str, Any]:
    """Accuracy with the body alone, all in one text, and three text columns; what the columns bring over one text."""
    split = load_dataset("20newsgroups-full")
    if limit is not None:
        split = split.limited(limit, seed=0)
    train, test = ([message(text) for text in part.texts.to_list()] for part in (split.train, split.test))
    parts = (train, split.train.names().tolist(), test, split.test.names().tolist())
    found = {
        "body alone": right(TextClassifier(system, text="body"), *parts)[0],
        "one text": right(TextClassifier(system, text="all"), *parts)[0],
        "three text columns": right(TextClassifier(system, text=["subject", "organisation", "body"]), *parts)[0],
    }
    return told("20newsgroups-full", found, first="one text", second="three text columns")


def message(text: str) -> Row:
    """A message as columns: two of its headers, its body, and these in one text."""
    head, _, body = text.partition("\n\n")
    fields = dict.fromkeys(("subject", "organization"), "")
    for line in head.splitlines():
        name, _, value = line.partition(":")
        if name.lower() in fields:
            fields[name.lower()] = value.strip()
    row = {"subject": fields["subject"], "organisation": fields["organization"], "body": body}
    return {**row, "all": "\n".join(row.values())}


def right(
    classifier: TextClassifier, train: Sequence[Row], labels: Sequence[str], test: Sequence[Row], true: Sequence[str]
) -> tuple[Right, TextClassifier]:
    """Whether each test row is right, 0 or 1 (N,), and the classifier that was fitted."""
    started = time.perf_counter()
    classifier.fit(train, labels)
    answers = classifier.predict(test)
    print(f"{classifier.text} {classifier.columns}: {time.perf_counter() - started:.1f} s", flush=True)
    for note in classifier.fitted_.record.notes:
        print(f"  {note}", flush=True)
    return np.asarray(answers == np.array(true), dtype=np.float64), classifier


def told(corpus: str, found: dict[str, Right], *, first: str, second: str) -> dict[str, Any]:
    """The accuracies as JSON values, and how much the second is better than the first."""
    for name, is_right in found.items():
        print(f"{corpus:18} {name:20} {is_right.mean():.4f}", flush=True)
    gain = paired_difference(found[second], found[first])
    low, high = gain.interval
    print(f"{corpus:18} {second} instead of {first}: {gain.difference:+.4f} ({low:+.4f} to {high:+.4f})", flush=True)
    return {
        "n_test": len(found[first]),
        "accuracy": {name: float(is_right.mean()) for name, is_right in found.items()},
        "gain": {"of": second, "over": first, "difference": gain.difference, "interval": [low, high]},
    }


if __name__ == "__main__":
    main()
