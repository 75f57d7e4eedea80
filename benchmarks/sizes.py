"""How much less often is plain `bywords train` right when its model has to be small?

Claim: on the reviews, a model of 1 MB loses at most .005 of its accuracy, one of 100 kB at most .02, and none is larger
than what it was given. Accuracy on the test part; which way costs least is judged on training documents.
Corpora: the data sets that have names, and files that are given: NAME=TRAIN or NAME=TRAIN,TEST.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import argparse
import copy
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from measure import write_result

from bywords.artifact.compression import parse_size
from bywords.artifact.model_folder import size_bytes
from bywords.classifier import TextClassifier
from bywords.data.corpus import Split
from bywords.io.datasets import is_available, load_dataset
from bywords.text.tokenizer import Tokenizer

NAMED = ("imdb", "20newsgroups-6")
SIZES = ("5 MB", "2 MB", "1 MB", "500 kB", "100 kB")
CLAIMS = {"1 MB": 0.005, "100 kB": 0.02}  # accuracy lost on imdb
N_JUDGING = 5_000


def main() -> None:
    """Train once a corpus, make it smaller in turn, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", help="names, or NAME=TRAIN[,TEST]; by default the data sets at hand")
    corpora = parser.parse_args().corpora or [name for name in NAMED if is_available(name)]
    rows = {}
    for corpus in corpora:
        name, _, files = corpus.partition("=")
        train, _, test = files.partition(",")
        rows[name] = measured(name, load_dataset(train or name, test=test or None).drop_empty(Tokenizer()))
    write_result("sizes", {"corpora": rows})
    for name, row in rows.items():
        assert all(found["n_bytes"] <= parse_size(size) for size, found in row["sizes"].items()), name
    for size, most in CLAIMS.items():
        lost = rows["imdb"]["accuracy"] - rows["imdb"]["sizes"][size]["accuracy"] if "imdb" in rows else 0
        assert lost <= most, (size, lost)


def measured(name: str, split: Split) -> dict[str, Any]:
    """Size and accuracy of the whole model, and of it at each size."""
    whole = TextClassifier().fit(split.train.texts, split.train.names())
    judging = split.train.select(np.linspace(0, len(split.train) - 1, min(len(split.train), N_JUDGING)).astype(int))
    row: dict[str, Any] = {**scores(whole, split), "sizes": {}}
    print(f"{name:16} {'whole':8} {row['n_bytes']:12,} bytes {row['accuracy']:.4f}", flush=True)
    for size in SIZES:
        smaller = copy.copy(whole)
        done = smaller.compress(parse_size(size), judging.texts, judging.names()).done
        row["sizes"][size] = found = {**scores(smaller, split), "done": done}
        print(f"{name:16} {size:8} {found['n_bytes']:12,} bytes {found['accuracy']:.4f}  {done}", flush=True)
    return row


def scores(classifier: TextClassifier, split: Split) -> dict[str, Any]:
    """The size of the folder that it writes, and how often it is right on the test part."""
    with tempfile.TemporaryDirectory() as folder:
        classifier.save(Path(folder) / "model")
        n_bytes = size_bytes(Path(folder) / "model")
    accuracy = classifier.evaluate(split.test.texts, split.test.names()).accuracy
    return {"n_bytes": n_bytes, "accuracy": accuracy}


if __name__ == "__main__":
    main()
