"""How often is plain `bywords train` right, beside what users would pick instead, on each of several corpora?

Claims: `auto` is nowhere under the best of the peers by more than chance makes of so many test documents (two standard
errors of a difference of two shares, and .003 of very many), and above it on most corpora; and what the table CLAIMS
says. Accuracy on the documents of the test part that have a word (as the command line counts), mean over seeds 0
to 2; peers without randomness are fitted once a split, and those that take over SLOW_SECONDS once in all.
Corpora: the data sets that have names, and files that are given: NAME=TRAIN or NAME=TRAIN,TEST. With `--ours`, results
of the peers stay as they are.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from measure import RESULTS, read_result, write_result
from peers import OURS, PEERS

from bywords.data.corpus import Split
from bywords.io.datasets import is_available, load_dataset
from bywords.text.tokenizer import Tokenizer

SEEDS = (0, 1, 2)
NAMED = ("20newsgroups-6", "20newsgroups", "20newsgroups-full", "imdb")
CLAIMS = {"20newsgroups-6": 0.85, "20newsgroups": 0.745, "20newsgroups-full": 0.868, "imdb": 0.905}
IS_RANDOM = ("fastText", "bywords")
SLOW_SECONDS = 20
NOWHERE_MORE_THAN = 0.003  # under the best peer, but for chance


def main() -> None:
    """Measure what is asked for, add it to the results there are, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", help="names, or NAME=TRAIN[,TEST]; by default the data sets at hand")
    parser.add_argument("--ours", action="store_true", help="leave the results of the peers as they are")
    options = parser.parse_args()
    wanted = options.corpora or [name for name in NAMED if is_available(name)]
    rows = read_result("accuracy")["corpora"] if (RESULTS / "accuracy.json").exists() else {}
    for corpus in wanted:
        name, _, files = corpus.partition("=")
        found = measured(name, files.split(",") if files else [name], OURS if options.ours else {**OURS, **PEERS})
        rows[name] = {**rows.get(name, {}), **found} if options.ours else found
        write_result("accuracy", {"seeds": SEEDS, "corpora": rows})
    check(rows)


def measured(name: str, source: list[str], systems: dict[str, Callable[[int], Any]]) -> dict[str, dict[str, Any]]:
    """Accuracy of each classifier: its mean, and of each seed; and the seconds of a fit (median)."""
    found: dict[str, dict[str, Any]] = {}
    for system, make in systems.items():
        scores, seconds = list[float](), list[float]()
        for seed in SEEDS:
            split = _split(source, seed)
            is_known = split_is_fixed(source) and not system.startswith(IS_RANDOM)
            if scores and (is_known or (system in PEERS and seconds[0] > SLOW_SECONDS)):
                break
            started = time.perf_counter()
            classifier = make(seed).fit(split.train.texts.to_list(), split.train.names())
            seconds.append(time.perf_counter() - started)
            right = classifier.predict(split.test.texts.to_list()) == split.test.names()
            scores.append(float(right.mean()))
        found[system] = {
            "accuracy": statistics.mean(scores),
            "of_seeds": scores,
            "seconds": statistics.median(seconds),
            "n_test": len(right),
        }
        print(f"{name:20} {system:28} {statistics.mean(scores):.4f}  {statistics.median(seconds):6.1f} s", flush=True)
    return found


def check(rows: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Assert the claims, after printing how far each corpus is from them."""
    margins = {}
    for name, systems in rows.items():
        best = max((systems[peer]["accuracy"], peer) for peer in PEERS if peer in systems)
        margins[name] = systems["bywords auto"]["accuracy"] - best[0]
        print(f"{name:20} auto {systems['bywords auto']['accuracy']:.4f}, {margins[name]:+.4f} to {best[1]}")
    for name, margin in margins.items():
        ours = rows[name]["bywords auto"]
        chance = 2 * (2 * ours["accuracy"] * (1 - ours["accuracy"]) / ours["n_test"]) ** 0.5 if "n_test" in ours else 0
        assert margin >= -max(NOWHERE_MORE_THAN, chance), (name, margin, chance)
    assert statistics.mean(margin > 0 for margin in margins.values()) > 0.5, margins
    for name, least in CLAIMS.items():
        if name in rows:
            assert rows[name]["bywords auto"]["accuracy"] >= least, (name, least)


def split_is_fixed(source: list[str]) -> bool:
    """Whether the corpus brings its own test part, so that every seed has the same."""
    return len(source) == 2 or source[0].startswith("20newsgroups")


def _split(source: list[str], seed: int) -> Split:
    split = load_dataset(source[0], test=source[1] if len(source) == 2 else None, seed=seed)
    return split.drop_empty(Tokenizer())


if __name__ == "__main__":
    main()
