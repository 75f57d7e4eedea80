"""Does memory stay as it is when a process loads a model and asks it again and again?

Claim: over 1,000 loads and predictions, after 100 to warm up, the process grows by at most 2 MB, for each of these
systems. 2,000 reviews of imdb, or questions of several labels, train each; 20 others are asked. A process each.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import gc
import multiprocessing
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import write_result

from bywords.artifact.description import load_classifier
from bywords.classifier import TextClassifier
from bywords.io.datasets import load_dataset

SYSTEMS = ("auto", "auto, any number of labels", "tfidf-nb", "dan", "lstm")
WARM_UP, N_LOADS, N_STEPS, MOST_MB = 100, 1000, 10, 2.0


def main() -> None:
    """Train each, load it a thousand times, and assert the claim."""
    split = load_dataset("imdb")
    texts, labels = split.train.texts.to_list()[::10], split.train.names()[::10]
    asked = split.test.texts.to_list()[::250]
    results: dict[str, Any] = {}
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for system in sys.argv[1:] or SYSTEMS:
            classifier = TextClassifier(system.partition(",")[0])
            given: Any = labels
            if "any number" in system:
                given = [
                    [label, "long"] if len(text) > 1000 else [label] for text, label in zip(texts, labels, strict=True)
                ]
            model = Path(folder) / "model"
            classifier.fit(texts, given).save(model)
            with context.Pool(1) as pool:
                steps = pool.apply(megabytes, (model, asked))
            results[system] = {"megabytes": steps, "grown_by": round(steps[-1] - steps[0], 2)}
            print(f"{system:28} {steps[0]:7.1f} MB, after {N_LOADS:,} loads {steps[-1] - steps[0]:+.2f} MB", flush=True)
    if not sys.argv[1:]:
        write_result("memory", {"n_loads": N_LOADS, "systems": results})
    assert all(result["grown_by"] <= MOST_MB for result in results.values()), results


def megabytes(model: Path, asked: list[str], n_loads: int = N_LOADS, warm_up: int = WARM_UP) -> list[float]:
    """What the process takes up after warming up, and after each tenth of the loads."""
    found = []
    for number in range(1 - warm_up, n_loads + 1):
        load_classifier(model).predict(asked)
        if number >= 0 and number % (n_loads // N_STEPS) == 0:
            gc.collect()
            found.append(round(resident_megabytes(), 2))
    return found


def resident_megabytes() -> float:
    """What the memory of this process takes up that is not of a file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


if __name__ == "__main__":
    main()
