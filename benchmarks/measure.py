"""What the benchmark scripts share: medians of several runs in turn, and results as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from bywords.files import write_whole

# For processes that are timed: an installed package is compiled, also where this process keeps nothing compiled.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
RESULTS = Path(__file__).parent / "results"


def median_seconds(candidates: Mapping[str, Callable[[], object]], *, n_runs: int = 5) -> dict[str, float]:
    """The median time of each, run in turn A B C A B C …, so that a slow minute of the machine hits all alike.

    A candidate that works in a process of its own gives the seconds itself, as a float.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for run in range(n_runs + 1):
        for name, call in candidates.items():
            started = time.perf_counter()
            own_seconds = call()
            took = own_seconds if isinstance(own_seconds, float) else time.perf_counter() - started
            if run > 0:  # the first warms up
                seconds[name].append(took)
    return {name: statistics.median(times) for name, times in seconds.items()}


def write_result(name: str, result: Mapping[str, Any]) -> None:
    """Write benchmarks/results/NAME.json, with what machine and versions it was made on."""
    machine = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
    }
    text = json.dumps({"machine": machine, **result}, indent=1, ensure_ascii=False)
    write_whole(RESULTS / f"{name}.json", (text + "\n").encode())


def read_result(name: str) -> dict[str, Any]:
    """What `write_result` wrote."""
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result
