"""Where labels are paths, how many more texts get an answer by backing off, and is it right as often as was asked?

The names of 20newsgroups are paths, separated by dots. Claims, of `auto`, on halves of all its documents that were
drawn with seeds 0 to 2 and not learned from, together: with `--abstain` .9 and .95 the answers are right at that rate,
all of them and those of whole labels, within what chance explains, that of the test documents and that of those held
out, by which thresholds were chosen; and more texts get an answer than without the hierarchy. Beside it, without a
claim, the data set's own test part, which is of later days than the training: there answers are right less often than
was asked, with the hierarchy and without.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import math
from collections import defaultdict
from typing import Any

import numpy as np
import polars as pl
from measure import write_result

from bywords import SYSTEMS, fit_classifier, load_dataset
from bywords.data.corpus import Corpus
from bywords.evaluation.evaluation import Evaluation
from bywords.evaluation.metrics import Z, wilson_interval
from bywords.system_config import FitParameters

SEEDS = (0, 1, 2)
ASKED = (0.8, 0.9, 0.95)
CLAIMED = (0.9, 0.95)
Counts = dict[str, list[int]]  # what was answered: how many, how many of them right


def main() -> None:
    """Measure both, and assert the claims."""
    split = load_dataset("20newsgroups", label_hierarchy=".")
    texts = pl.concat([split.train.texts, split.test.texts])
    both = Corpus.of("20newsgroups", texts, [*split.train.names().tolist(), *split.test.names().tolist()])
    drawn: dict[float, Counts] = {asked: defaultdict(lambda: [0, 0]) for asked in ASKED}
    for seed in SEEDS:
        rows = np.random.default_rng(seed).permutation(len(both))
        train, test = (both.select(half) for half in np.array_split(rows, 2))
        measure(train, test, seed, drawn)
    later: dict[float, Counts] = {asked: defaultdict(lambda: [0, 0]) for asked in ASKED}
    measure(split.train, split.test, 0, later)
    result = {"drawn halves": told("drawn", drawn), "later days": told("later", later)}
    write_result("hierarchy", {"seeds": SEEDS, **result})
    for row in result["drawn halves"]:
        if row["asked"] in CLAIMED:
            for what in ("all", "whole label"):
                assert row[what]["accuracy"] + row[what]["by_chance"] >= row["asked"], row
            assert row["all"]["coverage"] > row["without the hierarchy"]["coverage"], row


def measure(train: Corpus, test: Corpus, seed: int, counts: dict[float, Counts]) -> None:
    """Train, and count answers for each share that is asked for."""
    parameters = FitParameters(label_hierarchy=".", seed=seed)
    fitted = fit_classifier(SYSTEMS["auto"], train.texts.to_list(), train.names(), parameters=parameters)
    evaluation = fitted.evaluate(test.texts.to_list(), test.names())
    assert isinstance(evaluation, Evaluation)
    share, is_nothing = evaluation.in_vocabulary_share, evaluation.all_out_of_vocabulary
    is_other = fitted.reliability.is_out_of_distribution(share, is_nothing)
    for asked, found in counts.items():
        by = fitted.back_off_by(accuracy=asked)
        scores = by.scores(evaluation.labels, evaluation.probabilities, is_other)
        flat = evaluation.answered(fitted.reliability.min_confidence_for(asked), is_other)
        rows = {"without the hierarchy": flat, "all": scores, "whole label": scores["whole_label"]}
        rows |= {f"cut to {row['level']}": row for row in scores["levels"]}
        for what, row in rows.items():
            found[what][0] += row["n_documents"]
            found[what][1] += round(row["n_documents"] * (row["accuracy"] or 0))
        found["documents"][0] += len(test)
        found["held out"][0] += fitted.reliability.n_documents
        print(seed, asked, [None if least is None else round(least, 3) for least in by.thresholds], flush=True)


def told(where: str, counts: dict[float, Counts]) -> list[dict[str, Any]]:
    """The shares of all that is counted, and print them."""
    rows = []
    for asked, found in counts.items():
        n_documents, n_held_out = found.pop("documents")[0], found.pop("held out")[0]
        row: dict[str, Any] = {"asked": asked, "n_documents": n_documents, "n_held_out": n_held_out}
        for what, (n_given, n_right) in found.items():
            accuracy = n_right / n_given if n_given else None
            interval = wilson_interval(accuracy or 0, n_given)
            coverage = n_given / n_documents
            n_chosen_by = max(coverage * n_held_out, 1)  # answers held out that the thresholds were chosen by
            off = Z * math.sqrt(asked * (1 - asked) * (1 / max(n_given, 1) + 1 / n_chosen_by))
            row[what] = {"coverage": coverage, "accuracy": accuracy, "interval": interval, "by_chance": off}
            if n_given:
                low, high = interval
                right = f"right {accuracy:.1%} ({low:.1%} to {high:.1%})"
                print(f"{where}, {asked:.0%}: {what} {coverage:.1%}, {right}, chance {off:.1%}")
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
