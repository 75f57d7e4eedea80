"""Does labelling a file stay small in memory, however long it is, in every format?

Claim: `bywords predict` on 1,000,000 rows needs at most 100 MB more than on 10,000, for plain lines, csv, jsonl and
parquet, each written in its own format. Peak memory of a process of its own; reviews of imdb, cut at 300 characters.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
from measure import write_result

from bywords.classifier import TextClassifier
from bywords.io.datasets import load_dataset

FEW, MANY = 10_000, 1_000_000  # rows
MOST_MORE = 100  # megabytes
ENDINGS = (".txt", ".csv", ".jsonl", ".parquet")
MEASURED = """
import atexit, re, sys
from pathlib import Path
from bywords.cli.main import main
status = Path("/proc/self/status")  # on Linux; its peak is that of this process alone
atexit.register(lambda: print(re.search(r"VmHWM:\\s*(\\d+)", status.read_text())[1], file=sys.stderr))
sys.argv = ["bywords", *sys.argv[1:]]
main()
"""


def main() -> None:
    """Measure the memory of each format, and assert the claim."""
    corpus = load_dataset("imdb").train
    short = corpus.texts.str.head(300).str.replace_all(r"[\r\n]+", " ")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        TextClassifier().fit(corpus.texts[::10], corpus.names()[::10]).save(model)
        for ending in ENDINGS:
            peaks, seconds = {}, {}
            for n_rows in (FEW, MANY):
                file = Path(folder) / f"in{ending}"
                write(short, n_rows, file)
                started = time.perf_counter()
                peaks[str(n_rows)] = peak_megabytes(model, file)
                seconds[str(n_rows)] = time.perf_counter() - started
            found[ending] = {"peak_megabytes": peaks, "seconds": seconds}
            few, many = peaks.values()
            print(f"{ending:9} {few:5.0f} MB for {FEW:,} rows, {many:5.0f} MB for {MANY:,}, {seconds[str(MANY)]:.0f} s")
    write_result("streams", {"formats": found})
    for ending, row in found.items():
        few, many = row["peak_megabytes"].values()
        assert many - few <= MOST_MORE, (ending, row)


def write(texts: pl.Series, n_rows: int, file: Path) -> None:
    """A file of so many texts, with a column beside them where it has columns."""
    table = pl.DataFrame({"text": texts.gather([index % len(texts) for index in range(n_rows)])})
    if file.suffix == ".txt":
        file.write_text("\n".join(table["text"]) + "\n", encoding="utf-8")
        return
    table = table.with_row_index("number")
    if file.suffix == ".csv":
        table.write_csv(file)
    elif file.suffix == ".jsonl":
        table.write_ndjson(file)
    else:
        table.write_parquet(file)


def peak_megabytes(model: Path, file: Path) -> float:
    """The most memory that `bywords predict` needs for a file."""
    arguments = ["predict", str(model), str(file), "--text", "text", "--out", str(file.with_name(f"out{file.suffix}"))]
    if file.suffix == ".txt":
        del arguments[3:5]
    done = subprocess.run([sys.executable, "-c", MEASURED, *arguments], capture_output=True, text=True, check=True)
    return int(done.stderr.split()[-1]) / 1000


if __name__ == "__main__":
    main()
