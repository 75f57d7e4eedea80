"""Does ten times the documents take ten times as long, and does labelling a stream stay small in memory?

Claims: `auto` takes at most 10.5 times as long for ten times the reviews of imdb, judged on the same thousand others
and without pieces of words, so that both do the same (but that of many documents an SVM makes fewer passes); and
`bywords predict` on a stream of ten times the lines needs at most 1.1 times the memory. Medians of five runs in turn;
peak memory of a process of its own.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from measure import median_seconds, write_result

from bywords.classifier import TextClassifier
from bywords.datasets import load
from bywords.systems import SYSTEMS
from bywords.vocabulary import VocabularyConfig

MOST_TIMES, MOST_MEMORY = 10.5, 1.1
SMALL = 2_000  # reviews
LINES = 40_000
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
    """Time the fits, measure the memory, and assert the claims."""
    split = load("imdb")
    texts, labels = split.train.texts.to_list(), split.train.names()
    validation = split.test.texts.to_list()[:1000], split.test.names()[:1000]
    config = replace(SYSTEMS["auto"], vocabulary=VocabularyConfig(ngrams=2))

    def fit(n_documents: int) -> None:
        rows = np.linspace(0, len(texts) - 1, n_documents).astype(int)
        TextClassifier(config).fit([texts[row] for row in rows], labels[rows], validation=validation)

    seconds = median_seconds({str(n): partial(fit, n) for n in (SMALL, 10 * SMALL)})
    times = seconds[str(10 * SMALL)] / seconds[str(SMALL)]
    for name, value in seconds.items():
        print(f"{int(name):6,} reviews {value:6.2f} s")
    print(f"ten times the reviews take {times:.1f} times as long")
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        TextClassifier().fit(texts[::10], labels[::10]).save(model)
        peaks = {n: peak_megabytes(model, texts, n, Path(folder)) for n in (LINES, 10 * LINES)}
    growth = peaks[10 * LINES] / peaks[LINES]
    print(f"predict: {peaks[LINES]:.0f} MB for {LINES:,} lines, {peaks[10 * LINES]:.0f} MB for {10 * LINES:,}")
    write_result("scaling", {"seconds": seconds, "times": times, "peak_megabytes": peaks, "growth": growth})
    assert times <= MOST_TIMES, seconds
    assert growth <= MOST_MEMORY, peaks


def peak_megabytes(model: Path, texts: list[str], n_lines: int, folder: Path) -> float:
    """The most memory that `bywords predict` needs for so many lines."""
    lines = folder / "lines.txt"
    with lines.open("w", encoding="utf-8") as file:
        for place in range(n_lines):
            file.write(texts[place % len(texts)][:300].replace("\n", " ").replace("\r", " ") + "\n")
    arguments = ["predict", str(model), str(lines), "--out", str(folder / "out.jsonl")]
    done = subprocess.run([sys.executable, "-c", MEASURED, *arguments], capture_output=True, text=True, check=True)
    return int(done.stderr.split()[-1]) / 1000


if __name__ == "__main__":
    main()
