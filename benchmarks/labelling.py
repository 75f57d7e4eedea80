"""How many labels does a model need that chooses what it is taught, and is it right when it says that they are enough?

    python benchmarks/labelling.py [SET ...] [--part choose|alone|stop|stop-alone] [--runs 5] [--first 0] [--most 1000]

A SET is a data set, or NAME=FILE; of texts with several labels those with one are taken. Labels are those of the set,
given as a person would at once. `choose`: each strategy, from 20 labels to so many; how many of its labels are worth
1,000 drawn at random, to the same model, and to one that learns from labelled texts alone? `alone`: the same of that
one. `stop`: until it says to stop, or there are as many labels as --most; is the true accuracy in the interval that it
gives? `stop-alone`: the same of the one alone. There a model is made only when an estimate is due, and chooses of
MOST_STOPPING texts. Runs are written as they are done and not run again, and the claims are about all that are there;
--first is the first seed, and --strategies names those to compare.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: the fits are small

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from measure import RESULTS, read_result, write_result

from bywords.data.targets import Targets
from bywords.evaluation.metrics import accuracy
from bywords.io.datasets import is_available, load_dataset, read_parts
from bywords.labelling.estimates import FEWEST_TESTED, sentence_of
from bywords.labelling.held_out import estimated, unchanged
from bywords.labelling.learner import EVERY, MORE, MOST_TEXTS, N_COMPARED
from bywords.labelling.pool import Pool, PoolModel
from bywords.labelling.project import FIRST_RANDOM, TEST_EVERY, is_test_due
from bywords.labelling.strategies import DEFAULT, STRATEGIES, Strategy, ranked

MOST_ASKED = {
    "choose": MOST_TEXTS,
    "alone": MOST_TEXTS,
    "stop": 6_000,
    "stop-alone": 6_000,
}  # texts that may be asked for
MOST_TESTED = 4_000  # others that models are tested on
FULL = 1_000  # labels drawn at random that the others are compared with
CHARACTERS = 2_000
MOST_STOPPING = 2_700
STEP, STOP_STEP = 0.05, 0.11  # of the labels that there are, at least EVERY, before there is another model
Part = Literal["choose", "alone", "stop", "stop-alone"]
Curves = dict[str, dict[Strategy, list[Any]]]  # the runs of each strategy on each set
Shares = dict[str, dict[Strategy, float]]
WRITTEN_SECONDS = 20.0  # between two states of the record


AT_HAND: dict[str, Data] = {}  # by name, for the processes that are forked


@dataclass(frozen=True, eq=False)
class Data:
    """A set's texts, encoded; their labels; and which may be asked for."""

    name: str
    pool: Pool
    codes: Any  # int64 (N,)
    n_classes: int
    asked: Any  # rows
    tested: Any  # rows


def main() -> None:
    """Run what is not in the record, write each run when it is done, and hold the claims against all that are there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=["imdb", "20newsgroups-6"])
    parser.add_argument("--part", choices=get_args(Part))
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=STRATEGIES)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--most", type=int, default=FULL)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    cases: dict[str, Any] = read_result("labelling")["cases"] if (RESULTS / "labelling.json").exists() else {}
    seeds = range(options.first, options.first + options.runs)
    for given in options.sets:
        name, _, path = given.partition("=")
        if not path and not is_available(name):
            print(f"{name}: skipped, it is not at hand")
            continue
        for part in get_args(Part) if options.part is None else [options.part]:
            wanted = [key for key in _keys(name, seeds, part, options.strategies) if key not in cases]
            if not wanted:
                continue
            AT_HAND[name] = _data(name, path, MOST_ASKED[part])
            run = functools.partial(_case, options.most)
            with multiprocessing.get_context("fork").Pool(options.processes) as pool:
                written = time.monotonic()
                for key, case in pool.imap_unordered(run, wanted):
                    cases[key] = case
                    print(key, {k: v for k, v in case.items() if not isinstance(v, list)}, flush=True)
                    if time.monotonic() > written + WRITTEN_SECONDS:
                        write_result("labelling", {"cases": cases})
                        written = time.monotonic()
            write_result("labelling", {"cases": cases})
    tell(cases)


def _case(most: int, key: str) -> tuple[str, dict[str, Any]]:
    part, name, chosen_by, seed = key.split("/")
    data, strategy = AT_HAND[name], next(one for one in STRATEGIES if one == chosen_by)
    if part.startswith("stop"):
        return key, stopped(data, strategy, int(seed), most, is_alone=part == "stop-alone")
    return key, chosen(data, strategy, int(seed), most, is_alone=part == "alone")


def chosen(data: Data, strategy: Strategy, seed: int, most: int, *, is_alone: bool) -> dict[str, Any]:
    """How right a model is after how many labels: of all of them, those to test on too, as `train` makes it.

    One that is alone with them learns nothing from texts without labels.
    """
    sizes, scores = [], []
    unlabelled = None if is_alone else data.asked
    every = 1 if strategy == "random" else 2  # models: the others are there to choose
    steps = taught(data, strategy, seed, most, step=2 * STEP / every, is_alone=is_alone)
    for index, (learned, tested, model) in enumerate(steps):
        n_labels = len(learned) + len(tested)
        if index % every == 0 or n_labels >= most:
            rows = np.concatenate([learned, tested]) if len(tested) else learned
            targets = Targets.of(data.codes[rows], data.n_classes)
            whole = data.pool.fit(rows, targets, unlabelled=unlabelled) if len(tested) else model
            sizes.append(n_labels)
            scores.append(round(score(data, whole), 4))
    return {"last": scores[-1], "n_labels": sizes, "accuracy": scores}


def stopped(data: Data, strategy: Strategy, seed: int, most: int, *, is_alone: bool) -> dict[str, Any]:
    """What it says when it says to stop, or at last, and how right it is.

    It can say so only where a model has hardly changed, so that elsewhere nothing is estimated.
    """
    few = replace(data, asked=np.random.default_rng(seed).permutation(data.asked)[:MOST_STOPPING])
    n_last, before = 0, None  # at the last estimate that was due
    found: dict[str, Any] = {}
    for learned, tested, model in taught(few, strategy, seed, most, step=STOP_STEP, is_alone=is_alone):
        n_labels = len(learned) + len(tested)
        is_last = n_labels >= most
        if n_last and len(learned) < MORE * n_last and not is_last:
            continue
        now = model.predicted(few.asked[:N_COMPARED])
        is_stable, before = before is not None and unchanged(before, now), now
        if len(tested) < FEWEST_TESTED:
            continue
        n_last = len(learned)
        if not is_stable and not is_last:
            continue
        targets = Targets.of(data.codes[learned], data.n_classes)
        truth = np.arange(data.n_classes) == data.codes[tested][:, np.newaxis]
        estimate = estimated(model, learned, targets, tested, truth, np.ones(len(tested), dtype=bool))
        said, has_stopped = estimate.accuracy, sentence_of(n_labels, replace(estimate, is_stable=is_stable))[1]
        if said is not None and (has_stopped or is_last):
            true = score(data, model)
            found = {
                "n_labels": n_labels, "n_tested": said.n, "says": said.value, "low": said.low, "high": said.high,
                "true": true, "is_right": said.low <= true <= said.high, "has_stopped": has_stopped,
            }  # fmt: skip
            break
    return found


def taught(
    data: Data, strategy: Strategy, seed: int, most: int, *, step: float = STEP, is_alone: bool = False
) -> Iterator[tuple[Any, Any, PoolModel]]:
    """Models of more and more labels, as the product asks for them: rows learned from, rows to test on, the model."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(data.asked)
    ranks = np.arange(len(order))
    is_test = (ranks >= FIRST_RANDOM) & (ranks % TEST_EVERY == 0) & (strategy != "random")
    for_test, drawing = iter(order[is_test].tolist()), iter(order[~is_test].tolist())
    askable = np.sort(order[~is_test])
    directions = data.pool.directions
    learned, tested = list[int](), list[int]()
    queue: Iterator[int] | None = None  # there is none before a model
    while True:
        n_labels = len(learned) + len(tested)
        for n in range(n_labels, n_labels + min(max(EVERY, round(step * n_labels)), most - n_labels)):
            if queue is None or n < FIRST_RANDOM:
                learned.append(next(drawing))
            elif is_test_due(len(tested), n):
                tested.append(next(for_test))
            else:
                learned.append(next(queue))
        rows = np.array(learned)
        if len(np.unique(data.codes[rows])) < 2:
            continue
        targets, unlabelled = Targets.of(data.codes[rows], data.n_classes), None if is_alone else askable
        model = data.pool.fit(rows, targets, unlabelled=unlabelled, seed=seed)
        yield rows, np.array(tested, dtype=np.int64), model
        if len(learned) + len(tested) >= most:
            return
        if strategy != "random":
            left = np.setdiff1d(askable, rows)
            first = ranked(
                strategy, model.probabilities(left), directions[left], 2 * EVERY, generator, is_multilabel=False
            )
            queue = iter(left[first].tolist())


def score(data: Data, model: PoolModel) -> float:
    """Accuracy on texts that nobody was asked for."""
    return accuracy(data.codes[data.tested], model.logits(data.tested).argmax(axis=1))


def tell(cases: dict[str, Any]) -> None:
    """Print what the runs say, draw the picture, and hold the claims against them."""
    curves: dict[Part, Curves] = {"alone": {}, "choose": {}}
    for key, case in cases.items():
        part, name, chosen_by, _ = key.split("/")
        if part in ("alone", "choose"):
            of_part = curves["alone" if part == "alone" else "choose"]
            strategy = next(one for one in STRATEGIES if one == chosen_by)
            of_part.setdefault(name, {}).setdefault(strategy, []).append(case)
    alone = shares_of(curves["alone"], curves["alone"], "alone with their labels")
    medians = {
        "alone": medians_of(alone),
        "before": medians_of(shares_of(curves["choose"], curves["alone"], "beside one alone with random labels")),
        "same": medians_of(shares_of(curves["choose"], curves["choose"], "beside itself with random labels")),
    }
    compared = {name: rows for name, rows in alone.items() if len(rows) == len(STRATEGIES)}
    if compared:
        print(f"of {', '.join(compared)}, where all were tried, alone:", medians_of(compared))
    draw(curves)
    stops = {
        part: tell_stops({key: case for key, case in cases.items() if key.startswith(f"{part}/")}, part)
        for part in ("stop-alone", "stop")
    }
    for claim in claims(medians, len(curves["choose"]), stops):
        print(claim)


def tell_stops(cases: dict[str, Any], part: str) -> list[Any]:
    """Print how often it said to stop and was right, and give the runs that said so."""
    ended = [case for case in cases.values() if case["has_stopped"]]
    if ended:
        labels = np.quantile([case["n_labels"] for case in ended], [0.25, 0.5, 0.75]).tolist()
        right = sum(case["is_right"] for case in ended)
        below = sum(case["true"] < case["low"] for case in ended)
        print(f"{part}: {len(ended)} of {len(cases)} runs said stop, after {labels} labels")
        print(f"   {right / len(ended):.1%} right, {below} below the interval")
    for name in dict.fromkeys(key.split("/")[1] for key in cases):
        of_set = [case for key, case in cases.items() if f"/{name}/" in key]
        n_right = [case["is_right"] for case in of_set if case["has_stopped"]]
        print(f"   {name}: {len(n_right)} of {len(of_set)} said stop, {sum(n_right)} right")
    return ended


def shares_of(curves: Curves, reference: Curves, what: str) -> Shares:
    """By set and strategy, how many labels reach what FULL random ones reach in the `reference`, as a share of FULL."""
    shares: Shares = {}
    print(f"share of {FULL} labels, {what}:")
    for name, runs in curves.items():
        if "random" in reference.get(name, {}):
            target = float(np.mean([case["accuracy"][-1] for case in reference[name]["random"]]))
            shares[name] = {strategy: labels_for(target, some) / FULL for strategy, some in runs.items()}
            n_runs = {len(some) for some in runs.values()}
            rounded = {strategy: round(share, 3) for strategy, share in shares[name].items()}
            print(f"   {name}: {FULL} give {target:.3f}; {rounded}, {min(n_runs)} runs or more")
    print(f"   median of {len(shares)} sets:", medians_of(shares))
    return shares


def medians_of(shares: Shares) -> dict[Strategy, float]:
    """The median over sets of each strategy that was tried on all of them."""
    everywhere = [strategy for strategy in STRATEGIES if shares and all(strategy in rows for rows in shares.values())]
    return {one: round(statistics.median(rows[one] for rows in shares.values()), 3) for one in everywhere}


def claims(medians: Shares, n_sets: int, stops: dict[str, list[Any]]) -> Iterator[str]:
    """Assert what is claimed, where there are runs enough."""
    for part, words in (("alone", "to a model alone"), ("same", "to the same model")):
        if n_sets >= 6 and DEFAULT in medians[part]:
            share = medians[part][DEFAULT]
            assert share <= min(0.7, min(medians[part].values()) + 0.1), medians
            yield f"{DEFAULT}: {share:.0%} of the labels of chance {words} in the median of {n_sets} sets"
    if n_sets >= 6 and DEFAULT in medians["before"]:
        share = medians["before"][DEFAULT]
        assert share <= 0.5, medians
        yield f"{DEFAULT}: {share:.0%} of the labels that chance takes a model alone, in the median of {n_sets} sets"
    for part, ended in stops.items():
        if len(ended) >= 500:
            right = float(np.mean([case["is_right"] for case in ended]))
            assert right >= 0.93, right
            yield f"{part}: the sentence is right in {right:.1%} of {len(ended)} runs that said stop"


def labels_for(target: float, runs: list[Any]) -> float:
    """After how many labels the mean of the runs reaches a score, between two sizes on a line; infinity for never."""
    sizes = np.array(runs[0]["n_labels"])
    means = np.mean([np.interp(sizes, case["n_labels"], case["accuracy"]) for case in runs], axis=0)
    smooth = np.maximum.accumulate(np.convolve(np.pad(means, 1, mode="edge"), np.ones(3) / 3, mode="valid"))
    if smooth[-1] < target:
        return float(FULL) if runs[0]["n_labels"][-1] >= FULL and means[-1] >= target - 1e-9 else float("inf")
    return float(np.interp(target, smooth, sizes))


def draw(curves: dict[Part, Curves]) -> None:
    """benchmarks/results/labelling.png: accuracy by the number of labels, a panel a set; thin ones of labels alone."""
    from matplotlib.figure import Figure

    names = list(curves["choose"] | curves["alone"])
    if not names:
        return
    figure = Figure(figsize=(12, 3.4 * -(-len(names) // 3)), layout="constrained")
    axes = np.atleast_1d(figure.subplots(-(-len(names) // 3), min(3, len(names)))).ravel()
    lines: dict[str, Any] = {}
    for panel, name in zip(axes, names, strict=False):
        for part, of_part in curves.items():
            for strategy, some in of_part.get(name, {}).items():
                sizes = some[0]["n_labels"]
                means = np.mean([np.interp(sizes, case["n_labels"], case["accuracy"]) for case in some], axis=0)
                said = f"{strategy}, labelled texts alone" if part == "alone" else strategy
                (lines[said],) = panel.plot(
                    sizes, means, "--" if strategy == "random" else "-", label=said,
                    color=f"C{STRATEGIES.index(strategy)}",
                    linewidth=0.7 if part == "alone" else 1.8, alpha=0.7 if part == "alone" else 1.0,
                )  # fmt: skip
        panel.set(title=name, xlabel="labels", xscale="log")
        panel.grid(alpha=0.3)
    axes[0].set_ylabel("accuracy")
    figure.legend(handles=list(lines.values()), loc="outside lower center", ncols=4)
    for panel in axes[len(names) :]:
        panel.set_visible(False)
    figure.savefig(RESULTS / "labelling.png", dpi=110)


def _keys(name: str, seeds: range, part: Part, strategies: Sequence[Strategy]) -> list[str]:
    taken = (DEFAULT,) if part.startswith("stop") else strategies
    return [f"{part}/{name}/{strategy}/{seed}" for seed in seeds for strategy in taken]


def _data(name: str, path: str, most_asked: int) -> Data:
    corpus = read_parts(path)[0] if path else load_dataset(name).train
    if corpus.is_multilabel:
        corpus = corpus.select(np.flatnonzero(np.diff(corpus.labels.offsets) == 1))
        codes = corpus.labels.labels.astype(np.int64)
    else:
        codes = np.asarray(corpus.labels)
    order = np.random.default_rng(0).permutation(len(corpus))
    n_tested = min(MOST_TESTED, len(order) // 2)
    taken = order[: n_tested + most_asked]
    texts = corpus.texts.gather(taken).str.slice(0, CHARACTERS).to_list()
    rows = np.arange(len(taken))
    return Data(name, Pool(texts), codes[taken], len(corpus.label_names), rows[n_tested:], rows[:n_tested])


if __name__ == "__main__":
    main()
