"""Does `bywords audit` find errors that were planted, and how long does it take?

Labels: 5 % of the training labels of a corpus that is given are flipped, with several seeds. Claim: of trec6's at least
.7 are among the first tenth of the ranking.
Duplicates: of each kind (copied; capitals changed; spaces changed; one word changed) 200 training documents are put
among the test documents. Claim: all copies and all with other capitals or spaces are found, and .95 of the others.
False alarms are pairs that were not there before and are not planted.
Time: `bywords audit`, the whole process, on 8,000 reviews and 2,000 to test on. Claim: 20 seconds at most on two cores.

Corpora: imdb, and files that are given: NAME=TRAIN or NAME=TRAIN,TEST.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from measure import write_result

from bywords.auditing.label_errors import find_label_errors
from bywords.data.corpus import Corpus, Split
from bywords.data.duplicates import find_duplicates
from bywords.io.datasets import load_dataset
from bywords.text.tokenizer import Tokenizer

SEEDS = (0, 1, 2, 3, 4)
FLIPPED, LOOKED_AT = 0.05, 0.1
N_PLANTED = 200
KINDS = ("copied", "capitals", "spaces", "one word")
N_TRAIN, N_TEST, MOST_SECONDS = 8_000, 2_000, 20.0


def main() -> None:
    """Plant and find, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", help="NAME=TRAIN[,TEST]; trec6=… is what the claim on labels is about")
    splits = {"imdb": load_dataset("imdb")}
    for corpus in parser.parse_args().corpora:
        name, _, files = corpus.partition("=")
        train, _, test = files.partition(",")
        splits[name] = load_dataset(train or name, test=test or None)
    rows: dict[str, Any] = {}
    for name, split in splits.items():
        rows[name] = {"labels": planted_labels(split.train), "duplicates": planted_duplicates(split)}
        shares = [row["in_first_tenth"] for row in rows[name]["labels"]]
        planted = rows[name]["duplicates"]
        print(f"{name:8} flipped labels in the first tenth:", *(f"{share:.3f}" for share in shares), flush=True)
        print(f"{name:8} duplicates found: {planted['found']}, false alarms: {planted['n_false_alarms']}", flush=True)
    seconds = seconds_of_command(splits["imdb"])
    print(f"bywords audit: {seconds:.1f} s for {N_TRAIN + N_TEST:,} reviews", flush=True)
    write_result("audit", {"corpora": rows, "command_seconds": seconds, "n_documents": N_TRAIN + N_TEST})
    for name, row in rows.items():
        for kind, share in row["duplicates"]["found"].items():
            assert share >= (0.95 if kind == "one word" else 1), (name, kind, share)
    if "trec6" in rows:
        assert all(row["in_first_tenth"] >= 0.7 for row in rows["trec6"]["labels"])
    assert seconds <= MOST_SECONDS, seconds


def planted_labels(corpus: Corpus) -> list[dict[str, Any]]:
    """For each seed: how many of the flipped labels are in the first tenth of the ranking, and among those flagged."""
    tokens, groups = Tokenizer()(corpus.texts), find_duplicates(corpus.texts).train.groups
    n_documents, n_classes = len(corpus), len(corpus.label_names)
    rows = []
    for seed in SEEDS:
        generator = np.random.default_rng(seed)
        flipped = generator.choice(n_documents, int(FLIPPED * n_documents), replace=False)
        labels = corpus.labels.copy()
        labels[flipped] = (labels[flipped] + generator.integers(1, n_classes, len(flipped))) % n_classes
        found = find_label_errors(tokens, labels, n_classes, groups, seed=seed)
        first = found.order[: int(LOOKED_AT * n_documents)]
        is_right = found.suggested[flipped] == corpus.labels[flipped]
        rows.append(
            {
                "seed": seed,
                "n_flipped": len(flipped),
                "in_first_tenth": float(np.isin(flipped, first).mean()),
                "n_flagged": int(found.is_flagged.sum()),
                "flagged": float(found.is_flagged[flipped].mean()),
                "given_back": float(is_right.mean()),
            }
        )
    return rows


def planted_duplicates(split: Split) -> dict[str, Any]:
    """Of each kind the share that is found beside its original, and how many other pairs come with them."""
    generator = np.random.default_rng(0)
    words = " ".join(split.train.texts.head(2_000)).split()
    n_words = split.train.texts.str.count_matches(r"\w+").to_numpy()
    originals = generator.choice(np.flatnonzero(n_words >= 3), len(KINDS) * N_PLANTED, replace=False)
    kinds = np.repeat(KINDS, N_PLANTED)
    copies = [
        changed(split.train.texts[int(index)], kind, words, generator)
        for index, kind in zip(originals, kinds, strict=True)
    ]
    n_test = len(split.test)
    before = pairs_across(split.train.texts, split.test.texts)
    after = pairs_across(split.train.texts, pl.concat([split.test.texts, pl.Series("text", copies)]))
    planted = {(int(index), n_test + number) for number, index in enumerate(originals)}
    # What is alike to the original is alike to its copy: no alarm of its own.
    within = find_duplicates(split.train.texts).train.groups
    alarms = [
        (train, test)
        for train, test in after - before - planted
        if test < n_test or within[train] != within[originals[test - n_test]]
    ]
    found = np.array([(int(index), n_test + number) in after for number, index in enumerate(originals)])
    return {
        "found": {kind: float(found[kinds == kind].mean()) for kind in KINDS},
        "n_before": len(before),
        "n_false_alarms": len(alarms),
        "n_lost": len(before - after),
    }


def changed(text: str, kind: str, words: list[str], generator: np.random.Generator) -> str:
    """The text as it is, or with a change of this kind."""
    if kind == "capitals":
        return text.swapcase()
    if kind == "spaces":
        return "  ".join(text.split()) + "\n"
    if kind == "one word":
        parts = text.split()
        indices = [index for index, part in enumerate(parts) if any(sign.isalnum() for sign in part)]
        index = indices[generator.integers(len(indices))]
        old, new = parts[index].lower(), parts[index].lower()
        while new == old or not new.isalnum():
            new = words[generator.integers(len(words))].lower()
        parts[index] = new
        return " ".join(parts)
    return text


def pairs_across(train: pl.Series, test: pl.Series) -> set[tuple[int, int]]:
    """The pairs that are found, by their indices."""
    across = find_duplicates(train, test).across
    assert across is not None
    return set(zip(across.pairs.firsts.tolist(), across.pairs.seconds.tolist(), strict=True))


def seconds_of_command(split: Split) -> float:
    """How long the command takes for so many documents, with its start; machine code has been compiled before."""
    with tempfile.TemporaryDirectory() as folder:
        for corpus, n_documents, name in ((split.train, N_TRAIN, "train.csv"), (split.test, N_TEST, "test.csv")):
            rows = np.random.default_rng(0).choice(len(corpus), n_documents, replace=False)
            some = corpus.select(rows)
            pl.DataFrame({"text": some.texts, "label": some.names()}).write_csv(Path(folder) / name)
        command = [sys.executable, "-m", "bywords", "audit", "train.csv", "--test", "test.csv", "--json"]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        for _ in range(2):
            started = time.perf_counter()
            done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
            seconds = time.perf_counter() - started
        assert len(json.loads(done.stdout)["label_errors"]) == N_TRAIN
    return seconds


if __name__ == "__main__":
    main()
