"""A folder of labelled texts and the name of a system → P@1, P@3, P@5, seconds and peak memory, as a line of JSON.

A process of its own for each, so that memory is that of one system; omikuji and LibMultiLabel need an environment that
fits them, the other systems this package.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
from label_corpus import LabelledTexts

MOST = 5
Ranked = list[list[int]]  # the best labels of each text, the best first
Fitted = Callable[[list[str]], Ranked]


def main() -> None:
    """Fit, answer, and say how that went."""
    folder, name = Path(sys.argv[1]), sys.argv[2]
    train, test = LabelledTexts.read(folder, "train"), LabelledTexts.read(folder, "test")
    with contextlib.redirect_stdout(sys.stderr):
        started, ticks = time.perf_counter(), time.process_time()
        predict = FITTERS[name](train) if name in FITTERS else bywords_system(train, name)
        fit_seconds, fit_ticks = time.perf_counter() - started, time.process_time() - ticks
        started = time.perf_counter()
        ranked = predict(test.texts)
        seconds = time.perf_counter() - started
    status = Path("/proc/self/status").read_text(encoding="ascii")  # getrusage has the peak of the parent in it
    peak = 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))
    found = {"fit_seconds": fit_seconds - WRITING[0], "cpu_seconds": fit_ticks, "predict_seconds": seconds}
    print(json.dumps({**precision(ranked, test.labels), **found, "peak_bytes": peak}))


def precision(ranked: Ranked, true: list[list[int]]) -> dict[str, float]:
    """P@1, P@3 and P@5: the share of the best k that is right."""
    hits = np.array([[label in set(labels) for label in best] for best, labels in zip(ranked, true, strict=True)])
    return {f"p@{k}": float(hits[:, :k].sum() / k / len(true)) for k in (1, 3, 5)}


WRITING = [0.0]  # seconds of fitting that went into a file for the peer, which counts for nobody


def features(train: LabelledTexts) -> tuple[Any, Any, Any]:
    """scikit-learn's TF-IDF by its defaults: what makes it of texts, and the features and labels as sparse tables."""
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(dtype=np.float32)
    x = vectorizer.fit_transform(train.texts)
    columns = np.array([label for row in train.labels for label in row])
    bounds = np.cumsum([0, *map(len, train.labels)])
    return vectorizer, x, csr_matrix((np.ones(len(columns)), columns, bounds))


def omikuji(train: LabelledTexts) -> Fitted:
    """Three trees of 2-means, squared hinge, weights under .1 cut off: its defaults."""
    from omikuji import Model

    vectorizer, x, y = features(train)
    started = time.perf_counter()
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
        file.write(f"{x.shape[0]} {x.shape[1]} {y.shape[1]}\n")
        for row, labels in zip(x, train.labels, strict=True):
            pairs = sorted(zip(row.indices.tolist(), row.data.tolist(), strict=True))
            file.write(",".join(map(str, labels)) + " " + " ".join(f"{i}:{v:.6f}" for i, v in pairs) + "\n")
    WRITING[0] = time.perf_counter() - started
    model = Model.train_on_data(file.name)
    Path(file.name).unlink()

    def predict(texts: list[str]) -> Ranked:
        rows = vectorizer.transform(texts)
        answers = (model.predict(list(zip(row.indices.tolist(), row.data.tolist(), strict=True))) for row in rows)
        return [([label for label, _ in answer] + [-1] * MOST)[:MOST] for answer in answers]

    return predict


def libmultilabel(train: LabelledTexts) -> Fitted:
    """Its linear tree: K-means of 100, L2-regularised squared hinge."""
    import libmultilabel.linear as linear

    vectorizer, x, y = features(train)
    model = linear.train_tree(y, x.astype(np.float64), "-s 1 -e 0.1")

    def predict(texts: list[str]) -> Ranked:
        rows = vectorizer.transform(texts).astype(np.float64)
        ranked: Ranked = []
        for start in range(0, rows.shape[0], 256):
            scores = np.asarray(model.predict_values(rows[start : start + 256]))
            ranked += np.argsort(-scores, axis=1, kind="stable")[:, :MOST].tolist()
        return ranked

    return predict


def bywords_system(train: LabelledTexts, system: str) -> Fitted:
    """A system of the table, by its name."""
    from bywords.classifier import TextClassifier

    fitted = TextClassifier(system).fit(train.texts, train.labels).fitted_
    assert fitted is not None

    def predict(texts: list[str]) -> Ranked:
        answers = fitted.top(texts, MOST)
        return [[-1 if label is None else int(label) for label in row] for row in answers.labels.tolist()]

    return predict


FITTERS: dict[str, Callable[[LabelledTexts], Fitted]] = {"omikuji": omikuji, "libmultilabel": libmultilabel}

if __name__ == "__main__":
    main()
