"""Do 95 % intervals cover what they should in 95 of 100 test sets? Simulated with real answers.

Claim: of 1,000 test sets drawn from the answers that two systems gave to a large test part, the intervals of accuracy,
macro F1, log loss, and of the differences of accuracy and macro F1, cover the value of the whole in 93 to 97 %.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

from collections import defaultdict

import numpy as np
import numpy.typing as npt
from measure import write_result

from bywords import metrics
from bywords.classifier import TextClassifier
from bywords.datasets import is_available, load
from bywords.evaluation import Evaluation
from bywords.significance import bootstrap_interval, macro_f1_draws, mean_interval, paired_difference
from bywords.tokens import Tokenizer

CORPORA = ("imdb", "20newsgroups-6")
SYSTEMS = ("auto", "tfidf-svc")
SIZES = (500, 2000)  # documents of a drawn test set
N_SETS = 1000


def main() -> None:
    """Count how often each interval covers the value of the whole, and assert the claim."""
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for corpus in [name for name in CORPORA if is_available(name)]:
        split = load(corpus).drop_empty(Tokenizer())
        evaluations = [
            TextClassifier(system)
            .fit(split.train.texts, split.train.names())
            .evaluate(split.test.texts, split.test.names())
            for system in SYSTEMS
        ]
        one, other = (evaluation for evaluation in evaluations if isinstance(evaluation, Evaluation))
        rows[corpus] = {}
        for n_documents in SIZES:
            rows[corpus][str(n_documents)] = covered = coverage(one, other, n_documents)
            print(corpus, n_documents, {name: f"{share:.3f}" for name, share in covered.items()}, flush=True)
    write_result("intervals", {"n_sets": N_SETS, "systems": SYSTEMS, "corpora": rows})
    for corpus, sizes in rows.items():
        for size, covered in sizes.items():
            assert all(0.93 <= share <= 0.97 for share in covered.values()), (corpus, size, covered)


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
    return metrics.macro_f1(metrics.confusion_matrix(labels, predicted, n_classes))


if __name__ == "__main__":
    main()
