"""How often `drift` speaks where nothing has changed, and where something has, on random splits of real sets.

Of each set N_SPLITS times: a model of N_TRAIN documents, and N_NEW others, as they are; with a share MIXED of them
replaced by texts of the set before it; with documents of the commonest label three times as frequent. No labels are
used. Sets are two arguments or more, names or NAME=FILE; a number is that of splits.

Claims: at most MOST_FALSE of the unchanged are called drift, at least LEAST_FOUND of those with other texts.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from measure import write_result

from bywords import SYSTEMS, fit_classifier, load_dataset
from bywords.auditing.model_drift import Observed

SYSTEM = "tfidf-svc"
N_SPLITS, N_TRAIN, N_NEW, MIXED = 60, 2000, 1000, 0.15
MOST_FALSE, LEAST_FOUND = 0.05, 0.9
CHANGES = ("nothing", "other texts", "other labels")


def main() -> None:
    """Count, print and assert."""
    named = dict(
        (word if "=" in word else f"{word}={word}").split("=", 1) for word in sys.argv[1:] if not word.isdigit()
    )
    n_splits = next((int(word) for word in sys.argv[1:] if word.isdigit()), N_SPLITS)
    sets = {name: documents(path) for name, path in named.items()}
    names = list(sets)
    found = {name: counted(name, *sets[name], sets[names[at - 1]][0], n_splits) for at, name in enumerate(names)}
    write_result("model_drift", {"n_splits": n_splits, "found": found})
    n = len(named) * n_splits
    shares = {change: sum(found[name][change] for name in named) / n for change in CHANGES}
    print(shares, flush=True)
    assert shares["nothing"] <= MOST_FALSE, shares
    assert shares["other texts"] >= LEAST_FOUND, shares


def counted(name: str, texts: Any, labels: Any, others: Any, n_splits: int) -> dict[str, Any]:
    """How many splits of a set are called drift, by what was changed."""
    values, counts = np.unique(labels, return_counts=True)
    is_commonest = labels == values[counts.argmax()]
    n_train, n_new = min(N_TRAIN, len(texts) // 2), min(N_NEW, len(texts) // 4)
    found: dict[str, Any] = dict.fromkeys(CHANGES, 0)
    for seed in range(n_splits):
        generator = np.random.default_rng(seed)
        order = generator.permutation(len(texts))
        train, rest = order[:n_train], order[n_train:]
        classifier = fit_classifier(SYSTEMS[SYSTEM], list(texts[train]), labels[train].tolist())
        new = texts[rest[:n_new]]
        mixed = new.copy()
        mixed[: int(MIXED * n_new)] = generator.choice(others, int(MIXED * n_new))
        weights = np.where(is_commonest[rest], 3.0, 1.0)
        shifted = texts[generator.choice(rest, n_new, replace=False, p=weights / weights.sum())]
        for change, asked in zip(CHANGES, (new, mixed, shifted), strict=True):
            observed = Observed(classifier)
            observed.add(list(asked))
            found[change] += observed.drift().is_drift
    print(f"{name:10} {n_train:,} and {n_new:,}: {found} of {n_splits}", flush=True)
    return found


def documents(path: str) -> tuple[Any, Any]:
    """The distinct texts of the training part of a set, and their labels."""
    part = load_dataset(path).train
    found = {text: part.label_names[code] for text, code in zip(part.texts, part.labels, strict=True)}
    return np.array(list(found), dtype=object), np.array(list(found.values()))


if __name__ == "__main__":
    main()
