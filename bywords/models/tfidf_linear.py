"""Encoded documents and labels in, a linear model on TF-IDF out: a support vector machine or naive Bayes.

Kept as plain arrays, so that it saves without pickle and predicts by adding up rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from bywords.data.targets import Targets
from bywords.errors import check_choice, check_range
from bywords.text.bags import Bags, Floats
from bywords.text.ragged import UNKNOWN, Ragged
from bywords.text.vocabulary import Features, Vocabulary

Estimator = Literal["svc", "nb-svc", "nb"]
TOLERANCE = 0.1  # of the optimality conditions of the SVM: closer changes no accuracy
FEW_DOCUMENTS, PASSES_OF_FEW, PASSES = 6_000, 10, 5  # documents; passes over them: of more documents, fewer are enough
MORE_PASSES = 2  # for an SVM that goes on


@dataclass(frozen=True, kw_only=True)
class TfidfConfig:
    """TF-IDF (Salton and Buckley 1988) and the linear model on it."""

    estimator: Estimator = "svc"  # linear SVM; the same on features scaled by naive Bayes; complement naive Bayes
    strength: float = 1.0  # svc: C, the inverse of the regularisation; nb: alpha, the additive smoothing
    sublinear: bool = False  # a word that occurs n times counts 1 + ln n
    features: Features = "all"  # which of the vocabulary's rows play a part
    interpolation: float = 0.5  # nb-svc: from 0, scaled by naive Bayes alone, to 1, not scaled

    def __post_init__(self) -> None:
        check_range("strength", self.strength, above=0, below=float("inf"))
        check_range("interpolation", self.interpolation, least=0, most=1)
        check_choice("estimator", self.estimator, get_args(Estimator))
        check_choice("features", self.features, get_args(Features))


class TfidfLinear:
    """TF-IDF vectors of length 1, and one linear layer.

    Without runs and pieces of words, the features are those of scikit-learn's `TfidfVectorizer`: counts times smoothed
    idf, scaled to length 1. Pieces are scaled apart from the words before the whole is. Unknown words play no part.
    """

    def __init__(
        self,
        config: TfidfConfig,
        blocks: tuple[int, ...],
        idf: Floats,
        weights: Floats,
        bias: Floats,
        duals: Floats | None = None,
    ) -> None:
        """`idf` is float32 (V,), `weights` (V, K), `bias` (K,); `blocks` as `Bags.weighed` takes them.

        `duals` are those of an SVM, for the documents that it was fitted to: a place to go on from.
        """
        self.config, self.blocks = config, blocks
        self.idf, self.weights, self.bias, self.duals = idf, weights, bias, duals

    @classmethod
    def fit(
        cls,
        config: TfidfConfig,
        documents: Ragged,
        targets: Targets,
        *,
        vocabulary: Vocabulary,
        seed: int,
    ) -> TfidfLinear:
        """Fit to N documents."""
        idf, bags = features_of(config, documents, vocabulary)
        return cls.fit_to(config, idf, bags, targets, blocks=vocabulary.blocks, seed=seed)

    @classmethod
    def fit_to(
        cls,
        config: TfidfConfig,
        idf: Floats,
        bags: Bags,
        targets: Targets,
        *,
        blocks: tuple[int, ...],
        seed: int,
        duals: Floats | None = None,
    ) -> TfidfLinear:
        """Fit to the features of N documents, which `features_of` gave.

        An SVM goes on from `duals`, where they are given, and then needs fewer passes.
        """
        if config.estimator == "nb":
            weights, bias = naive_bayes(bags, targets, smoothing=config.strength)
        else:
            scales = None
            if config.estimator == "nb-svc":
                scales = count_ratios(bags, targets)
                scales = (1 - config.interpolation) * scales + np.float32(config.interpolation)
            weights, bias, duals = support_vectors(
                bags, targets, strength=config.strength, scales=scales, duals=duals, seed=seed
            )
        return cls(config, blocks, idf, weights, bias, duals)

    def logits(self, documents: Ragged) -> Floats:
        """Float32 (N, K)."""
        return self.logits_of(self.bags(documents))

    def bags(self, documents: Ragged) -> Bags:
        """The features of N documents."""
        return Bags.of(documents, len(self.idf)).weighed(_weighting(self.config), self.idf, blocks=self.blocks)

    def logits_of(self, bags: Bags) -> Floats:
        """Float32 (N, K), of the features of N documents."""
        return bags.times(self.weights) + self.bias

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {"idf": self.idf, "weights": self.weights, "bias": self.bias}


def features_of(config: TfidfConfig, documents: Ragged, vocabulary: Vocabulary) -> tuple[Floats, Bags]:
    """The idf of these N documents, float32 (V,), 0 for rows that none of them has, and their features."""
    counts = Bags.of(documents, vocabulary.n_rows(config.features))
    idf = counts.inverse_document_frequency()
    idf[np.bincount(counts.ids, minlength=counts.n_rows) == 0] = 0
    return idf, counts.weighed(_weighting(config), idf, blocks=vocabulary.blocks)


def naive_bayes(bags: Bags, targets: Targets, *, smoothing: float) -> tuple[Floats, Floats]:
    """Complement naive Bayes: how rare a word is in all other classes together. Float32 (V, K), and (K,), all 0.

    Without its mean over the classes, which changes no probability: rare words are rare everywhere, and sums of such
    large numbers would round off what tells the classes apart.
    Where documents have any number of labels, each label is told from its absence: how common a word is with it counts
    as well, since what lacks one label may have another.
    Source: Rennie et al. (2003), "Tackling the Poor Assumptions of Naive Bayes Text Classifiers", section 3.1.
    """
    of_class, total = _class_sums(bags, targets)
    others = total[:, np.newaxis] - of_class + smoothing
    weights = -_log_shares(others)
    if targets.is_multilabel:
        weights += _log_shares(of_class + smoothing)
    else:
        weights -= weights.mean(axis=1, keepdims=True)
    return weights.astype(np.float32), np.zeros(targets.n_classes, dtype=np.float32)


def count_ratios(bags: Bags, targets: Targets) -> Floats:
    """How much a word tells of each class: the size of its log-count ratio, float32 (V, K), 1 on average.

    For two classes there is one column: it is the same for both.
    Source: Wang and Manning (2012), "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification".
    """
    presence = Bags(bags.ids, bags.offsets, np.ones_like(bags.weights), bags.n_rows).without_unknown()
    sums, total = _class_sums(presence, targets)
    of_class = sums.astype(np.float32)
    others = total.astype(np.float32)[:, np.newaxis] - of_class
    for table in (of_class, others):  # in place: there may be many words and many classes
        table += np.float32(1)
        table /= table.sum(axis=0, dtype=np.float64).astype(np.float32)
        np.log(table, out=table)
    of_class -= others
    ratios: Floats = np.abs(of_class[:, 1:] if _is_one_machine(targets) else of_class)
    ratios /= np.mean(ratios, dtype=np.float64).astype(np.float32)
    return ratios


def support_vectors(
    bags: Bags,
    targets: Targets,
    *,
    strength: float,
    scales: Floats | None,
    duals: Floats | None,
    seed: int,
) -> tuple[Floats, Floats, Floats]:
    """One linear SVM a class, against all others: weights float32 (V, K), bias (K,) and dual variables (N, K).

    `scales`, float32 (V, K) or (V, 1) for two classes, multiplies the features, for each class by its own column. For
    two classes one machine is trained, with one column of dual variables, and its score z becomes -z/2 and z/2: a
    softmax gives the sigmoid of z. It goes on from `duals`, where they are given.
    """
    from bywords.kernels.svm import classifiers_of, dual_pass

    n_classes = targets.n_classes
    n_classifiers = 1 if _is_one_machine(targets) else n_classes
    signs = np.where(targets.one_hot()[:, -n_classifiers:], 1, -1).astype(np.float32)
    squares = Bags(bags.ids, bags.offsets, bags.weights**2, bags.n_rows)
    table = np.zeros((bags.n_rows, n_classifiers), dtype=np.float32)
    if scales is None:
        norms = np.repeat(squares.times(np.ones((bags.n_rows, 1), dtype=np.float32)), n_classifiers, axis=1) + 1
    else:
        norms = squares.times(scales**2) + 1
        table = np.concatenate([table, scales**2], axis=1)
    bias = np.zeros(n_classifiers, dtype=np.float32)
    n_passes = PASSES_OF_FEW if len(bags) < FEW_DOCUMENTS else PASSES
    if duals is None:
        duals = np.zeros_like(signs)
    else:
        duals, n_passes = duals.copy(), MORE_PASSES
        classifiers_of(bags.ids, bags.offsets, bags.weights, signs, duals, table, bias)
    slacks = np.float32(0.5 / strength) / np.maximum(targets.weights, np.finfo(np.float32).tiny)
    counting = np.flatnonzero(targets.weights > 0)
    generator = np.random.default_rng(seed)
    for _ in range(n_passes):
        order = counting[generator.permutation(len(counting))]
        worst = dual_pass(bags.ids, bags.offsets, bags.weights, signs, order, slacks, norms, table, bias, duals)
        if worst < TOLERANCE:
            break
    classifiers = table[:, :n_classifiers]
    if n_classifiers < n_classes:
        classifiers, bias = np.concatenate([-classifiers, classifiers], axis=1), np.concatenate([-bias, bias])
        classifiers, bias = classifiers / np.float32(2), bias / np.float32(2)
    return np.ascontiguousarray(classifiers), bias, duals


def _weighting(config: TfidfConfig) -> Literal["tfidf", "log-tfidf"]:
    return "log-tfidf" if config.sublinear else "tfidf"


def _is_one_machine(targets: Targets) -> bool:
    """Whether one class is the absence of the other."""
    return targets.n_classes == 2 and not targets.is_multilabel


def _class_sums(bags: Bags, targets: Targets) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The weights of each id summed over the documents of each class, float64 (V, K), and over all, (V,)."""
    n_classes = targets.n_classes
    counted = bags
    if targets.is_weighed:
        counted = Bags(bags.ids, bags.offsets, bags.weights * np.repeat(targets.weights, bags.lengths), bags.n_rows)
    rows, labels = targets.pairs()
    of_pairs = counted.select(rows) if targets.is_multilabel else counted
    index = of_pairs.ids.astype(np.int64) * n_classes + np.repeat(labels, of_pairs.lengths)
    sums = np.bincount(index, of_pairs.weights, minlength=bags.n_rows * n_classes).astype(np.float64, copy=False)
    table = sums.reshape(bags.n_rows, n_classes)
    if not targets.is_multilabel:
        return table, table.sum(axis=1)
    return table, np.bincount(counted.ids, counted.weights, minlength=bags.n_rows).astype(np.float64, copy=False)


def _log_shares(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The logarithm of the share of each word in each class, float64 (V, K).

    Padding and the unknown word are no features, and have 0: they would share in the smoothing.
    """
    logs = np.zeros_like(counts)
    real = counts[UNKNOWN + 1 :]
    logs[UNKNOWN + 1 :] = np.log(real / real.sum(axis=0))
    return logs
