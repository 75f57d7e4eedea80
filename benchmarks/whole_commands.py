"""How long does a user wait for `bywords predict`, `train`, `explain` and `evaluate`, beside the same with fastText?

Whole processes, from their start to their end, in turn: a command of bywords, and a Python script that does the same
with fastText (dimension 100, 25 epochs, pairs of words, two threads). Median of seven runs, after one that warms up.
Claims: `predict` of one line with a linear model takes no longer than fastText's load and prediction of the same line,
and at most 150 MB; `train` no longer than fastText takes to read, train, test and save; `explain` of that line and
`evaluate` at most 1.2 times as long as fastText's prediction of it and its test.

trec6 is given as files: `python benchmarks/whole_commands.py trec6=TRAIN,TEST`. Without, 5,000 film reviews.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import write_result
from peers import one_line

from bywords.data.corpus import Corpus
from bywords.io.datasets import load_dataset

N_RUNS = 7
MOST_MEGABYTES = 150  # of predict
N_TRAIN, N_TEST = 4_000, 1_000  # of the film reviews
AT_MOST = {"predict": 1.0, "train": 1.0, "explain": 1.2, "evaluate": 1.2}  # of fastText's time
SETTINGS = {"dim": 100, "epoch": 25, "lr": 0.5, "wordNgrams": 2, "thread": 2, "verbose": 0}

# The same file of texts that its tutorial asks for is written beforehand: cutting at signs is no part of its time.
TRAIN_WITH_FASTTEXT = f"""
import fasttext
model = fasttext.train_supervised("train.ft.txt", **{SETTINGS})
model.save_model("fasttext.bin")
"""
PREDICT_WITH_FASTTEXT = """
import sys, fasttext
model = fasttext.load_model("fasttext.bin")
with open(sys.argv[1], encoding="utf-8") as file:
    for line in file:
        print(*model.predict(line.rstrip("\\n")))
"""
TEST_WITH_FASTTEXT = """
import fasttext
print(fasttext.load_model("fasttext.bin").test("test.ft.txt"))
"""

# A small process starts them: the peak memory of a process is counted from that of the one that started it.
LAUNCH = """
import os, sys, time
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # packages that are installed have their bytecode
shut = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
started = time.perf_counter()
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=shut)
_, status, usage = os.wait4(process, 0)
print([time.perf_counter() - started, usage.ru_maxrss, os.waitstatus_to_exitcode(status)])
"""


@dataclass(frozen=True)
class Process:
    """A process that has ended."""

    seconds: float
    megabytes: float  # at its peak


def main() -> None:
    """Start them in turn, keep the medians, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", help="NAME=TRAIN,TEST; by default film reviews")
    name, train, test = corpora(parser.parse_args().data)
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), train, test)
        commands = measured(Path(folder))
    for command, row in commands.items():
        print(
            f"bywords {command:9} {row['seconds']:6.2f} s, {row['ratio']:.2f} of fastText's; {row['megabytes']:.0f} MB"
        )
    write_result("whole_commands", {"data": name, "runs": N_RUNS, "n_train": len(train), "commands": commands})
    ratios = {command: row["ratio"] for command, row in commands.items()}
    assert all(ratios[command] <= most for command, most in AT_MOST.items()), ratios
    assert commands["predict"]["megabytes"] <= MOST_MEGABYTES, commands["predict"]


def corpora(data: str | None) -> tuple[str, Corpus, Corpus]:
    """The name of the data, its training and its test part."""
    if data is None:
        reviews = load_dataset("imdb").limited(N_TRAIN, seed=0)
        test = reviews.test.select(range(0, len(reviews.test), len(reviews.test) // N_TEST))
        return f"{len(reviews.train) + len(test):,} film reviews", reviews.train, test
    name, _, files = data.partition("=")
    train_file, _, test_file = files.partition(",")
    if not test_file:
        raise SystemExit("expected NAME=TRAIN,TEST")
    both = load_dataset(train_file, test=test_file)
    return name, both.train, both.test


def write_files(folder: Path, train: Corpus, test: Corpus) -> None:
    """The texts as bywords and as fastText read them, and one line to ask about."""
    for part, corpus in (("train", train), ("test", test)):
        texts, labels = corpus.texts.to_list(), corpus.names()
        rows = [json.dumps({"text": text, "label": label}) for text, label in zip(texts, labels, strict=True)]
        (folder / f"{part}.jsonl").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
        lines = [f"__label__{label} {one_line(text)}\n" for text, label in zip(texts, labels, strict=True)]
        (folder / f"{part}.ft.txt").write_text("".join(lines), encoding="utf-8")
    (folder / "one.txt").write_text(one_line(test.texts[0]) + "\n", encoding="utf-8")


def measured(folder: Path) -> dict[str, dict[str, Any]]:
    """Of each command: its median time and peak, those of its peer, and the ratio of both times."""
    bywords, python = [sys.executable, "-m", "bywords"], [sys.executable, "-c"]
    pairs = {
        "train": (
            [*bywords, "train", "train.jsonl", "--test", "test.jsonl", "--out", "model"],
            "read, train, save",
            [*python, TRAIN_WITH_FASTTEXT],
        ),
        "predict": ([*bywords, "predict", "model", "one.txt"], "one line", [*python, PREDICT_WITH_FASTTEXT, "one.txt"]),
        "explain": ([*bywords, "explain", "model", "one.txt"], "one line", [*python, PREDICT_WITH_FASTTEXT, "one.txt"]),
        "evaluate": ([*bywords, "evaluate", "model", "test.jsonl"], "test", [*python, TEST_WITH_FASTTEXT]),
    }
    rows = {}
    for command, (ours, what, theirs) in pairs.items():
        runs = [(run(ours, folder), run(theirs, folder)) for _ in range(N_RUNS + 1)][1:]
        seconds, peer_seconds = (statistics.median(pair[side].seconds for pair in runs) for side in (0, 1))
        megabytes, peer_megabytes = (statistics.median(pair[side].megabytes for pair in runs) for side in (0, 1))
        rows[command] = {
            "seconds": seconds, "megabytes": megabytes, "peer": what, "peer_seconds": peer_seconds,
            "peer_megabytes": peer_megabytes, "ratio": seconds / peer_seconds,
        }  # fmt: skip
    return rows


def run(command: list[str], folder: Path) -> Process:
    """A process from its start to its end, in the folder; its output goes nowhere."""
    launched = subprocess.run(
        [sys.executable, "-S", "-c", LAUNCH, *command], cwd=folder, capture_output=True, text=True, check=True
    )
    seconds, kilobytes, code = json.loads(launched.stdout)
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    return Process(seconds, kilobytes / 1000)


if __name__ == "__main__":
    main()
