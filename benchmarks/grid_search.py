"""Which system and which weights of classes does scikit-learn's own grid search find for a corpus?

Claim: a search over systems, five folds each, runs as it does for any estimator of scikit-learn's, and what it finds is
right on as many test documents as its folds promise, within .05. Corpora: files, NAME=TRAIN,TEST.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import argparse
from typing import Any

from measure import write_result
from sklearn.model_selection import GridSearchCV

from bywords.classifier import TextClassifier
from bywords.io.datasets import load_dataset
from bywords.text.tokenizer import Tokenizer

GRID = {
    "system": ["auto", "dan", "dan-ngrams", "tfidf-svc", "tfidf-nb", "averaging"],
    "class_weight": [None, "balanced"],
}
FOLDS = 5
NEAR = 0.05


def main() -> None:
    """Search for each corpus, and assert the claim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="+", help="NAME=TRAIN,TEST")
    rows: dict[str, Any] = {}
    for corpus in parser.parse_args().corpora:
        name, _, files = corpus.partition("=")
        train, test = files.split(",")
        split = load_dataset(train, test=test).drop_empty(Tokenizer())
        search = GridSearchCV(TextClassifier(), GRID, cv=FOLDS)
        search.fit(split.train.texts.to_list(), split.train.names())
        found = search.cv_results_
        rows[name] = {
            "best": search.best_params_,
            "folds": search.best_score_,
            "test": float(search.score(split.test.texts.to_list(), split.test.names())),
            "all": [
                {**parameters, "accuracy": accuracy, "seconds": seconds}
                for parameters, accuracy, seconds in zip(
                    found["params"], found["mean_test_score"].tolist(), found["mean_fit_time"].tolist(), strict=True
                )
            ],
        }
        for row in sorted(rows[name]["all"], key=lambda row: -float(row["accuracy"])):
            weights = row["class_weight"] or "-"
            print(f"{name:10} {row['system']:10} {weights:9} {row['accuracy']:.4f}  {row['seconds']:.1f} s")
        print(
            f"{name}: {rows[name]['best']}, folds {rows[name]['folds']:.4f}, test {rows[name]['test']:.4f}", flush=True
        )
    write_result("grid_search", {"corpora": rows})
    for name, row in rows.items():
        assert abs(row["folds"] - row["test"]) <= NEAR, (name, row)


if __name__ == "__main__":
    main()
