"""What does a model cost in Spark's workers, by `mapInPandas`, and are its answers those of `predict`?

The recipe of docs/scale.md: the fitted classifier is broadcast, each worker process unpickles it once and labels frames
of 10,000 rows. `local[N]`, N the processors, over ROWS runs of words of the reviews of imdb in parquet, written to
parquet; beside it the same file labelled by this process with `predict`, read and written by polars. In turn, after a
run of each that warms up: the median of the ratios. Without pyspark, or Java, it says so and ends.

Claims: all labels and probabilities are equal to the bit, and the workers run one thread each.
"""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from measure import write_result

from bywords import SYSTEMS, fit_classifier, load_dataset
from bywords.text.threads import n_threads

ROWS, N_LEARNED, N_RUNS = 100_000, 8_000, 3
SCHEMA = "id long, text string, label string, probability double, n_threads int"


def main() -> None:
    """Train, label by both in turn, and assert the claims."""
    for what, is_missing in (("pyspark", not importlib.util.find_spec("pyspark")), ("Java", not shutil.which("java"))):
        if is_missing:
            print(f"skipped: {what} is not installed")
            return
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # of the workers
    corpus = load_dataset("imdb").train
    order = random.Random(0).sample(range(len(corpus)), N_LEARNED)
    names = list(corpus.names())
    classifier = fit_classifier(SYSTEMS["tfidf-svc"], [corpus.texts[at] for at in order], [names[at] for at in order])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pl.DataFrame({"id": range(ROWS), "text": some_texts(corpus.texts)}).write_parquet(
            folder / "new.parquet", row_group_size=10_000
        )
        session = SparkSession.builder.master(f"local[{n_threads()}]").config("spark.ui.enabled", "false")
        spark = session.config("spark.sql.files.maxPartitionBytes", "16m").getOrCreate()
        spark.sparkContext.setLogLevel("ERROR")
        broadcast = spark.sparkContext.broadcast(classifier)

        def labelled(frames: Iterator[Any]) -> Iterator[Any]:
            from bywords.text.threads import n_threads

            for frame in frames:
                found = broadcast.value.predict(frame["text"].tolist())
                highest = found.probabilities.max(axis=1)
                yield frame.assign(label=found.labels, probability=highest, n_threads=n_threads())

        def by_spark() -> None:
            frame = spark.read.parquet(str(folder / "new.parquet"))
            frame.mapInPandas(labelled, SCHEMA).write.mode("overwrite").parquet(str(folder / "spark"))

        def by_predict() -> None:
            frame = pl.read_parquet(folder / "new.parquet")
            found = classifier.predict(frame["text"])
            columns = {"label": found.labels, "probability": found.probabilities.max(axis=1)}
            frame.with_columns(**{key: pl.Series(of) for key, of in columns.items()}).write_parquet(
                folder / "own.parquet"
            )

        seconds: dict[str, list[float]] = {"spark": [], "predict": []}
        for run in range(N_RUNS + 1):
            for way, call in (("spark", by_spark), ("predict", by_predict)):
                started = time.perf_counter()
                call()
                if run > 0:
                    seconds[way].append(time.perf_counter() - started)
        spark.stop()
        ours = pl.read_parquet(folder / "own.parquet").sort("id")
        theirs = pl.read_parquet(f"{folder}/spark/*.parquet").sort("id")
        n_files = len(list((folder / "spark").glob("*.parquet")))
    columns = ["id", "text", "label", "probability"]
    n_different = ROWS - int((ours[columns] == theirs[columns]).select(pl.all_horizontal(pl.all())).to_series().sum())
    found = {
        "n_rows": ROWS, "n_processors": n_threads(), "n_files": n_files, "n_different": n_different,
        "threads_of_a_worker": theirs["n_threads"].max(),
        "seconds": seconds,
        "times_of_predict": statistics.median(a / b for a, b in zip(*seconds.values(), strict=True)),
    }  # fmt: skip
    write_result("spark", found)
    print(found)
    assert found["n_different"] == 0, found
    assert found["threads_of_a_worker"] == 1, found


def some_texts(texts: Any) -> list[str]:
    """ROWS runs of 10 to 300 words."""
    chooser, words_of = random.Random(0), [text.split() for text in texts]
    rows = []
    for _ in range(ROWS):
        words, n = chooser.choice(words_of), chooser.randrange(10, 300)
        start = chooser.randrange(max(1, len(words) - n))
        rows.append(" ".join(words[start : start + n]))
    return rows


if __name__ == "__main__":
    main()
