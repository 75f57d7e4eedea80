"""What users would pick instead, behind one face: fit to texts and labels, then a label for each text.

Needs the extra `bench`: pip install "bywords[bench]".
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import ComplementNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from bywords.classifier import TextClassifier

Labels = Sequence[Any] | npt.NDArray[Any]


class Peer(Protocol):
    """Fits and predicts."""

    def fit(self, texts: Sequence[str], labels: Labels) -> Any:
        """Learn from raw texts."""

    def predict(self, texts: Sequence[str]) -> npt.NDArray[Any]:
        """The label of each raw text."""


class FastText:
    """FastText's supervised mode, with its file of training texts written as a user would write it.

    fastText cuts at spaces only, so texts are lower-cased and punctuation is set apart before, as its tutorial does. It
    steps from line to line in the order of the file, so the lines are shuffled: sorted by label they teach it little.
    """

    def __init__(self, *, ngrams: int = 1, n_threads: int = 2, seed: int = 0) -> None:
        self.options = {"dim": 100, "epoch": 25, "lr": 0.5, "wordNgrams": ngrams, "thread": n_threads, "seed": seed}
        self.seed = seed

    def fit(self, texts: Sequence[str], labels: Labels) -> FastText:
        """Write the file, train, and keep the model."""
        import fasttext

        self.names = np.unique(np.asarray(labels))
        codes = np.searchsorted(self.names, np.asarray(labels))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "train.txt"
            with path.open("w", encoding="utf-8") as file:
                for row in np.random.default_rng(self.seed).permutation(len(texts)):
                    file.write(f"__label__{codes[row]} {one_line(texts[row])}\n")
            self.model = fasttext.train_supervised(str(path), verbose=0, **self.options)
        return self

    def predict(self, texts: Sequence[str]) -> npt.NDArray[Any]:
        """All texts in one call."""
        found, _ = self.model.predict([one_line(text) for text in texts])
        return self.names[[int(labels[0].removeprefix("__label__")) if len(labels) else 0 for labels in found]]

    def predict_proba(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """The probability of each label in the order of `names`, (N, K); each is the same where no word is known."""
        table = np.full((len(texts), len(self.names)), 1 / len(self.names))
        for row, labels, scores in zip(table, *self.model.predict([*map(one_line, texts)], k=-1), strict=True):
            if len(labels):
                row[:] = 0
                row[[int(label.removeprefix("__label__")) for label in labels]] = scores
        return np.clip(table, 0, 1)


class FastTextApart:
    """The same in a process of its own: a second training in one process at times stops with "Encountered NaN".

    After `fit`, `seconds` is how long it took there, without the start of the process.
    """

    def __init__(self, **options: int) -> None:
        self.options = options

    def fit(self, texts: Sequence[str], labels: Labels) -> FastTextApart:
        """Start the process and train in it; again in a new one, where it stops all the same."""
        for _ in range(5):
            self._process = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
            try:
                self.seconds: float = self._process.submit(_fit_apart, self.options, texts, labels).result()
            except RuntimeError:
                self._process.shutdown()
            else:
                return self
        raise RuntimeError("fastText stopped in five processes, one after the other")

    def predict(self, texts: Sequence[str]) -> npt.NDArray[Any]:
        """All texts in one call."""
        found: npt.NDArray[Any] = self._process.submit(_predict_apart, texts).result()
        return found

    def predict_proba(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """All texts in one call, as `FastText.predict_proba`."""
        found: npt.NDArray[np.float64] = self._process.submit(_probable_apart, texts).result()
        return found

    def __del__(self) -> None:
        self._process.shutdown()


_apart: list[FastText] = []  # of the process apart


def _fit_apart(options: dict[str, int], texts: Sequence[str], labels: Labels) -> float:
    import fasttext  # noqa: F401 (its import is not part of the training)

    started = time.perf_counter()
    _apart.append(FastText(**options).fit(texts, labels))
    return time.perf_counter() - started


def _predict_apart(texts: Sequence[str]) -> npt.NDArray[Any]:
    return _apart[-1].predict(texts)


def _probable_apart(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    return _apart[-1].predict_proba(texts)


_SIGNS = re.compile(r"([^\w\s'])")


def one_line(text: str) -> str:
    """The text as fastText wants it: lower-cased, signs set apart, no new line."""
    return " ".join(_SIGNS.sub(r" \1 ", text.lower()).split())


def linear_svc(ngrams: int = 1) -> Any:
    """TF-IDF and a linear SVM, scikit-learn's defaults."""
    return make_pipeline(TfidfVectorizer(ngram_range=(1, ngrams)), LinearSVC())


def tuned_svc() -> Any:
    """Words, pairs of words and pieces of words together, and a linear SVM whose C is selected in three folds.

    The features are made once for all folds and all C, which spares it most of its time and tells it no label.
    """
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    return make_pipeline(make_union(words, pieces), GridSearchCV(LinearSVC(), {"C": [0.1, 0.3, 1, 3]}, cv=3))


def complement_nb() -> Any:
    """TF-IDF and complement naive Bayes, scikit-learn's defaults."""
    return make_pipeline(TfidfVectorizer(), ComplementNB())


PEERS: dict[str, Callable[[int], Any]] = {
    "fastText": lambda seed: FastTextApart(seed=seed),
    "fastText, pairs": lambda seed: FastTextApart(ngrams=2, seed=seed),
    "TF-IDF + LinearSVC": lambda seed: linear_svc(),
    "TF-IDF + LinearSVC, pairs": lambda seed: linear_svc(2),
    "TF-IDF + ComplementNB": lambda seed: complement_nb(),
}
OURS: dict[str, Callable[[int], Any]] = {
    "bywords auto": lambda seed: TextClassifier("auto", seed=seed),
    "bywords dan": lambda seed: TextClassifier("dan", seed=seed),
}
