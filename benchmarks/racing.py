"""Does the race of `auto` choose what trying every candidate would choose, or one as good?

A training part is cut in two, by three seeds; both learn from four fifths and are judged on the last fifth, so that no
test part plays a role. Corpora as in tuned.py, of each at most MOST documents.

Claims: over all, the race's accuracy and log loss are within .001 and .005 of those of trying all; nowhere is it less
often right by more than chance (two standard errors of the difference on the same documents); and it judges fewer
candidates.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import argparse
import statistics
import time
from dataclasses import replace
from typing import Any

import numpy as np
from measure import RESULTS, read_result, write_result
from tuned import at_hand, parts

from bywords import SYSTEMS, fit_classifier
from bywords.data.splits import stratified_split
from bywords.evaluation.metrics import log_loss
from bywords.system_config import FitParameters, SelectionConfig, SystemConfig

SEEDS = (0, 1, 2)
MOST = 12_000  # documents
ACCURACY_WITHIN, LOG_LOSS_WITHIN = 0.001, 0.005


def main() -> None:
    """Measure what is asked for, add it to the results there are, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", help="names, or NAME=TRAIN[,TEST]; by default the data sets at hand")
    race = SYSTEMS["auto"]
    assert isinstance(race.model, SelectionConfig)
    systems = {"race": race, "all": replace(race, model=replace(race.model, is_race=False))}
    rows = read_result("racing")["corpora"] if (RESULTS / "racing.json").exists() else {}
    for corpus in parser.parse_args().corpora or at_hand():
        name, _, files = corpus.partition("=")
        (texts, labels), _ = parts(files.split(",") if files else [name])
        rows[name] = measured(systems, np.array(texts, dtype=object), np.array(labels))
        print(name, {kind: {**row, "is_right": None} for kind, row in rows[name].items()}, flush=True)
        write_result("racing", {"seeds": SEEDS, "corpora": rows})
    check(rows)


def measured(systems: dict[str, SystemConfig], texts: Any, labels: Any) -> dict[str, dict[str, Any]]:
    """Of each system over the seeds: accuracy, where it is right, log loss, CPU seconds and candidates judged."""
    found: dict[str, dict[str, Any]] = {}
    for seed in SEEDS:
        rows = np.random.default_rng(seed).permutation(len(texts))[:MOST]
        codes = np.unique(labels[rows], return_inverse=True)[1].astype(np.int64)
        kept, held_out = stratified_split(codes, 0.2, seed)
        for kind, system in systems.items():
            started = time.process_time()
            fitted = fit_classifier(
                system, texts[rows[kept]].tolist(), labels[rows[kept]].tolist(), parameters=FitParameters(seed=seed)
            )
            seconds = time.process_time() - started
            wanted = np.searchsorted(fitted.classes, labels[rows[held_out]])
            probabilities = fitted.predict(texts[rows[held_out]].tolist()).probabilities
            assert fitted.record.selection is not None
            row = found.setdefault(kind, {"log_loss": [], "cpu_seconds": [], "n_candidates": [], "is_right": ""})
            row["log_loss"].append(log_loss(wanted, probabilities, np.ones(len(wanted))))
            row["cpu_seconds"].append(seconds)
            row["n_candidates"].append(sum(len(one["settings"]) == 1 for one in fitted.record.selection.trials))
            row["is_right"] += "".join(map(str, (probabilities.argmax(axis=1) == wanted).astype(int).tolist()))
    for row in found.values():
        row["accuracy"] = row["is_right"].count("1") / len(row["is_right"])
        for key in ("log_loss", "cpu_seconds", "n_candidates"):
            row[key] = statistics.mean(row[key])
    return found


def check(rows: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Assert the claims, after printing how far each corpus is from them."""
    apart = {key: list[float]() for key in ("accuracy", "log_loss", "n_candidates")}
    for name, row in rows.items():
        flags = [np.array(list(row[kind]["is_right"]), dtype=int) for kind in ("race", "all")]
        error = float((flags[0] - flags[1]).std() / len(flags[0]) ** 0.5)
        for key, values in apart.items():
            values.append(row["race"][key] - row["all"][key])
        seconds = row["race"]["cpu_seconds"] / row["all"]["cpu_seconds"]
        print(
            f"{name:20} race {row['race']['accuracy']:.4f}, all {row['all']['accuracy']:.4f}: "
            f"{apart['accuracy'][-1]:+.4f} ± {error:.4f}; loss {apart['log_loss'][-1]:+.4f}; {seconds:.2f} of its CPU"
        )
        assert apart["accuracy"][-1] >= -2 * error, name
    means = {key: statistics.mean(values) for key, values in apart.items()}
    print(means)
    assert abs(means["accuracy"]) <= ACCURACY_WITHIN or means["accuracy"] > 0, means
    assert means["log_loss"] <= LOG_LOSS_WITHIN, means
    assert means["n_candidates"] < 0, means


if __name__ == "__main__":
    main()
