"""Tokens of a training and of a test part → how well a classifier tells the two apart, and by which words.

Where it cannot, the parts are alike as far as words go. Where it can, an accuracy on the test part says little about
texts like those of training, and the other way round.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.data.targets import Targets
from bywords.evaluation.metrics import Z, auc_and_variance
from bywords.models.svm import support_vectors
from bywords.records.audit import Drift, DriftWord
from bywords.records.base import Interval, Part
from bywords.text.bags import Bags, Floats
from bywords.text.ragged import Ragged
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import Vocabulary, VocabularyConfig

MOST_DOCUMENTS = 8_000  # of each part that the classifier sees
MOST_TOKENS = 300  # of a document, its first: its length plays no part that way
LEAST_DOCUMENTS = 20  # of the smaller part
N_FOLDS = 4
MOST_WORDS = 25  # on each side
SLIGHT, CLEAR = 0.6, 0.8  # areas under the curve below which a difference is called slight, clear


def measure_drift(train: Tokens, test: Tokens, *, seed: int) -> Drift:
    """How well words tell test documents from training documents.

    A linear support vector machine is fitted to equally many documents of both parts but one fold, and asked about
    that, for each of N_FOLDS folds drawn with `seed`. Fewer than LEAST_DOCUMENTS documents of a part have no area.

    Source: Lopez-Paz and Oquab (2017), "Revisiting Classifier Two-Sample Tests"; the interval is that of DeLong et al.
    (1988), "Comparing the Areas under Two or More Correlated Receiver Operating Characteristic Curves".
    """
    n_compared = min(len(train), len(test), MOST_DOCUMENTS)
    parts: dict[Part, Tokens] = {"train": train, "test": test}
    words: dict[str, Any] = {
        "n_compared": n_compared,
        "median_tokens": {
            part: float(np.median(tokens.lengths)) if len(tokens) else None for part, tokens in parts.items()
        },
        "words": _words(train, test),
    }
    if n_compared < LEAST_DOCUMENTS:
        smaller = min(len(train), len(test))
        verdict = f"Too few documents to tell: the smaller part has {smaller}; at least {LEAST_DOCUMENTS} are needed."
        return Drift(verdict=verdict, **words)
    generator = np.random.default_rng(seed)
    drawn = [tokens.select(generator.permutation(len(tokens))[:n_compared]) for tokens in (train, test)]
    is_test = np.repeat([0, 1], n_compared)
    bags = _bags(drawn[0].joined(drawn[1]))
    fold = np.concatenate([np.arange(n_compared) % N_FOLDS] * 2)  # as many of both parts in each
    aucs, variances, ranks = [], [], np.empty(len(is_test))
    for number in range(N_FOLDS):
        scores = _scores(bags, is_test, fold == number, seed)
        of_fold = is_test[fold == number]
        auc, variance = auc_and_variance(scores[of_fold == 1], scores[of_fold == 0])
        aucs.append(auc)
        variances.append(variance)
        ranks[fold == number] = np.argsort(np.argsort(scores)) / len(scores)
    # Where the parts are alike, what chance makes two folds have in common is found twice, once when either is asked
    # about: the folds are not independent, and the variance of their mean is twice what it would be if they were.
    auc, half = float(np.mean(aucs)), Z * math.sqrt(2 * sum(variances)) / N_FOLDS
    interval = max(auc - half, 0.0), min(auc + half, 1.0)
    verdict, is_drift = _verdict(auc, interval), interval[0] > 0.5
    return Drift(auc=auc, interval=interval, is_drift=is_drift, verdict=verdict, roc=_roc(ranks, is_test), **words)


def _bags(tokens: Tokens) -> Bags:
    """TF-IDF features of the words that two documents at least have, of the beginning of each document."""
    vocabulary = Vocabulary.of(tokens, VocabularyConfig(min_count=2, max_length=MOST_TOKENS))
    documents: Ragged = vocabulary.encode(tokens)
    counts = Bags.of(documents, len(vocabulary))
    return counts.weighed("log-tfidf", counts.inverse_document_frequency())


def _scores(bags: Bags, is_test: npt.NDArray[np.int64], is_asked: npt.NDArray[np.bool_], seed: int) -> Floats:
    """How much each document that is asked about looks like one of test, by a machine fitted to the others."""
    fitted = np.flatnonzero(~is_asked)
    targets = Targets.of(is_test[fitted], n_classes=2)
    weights, bias, _ = support_vectors(bags.select(fitted), targets, C=1.0, scales=None, duals=None, seed=seed)
    scores: Floats = bags.select(np.flatnonzero(is_asked)).times(weights)[:, 1] + bias[1]
    return scores


def _words(train: Tokens, test: Tokens) -> dict[Part, list[DriftWord]]:
    """The words whose share of documents differs by more than chance allows, for each part those commoner there.

    Chance: 5 % for any word of the vocabulary to be named where no word differs (Bonferroni).
    Source: Dunning (1993), "Accurate Methods for the Statistics of Surprise and Coincidence", on documents.
    """
    both = train.joined(test)
    n_train, n_test = len(train), len(test)
    if not n_train or not n_test or not len(both.codes):
        return {"train": [], "test": []}
    codes, documents = both.distinct()
    in_train, in_test = (
        np.bincount(codes[is_meant], minlength=len(both.words))
        for is_meant in (documents < n_train, documents >= n_train)
    )
    n_words = int(((in_train + in_test) > 0).sum())
    g2 = _log_likelihood_ratio(in_train, n_train, in_test, n_test)
    is_sure = g2 > surprise_limit(n_words)
    is_commoner_in_test = in_test / n_test > in_train / n_train

    def named(is_meant: npt.NDArray[np.bool_]) -> list[DriftWord]:
        indices = np.flatnonzero(is_meant)
        indices = indices[np.lexsort([indices, -g2[indices]])][:MOST_WORDS]
        return [
            DriftWord(
                word=word,
                train_per_thousand=1000 * int(in_train[index]) / n_train,
                test_per_thousand=1000 * int(in_test[index]) / n_test,
                g2=float(g2[index]),
            )
            for index, word in zip(indices.tolist(), both.words.strings(indices), strict=True)
        ]

    return {"train": named(is_sure & ~is_commoner_in_test), "test": named(is_sure & is_commoner_in_test)}


def surprise_limit(n_words: int) -> float:
    """The log-likelihood ratio that one of so many words exceeds by chance in 5 % of cases, by chi-squared."""
    return NormalDist().inv_cdf(0.025 / n_words) ** 2


def _log_likelihood_ratio(
    a: npt.NDArray[np.int64], n_a: int, b: npt.NDArray[np.int64], n_b: int
) -> npt.NDArray[np.float64]:
    """2 ln of how much likelier two shares make the counts a of n_a and b of n_b than one share does, (U,)."""

    def log_likelihood(k: npt.NDArray[Any], n: int, share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        with np.errstate(divide="ignore", invalid="ignore"):
            yes, no = k * np.log(share), (n - k) * np.log1p(-share)
        return np.where(k > 0, yes, 0.0) + np.where(n > k, no, 0.0)

    together = (a + b) / (n_a + n_b)
    apart = log_likelihood(a, n_a, a / n_a) + log_likelihood(b, n_b, b / n_b)
    ratio: npt.NDArray[np.float64] = 2 * (apart - log_likelihood(a, n_a, together) - log_likelihood(b, n_b, together))
    return np.maximum(ratio, 0)


def _roc(ranks: npt.NDArray[np.float64], is_test: npt.NDArray[np.int64]) -> dict[Part, list[float]]:
    """Shares of training and of test documents above each of 41 thresholds on `ranks`, from the highest."""
    thresholds = np.linspace(1, 0, 41)

    def above(part: npt.NDArray[np.float64]) -> list[float]:
        shares: list[float] = (1 - np.searchsorted(np.sort(part), thresholds, side="left") / len(part)).tolist()
        return shares

    return {"train": above(ranks[is_test == 0]), "test": above(ranks[is_test == 1])}


def _verdict(auc: float, interval: Interval) -> str:
    numbers = f"AUC {auc:.3f}, 95 % interval {interval[0]:.3f} to {interval[1]:.3f}; 0.5 is chance"
    if interval[0] <= 0.5:
        return f"By their words, test documents cannot be told from training documents ({numbers})."
    how = "slightly" if auc < SLIGHT else "clearly" if auc < CLEAR else "very"
    return f"By their words, test documents are {how} different from training documents ({numbers})."
