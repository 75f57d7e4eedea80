"""One split and one system → its learning curve: scores after 1/16 to all training documents, and a forecast."""

from __future__ import annotations

import base64
import functools
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_arguments
from bywords.classifier import TextClassifier
from bywords.config import to_plain
from bywords.data.corpus import Corpus, Split
from bywords.data.groups import Together
from bywords.data.label_sets import Codes, LabelSets
from bywords.data.splits import nested_order, strata_of
from bywords.errors import DataError, SettingError, check_seeds
from bywords.evaluation.evaluation import AnyEvaluation, Evaluation, InTurn, ManyLabelsEvaluation
from bywords.experiments import forecast
from bywords.experiments.compare import evaluate_sets
from bywords.experiments.setup import WITHOUT_RESUME, beginning, check_close, check_same, checked, spread
from bywords.fitted import FittedClassifier
from bywords.records.base import Interval
from bywords.records.curve import NEXT_LABELS, CurvePoint, CurveRecord, CurveSize
from bywords.system_config import SystemConfig
from bywords.systems import DEFAULT_SYSTEM
from bywords.text.tokenizer import Tokenizer
from bywords.training.repeated_folds import (
    LEAST_TEXTS,
    agreement,
    can_take_turns,
    evaluate_in_turn,
    folds_of,
    n_folds_of,
)
from bywords.validation import check_array, naming

IN_TURN = (
    "So few documents were not divided once and for all: in {} parts each was answered by models that had learned from "
    "the other parts only, {} documents in all. The intervals are widened for that."
)
SHARES_IN_TURN = (1 / 4, 1 / 2.8, 1 / 2, 1 / 1.4, 1.0)  # of what a fold is learned from
FEW_LABELS = 1_000  # training documents: with fewer it is said what the next NEXT_LABELS would bring
SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
LEAST_DOCUMENTS = 20  # of a point; and two of each class
COUNTS = np.dtype("<u4")  # of `CurvePoint.label_counts`


@check_arguments
def learning_curve(
    split: Split,
    system: str = DEFAULT_SYSTEM,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    validation_share: float = 0.1,
    vectors: str | None = None,
    in_turn: bool = False,
    keep_together: Together = "equal",
    command: str = "",
    earlier: CurveRecord | None = None,
    on_start: Callable[[int, int, float | None], None] = lambda n_documents, seed, seconds_left: None,
    on_point: Callable[[CurveRecord, CurvePoint], None] = lambda run, point: None,
) -> CurveRecord:
    """Fit the system to growing parts of the training documents, each once a seed, and test it on the test part.

    A seed draws nested, stratified parts, and every start; the test part never changes. Documents without tokens are
    dropped and counted. Small parts come first, each with every seed. A part that would have fewer than LEAST_DOCUMENTS
    documents, or fewer than two for each class, is left out, and `notes` say so. Where documents have any number of
    labels, the rarest of its labels is the class of each, and the curve is of micro F1 instead of accuracy. After each
    fit `on_point` gets the record so far and the new point; points that `earlier`, a record of the same documents and
    settings, holds are taken from there. Ctrl-C ends the run with what it has: `finished` is then false.

    Of few documents, `in_turn` holds all of both parts out in turn: a point is then of the answers that models of so
    many documents of the other folds give for each fold, as `evaluate_in_turn` has it. Texts of a group, by
    `keep_together`, are never divided.

    The record's `points` have one row a fit, `sizes` one a size that all seeds have; `forecast` is that of twice the
    largest size and `backtest` that of the largest from the others, None where the sizes are too few.

    Raises: SettingError for an unknown system, and an `earlier` run of something else. DataError for a corpus that
    cannot be trained on, and too few documents for two sizes.

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
    split = checked(split, Tokenizer(config.tokenizer))
    n_most, shares = len(split.train), SHARES
    if in_turn:
        split, n_most = _in_turn(split, seeds, keep_together)
        shares = SHARES_IN_TURN
    strata = strata_of(split.train.labels)
    sizes, notes = _sizes(split, n_most, shares, len(np.unique(strata)), len(seeds))
    orders = {seed: nested_order(strata, seed) for seed in seeds}
    notes += labels_missing(
        split,
        _smallest_in_turn(split, sizes[0], seeds, keep_together)
        if in_turn
        else [order[: sizes[0]] for order in orders.values()],
    )
    n_folds = n_folds_of(split.train, keep_together) if in_turn else 0
    notes += [IN_TURN.format(n_folds, len(split.test))] if in_turn else []
    run = CurveRecord(
        **beginning(split, seeds=seeds, validation_share=validation_share, command=command),
        system=system, metric="micro_f1" if split.train.is_multilabel else "accuracy", vectors=vectors,
        config=to_plain(config), notes=notes, n_folds=n_folds,
    )  # fmt: skip
    points = _points_of(earlier, run, split)
    wanted = [(n_documents, seed) for n_documents in sizes for seed in seeds]
    run = _with_points(run, [points[key] for key in wanted if key in points])
    to_do, seconds_left = [key for key in wanted if key not in points], None
    try:
        for number, (n_documents, seed) in enumerate(to_do):
            on_start(n_documents, seed, seconds_left)
            started = time.perf_counter()
            classifier = TextClassifier(fitted, seed=seed, **more)
            if in_turn:
                point = _point_in_turn(classifier, split, n_documents, keep_together)
            else:
                point = _point(classifier, split, orders[seed][:n_documents])
            points[n_documents, seed] = point
            if number:  # the first fit warms up
                seconds = time.perf_counter() - started
                seconds_left = seconds / n_documents * sum(n for n, _ in to_do[number + 1 :])
            run = _with_points(run, [points[key] for key in wanted if key in points])
            on_point(run, point)
    except KeyboardInterrupt:
        return run
    return replace(run, finished=True)


def _in_turn(split: Split, seeds: Sequence[int], keep_together: Together) -> tuple[Split, int]:
    """All documents, and those that are held out with every seed; and how many the smallest part to learn from has.

    Raises: DataError where no class has enough texts.
    """
    whole = split.whole
    if not can_take_turns(whole, keep_together):
        needed = f"{LEAST_TEXTS} different texts or more, and another one two"
        if whole.is_multilabel:
            needed = f"{LEAST_TEXTS} different texts or more that have none rarer, and two have to lack one"
        raise DataError(f"{whole.name}: its documents cannot be held out in turn: one label needs {needed}.")
    divided = [folds_of(whole, seed, keep_together) for seed in seeds]
    held_out = [np.sort(np.concatenate([held for _, held in folds])) for folds in divided]
    rows: npt.NDArray[np.int64] = functools.reduce(np.intersect1d, held_out)
    n_dropped = split.n_dropped_train + split.n_dropped_test
    return Split(whole, whole.select(rows), n_dropped, 0), min(len(kept) for folds in divided for kept, _ in folds)


def _smallest_in_turn(
    split: Split, n_documents: int, seeds: Sequence[int], keep_together: Together
) -> list[npt.NDArray[np.int64]]:
    """The rows that models of so many documents learn from, of each seed and fold."""
    folds = [(seed, kept) for seed in seeds for kept, _ in folds_of(split.train, seed, keep_together)]
    return [kept[_first(split.train.labels[kept], seed, n_documents)] for seed, kept in folds]


def _first(labels: Codes, seed: int, n_documents: int) -> npt.NDArray[np.int64]:
    """So many rows, ascending, of a stratified part that is drawn with the seed."""
    return np.sort(nested_order(strata_of(labels), seed)[:n_documents])


def _sizes(
    split: Split, n_train: int, shares: Sequence[float], n_classes: int, n_seeds: int
) -> tuple[list[int], list[str]]:
    """How many documents the points have, ascending, and notes about those that are left out."""
    least = max(LEAST_DOCUMENTS, 2 * n_classes)
    of_each = "two of each class" if not split.train.is_multilabel else "two of each label that is a text's rarest"
    sizes = {share: round(share * n_train) for share in shares}
    kept = [n_documents for n_documents in sizes.values() if n_documents >= least]
    if len(kept) < 2:
        raise DataError(
            f"{split.train.name}: {n_train:,} training documents are too few for a curve: half of them have to be "
            f"{least} or more, {LEAST_DOCUMENTS} and {of_each}. Add documents."
        )
    left_out = [f"1/{1 / share:.3g}" for share, n_documents in sizes.items() if n_documents < least]
    notes = []
    if left_out:
        notes.append(
            f"Left out: {' and '.join(left_out)} of the documents, which would be fewer than {least}: "
            f"{LEAST_DOCUMENTS} and {of_each}."
        )
    needed = forecast.sizes_needed(n_seeds)
    if len(kept) < needed:
        notes.append(f"There is no forecast: it needs {needed} sizes{' or more seeds' if n_seeds == 1 else ''}.")
    return kept, notes


def labels_missing(split: Split, parts: list[npt.NDArray[np.int64]]) -> list[str]:
    """A note where the smallest parts lack labels, which a system fitted to them cannot give."""
    if not isinstance(split.train.labels, LabelSets):
        return []
    known = split.train.labels.counts() > 0
    lacking = max(int((known & (split.train.labels.select(part).counts() == 0)).sum()) for part in parts)
    if not lacking:
        return []
    return [
        f"Of {known.sum():,} labels up to {lacking:,} are in no document of the smallest part: there they are never "
        "given, and count as missed."
    ]


def _point(classifier: TextClassifier, split: Split, rows: npt.NDArray[np.int64]) -> CurvePoint:
    """The classifier fitted to these rows of the training documents, and tested. Ctrl-C in the fit is raised anew."""
    part = split.train.select(np.sort(rows))
    classifier.fit(part.texts, part.names())
    if classifier.fitted_.record.history.interrupted:
        raise KeyboardInterrupt
    evaluation: AnyEvaluation
    if isinstance(split.test.labels, LabelSets):
        evaluation, _ = evaluate_sets(classifier, split.test, split.test.labels)
    else:
        evaluation = classifier.evaluate(split.test.texts, split.test.names())
    return CurvePoint(
        n_documents=len(rows),
        seed=classifier.seed,
        accuracy=evaluation.accuracy,
        fit_seconds=classifier.seconds_,
        **(_of_one_label(evaluation) if isinstance(evaluation, Evaluation) else _of_label_sets(evaluation)),
    )


def _point_in_turn(classifier: TextClassifier, split: Split, n_documents: int, keep_together: Together) -> CurvePoint:
    """Models of so many documents of all folds but one, which answer for it, tested on all folds."""
    seconds = list[float]()

    def fit(part: Corpus) -> FittedClassifier:
        chosen = part.select(_first(part.labels, classifier.seed, n_documents))
        classifier.fit(chosen.texts, chosen.names())
        if classifier.fitted_.record.history.interrupted:
            raise KeyboardInterrupt
        seconds.append(classifier.seconds_)
        return classifier.fitted_

    whole = split.train
    rows, found = evaluate_in_turn(whole, fit, seed=classifier.seed, keep_together=keep_together, n_repeats=1)
    is_tested = np.isin(whole.rows[rows], split.test.rows)
    if isinstance(found, ManyLabelsEvaluation):
        found = found.select(is_tested)
        scores, accuracy = _of_label_sets(found), found.accuracy
    else:
        scores = _of_one_label(found) | {"right": _as_text(np.packbits(found.is_right[is_tested]))}
        accuracy = float(found.is_right[is_tested].mean())
    return CurvePoint(
        n_documents=n_documents,
        seed=classifier.seed,
        accuracy=accuracy,
        fit_seconds=statistics.fmean(seconds),
        **scores,
    )


def _of_one_label(found: Evaluation) -> dict[str, Any]:
    right = _as_text(np.packbits(found.is_right))
    return {"macro_f1": found.macro_f1, "log_loss": found.log_loss, "right": right}


def _of_label_sets(found: ManyLabelsEvaluation) -> dict[str, Any]:
    counts = [sets.lengths for sets in (found.labels.both(found.predicted), found.predicted, found.labels)]
    return {
        "macro_f1": found.f1["macro_f1"],
        "micro_f1": found.f1["micro_f1"],
        "log_loss": found.summary()["log_loss"],
        "right": _as_text(np.packbits(found.labels.are_equal(found.predicted))),
        "label_counts": _as_text(np.stack(counts).astype(COUNTS)),
    }


def _as_text(values: npt.NDArray[Any]) -> str:
    return base64.b64encode(values.tobytes()).decode()


def _points_of(earlier: CurveRecord | None, run: CurveRecord, split: Split) -> dict[tuple[int, int], CurvePoint]:
    """The points that an earlier record of the same documents and settings has, by size and seed.

    Raises: DataError where the scores of one are not those of its answers.
    """
    if earlier is None:
        return {}
    check_same(run, earlier, "system", "vectors")
    for point in earlier.points:
        with naming(f"the earlier record of {point.n_documents} documents", error=DataError, advice=WITHOUT_RESUME):
            check_close("accuracy", point.accuracy, float(_is_right(point, run.corpus.n_test).mean()))
            if isinstance(split.test.labels, LabelSets):
                both, given, true = counts = _label_counts(point, run.corpus.n_test)
                if (both > np.minimum(given, true)).any() or (true != split.test.labels.lengths).any():
                    raise SettingError("its counts of labels are not those of these documents")
                check_close("micro F1", point.score, float(forecast.scores(*_ratio_of(counts[None, None]))[0]))
    return {(point.n_documents, point.seed): point for point in earlier.points}


def _is_right(point: CurvePoint, n_test: int) -> npt.NDArray[np.bool_]:
    """Which of the N test documents were right, bool (N,). Raises an error where they are not as many."""
    bits = np.frombuffer(base64.b64decode(point.right, validate=True), dtype=np.uint8)
    check_array("right", bits, np.uint8, shape=(-(-n_test // 8),))
    return np.unpackbits(bits, count=n_test).astype(np.bool_)


def _label_counts(point: CurvePoint, n_test: int) -> npt.NDArray[np.int64]:
    """Labels of each document that are right, given and true, int64 (3, N). Raises an error for other shapes."""
    counts = np.frombuffer(base64.b64decode(point.label_counts, validate=True), dtype=COUNTS)
    check_array("label_counts", counts, np.uint32, shape=(3 * n_test,))
    return counts.astype(np.int64).reshape(3, n_test)


def _ratio_of(counts: npt.NDArray[np.int64]) -> tuple[forecast.Right, forecast.Right]:
    """What a micro F1 is the ratio of, from (..., 3, N): int64 (..., N) each."""
    return 2 * counts[..., 0, :], counts[..., 1, :] + counts[..., 2, :]


def _with_points(run: CurveRecord, points: list[CurvePoint]) -> CurveRecord:
    """The run with these points, and what follows from those sizes that every seed has."""
    run = replace(run, points=points)
    sizes, right = right_answers(run)
    if sizes == [row.n_documents for row in run.sizes]:
        return run
    score, of = (right, None) if run.metric == "accuracy" else _ratio_of(_of_sizes(run, sizes, _label_counts))
    how_right = right if of is None else np.where(of > 0, score / np.maximum(of, 1), 1.0)
    agree, n_folds = agreement(how_right[:, -1].astype(np.float64)), run.n_folds
    share = InTurn(n_folds=n_folds, n_repeats=1, n_done=n_folds, agreement=agree).share if n_folds else 1.0
    accuracies = _intervals(right, None, share)
    scores = [None] * len(sizes) if of is None else _intervals(score, of, share)
    rows = [_size(run, *row) for row in zip(sizes, accuracies, scores, strict=True)]
    run = replace(run, sizes=rows)
    if len(sizes) < forecast.sizes_needed(len(right)):
        return run
    n_now = run.corpus.n_train
    more: dict[str, Any] = {} if run.n_folds else {"backtest": forecast.backtest(sizes, score, of=of)}
    if n_now < FEW_LABELS:
        n_next = n_now + NEXT_LABELS
        more["next_labels"] = forecast.forecast(sizes, score, n_next, of=of, since=n_now, share=share)
    return replace(run, forecast=forecast.forecast(sizes, score, 2 * sizes[-1], of=of, share=share), **more)


def _intervals(right: forecast.Right, of: forecast.Right | None, share: float) -> list[tuple[float, float]]:
    """The 95 % interval of the mean score of each size, for `share` of the documents."""
    drawn = forecast.drawn_scores(right, np.random.default_rng(0), of=of)
    ends = np.quantile(drawn, [0.025, 0.975], axis=0)
    if share < 1:
        middle = forecast.scores(right, of)
        ends = np.clip(middle + (ends - middle) / np.sqrt(share), 0.0, 1.0)
    low, high = ends.tolist()
    return list(zip(low, high, strict=True))


def _size(run: CurveRecord, n_documents: int, accuracy: Interval, micro_f1: Interval | None) -> CurveSize:
    """The fits to as many documents, with the intervals of their mean scores."""
    rows = [point for point in run.points if point.n_documents == n_documents]
    losses = [row.log_loss for row in rows if row.log_loss is not None]
    return CurveSize(
        n_documents=n_documents,
        share=n_documents / run.corpus.n_train,
        accuracy=statistics.fmean(row.accuracy for row in rows),
        accuracy_interval=accuracy,
        accuracy_spread=spread([row.accuracy for row in rows]),
        macro_f1=statistics.fmean(row.macro_f1 for row in rows),
        log_loss=statistics.fmean(losses) if losses else None,
        fit_seconds=statistics.fmean(row.fit_seconds for row in rows),
        micro_f1=None if micro_f1 is None else statistics.fmean(row.score for row in rows),
        micro_f1_interval=micro_f1,
        micro_f1_spread=None if micro_f1 is None else spread([row.score for row in rows]),
    )


def right_answers(run: CurveRecord) -> tuple[list[int], forecast.Right]:
    """The P sizes that all S seeds have, ascending, and which of the N test documents were right: bool (S, P, N)."""
    n_fits = Counter(point.n_documents for point in run.points)
    sizes = sorted(size for size, n in n_fits.items() if n == len(run.seeds))
    if not sizes:
        return [], np.zeros((len(run.seeds), 0, run.corpus.n_test), dtype=np.bool_)
    return sizes, _of_sizes(run, sizes, _is_right)


def _of_sizes(
    run: CurveRecord, sizes: list[int], read: Callable[[CurvePoint, int], npt.NDArray[Any]]
) -> npt.NDArray[Any]:
    """What is read of each point of P sizes that all S seeds have, (S, P, ...)."""
    points = [[point for point in run.points if point.n_documents == size] for size in sizes]
    return np.array([[read(point, run.corpus.n_test) for point in row] for row in points]).swapaxes(0, 1)
