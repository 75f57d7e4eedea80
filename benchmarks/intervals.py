"""Do 95 % intervals cover what they should in 95 of 100 test sets? Simulated with real answers.

Claim: of 1,000 test sets drawn from the answers that two systems gave to a large test part, the intervals of accuracy,
macro F1, log loss, and of the differences of accuracy and macro F1, cover the value of the whole in 93 to 97 %, where
the smallest class has FEWEST documents or more in such a set. Of smaller ones they are measured and nothing is claimed.
Corpora: the data sets that have names, and files that are given: NAME=TRAIN or NAME=TRAIN,TEST.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import argparse
from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt
from measure import write_result

from bywords.classifier import TextClassifier
from bywords.data.corpus import Split
from bywords.evaluation import metrics
from bywords.evaluation.evaluation import Evaluation
from bywords.evaluation.significance import bootstrap_interval, macro_f1_draws, mean_interval, paired_difference
from bywords.io.datasets import is_available, load_dataset
from bywords.text.tokenizer import Tokenizer

NAMED = ("imdb", "20newsgroups-6")
SYSTEMS = ("auto", "tfidf-svc")
SIZES = (500, 2000)  # documents of a drawn test set, where the test part has as many
N_SETS = 1000
FEWEST = 20  # documents of a class in a drawn test set, so that something is claimed


def main() -> None:
    """Count how often each interval covers the value of the whole, and assert the claim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", help="names, or NAME=TRAIN[,TEST]; by default the data sets at hand")
    wanted = parser.parse_args().corpora or [name for name in NAMED if is_available(name)]
    rows: list[dict[str, Any]] = []
    for corpus in wanted:
        name, _, files = corpus.partition("=")
        train, _, test = files.partition(",")
        split = load_dataset(train or name, test=test or None).drop_empty(Tokenizer())
        one, other = (answered(system, split) for system in SYSTEMS)
        for n_documents in (size for size in SIZES if size <= len(split.test)):
            smallest = float(split.test.counts().min() / len(split.test) * n_documents)
            row = {
                "corpus": name,
                "n_documents": n_documents,
                "smallest_class": smallest,
                "is_claimed": smallest >= FEWEST,
                "covered": coverage(one, other, n_documents),
            }
            print(row, flush=True)
            rows.append(row)
    write_result("intervals", {"n_sets": N_SETS, "systems": SYSTEMS, "rows": rows})
    for row in rows:
        assert not row["is_claimed"] or all(0.93 <= share <= 0.97 for share in row["covered"].values()), row


def answered(system: str, split: Split) -> Evaluation:
    """What a system answers to the test part."""
    classifier = TextClassifier(system).fit(split.train.texts, split.train.names())
    evaluation = classifier.evaluate(split.test.texts, split.test.names())
    assert isinstance(evaluation, Evaluation)
    return evaluation


def coverage(one: Evaluation, other: Evaluation, n_documents: int) -> dict[str, float]:
    """The share of drawn test sets in which each interval covers what it is of."""
    generator, n_classes = np.random.default_rng(0), len(one.label_names)
    predicted = np.stack([one.predicted, other.predicted])
    losses = metrics.log_losses(one.labels, one.probabilities)
    truth = {
        "accuracy": one.accuracy,
        "macro F1": one.macro_f1,
        "log loss": one.log_loss,
        "difference of accuracy": one.accuracy - other.accuracy,
        "difference of macro F1": one.macro_f1 - other.macro_f1,
    }
    hits: dict[str, int] = defaultdict(int)
    for number in range(N_SETS):
        rows = generator.integers(len(one.labels), size=n_documents)
        labels, answers = one.labels[rows], predicted[:, rows]
        f1 = [_macro_f1(labels, row, n_classes) for row in answers]
        draws = macro_f1_draws(labels, answers, n_classes, seed=number)
        right = (answers == labels).astype(float)
        intervals = {
            "accuracy": metrics.wilson_interval(float(right[0].mean()), n_documents),
            "macro F1": bootstrap_interval(draws[0], f1[0]),
            "log loss": mean_interval(losses[rows]),
            "difference of accuracy": paired_difference(right[0], right[1]).interval,
            "difference of macro F1": bootstrap_interval(draws[0] - draws[1], f1[0] - f1[1]),
        }
        for name, (low, high) in intervals.items():
            hits[name] += low <= truth[name] <= high
    return {name: count / N_SETS for name, count in hits.items()}


def _macro_f1(labels: metrics.Labels, predicted: npt.NDArray[np.int64], n_classes: int) -> float:
    return metrics.ClassCounts.of(labels, predicted, n_classes).macro_f1


if __name__ == "__main__":
    main()
