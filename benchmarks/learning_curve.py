"""How far can the forecast of `bywords curve` be trusted? What it makes of half of the documents, beside all of them.

Claim: the interval of the forecast holds what comes of twice the documents in 4 of 5 cases or more, and the forecast
misses it by less than half as much as saying that nothing changes. A case is a corpus, a system, and a doubling: half
of the training documents to all, or a quarter to half. Corpora: the data sets that have names, and files that are
given: NAME=TRAIN or NAME=TRAIN,TEST.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import argparse
from typing import Any

import numpy as np
from measure import write_result

from bywords.experiments.forecast import backtest
from bywords.experiments.learning_curve import learning_curve, right_answers
from bywords.io.datasets import is_available, load_dataset
from bywords.records.base import plain

NAMED = ("imdb", "20newsgroups-6")
SYSTEMS = ("auto", "dan", "tfidf-svc")
N_SEEDS = 3
LEAST_HELD = 0.8


def main() -> None:
    """Draw the curves, forecast what is known, and assert the claim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", help="names, or NAME=TRAIN[,TEST]; by default the data sets at hand")
    corpora = parser.parse_args().corpora or [name for name in NAMED if is_available(name)]
    rows: dict[str, Any] = {}
    for corpus in corpora:
        name, _, files = corpus.partition("=")
        train, _, test = files.partition(",")
        rows[name] = {system: measured(name, train or name, test or None, system) for system in SYSTEMS}
    cases = [case for systems in rows.values() for row in systems.values() for case in row["backtests"]]
    errors = np.array([case["error"] for case in cases])
    gains = np.array([case["gain"] for case in cases])
    held = float(np.mean([case["holds"] for case in cases]))
    miss, no_change = (float(np.sqrt(np.mean(values**2))) for values in (errors, gains))
    summary = {"n_cases": len(cases), "held": held, "root_mean_square_error": miss, "of_no_change": no_change}
    print(
        f"{len(cases)} cases: held {held:.0%}, off by {100 * miss:.2f} points, by {100 * no_change:.2f} for no change"
    )
    write_result("learning_curve", {"summary": summary, "corpora": rows})
    assert held >= LEAST_HELD, held
    assert miss < no_change / 2, (miss, no_change)


def measured(name: str, train: str, test: str | None, system: str) -> dict[str, Any]:
    """The points of a curve, its forecast, and the two that can be checked."""
    run = learning_curve(load_dataset(train, test=test), system, seeds=range(N_SEEDS))
    sizes, right = right_answers(run)
    found = []
    for n_sizes in (len(sizes), len(sizes) - 1):
        case = backtest(sizes[:n_sizes], right[:, :n_sizes])
        if case is None:
            raise SystemExit(f"{name}: too few documents for a case.")
        found.append({**plain(case), "gain": case.score - float(right[:, n_sizes - 2].mean())})
        low, high = case.interval
        print(
            f"{name:16} {system:10} {case.from_documents:6,} to {case.n_documents:6,}: "
            f"forecast {case.forecast:.4f} ({low:.4f} to {high:.4f}), "
            f"is {case.score:.4f}{'' if case.holds else '  NOT HELD'}",
            flush=True,
        )
    points = [{key: row[key] for key in ("n_documents", "accuracy", "accuracy_interval")} for row in plain(run.sizes)]
    forecast = {key: value for key, value in plain(run.forecast).items() if key != "band"}
    return {"sizes": points, "forecast": forecast, "backtests": found}


if __name__ == "__main__":
    main()
