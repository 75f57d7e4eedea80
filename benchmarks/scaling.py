"""Does ten times the documents take ten times as long?

Claim: `auto` takes at most 10.5 times as long for ten times the reviews of imdb, judged on the same thousand others and
without character n-grams, so that both do the same (but that of many documents an SVM makes fewer passes). Medians of
five runs in turn.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

from dataclasses import replace
from functools import partial

import numpy as np
from measure import median_seconds, write_result

from bywords.classifier import TextClassifier
from bywords.io.datasets import load_dataset
from bywords.systems import SYSTEMS
from bywords.text.vocabulary import VocabularyConfig

MOST_TIMES = 10.5
SMALL = 2_000  # reviews


def main() -> None:
    """Time the fits, measure the memory, and assert the claims."""
    split = load_dataset("imdb")
    texts, labels = split.train.texts.to_list(), split.train.names()
    validation = split.test.texts.to_list()[:1000], split.test.names()[:1000]
    config = replace(SYSTEMS["auto"], vocabulary=VocabularyConfig(ngrams=2))

    def fit(n_documents: int) -> None:
        rows = np.linspace(0, len(texts) - 1, n_documents).astype(int)
        TextClassifier(config).fit([texts[row] for row in rows], labels[rows], validation=validation)

    seconds = median_seconds({str(n): partial(fit, n) for n in (SMALL, 10 * SMALL)})
    times = seconds[str(10 * SMALL)] / seconds[str(SMALL)]
    for name, value in seconds.items():
        print(f"{int(name):6,} reviews {value:6.2f} s")
    print(f"ten times the reviews take {times:.1f} times as long")
    write_result("scaling", {"seconds": seconds, "times": times})
    assert times <= MOST_TIMES, seconds


if __name__ == "__main__":
    main()
