"""How far can what is said of 50 to 500 documents be trusted? Simulated with draws from large corpora.

    python benchmarks/small_samples.py [--sets trec6 ...] [--systems tfidf-nb ...] [--sizes 50 100] [--draws 20]
                                       [--parts score forecast] [--data ../shared/data]

score: of a draw all documents are held out in turn, as `bywords train` does of few; what it says is set beside how
often the model of the whole draw is right on documents of the corpus that were not drawn. So is what a fifth says that
is held out once, as of many. forecast: `learning_curve` of a draw forecasts what 100 more documents would bring;
it is set beside a model of the draw and the next 100 that are drawn.

Claims: the interval of the accuracy holds the true one in 93 % of the draws or more, and is narrower than that of a
fifth held out once; that of the error of calibration
holds it in 90 % or more; that of the forecast in 90 % or more. Each draw is written when it is done, and not run again.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from few_labels import ROOT, SETS, texts_of
from measure import RESULTS, read_result, write_result

from bywords.data.corpus import Corpus
from bywords.evaluation.evaluation import Evaluation
from bywords.evaluation.reliability import Bins
from bywords.experiments.learning_curve import learning_curve
from bywords.io.datasets import divided
from bywords.system_config import FitParameters
from bywords.systems import system_config
from bywords.training.fit import fit_classifier
from bywords.training.repeated_folds import evaluate_in_turn

SIZES, MORE, MOST_TESTED = (50, 100, 150, 300, 500), 100, 3_000
SPREADS = (1.0, 2.0, 3.0)  # of the interval of the error of calibration, that are tried
LEAST = {"accuracy": 0.93, "calibration": 0.9, "forecast": 0.9}


def main() -> None:
    """Run the draws that are not in the record, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--systems", nargs="+", default=("tfidf-nb", "auto"))
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--parts", nargs="+", default=("score", "forecast"), choices=("score", "forecast"))
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="trec6, smsa_id, goemotions")
    parser.add_argument("--summary", action="store_true", help="run nothing: say what is there, and assert the claims")
    asked = parser.parse_args()
    cases: dict[str, Any] = read_result("small_samples")["cases"] if (RESULTS / "small_samples.json").exists() else {}
    for corpus in () if asked.summary else asked.sets:
        found = texts_of(corpus, asked.data)
        if found is None:
            print(f"{corpus}: skipped, it is not at hand")
            continue
        texts, labels = np.array([*found[0], *found[2]], dtype=object), np.concatenate([found[1], found[3]])
        for draw, size, system, part in (
            (draw, size, system, part)
            for draw in range(asked.draws)
            for size in asked.sizes
            for system in asked.systems
            for part in asked.parts
        ):
            key = f"{part}/{corpus}/{system}/{size}/{draw}"
            if key not in cases:
                cases[key] = PARTS[part](texts, labels, system, size, draw)
                print(f"{key}: {cases[key]}", flush=True)
                write_result("small_samples", {"summary": summary_of(cases), "cases": cases})
    summary = summary_of(cases)
    write_result("small_samples", {"summary": summary, "cases": cases})
    for name, row in summary.items():
        print(name, row)
    for name, row in summary.items():
        if name.endswith("/accuracy/all"):
            assert row["width"] <= summary[name.replace("/accuracy/", "/once/")]["width"], (name, row)
    for what, least in LEAST.items():
        for name, row in summary.items():
            assert not name.endswith(f"{what}/all") or row["covered"] >= least, (name, row)


def drawn(texts: npt.NDArray[Any], labels: npt.NDArray[Any], size: int, draw: int) -> tuple[Corpus, Corpus, Corpus]:
    """A draw, the same with MORE documents, and others of the corpus to test on, of classes that the draw has."""
    order = np.random.default_rng([draw, size]).permutation(len(texts))
    rest = order[size + MORE :][:MOST_TESTED]
    parts = (order[:size], order[: size + MORE], rest)
    few, more, others = (Corpus.of("drawn", texts[rows].tolist(), labels[rows].tolist()) for rows in parts)
    return few, more, others


def right(fitted: Any, others: Corpus) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Which answers are right, a class that was not drawn being a mistake, and how probable each was, (N,) both."""
    answers = fitted.predict(others.texts)
    return answers.labels == others.names(), answers.probabilities.max(axis=1)


def score(texts: npt.NDArray[Any], labels: npt.NDArray[Any], system: str, size: int, draw: int) -> dict[str, Any]:
    """What is said of a draw, beside what is so."""
    few, _, others = drawn(texts, labels, size, draw)
    config, parameters = system_config(system), FitParameters(seed=draw)

    def fit(part: Corpus) -> Any:
        return fit_classifier(config, part.texts, part.names(), parameters=parameters)

    started = time.perf_counter()
    _, found = evaluate_in_turn(few, fit, seed=draw)
    in_turn_seconds = time.perf_counter() - started
    started = time.perf_counter()
    is_right, confidence = right(fit(few), others)
    once = divided(few, test_share=0.2, seed=draw)
    found_once = fit(once.train).evaluate(once.test.texts, once.test.names())
    assert isinstance(found, Evaluation)
    assert found.in_turn is not None
    bins, reliability = Bins.of(found.confidence, found.is_right), found.reliability()
    return {
        "accuracy": found.accuracy,
        "accuracy_interval": list(found.accuracy_interval),
        "true_accuracy": float(is_right.mean()),
        "n_tested": len(found.labels),
        "once_accuracy": found_once.accuracy,
        "once_interval": list(found_once.accuracy_interval),
        "seconds": [in_turn_seconds, time.perf_counter() - started],  # in turn, and once
        "agreement": found.in_turn.agreement,
        "calibration_error": reliability["error"],
        "calibration_interval": list(reliability["error_interval"]),
        "calibration_intervals": {str(spread): list(bins.error_interval(spread=spread)) for spread in SPREADS},
        "true_calibration_error": Bins.of(confidence, is_right).error,
    }


def forecast(texts: npt.NDArray[Any], labels: npt.NDArray[Any], system: str, size: int, draw: int) -> dict[str, Any]:
    """What the next documents of a draw are said to bring, beside what they bring."""
    few, more, others = drawn(texts, labels, size, draw)
    run = learning_curve(divided(few, test_share=0.2, seed=draw), system, seeds=range(draw, draw + 3), in_turn=True)
    config, parameters = system_config(system), FitParameters(seed=draw)
    now, then = (
        float(right(fit_classifier(config, part.texts, part.names(), parameters=parameters), others)[0].mean())
        for part in (few, more)
    )
    found = run.next_labels
    assert found is not None, run.notes
    return {
        "forecast": found.score,
        "interval": list(found.interval),
        "gain": found.gain,
        "gain_interval": list(found.gain_interval),
        "true_accuracy": then,
        "true_gain": then - now,
    }


PARTS = {"score": score, "forecast": forecast}


def summary_of(cases: dict[str, Any]) -> dict[str, dict[str, float]]:
    """By size, system and set: how often each interval holds what is so, its width, and how far the score is off."""
    groups: dict[str, list[list[float]]] = {}
    for key, case in cases.items():
        part, corpus, system, size, _ = key.split("/")
        rows = {
            "score": [
                ("accuracy", "accuracy", "accuracy_interval", "true_accuracy"),
                ("once", "once_accuracy", "once_interval", "true_accuracy"),
                ("calibration", "calibration_error", "calibration_interval", "true_calibration_error"),
            ],
            "forecast": [
                ("forecast", "forecast", "interval", "true_accuracy"),
                ("gain", "gain", "gain_interval", "true_gain"),
            ],
        }[part]
        for what, said, interval, true in rows:
            for which in (corpus, "all"):
                row = [case[said], *case[interval], case[true]]
                groups.setdefault(f"{size}/{system}/{what}/{which}", []).append(row)
    return {name: _summary(np.array(rows)) for name, rows in sorted(groups.items())}


def _summary(rows: npt.NDArray[np.float64]) -> dict[str, float]:
    said, low, high, true = rows.T
    return {
        "n_draws": len(rows),
        "covered": float(((low <= true) & (true <= high)).mean()),
        "width": float((high - low).mean()),
        "off": float((said - true).mean()),
        "root_mean_square_error": float(np.sqrt(((said - true) ** 2).mean())),
    }


if __name__ == "__main__":
    main()
