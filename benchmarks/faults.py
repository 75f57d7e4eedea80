"""Is what is saved whole when the process that saves it dies at any moment, when the disk fails, when two save at once?

Claim: of processes that save over an old model and are killed (strace, SIGKILL) at each of their calls that change the
disk, 200 and more, each leaves the old model or the new one, whole and in its place; so does each that one of the
calls fails for (ENOSPC, EIO), and where that is the old one it says so. Both where two folders change places in one
step and where they cannot. Of 50 pairs of commands that write to one place at once, each leaves what one of them alone
would have written. Linux only, with strace, as a user who may trace processes.
"""

from __future__ import annotations

import collections
import itertools
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bywords.artifact.description import load_classifier, save_classifier
from bywords.classifier import TextClassifier
from bywords.cli.main import main as command_line
from bywords.errors import ModelFolderError

LEAST_KILLS, N_PAIRS, N_TEXTS, N_TO_LABEL = 200, 50, 400, 25_000
SYSTEMS = ("tfidf-nb", "tfidf-svc", "auto")
IMPORTED = [
    "polars", "bywords.classifier", "bywords.cli.main", "bywords.artifact.description", "safetensors.numpy",
    "bywords.io.readers", "bywords.io.resumable", "bywords.cli.train_steps", "bywords.training.fit",
]  # fmt: skip
# All that may change a disk; the targets are rename, write and fsync.
CALLS = (
    "rename", "renameat", "renameat2", "write", "pwrite64", "fsync", "link", "linkat", "unlink", "unlinkat", "mkdir",
    "rmdir", "ftruncate", "chmod", "fchmodat",
)  # fmt: skip
WORDS = {"sport": "goal team match score player", "space": "moon rocket orbit star launch", "cars": "engine wheel road"}


def main() -> None:
    """Kill, let fail, start two; then assert the claim."""
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_texts(folder / "texts.csv", N_TEXTS, generator)
        kills, errors, pairs = (collections.Counter[str]() for _ in range(3))
        for system, exchanges in itertools.product(SYSTEMS, (True, False)):
            saving = Saving(folder / f"{system}-{exchanges}", system, exchanges=exchanges)
            for call, number in saving.calls():
                kills.update(saving.killed(call, number))
                if system == SYSTEMS[0]:
                    errors.update(saving.failed(call, number, "ENOSPC" if call == "write" else "EIO"))
            print(f"{system}, {'one step' if exchanges else 'one by one'}: {dict(kills)}, {dict(errors)}", flush=True)
        write_texts(folder / "many.csv", N_TO_LABEL, generator)
        for command, number in zip(itertools.islice(itertools.cycle(PAIRS), N_PAIRS), range(N_PAIRS), strict=True):
            pairs.update(pair(folder, PAIRS[command], generator.random(), number))
        print(f"pairs: {dict(pairs)}")
    from measure import write_result  # here, as each process imports what is above

    write_result("faults", {"kills": dict(kills), "errors": dict(errors), "pairs": dict(pairs)})
    assert kills["kills"] >= LEAST_KILLS, kills
    assert kills["whole"] == kills["in_place"] == kills["kills"], kills
    assert errors["whole"] == errors["in_place"] == errors["errors"], errors
    assert errors["said"] >= errors["old"], errors
    assert pairs["pairs"] == pairs["whole"] == N_PAIRS, pairs
    assert pairs["refused"], "no two of a pair ever met"


class Saving:
    """A process that saves a new model over an old one, again and again."""

    def __init__(self, folder: Path, system: str, *, exchanges: bool) -> None:
        self.place, self.exchanges = folder / "model", exchanges
        folder.mkdir()
        self.paths = {}
        for name, seed in (("old", 1), ("new", 2)):
            self.paths[name] = folder / name
            texts, labels = texts_of(N_TEXTS // 2, np.random.default_rng(seed))
            TextClassifier(system).fit(texts, labels).save(self.paths[name])
            (self.paths[name] / "notes.txt").write_text("of somebody else", encoding="utf-8")
        self._start_anew()

    def calls(self) -> list[tuple[str, int]]:
        """The calls that change the disk while it saves: which, and of all of the kind the how manieth."""
        log = self.place.with_name("calls.log")
        assert self._run(log, []) == 0
        counts = collections.Counter[str]()
        found = []
        for call in re.findall(r"^(?:\d+ +)?(\w+)\(", log.read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
            counts[call] += 1
            found.append((call, counts[call]))
        self._start_anew()
        return found

    def killed(self, call: str, number: int) -> dict[str, int]:
        """Kill it at this call."""
        code = self._run(Path(os.devnull), ["-e", f"inject={call}:signal=SIGKILL:when={number}"])
        assert code == -signal.SIGKILL, (call, number, code)
        return {"kills": 1, f"at {call}": 1, **self._found()}

    def failed(self, call: str, number: int, error: str) -> dict[str, int]:
        """Let this call fail."""
        code = self._run(Path(os.devnull), ["-e", f"inject={call}:error={error}:when={number}"])
        assert code in (0, 2), (call, number, code)
        return {"errors": 1, "said": code == 2, **self._found()}

    def _run(self, log: Path, options: list[str]) -> int | None:
        """Save in a process of its own, under strace from just before that."""
        if not self.exchanges:
            options = ["-e", "inject=renameat2:error=EINVAL", *options]
        go_on, told = multiprocessing.Pipe()
        process = of_its_own(save, self.paths["new"], self.place, told)
        go_on.recv()
        strace = ["strace", "-f", "-e", f"trace={','.join(CALLS)}", "-e", "signal=none", "-o", str(log), *options]
        with subprocess.Popen([*strace, "-p", str(process.pid)], stderr=subprocess.PIPE) as traced:
            assert traced.stderr is not None
            assert b"attached" in traced.stderr.readline()
            go_on.send(None)
            process.join()
        return process.exitcode

    def _found(self) -> dict[str, int]:
        """What is there now: whether it is in its place, and whole, by the sums of its files."""
        is_there = self.place.is_dir()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load_classifier(self.place)
        sums = (self.place / "SHA256SUMS").read_bytes()
        which = [name for name, path in self.paths.items() if sums == (path / "SHA256SUMS").read_bytes()]
        is_whole = bool(which) and (self.place / "notes.txt").exists()
        self._start_anew()
        return {"in_place": is_there, "whole": is_whole, **dict.fromkeys(which, 1)}

    def _start_anew(self) -> None:
        """Have the old model there; what a killed process has left beside it stays."""
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.paths["old"], self.place)


# Two commands that write to one place, and what each of them alone would leave there.
PAIRS = {
    "predict": (
        "predict {folder}/tfidf-nb-True/old {folder}/many.csv --out {out}.csv",
        "predict {folder}/tfidf-nb-True/new {folder}/many.csv --out {out}.csv",
    ),
    "train": (
        "train {folder}/texts.csv --system tfidf-nb --out {out}",
        "train {folder}/texts.csv --system tfidf-svc --out {out}",
    ),
    "predict jsonl": (
        "predict {folder}/tfidf-nb-True/old {folder}/many.csv --out {out}.jsonl --resume",
        "predict {folder}/tfidf-nb-True/new {folder}/many.csv --out {out}.jsonl",
    ),
    "train checkpoint": (
        "train {folder}/texts.csv --system tfidf-svc --out {out} --checkpoint {out}.ck",
        "train {folder}/texts.csv --system tfidf-svc --out {out} --checkpoint {out}.ck --resume",
    ),
}


def pair(folder: Path, commands: tuple[str, str], delay: float, number: int) -> dict[str, int]:
    """Start two commands, the second a moment later; hold what they leave against what each leaves alone."""
    out, alone = folder / f"pair{number}", [folder / "alone" / f"{hash(command) % 10**9}" for command in commands]
    for command, path in zip(commands, alone, strict=True):
        if not any(path.parent.glob(f"{path.name}*")):
            assert ended(started(command, folder, path)) == 0, command
    processes = []
    for command in commands:
        processes.append(started(command, folder, out))
        time.sleep(delay)
    codes = [ended(process) for process in processes]
    left = written(out)
    is_whole = 0 in codes and set(codes) <= {0, 2} and any(left == written(path) for path in alone)
    is_clean = not [path for path in folder.iterdir() if path.name.startswith(f".{out.name}") or path.suffix == ".part"]
    return {"pairs": 1, "refused": 2 in codes, "whole": is_whole and is_clean}


def started(command: str, folder: Path, out: Path) -> BaseProcess:
    """The command in a process of its own."""
    return of_its_own(run, [word.format(folder=folder, out=out) for word in command.split()])


def of_its_own(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """A process that has begun, forked from one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    process = context.Process(target=target, args=arguments)
    process.start()
    return process


def save(source: Path, out: Path, told: Connection) -> None:
    """Save a model over another one when that is told; leave with 2 where it cannot be written."""
    classifier = load_classifier(source)
    told.send(None)
    told.recv()
    try:
        save_classifier(classifier, out)
    except ModelFolderError as error:
        os._exit(2 if "cannot be written" in str(error) else 1)
    os._exit(0)


def run(words: list[str]) -> None:
    """The command line, without what it says."""
    sys.argv = ["bywords", *words]
    sys.stdout = sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (until the process ends)
    command_line()


def ended(process: BaseProcess) -> int | None:
    """Wait for its end. Returns: its exit code."""
    process.join()
    return process.exitcode


def written(out: Path) -> dict[str, bytes]:
    """The files at a place: of a model its sums, which stand for all of its bytes."""
    files = [out / "SHA256SUMS"] if out.is_dir() else out.parent.glob(f"{out.name}.[cj]s*")
    return {path.suffix: path.read_bytes() for path in files}


def texts_of(n_texts: int, generator: np.random.Generator) -> tuple[list[str], list[str]]:
    """Texts of a few words each, and their labels."""
    labels = generator.choice(list(WORDS), n_texts).tolist()
    rest = [f"the of and w{number}" for number in generator.integers(0, 3000, n_texts)]
    return [
        " ".join([*generator.choice(WORDS[label].split(), 4), more]) for label, more in zip(labels, rest, strict=True)
    ], labels


def write_texts(path: Path, n_texts: int, generator: np.random.Generator) -> None:
    """A file of them."""
    texts, labels = texts_of(n_texts, generator)
    pl.DataFrame({"text": texts, "label": labels}).write_csv(path)


if __name__ == "__main__":
    main()
