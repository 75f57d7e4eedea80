"""How right, and how sure, are classifiers that learned from 50 to 3,000 documents, beside TF-IDF and fastText?

    python benchmarks/few_labels.py [SET ...] [--ours]

Sets that are not at hand are skipped with a line. Each case is written when done, and not run again; `--ours` runs
`auto` once more and keeps the peers' results. It claims nothing yet.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from measure import RESULTS, read_result, write_result
from peers import OURS, PEERS
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from bywords.io.datasets import is_available, load_dataset
from bywords.text.tokenizer import Tokenizer

SETS = ("imdb", "20newsgroups-6")
SIZES = (50, 100, 300, 1_000, 3_000)
N_DRAWS, MOST_TESTED = 3, 2_000
MAKERS: dict[str, Callable[[int], Any]] = {
    "bywords auto": OURS["bywords auto"],
    "TF-IDF + LinearSVC": PEERS["TF-IDF + LinearSVC"],
    "TF-IDF + LogisticRegression": lambda seed: make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1_000)),
    "fastText": PEERS["fastText"],
}


def main() -> None:
    """Run what is not in the record, and write each case when it is done."""
    asked = [name for name in sys.argv[1:] if name != "--ours"] or list(SETS)
    cases: dict[str, Any] = read_result("few_labels")["cases"] if (RESULTS / "few_labels.json").exists() else {}
    if "--ours" in sys.argv:
        cases = {key: case for key, case in cases.items() if "bywords" not in key or key.split("/")[0] not in asked}
    for corpus in asked:
        if not is_available(corpus):
            print(f"{corpus}: skipped, it is not at hand")
            continue
        split = load_dataset(corpus).drop_empty(Tokenizer())
        for size in SIZES:
            for draw in range(N_DRAWS):
                for name in MAKERS:
                    key = f"{corpus}/{size}/{draw}/{name}"
                    if key not in cases:
                        cases[key] = run(split, size, draw, name)
                        print(f"{key}: {cases[key]}", flush=True)
                        write_result("few_labels", {"cases": cases})


def run(split: Any, size: int, draw: int, name: str) -> dict[str, float | None]:
    """Fit to a random draw, and answer at most MOST_TESTED test texts, which are the same for all."""
    texts, labels = split.train.texts.to_list(), np.asarray(split.train.names())
    test_texts, test_labels = split.test.texts.to_list(), np.asarray(split.test.names())
    rows = np.random.default_rng(draw).permutation(len(texts))[:size]
    tested = np.random.default_rng(0).permutation(len(test_texts))[:MOST_TESTED]
    asked, right = [test_texts[row] for row in tested], test_labels[tested]
    model = MAKERS[name](draw)
    started = time.perf_counter()
    model.fit([texts[row] for row in rows], labels[rows])
    fitted = time.perf_counter()
    found = model.predict(asked)
    answered = time.perf_counter()
    return {
        "accuracy": float((found == right).mean()),
        "fit_seconds": getattr(model, "seconds", fitted - started),
        "texts_per_second": len(asked) / (answered - fitted),
    }


if __name__ == "__main__":
    main()
