"""How much memory does `bywords train --on-disk` need for 2 GB of texts, and how long does it take?

Claims: at most 1.5 GB at its peak, and at most 1.3 times what 100 MB of such texts need; and the model is right on .86
of the reviews of imdb that it has not seen. The texts are the other reviews of imdb, drawn again and again with their
sentences in another order and with invented names in them, so that the words are as many as real texts have, and more
than are counted at a time. They teach no more than the reviews do: this is about memory and time, not about accuracy.
Two epochs; peak memory of a process of its own. Needs 5 GB of disk for the while.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import write_result
from streams import MEASURED

from bywords.io.datasets import load_dataset

SMALL, LARGE = 100, 2_000  # MB of JSON lines
MOST_PEAK, MOST_GROWTH, LEAST_ACCURACY = 1_500, 1.3, 0.86
N_EPOCHS, N_NAMES = 2, 5_000_000


def main() -> None:
    """Write the texts, train on them, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="where there is room for the texts and their ids")
    parent = parser.parse_args().folder
    split = load_dataset("imdb")
    reviews = list(zip(split.train.texts.to_list(), split.train.names().tolist(), strict=True))
    tested = list(zip(split.test.texts.to_list(), split.test.names().tolist(), strict=True))
    rows: dict[str, Any] = {}
    for n_megabytes in (SMALL, LARGE):
        with tempfile.TemporaryDirectory(dir=parent) as name:
            folder = Path(name)
            (folder / "test.jsonl").write_text("".join(map(line_of, tested)), encoding="utf-8")
            n_documents = write_texts(folder / "train.jsonl", reviews, n_megabytes)
            row = {"n_documents": n_documents, **trained(folder)}
        rows[f"{n_megabytes} MB"] = row
        print(
            f"{n_megabytes:5,} MB, {n_documents:9,} documents: peak {row['peak_megabytes']:6,.0f} MB, "
            f"{row['seconds']:5,.0f} s, of which {row['fit_seconds']:5,.0f} s {N_EPOCHS} epochs, "
            f"right on {row['accuracy']:.3f}, ids take {row['id_megabytes']:,.0f} MB",
            flush=True,
        )
    small, large = rows[f"{SMALL} MB"], rows[f"{LARGE} MB"]
    growth = large["peak_megabytes"] / small["peak_megabytes"]
    write_result("on_disk", {"corpora": rows, "growth": growth})
    assert large["peak_megabytes"] <= MOST_PEAK, rows
    assert growth <= MOST_GROWTH, rows
    assert large["accuracy"] >= LEAST_ACCURACY, rows


def line_of(review: tuple[str, str]) -> str:
    """A document as a line of JSON."""
    return json.dumps({"text": review[0], "label": review[1]}) + "\n"


def write_texts(path: Path, reviews: list[tuple[str, str]], n_megabytes: int) -> int:
    """Write documents until the file is so large. Returns: how many."""
    chooser = random.Random(0)
    n_bytes = n_documents = 0
    with path.open("w", encoding="utf-8") as file:
        while n_bytes < n_megabytes * 1_000_000:
            text, label = chooser.choice(reviews)
            sentences = text.split(". ")
            sentences += [f"Seen with Mr Name{chooser.randrange(N_NAMES)}" for _ in range(2)]
            chooser.shuffle(sentences)
            n_bytes += file.write(line_of((". ".join(sentences), label)))
            n_documents += 1
    return n_documents


def trained(folder: Path) -> dict[str, float]:
    """Train on the texts in the folder: peak memory, time, and how often the model is right."""
    arguments = ["train", str(folder / "train.jsonl"), "--test", str(folder / "test.jsonl")]
    arguments += ["--on-disk", str(folder / "ids"), "--out", str(folder / "model"), "--json"]
    arguments += ["--set", f"training.max_epochs={N_EPOCHS}"]
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", MEASURED, *arguments], capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - started
    record = json.loads(done.stdout)
    return {
        "peak_megabytes": int(done.stderr.split()[-1]) / 1000,
        "id_megabytes": sum(path.stat().st_size for path in (folder / "ids").iterdir()) / 1e6,
        "seconds": seconds,
        "fit_seconds": record["fit_seconds"],
        "accuracy": record["test"]["accuracy"],
    }


if __name__ == "__main__":
    main()
