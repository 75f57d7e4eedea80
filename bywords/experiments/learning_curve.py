"""One split and one system → its learning curve: scores after 1/16 to all training documents, and a forecast."""

from __future__ import annotations

import base64
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_arguments
from bywords.classifier import TextClassifier
from bywords.config import to_plain
from bywords.data.corpus import Split
from bywords.data.splits import nested_order
from bywords.errors import DataError, SettingError, check_seeds
from bywords.evaluation.evaluation import Evaluation
from bywords.experiments import forecast
from bywords.experiments.setup import WITHOUT_RESUME, beginning, check_close, check_same, checked, spread
from bywords.records.curve import CurvePoint, CurveRecord, CurveSize
from bywords.system_config import SystemConfig
from bywords.systems import DEFAULT_SYSTEM
from bywords.text.tokenizer import Tokenizer
from bywords.validation import check_array, naming

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
LEAST_DOCUMENTS = 20  # of a point; and two of each class


@check_arguments
def learning_curve(
    split: Split,
    system: str = DEFAULT_SYSTEM,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    validation_share: float = 0.1,
    vectors: str | None = None,
    command: str = "",
    earlier: CurveRecord | None = None,
    on_start: Callable[[int, int, float | None], None] = lambda n_documents, seed, seconds_left: None,
    on_point: Callable[[CurveRecord, CurvePoint], None] = lambda run, point: None,
) -> CurveRecord:
    """Fit the system to growing parts of the training documents, each once a seed, and test it on the test part.

    A seed draws nested, stratified parts, and every start; the test part never changes. Documents without tokens are
    dropped and counted. Small parts come first, each with every seed. A part that would have fewer than LEAST_DOCUMENTS
    documents, or fewer than two for each class, is left out, and `notes` say so. After each fit `on_point` gets the
    record so far and the new point; points that `earlier`, a record of the same documents and settings, holds are taken
    from there. Ctrl-C ends the run with what it has: `finished` is then false.

    The record's `points` have one row a fit, `sizes` one a size that all seeds have; `forecast` is that of twice the
    largest size and `backtest` that of the largest from the others, None where the sizes are too few.

    Raises: SettingError for an unknown system, and an `earlier` run of something else. DataError for a corpus that
    cannot be trained on, one with any number of labels a document, and too few documents for two sizes.

    >>> from bywords import learning_curve, load_dataset
    >>> record = learning_curve(load_dataset("many-tickets.csv"), "tfidf-nb", seeds=[0])
    """
    if not seeds:
        raise SettingError("nothing to fit: expected at least one seed.")
    check_seeds(seeds)
    more: dict[str, Any] = {"vectors": vectors, "validation_share": validation_share}
    config = TextClassifier(system, **more).config
    tokenizer = split.train.tokenizer_config(config.tokenizer)
    fitted: str | SystemConfig = system
    if tokenizer != config.tokenizer:  # documents that several columns made
        fitted = config = replace(config, tokenizer=tokenizer)
        more["vectors"] = None
    if split.train.is_multilabel:
        raise DataError(
            f"{split.train.name}: a learning curve needs documents with one label each, and these have any number. "
            "Train on parts of the file instead: bywords train PART --test FILE."
        )
    split = checked(split, Tokenizer(config.tokenizer))
    sizes, notes = _sizes(split, len(seeds))
    run = CurveRecord(
        **beginning(split, seeds=seeds, validation_share=validation_share, command=command),
        system=system, vectors=vectors, config=to_plain(config), notes=notes,
    )  # fmt: skip
    points = _points_of(earlier, run)
    orders = {seed: nested_order(split.train.labels, seed) for seed in seeds}
    wanted = [(n_documents, seed) for n_documents in sizes for seed in seeds]
    run = _with_points(run, [points[key] for key in wanted if key in points])
    to_do, seconds_left = [key for key in wanted if key not in points], None
    try:
        for number, (n_documents, seed) in enumerate(to_do):
            on_start(n_documents, seed, seconds_left)
            started = time.perf_counter()
            point = _point(TextClassifier(fitted, seed=seed, **more), split, orders[seed][:n_documents])
            points[n_documents, seed] = point
            if number:  # the first fit warms up
                seconds = time.perf_counter() - started
                seconds_left = seconds / n_documents * sum(n for n, _ in to_do[number + 1 :])
            run = _with_points(run, [points[key] for key in wanted if key in points])
            on_point(run, point)
    except KeyboardInterrupt:
        return run
    return replace(run, finished=True)


def _sizes(split: Split, n_seeds: int) -> tuple[list[int], list[str]]:
    """How many documents the points have, ascending, and notes about those that are left out."""
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


def _point(classifier: TextClassifier, split: Split, rows: npt.NDArray[np.int64]) -> CurvePoint:
    """The classifier fitted to these rows of the training documents, and tested. Ctrl-C in the fit is raised anew."""
    part = split.train.select(np.sort(rows))
    classifier.fit(part.texts, part.names())
    if classifier.fitted_.record.history.interrupted:
        raise KeyboardInterrupt
    evaluation = cast(Evaluation, classifier.evaluate(split.test.texts, split.test.names()))
    return CurvePoint(
        n_documents=len(rows),
        seed=classifier.seed,
        accuracy=evaluation.accuracy,
        macro_f1=evaluation.macro_f1,
        log_loss=evaluation.log_loss,
        fit_seconds=classifier.seconds_,
        right=base64.b64encode(np.packbits(evaluation.is_right).tobytes()).decode(),
    )


def _points_of(earlier: CurveRecord | None, run: CurveRecord) -> dict[tuple[int, int], CurvePoint]:
    """The points that an earlier record of the same documents and settings has, by size and seed.

    Raises: DataError where the scores of one are not those of its answers.
    """
    if earlier is None:
        return {}
    check_same(run, earlier, "system", "vectors")
    for point in earlier.points:
        with naming(f"the earlier record of {point.n_documents} documents", error=DataError, advice=WITHOUT_RESUME):
            check_close("accuracy", point.accuracy, float(_is_right(point, run.corpus.n_test).mean()))
    return {(point.n_documents, point.seed): point for point in earlier.points}


def _is_right(point: CurvePoint, n_test: int) -> npt.NDArray[np.bool_]:
    """Which of the N test documents were right, bool (N,). Raises an error where they are not as many."""
    bits = np.frombuffer(base64.b64decode(point.right, validate=True), dtype=np.uint8)
    check_array("right", bits, np.uint8, shape=(-(-n_test // 8),))
    return np.unpackbits(bits, count=n_test).astype(np.bool_)


def _with_points(run: CurveRecord, points: list[CurvePoint]) -> CurveRecord:
    """The run with these points, and what follows from those sizes that every seed has."""
    run = replace(run, points=points)
    sizes, right = right_answers(run)
    if sizes == [row.n_documents for row in run.sizes]:
        return run
    drawn = forecast.drawn_accuracies(right, np.random.default_rng(0))
    intervals = np.quantile(drawn, [0.025, 0.975], axis=0).T.tolist()
    run = replace(run, sizes=[_size(run, size, *interval) for size, interval in zip(sizes, intervals, strict=True)])
    if len(sizes) < forecast.sizes_needed(len(right)):
        return run
    found = forecast.forecast(sizes, right, 2 * sizes[-1])
    return replace(run, forecast=found, backtest=forecast.backtest(sizes, right))


def _size(run: CurveRecord, n_documents: int, low: float, high: float) -> CurveSize:
    """The fits to as many documents, and the interval of their mean accuracy."""
    rows = [point for point in run.points if point.n_documents == n_documents]
    return CurveSize(
        n_documents=n_documents,
        share=n_documents / run.corpus.n_train,
        accuracy=statistics.fmean(row.accuracy for row in rows),
        accuracy_interval=(low, high),
        accuracy_spread=spread([row.accuracy for row in rows]),
        macro_f1=statistics.fmean(row.macro_f1 for row in rows),
        log_loss=statistics.fmean(row.log_loss for row in rows),
        fit_seconds=statistics.fmean(row.fit_seconds for row in rows),
    )


def right_answers(run: CurveRecord) -> tuple[list[int], forecast.Right]:
    """The P sizes that all S seeds have, ascending, and which of the N test documents were right: bool (S, P, N)."""
    by_size: dict[int, list[npt.NDArray[np.bool_]]] = {}
    for point in run.points:
        by_size.setdefault(point.n_documents, []).append(_is_right(point, run.corpus.n_test))
    sizes = sorted(size for size, rows in by_size.items() if len(rows) == len(run.seeds))
    if not sizes:
        return [], np.zeros((len(run.seeds), 0, run.corpus.n_test), dtype=np.bool_)
    return sizes, np.array([by_size[size] for size in sizes]).swapaxes(0, 1)
