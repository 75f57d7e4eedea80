"""Does a training that is killed at any moment, and resumed, end with the same bits as one that is left alone?

Claim: 200 processes of `bywords train --checkpoint` on 1,500 reviews of imdb, of six systems in turn, each killed
(SIGKILL) at a moment drawn from the time that its fit takes and then resumed, end with the models of undisturbed runs,
byte for byte; at 50 kills or more, there was work to go on from.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import multiprocessing
import sys
import tempfile
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import polars as pl
from measure import write_result

from bywords.checkpoint import ABOUT
from bywords.cli.main import main as command_line
from bywords.io.datasets import load_dataset
from bywords.training import loop

N_KILLS, N_TEXTS = 200, 1_500
SMALL = {
    "auto": [],
    "dan": [],
    "averaging": ["training.max_epochs=6", "model.dimension=32"],
    "lstm": ["training.max_epochs=3", "model.dimension=16", "model.hidden=8", "vocabulary.max_length=50"],
    "word2vec-mean": ["vectors.dimension=20", "vectors.n_epochs=3"],
    "glove-corpus-mean": ["vectors.dimension=20", "vectors.window=10", "vectors.n_epochs=6"],
}
# By the process that the others are forked from, which makes a run shorter.
IMPORTED = [
    "bywords.cli.main", "bywords.classifier", "lightning_fabric", "gensim.models", "sklearn.linear_model",
    "scipy.optimize", "safetensors.numpy", "rich.console",
    *(f"bywords.compiled.{name}" for name in ("words", "ids", "rows", "svm", "lstm")),
]  # fmt: skip


def main() -> None:
    """Kill, resume, compare; then assert the claim."""
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder)
        data = index / "reviews.csv"
        reviews = load_dataset("imdb").train
        corpus = reviews.select(generator.permutation(len(reviews))[:N_TEXTS])
        pl.DataFrame({"text": corpus.texts, "label": corpus.names()}).write_csv(data)
        multiprocessing.get_context("forkserver").set_forkserver_preload(IMPORTED)
        expected, seconds = {}, {}
        for system in SMALL:
            finished(started(system, data, index / system, None))
            expected[system] = sums_of(index / system)
            process = started(system, data, index / f"{system}-again", index / f"{system}-checkpoint")
            began = when_begun(process, index / f"{system}-checkpoint")
            finished(process)
            seconds[system] = time.perf_counter() - began
        counts = {system: {"kills": 0, "with_entries": 0, "equal": 0} for system in SMALL}
        for kill in range(N_KILLS):
            system = list(SMALL)[kill % len(SMALL)]
            out, checkpoint = index / f"{kill}", index / f"{kill}-checkpoint"
            process = started(system, data, out, checkpoint)
            when_begun(process, checkpoint)
            time.sleep(generator.random() * seconds[system])
            process.kill()
            process.join()
            counts[system]["kills"] += 1
            counts[system]["with_entries"] += any(checkpoint.glob("*.entry"))
            finished(started(system, data, out, checkpoint))
            counts[system]["equal"] += sums_of(out) == expected[system]
            if kill % 20 == 19:
                print(f"{kill + 1} kills: {sum(count['equal'] for count in counts.values())} equal", flush=True)
    for system, count in counts.items():
        print(f"{system:20} {count['kills']:3} kills, {count['with_entries']:3} with entries, {count['equal']:3} equal")
    total = {name: sum(count[name] for count in counts.values()) for name in ("kills", "with_entries", "equal")}
    write_result("kills", {"n_texts": N_TEXTS, **total, "systems": counts, "seconds_of_a_fit": seconds})
    assert total["equal"] == total["kills"] == N_KILLS, total
    assert total["with_entries"] >= N_KILLS // 4, total


def started(system: str, data: Path, out: Path, checkpoint: Path | None) -> BaseProcess:
    """`bywords train` in a process of its own."""
    arguments = ["train", str(data), "--system", system, "--out", str(out), "--json"]
    arguments += [part for setting in SMALL[system] for part in ("--set", setting)]
    if checkpoint is not None:
        arguments += ["--checkpoint", str(checkpoint), "--resume"]
    process = multiprocessing.get_context("forkserver").Process(target=run, args=(arguments,))
    process.start()
    return process


def when_begun(process: BaseProcess, checkpoint: Path) -> float:
    """Wait until the texts are read and the fit begins; the time then."""
    while process.is_alive() and not (checkpoint / ABOUT).exists():
        time.sleep(0.002)
    return time.perf_counter()


def run(arguments: list[str]) -> None:
    """The command line, without what it says, and with a checkpoint four times a second within an epoch."""
    loop.SECONDS_BETWEEN = 0.25
    sys.argv = ["bywords", *arguments]
    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (until the process ends)
    command_line()


def finished(process: BaseProcess) -> None:
    """Wait for its end."""
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"a run that was not killed ended with {process.exitcode}")


def sums_of(folder: Path) -> str:
    """What tells two models apart that differ in one bit."""
    return (folder / "SHA256SUMS").read_text(encoding="utf-8")


if __name__ == "__main__":
    main()
