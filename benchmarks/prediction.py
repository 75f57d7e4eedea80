"""How fast do raw texts get labels, beside fastText's Python `predict` and TF-IDF with a linear SVM?

Claims: many texts in one call, at least 12 times as fast as fastText and as scikit-learn; one text in a process that is
warm, half of the calls within .5 ms and within fastText's time. imdb, trained on 20,000 reviews, the other 5,000 asked
four times over; medians of five runs in turn.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from measure import median_seconds, write_result
from peers import OURS, FastText, linear_svc

from bywords.io.datasets import load_dataset

N_TIMES = {"fastText": 12, "TF-IDF + LinearSVC": 12}
WITHIN_MS = 0.5


def main() -> None:
    """Fit each, time their answers, and assert the claims."""
    split = load_dataset("imdb")
    texts, labels = split.train.texts.to_list(), split.train.names()
    makers: dict[str, Callable[[], Any]] = {
        "bywords auto": partial(OURS["bywords auto"], 0),
        "bywords dan": partial(OURS["bywords dan"], 0),
        "fastText": FastText,
        "TF-IDF + LinearSVC": linear_svc,
    }
    fitted: dict[str, Any] = {name: make().fit(texts, labels) for name, make in makers.items()}
    asked = split.test.texts.to_list() * 4
    n_bytes = sum(len(text.encode()) for text in asked)
    seconds = median_seconds({name: partial(model.predict, asked) for name, model in fitted.items()})
    times = {name: seconds[name] / seconds["bywords auto"] for name in N_TIMES}
    for name, value in seconds.items():
        print(f"{name:20} {value:6.2f} s  {len(asked) / value:9,.0f} texts/s  {n_bytes / value / 1e6:6.1f} MB/s")
    one = {
        name: quantiles_ms(partial(model.predict, [text]) for text in asked[:2000]) for name, model in fitted.items()
    }
    for name, (half, most) in one.items():
        print(f"{name:20} one text: {half:.3f} ms, 99 of 100 within {most:.3f} ms")
    result = {"seconds": seconds, "times_as_fast_as": times, "n_texts": len(asked), "n_bytes": n_bytes}
    write_result("prediction", {**result, "one_text_ms": {name: {"p50": a, "p99": b} for name, (a, b) in one.items()}})
    assert all(times[name] >= least for name, least in N_TIMES.items()), times
    assert one["bywords auto"][0] <= min(WITHIN_MS, one["fastText"][0]), one


def quantiles_ms(calls: Any) -> tuple[float, float]:
    """How long half of the calls take at most, and 99 of 100; in milliseconds."""
    took = []
    for call in calls:
        started = time.perf_counter()
        call()
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took), statistics.quantiles(took, n=100)[98]


if __name__ == "__main__":
    main()
