"""What does `--on ray` cost on a machine whose processors the command alone can use, and what do two workers bring?

Claims: what is predicted and what is trained are the same bytes; `predict --on ray`, on a cluster that runs already,
takes at most 1.3 times as long as `predict` with the same processors, both without their start. What two workers bring
against one is measured and not claimed: the command itself takes and writes all rows on a processor that they share.
The command of `train --on local:2` has at most half the work that it has where it reads the file itself and hands out
the texts.

Commands from start to end, in turn, the median of the ratios of each round. The texts are runs of 10 to 60 words of the
reviews of imdb, the model is `auto` of 4,000 of them. Those to train on are runs of 10 to 300 words, in a csv and as
JSON lines; what the command does until they are on its disk as ids is timed in a process of its own, by its passes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from measure import ENVIRONMENT, read_result, write_result

from bywords.io.datasets import load_dataset
from bywords.text.threads import n_threads

MOST_TIMES = 1.3
STORE_BYTES = 256 << 20
MOST_OF_TEXTS = 0.5  # of the work of a command that hands out the texts
TRAIN = ["train", "labelled.csv", "--system", "tfidf-nb"]
PASSES = """
import dataclasses, json, pickle, resource, sys, time
from pathlib import Path
from bywords.cluster.local import LocalExecutor
from bywords.io import labelled_passes
from bywords.io.on_disk import Source, corpus_on_disk
from bywords.systems import SYSTEMS
from bywords.training.on_disk import as_on_disk

data, way, submit, result = sys.argv[1], sys.argv[2], LocalExecutor._submit, LocalExecutor._result
passes, last, n_bytes = {}, [time.process_time()], {"out": 0, "back": 0}

def mark(what, *_):
    now = time.process_time()
    passes[what] = passes.get(what, 0.0) + now - last[0]
    last[0] = now

def submitted(self, work, handed_out, chunk):
    n_bytes["out"] += len(pickle.dumps(chunk, protocol=5))
    return submit(self, work, handed_out, chunk)

def given(self, pending):
    found = result(self, pending)
    n_bytes["back"] += len(pickle.dumps(found, protocol=5))
    return found

if __name__ == "__main__":
    if way == "texts":
        read = labelled_passes.read_labelled_blocks
        labelled_passes.read_labelled_blocks = lambda *a, may_split, **more: read(*a, **more)
    if way == "bytes":
        LocalExecutor._submit, LocalExecutor._result = submitted, given
    config = as_on_disk(SYSTEMS["auto"])
    with LocalExecutor(2) as workers:
        mark("start")
        corpus_on_disk(
            Source(data=data), Path(data).parent / "ids", config.tokenizer, config.vocabulary, on_block=mark,
            workers=workers,
        )
        mark("writing ids")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    del passes["start"]
    print(json.dumps({"command": passes, "workers": used.ru_utime + used.ru_stime, "bytes": n_bytes}))
"""


def main() -> None:
    """Write the texts, run the commands in turn, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--train-rows", type=int, default=300_000)
    parser.add_argument("--only-training", action="store_true", help="measure the reading of `train`, keep all else")
    given = parser.parse_args()
    training = read_by_workers(given.train_rows)
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory(prefix="ray-") as of_ray:
        folder = Path(name)
        os.environ |= {"RAY_TMPDIR": of_ray, "RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
        n_bytes = write_texts(folder, 10 if given.only_training else given.rows)
        from ray.cluster_utils import Cluster

        clusters = {n: Cluster(True, head_node_args=head(n)) for n in {1, n_threads()}}
        address = {n: cluster.address for n, cluster in clusters.items()}
        trained = trained_both_ways(folder, address[n_threads()], given.rounds)
        of_training = {
            "train_seconds": trained, "train": ratio(trained["ray"], trained["threads"]), "training": training,
        }  # fmt: skip
        if given.only_training:
            before = read_result("cluster")
            del before["machine"]
            write_result("cluster", {**before, **of_training})
            return
        command(folder, "train", "train.csv", "--out", "model")
        predicting = ["predict", "model", "new.csv", "--text", "text", "--out", "NAME.csv"]
        ways: dict[str, tuple[list[str], str | None]] = {
            "threads": ([], None),
            "local": (["--on", "local"], None),
            "ray": (["--on", "ray"], address[n_threads()]),
            "one worker": (["--on", "ray"], address[1]),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        used: dict[str, list[float]] = {way: [] for way in ways}
        few = ["predict", "model", "few.csv", "--out", "few-out.csv"]
        starts = {way: [command(folder, *few, *ways[way][0], address=ways[way][1]) for _ in range(given.rounds)]
                  for way in ("threads", "local", "ray")}  # fmt: skip
        for _ in range(given.rounds):
            for way, (more, where) in ways.items():
                words = [word.replace("NAME", way.partition(" ")[0]) for word in predicting]
                took = command(folder, *words, *more, address=where)
                seconds[way].append(took.seconds)
                used[way].append(took.processor_seconds)
                assert (folder / f"{way.partition(' ')[0]}.csv").read_bytes() == (folder / "threads.csv").read_bytes()
        for cluster in clusters.values():
            cluster.shutdown()
    start = {way: Took(*map(min, zip(*times, strict=True))) for way, times in starts.items()}
    gb = n_bytes / 1e9
    of_processor = {way: min(used[way]) - took.processor_seconds for way, took in start.items()}
    beyond = {way: [one - took.seconds for one in seconds[way]] for way, took in start.items()}
    result: dict[str, Any] = {
        "n_rows": given.rows, "n_bytes": n_bytes, "n_processors": n_threads(), "load": os.getloadavg()[0],
        "seconds": seconds,
        "start_seconds": {way: took.seconds for way, took in start.items()},
        "ray": ratio(seconds["ray"], seconds["threads"]),
        "ray_beyond_start": ratio(beyond["ray"], beyond["threads"]),
        "local_beyond_start": ratio(beyond["local"], beyond["threads"]),
        "two_of_one": ratio(seconds["ray"], seconds["one worker"]),
        **of_training,
        "processor_seconds_per_gb": {way: its / gb for way, its in of_processor.items()},  # of ray, the command alone
    }  # fmt: skip
    write_result("cluster", result)
    for name_of, value in result.items():
        print(f"{name_of:16} {value}")
    assert result["ray_beyond_start"] <= MOST_TIMES, result


def trained_both_ways(folder: Path, address: str, n_rounds: int) -> dict[str, list[float]]:
    """Seconds of `train` with `--on-disk` and on a cluster that runs. Asserts that the ids on the disk are the same."""
    seconds: dict[str, list[float]] = {"threads": [], "ray": []}
    for _ in range(n_rounds):
        for way, times in seconds.items():
            more = ["--on", "ray"] if way == "ray" else ["--on-disk", "threads.encoded"]
            times.append(command(folder, *TRAIN, *more, "--out", way, address=address).seconds)
            for path in (folder / "threads.encoded").iterdir():
                assert path.read_bytes() == (folder / f"{way}.encoded" / path.name).read_bytes()
        for encoded in folder.glob("*.encoded"):
            shutil.rmtree(encoded)
    return seconds


def read_by_workers(n_rows: int) -> dict[str, Any]:
    """What `train` takes for each GB: seconds of a processor of the command by its passes, and of two workers; and what
    is moved. Asserts the claim.
    """
    rows = runs_of_reviews(n_rows, 300)
    frame = pl.DataFrame({"text": [text for text, _ in rows], "label": [label for _, label in rows]})
    result: dict[str, Any] = {"n_rows": n_rows, "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as name:
        for ending, write in (("csv", frame.write_csv), ("jsonl", frame.write_ndjson)):
            path = Path(name) / f"labelled.{ending}"
            write(path)
            gb = path.stat().st_size / 1e9
            ways: dict[str, Any] = {"n_bytes": path.stat().st_size}
            for way in ("workers", "texts", "bytes"):
                done = subprocess.run(
                    [sys.executable, "-c", PASSES, str(path), way], capture_output=True, text=True, check=False
                )
                if done.returncode:
                    raise SystemExit(done.stderr)
                found = json.loads(done.stdout)
                shutil.rmtree(Path(name) / "ids")
                if way == "bytes":
                    ways["gb_moved_per_gb"] = {which: n / 1e9 / gb for which, n in found["bytes"].items()}
                    continue
                by_pass = {what: seconds / gb for what, seconds in found["command"].items()}
                ways[way] = {"command": by_pass, "in_all": sum(by_pass.values()), "workers": found["workers"] / gb}
            result[ending] = ways
            print(f"{ending:16} {ways}")
            path.unlink()
            assert ways["workers"]["in_all"] <= MOST_OF_TEXTS * ways["texts"]["in_all"], ways
    return result


class Took(NamedTuple):
    """From the start of a command to its end, and of processors, without those of a cluster."""

    seconds: float
    processor_seconds: float


def head(n_workers: int) -> dict[str, Any]:
    """The settings of a cluster of one machine."""
    return {"num_cpus": n_workers, "object_store_memory": STORE_BYTES, "include_dashboard": False}


def ratio(those: list[float], others: list[float]) -> float:
    """The median of the ratios of each round."""
    return statistics.median(one / other for one, other in zip(those, others, strict=True))


def command(folder: Path, *words: str, address: str | None = None) -> Took:
    """Run a command of bywords."""
    environment = {**ENVIRONMENT, **({} if address is None else {"RAY_ADDRESS": address})}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "bywords", *words], cwd=folder, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    said = process.stderr.read() if process.stderr is not None else b""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(said.decode())
    return Took(time.perf_counter() - started, used.ru_utime + used.ru_stime)


def runs_of_reviews(n_rows: int, most_words: int) -> list[tuple[str, str]]:
    """Runs of 10 words or more, and the labels of the reviews that they are of."""
    corpus, chooser = load_dataset("imdb").train, random.Random(0)
    reviews = list(zip([text.split() for text in corpus.texts], corpus.names().tolist(), strict=True))
    rows = []
    for _ in range(n_rows):
        (words, label), n = chooser.choice(reviews), chooser.randrange(10, most_words)
        start = chooser.randrange(max(1, len(words) - n))
        rows.append((" ".join(words[start : start + n]), label))
    return rows


def write_texts(folder: Path, n_rows: int) -> int:
    """Write the texts to train on, and those to label. Returns: bytes of these."""
    corpus = load_dataset("imdb").train
    labelled = pl.DataFrame({"text": corpus.texts, "label": corpus.names()}).sample(fraction=1, shuffle=True, seed=0)
    labelled[:4000].write_csv(folder / "train.csv")
    labelled.write_csv(folder / "labelled.csv")
    rows = [text for text, _ in runs_of_reviews(n_rows, 60)]
    pl.DataFrame({"id": range(n_rows), "text": rows}).write_csv(folder / "new.csv")
    pl.DataFrame({"text": rows[:10]}).write_csv(folder / "few.csv")
    return (folder / "new.csv").stat().st_size


if __name__ == "__main__":
    main()
