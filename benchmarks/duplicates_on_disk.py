"""Does an audit of more texts than memory find all duplicates, how much memory does it take, and how long?

The texts are 8 to 15 words in a row of the reviews of imdb, with a name that is in hardly another: the words are
as many as real texts have. Planted are exact copies, in capitals, and copies with one word changed, 1 % of all of each.
`bywords audit FILE --memory SIZE` runs as a process of its own; in seconds of the processor, so that other work on the
machine plays as little part as it can. The smaller file is audited in memory, too.

Claims: all planted pairs are found and listed, at its peak the process has no more than it may use, and to find out all
on disk takes at most 1.5 times as long for each text as in memory.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import write_result
from streams import MEASURED

from bywords.io.datasets import load_dataset

MEMORY = {200_000: "600MB", 1_000_000: "1GB", 5_000_000: "4GB"}
PLANTED = 0.01  # of all texts, of each kind
MOST_TIMES = 1.5  # as long for a text as in memory
MEGABYTES = {"MB": 1, "GB": 1_000}


def main() -> None:
    """Write the texts, audit them, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="where there is room for the texts, three times")
    parser.add_argument("--texts", type=int, nargs="+", default=[200_000, 1_000_000], choices=sorted(MEMORY))
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        for n_texts in asked.texts:
            planted = write_texts(folder / "texts.jsonl", n_texts)
            sizes = [MEMORY[n_texts], *(["1000GB"] if n_texts == min(asked.texts) else [])]
            for memory in sizes:
                row = audited(folder, planted, memory) | {"n_texts": n_texts}
                rows.append(row)
                print(
                    f"{n_texts:9,} texts with {memory:>6}: {row['n_found']:,} of {row['n_planted']:,} planted pairs, "
                    f"peak {row['peak_megabytes']:6,.0f} MB, {row['seconds']:5,.0f} s, "
                    f"{row['processor_seconds']:5,.0f} s of the processor",
                    flush=True,
                )
    write_result("duplicates_on_disk", {"rows": rows})
    assert all(row["n_found"] == row["n_planted"] for row in rows), rows
    on_disk, in_memory = [row for row in rows if row["is_on_disk"]], [row for row in rows if not row["is_on_disk"]]
    for row in on_disk:
        assert row["peak_megabytes"] <= float(row["memory"][:-2]) * MEGABYTES[row["memory"][-2:]], row
        for other in in_memory:
            times = row["processor_seconds"] / row["n_texts"] / (other["processor_seconds"] / other["n_texts"])
            assert times <= MOST_TIMES, (times, rows)


def write_texts(path: Path, n_texts: int) -> set[tuple[int, int]]:
    """Write texts with copies among them. Returns: the pairs of rows that were planted."""
    split = load_dataset("imdb")
    words = [text.split() for text in split.train.texts.to_list()]
    names, chooser = split.train.names().tolist(), random.Random(0)
    is_copy = np.random.default_rng(0).random(n_texts) < 2 * PLANTED
    planted: set[tuple[int, int]] = set()
    recent: list[tuple[int, list[str], str]] = []  # texts that have no copy yet
    with path.open("w", encoding="utf-8") as file:
        for row, copies in enumerate(is_copy.tolist()):
            if copies and recent:
                original, its, label = recent.pop(chooser.randrange(len(recent)))
                its = list(its)
                if chooser.random() < 0.5:
                    its = " ".join(its).upper().split()
                else:
                    words_alone = [index for index, word in enumerate(its) if word.isalpha()]  # one word of the rule's
                    its[chooser.choice(words_alone)] = f"changed{row}"
                planted.add((original, row))
            else:
                number = chooser.randrange(len(words))
                start = chooser.randrange(max(1, len(words[number]) - 14))
                its = [*words[number][start : start + chooser.randrange(8, 16)], f"Name{chooser.randrange(n_texts)}"]
                label = names[number]
                if sum(word.isalpha() for word in its) > 9 and len(recent) < 100_000:
                    recent.append((row, its, label))
            file.write(json.dumps({"text": " ".join(its), "label": label}) + "\n")
    return planted


def audited(folder: Path, planted: set[tuple[int, int]], memory: str) -> dict[str, Any]:
    """Audit the texts in the folder: which of the pairs that were planted are listed, peak memory and time."""
    arguments = ["audit", str(folder / "texts.jsonl"), "--out", str(folder / "found"), "--memory", memory]
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", MEASURED, *arguments], capture_output=True, text=True, check=True)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    record = json.loads((folder / "found" / "audit.json").read_text(encoding="utf-8"))
    found = {(pair["row"], pair["other_row"]) for pair in record["duplicate_pairs"]["train"]}
    return {
        "memory": memory,
        "is_on_disk": record["data"]["n_drawn"] is not None,
        "n_planted": len(planted),
        "n_found": len(found & planted),
        "n_pairs": len(found),
        "peak_megabytes": int(done.stderr.split()[-1]) / 1000,
        "seconds": seconds,
        "processor_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }


if __name__ == "__main__":
    main()
