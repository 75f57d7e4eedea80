"""One split and one system in, its learning curve out: scores after 1/16 to all training documents, and a forecast.

The record is plain JSON; table, sentence and page are made from nothing else.
"""

from __future__ import annotations

import base64
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from bywords.classifier import TextClassifier
from bywords.config import to_plain
from bywords.data.corpus import Split, check_trainable
from bywords.data.splits import nested_order
from bywords.errors import DataError, SettingError
from bywords.evaluation.evaluation import Evaluation
from bywords.experiments import forecast
from bywords.records import CURVE_FORMAT, Run, machine
from bywords.systems import DEFAULT_SYSTEM
from bywords.text.tokenizer import Tokenizer
from bywords.version import __version__

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
LEAST_DOCUMENTS = 20  # of a point; and two of each class
SCORES = ("accuracy", "macro_f1", "log_loss")


def learning_curve(
    split: Split,
    system: str = DEFAULT_SYSTEM,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    validation_share: float = 0.1,
    vectors: str | None = None,
    command: str = "",
    earlier: Run | None = None,
    on_start: Callable[[int, int, float | None], None] = lambda n_documents, seed, seconds_left: None,
    on_point: Callable[[Run, dict[str, Any]], None] = lambda run, point: None,
) -> Run:
    """Fit the system to growing parts of the training documents, each once a seed, and test it on the test part.

    A seed draws nested, stratified parts, and every start; the test part never changes. Documents without tokens are
    dropped and counted. Small parts come first, each with every seed. A part that would have fewer than LEAST_DOCUMENTS
    documents, or fewer than two for each class, is left out, and `notes` say so. After each fit `on_point` gets the
    record so far and the new point; points that `earlier`, a record of the same documents and settings, holds are taken
    from there. Ctrl-C ends the run with what it has: `finished` is then false.

    The record's `points` have one row a fit, `sizes` one a size that all seeds have; `forecast` is that of twice the
    largest size and `backtest` that of the largest from the others, as `bywords.experiments.forecast` has them, None where the
    sizes are too few.

    Raises: SettingError for a system that there is not, and an `earlier` run of something else. DataError for a corpus
    that cannot be trained on, one with any number of labels a document, and too few documents for two sizes.

    >>> from bywords import learning_curve, load_dataset
    >>> record = learning_curve(load_dataset("many-tickets.csv"), "tfidf-nb", seeds=[0])
    """
    if not seeds:
        raise SettingError("nothing to fit: expected at least one seed.")
    more: dict[str, Any] = {"vectors": vectors, "validation_share": validation_share}
    config = TextClassifier(system, **more).config
    if split.train.is_multilabel:
        raise DataError(
            f"{split.train.name}: a learning curve needs documents with one label each, and these have any number. "
            "Train on parts of the file instead: bywords train PART --test FILE."
        )
    split = split.drop_empty(Tokenizer(config.tokenizer))
    check_trainable(split.train)
    sizes, notes = _sizes(split, len(seeds))
    run = _new_run(split, system, to_plain(config), seeds, more, notes, command)
    points = {} if earlier is None else _done_before(run, earlier)
    orders = {seed: nested_order(split.train.labels, seed) for seed in seeds}
    wanted = [(n_documents, seed) for n_documents in sizes for seed in seeds]
    _put(run, [points[key] for key in wanted if key in points], split)
    to_do = [key for key in wanted if key not in points]
    n_left, seconds_left = sum(n_documents for n_documents, _ in to_do), None
    try:
        for number, (n_documents, seed) in enumerate(to_do):
            on_start(n_documents, seed, seconds_left)
            started = time.perf_counter()
            part = split.train.select(np.sort(orders[seed][:n_documents]))
            classifier = TextClassifier(system, seed=seed, **more)
            classifier.fit(part.texts, part.names())
            if classifier.fitted_.record.history.interrupted:
                return run
            evaluation = cast(Evaluation, classifier.evaluate(split.test.texts, split.test.names()))
            points[n_documents, seed] = _point(n_documents, seed, classifier.seconds_, evaluation)
            n_left -= n_documents
            if number:  # the first fit warms up
                seconds_left = (time.perf_counter() - started) / n_documents * n_left
            _put(run, [points[key] for key in wanted if key in points], split)
            on_point(run, points[n_documents, seed])
    except KeyboardInterrupt:
        return run
    run["finished"] = True
    return run


def _sizes(split: Split, n_seeds: int) -> tuple[list[int], list[str]]:
    """How many documents the points have, ascending, and what is to be said of those that are left out."""
    n_train = len(split.train)
    least = max(LEAST_DOCUMENTS, 2 * int(np.count_nonzero(split.train.counts())))
    sizes = {share: round(share * n_train) for share in SHARES}
    kept = [n_documents for n_documents in sizes.values() if n_documents >= least]
    if len(kept) < 2:
        raise DataError(
            f"{split.train.name}: {n_train:,} training documents are too few for a curve: half of them have to be "
            f"{least} or more, {LEAST_DOCUMENTS} and two of each class. Add documents."
        )
    left_out = [f"1/{1 / share:.0f}" for share, n_documents in sizes.items() if n_documents < least]
    notes = []
    if left_out:
        notes.append(
            f"Left out: {' and '.join(left_out)} of the documents, which would be fewer than {least}: "
            f"{LEAST_DOCUMENTS} and two of each class."
        )
    needed = forecast.sizes_needed(n_seeds)
    if len(kept) < needed:
        notes.append(f"There is no forecast: it needs {needed} sizes{' or more seeds' if n_seeds == 1 else ''}.")
    return kept, notes


def _new_run(
    split: Split,
    system: str,
    config: dict[str, Any],
    seeds: Sequence[int],
    more: dict[str, Any],
    notes: list[str],
    command: str,
) -> Run:
    train, test = split.train, split.test
    return {
        "format": CURVE_FORMAT,
        "bywords_version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "finished": False,
        "system": system,
        "config": config,
        **more,
        "seeds": list(seeds),
        "machine": machine(),
        "corpus": {
            "name": train.name,
            "fingerprint": f"{train.fingerprint}-{test.fingerprint}",
            "n_train": len(train),
            "n_test": len(test),
            "dropped": {"train": split.n_dropped_train, "test": split.n_dropped_test},
            "label_names": list(train.label_names),
        },
        "notes": notes,
        "points": [],
        "sizes": [],
        "forecast": None,
        "backtest": None,
    }


def _done_before(run: Run, earlier: Run) -> dict[tuple[int, int], dict[str, Any]]:
    """The points of an earlier record by size and seed. Raises SettingError when it is of something else."""
    keys = ("system", "vectors", "validation_share", "bywords_version")
    same = {key: earlier.get(key) == run[key] for key in keys}
    same["fingerprint"] = earlier.get("corpus", {}).get("fingerprint") == run["corpus"]["fingerprint"]
    if not all(same.values()):
        others = ", ".join(key for key, is_same in same.items() if not is_same)
        raise SettingError(
            f"the earlier run is another one: it differs in {others}. Take the same, or begin anew without --resume."
        )
    return {(point["n_documents"], point["seed"]): point for point in earlier["points"]}


def _point(n_documents: int, seed: int, fit_seconds: float, evaluation: Evaluation) -> dict[str, Any]:
    return {
        "n_documents": n_documents,
        "seed": seed,
        **{score: getattr(evaluation, score) for score in SCORES},
        "fit_seconds": fit_seconds,
        "right": base64.b64encode(np.packbits(evaluation.is_right).tobytes()).decode(),  # a bit a test document
    }


def _put(run: Run, points: list[dict[str, Any]], split: Split) -> None:
    """The points, and what follows from those sizes that every seed has."""
    run["points"] = points
    sizes, right = right_answers(run)
    if sizes == [row["n_documents"] for row in run["sizes"]]:
        return
    drawn = forecast.drawn_accuracies(right, np.random.default_rng(0))
    intervals = np.quantile(drawn, [0.025, 0.975], axis=0).T.tolist()
    run["sizes"] = []
    for size, interval in zip(sizes, intervals, strict=True):
        rows = [point for point in points if point["n_documents"] == size]
        accuracies = [row["accuracy"] for row in rows]
        run["sizes"].append(
            {
                "n_documents": size,
                "share": size / len(split.train),
                **{score: statistics.fmean(row[score] for row in rows) for score in SCORES},
                "accuracy_interval": interval,
                "accuracy_spread": {"min": min(accuracies), "max": max(accuracies)},
                "fit_seconds": statistics.fmean(row["fit_seconds"] for row in rows),
            }
        )
    if len(sizes) >= forecast.sizes_needed(len(right)):
        run["forecast"] = forecast.forecast(sizes, right, 2 * sizes[-1])
        run["backtest"] = forecast.backtest(sizes, right)


def right_answers(run: Run) -> tuple[list[int], forecast.Right]:
    """The P sizes that all S seeds have, ascending, and which of the N test documents were right: bool (S, P, N)."""
    by_size: dict[int, list[npt.NDArray[np.bool_]]] = {}
    for point in run["points"]:
        bits = np.frombuffer(base64.b64decode(point["right"]), dtype=np.uint8)
        is_right = np.unpackbits(bits, count=run["corpus"]["n_test"]).astype(np.bool_)
        by_size.setdefault(point["n_documents"], []).append(is_right)
    sizes = sorted(size for size, rows in by_size.items() if len(rows) == len(run["seeds"]))
    if not sizes:
        return [], np.zeros((len(run["seeds"]), 0, run["corpus"]["n_test"]), dtype=np.bool_)
    return sizes, np.array([by_size[size] for size in sizes]).swapaxes(0, 1)
