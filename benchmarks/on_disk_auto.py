"""What does each pass of training `auto` on more texts than memory cost, and does that foretell what more texts cost?

The texts are those of `on_disk.py`: sentences of imdb's reviews in another order, with invented names, and tested on
the reviews that they are not of. `bywords train FILE --memory SIZE` runs as a process of its own, as does fastText with
n-grams of two words and its five epochs; of the smaller file, training in memory too. Each pass is timed in a process
of its own on a gigabyte. Seconds are those of the processor, of all threads together: other work on the machine
plays as little part as it can.

Claims: at most 1.5 times as long for each GB as in memory, no more memory than may be used, at most half of fastText's
time at no lower accuracy, and other files take what the passes over the gigabyte foretell, within a quarter.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import read_result, write_result
from on_disk import line_of, write_texts
from streams import MEASURED

from bywords.io.datasets import load_dataset

SIZES, MEMORY, MOST_PEAK = [100, 1_000], "1500MB", 1_500  # MB
PASSES_ON = 1_000  # MB, so many that rare words and n-grams are forgotten in between
MOST_TIMES, MOST_OF_FASTTEXT, WITHIN = 1.5, 0.5, 0.25
N_EPOCHS = 5  # fastText's default
PASSES = """
import json, sys, time
from pathlib import Path
from bywords.io.on_disk import Source, corpus_on_disk
from bywords.io.readers import read_labelled_blocks
from bywords.systems import SYSTEMS
from bywords.training.on_disk import as_on_disk, fit_on_disk

data, folder = sys.argv[1], Path(sys.argv[2])
passes, last = {}, [time.process_time()]

def mark(what, *_):
    now = time.process_time()
    passes[what] = passes.get(what, 0.0) + now - last[0]
    last[0] = now

config = as_on_disk(SYSTEMS["auto"])
mark("start")
corpus = corpus_on_disk(Source(data=data), folder, config.tokenizer, config.vocabulary, on_block=mark)
mark("writing ids")
fit_on_disk(SYSTEMS["auto"], corpus, able=[])
mark("fitting and judging candidates")
last[0] = time.process_time()
for _ in read_labelled_blocks(Path(data)):
    pass
reading = time.process_time() - last[0]
id_bytes = sum(path.stat().st_size for path in folder.iterdir())
print(json.dumps({"seconds": passes, "reading": reading, "id_bytes": id_bytes}))
"""
FASTTEXT = """
import sys, fasttext
model = fasttext.train_supervised(sys.argv[1], wordNgrams=2, epoch=int(sys.argv[3]), verbose=0)
print(model.test(sys.argv[2])[1])
status = open("/proc/self/status").read()
print(status.split("VmHWM:")[1].split()[0], file=sys.stderr)
"""


def main() -> None:
    """Write the texts, train on them, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="where there is room for the texts, six times")
    parser.add_argument("--megabytes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--fasttext-up-to", type=int, default=SIZES[0], metavar="MB")
    parser.add_argument("--add", action="store_true", help="to what was measured before, of a smaller file")
    parser.add_argument("--epochs", type=int, default=N_EPOCHS, help="of fastText; claims are about its default")
    parser.add_argument("--only", choices=["fasttext", "passes"], help="of sizes that are measured already")
    asked = parser.parse_args()
    split = load_dataset("imdb")
    reviews = list(zip(split.train.texts.to_list(), split.train.names().tolist(), strict=True))
    tested = list(zip(split.test.texts.to_list(), split.test.names().tolist(), strict=True))
    before = read_result("on_disk_auto") if asked.add else {"rows": []}
    result: dict[str, Any] = {"memory": MEMORY, **{name: before[name] for name in ("passes", "rows") if name in before}}
    for n_megabytes in sorted(asked.megabytes):
        with tempfile.TemporaryDirectory(dir=asked.folder) as name:
            folder = Path(name)
            (folder / "test.jsonl").write_text("".join(map(line_of, tested)), encoding="utf-8")
            n_documents = write_texts(folder / "train.jsonl", reviews, n_megabytes)
            ways = [] if asked.only else ["on disk"]
            ways += ["in memory"] if not result["rows"] else []
            if asked.only == "passes" or (n_megabytes == PASSES_ON and not asked.only):
                result["passes"] = passes_of(folder) | {"n_megabytes": n_megabytes}
            for way in ways:
                memory = MEMORY if way == "on disk" else "1000GB"
                row = {"way": way, "n_megabytes": n_megabytes, "n_documents": n_documents, **trained(folder, memory)}
                result["rows"].append(row)
                tell(row)
            if asked.only == "fasttext" or (n_megabytes <= asked.fasttext_up_to and not asked.only):
                of_peer = {"way": "fastText", "n_megabytes": n_megabytes, "n_documents": n_documents}
                row = of_peer | peer(folder, asked.epochs)
                result["rows"].append(row)
                tell(row)
        write_result("on_disk_auto", result | ({"foretold": foretold(result)} if "passes" in result else {}))
    check(result)


def tell(row: dict[str, Any]) -> None:
    """Say what a run took."""
    print(
        f"{row['n_megabytes']:6,} MB {row['way']:9}: {row['processor_seconds']:6,.1f} s of the processor, "
        f"{row['seconds']:6,.1f} s in all, peak {row['peak_megabytes']:6,.0f} MB, right on {row['accuracy']:.3f}",
        flush=True,
    )


def check(result: dict[str, Any]) -> None:
    """Assert the claims."""
    of_default = [row for row in result["rows"] if row.get("n_epochs", N_EPOCHS) == N_EPOCHS]
    rows = {(row["way"], row["n_megabytes"]): row for row in of_default}
    smallest = min(size for _, size in rows)
    whole = rows["in memory", smallest]["processor_seconds"] / smallest
    for (way, size), row in rows.items():
        if way != "on disk":
            continue
        assert row["peak_megabytes"] <= MOST_PEAK, row
        assert row["processor_seconds"] / size <= MOST_TIMES * whole, (row, whole)
        its = rows.get(("fastText", size))
        if its is not None:
            assert row["accuracy"] >= its["accuracy"], (row, its)
            assert row["processor_seconds"] <= MOST_OF_FASTTEXT * its["processor_seconds"], (row, its)
    for size, seconds in foretold(result).items():
        seen = rows["on disk", int(size)]["processor_seconds"]
        assert abs(seen / seconds - 1) <= WITHIN, (size, seconds, seen)


def foretold(result: dict[str, Any]) -> dict[str, float]:
    """By size in MB, what the passes say that training takes: what a run does once, and seconds for each MB."""
    passes, on_disk = result["passes"], [row for row in result["rows"] if row["way"] == "on disk"]
    smallest = on_disk[0]
    by_size = sum(seconds for what, seconds in passes["seconds"].items() if what != "start") / passes["n_megabytes"]
    once = smallest["processor_seconds"] - by_size * smallest["n_megabytes"]  # starts, tests, saves
    return {str(row["n_megabytes"]): once + by_size * row["n_megabytes"] for row in on_disk}


def trained(folder: Path, memory: str, *more: str) -> dict[str, float]:
    """Train on the texts in the folder by the command, with more arguments."""
    arguments = ["train", str(folder / "train.jsonl"), "--test", str(folder / "test.jsonl"), "--memory", memory]
    arguments += ["--out", str(folder / f"model-{memory}"), "--json", *more]
    output, row = measured([sys.executable, "-c", MEASURED, *arguments])
    record = json.loads(output)
    return row | {"fit_seconds": record["fit_seconds"], "accuracy": record["test"]["accuracy"]}


def peer(folder: Path, n_epochs: int) -> dict[str, float]:
    """Train fastText on the same texts; to write them as it reads them is not timed."""
    for name in ("train", "test"):
        with (folder / f"{name}.jsonl").open() as lines, (folder / f"{name}.txt").open("w") as file:
            for row in map(json.loads, lines):
                file.write(f"__label__{row['label']} {' '.join(row['text'].split())}\n")
    paths = [str(folder / "train.txt"), str(folder / "test.txt")]
    output, row = measured([sys.executable, "-c", FASTTEXT, *paths, str(n_epochs)])
    return row | {"accuracy": float(output), "n_epochs": n_epochs}


def passes_of(folder: Path) -> dict[str, Any]:
    """Seconds of the processor for each pass, and what it leaves on the disk."""
    output, _ = measured([sys.executable, "-c", PASSES, str(folder / "train.jsonl"), str(folder / "passes")])
    found: dict[str, Any] = json.loads(output)
    return found


def measured(command: list[str]) -> tuple[str, dict[str, float]]:
    """What a process prints, its time, and its peak memory, which it has said last."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[3:]}: {done.stderr}")
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    words = done.stderr.split()
    return done.stdout, {
        "seconds": seconds,
        "processor_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_megabytes": int(words[-1]) / 1000 if words and words[-1].isdigit() else 0.0,
    }


if __name__ == "__main__":
    main()
