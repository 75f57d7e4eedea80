"""Texts with and without labels, encoded once → models of those that have some, each in a fraction of a second.

A model is linear ones whose logits are added: naive Bayes SVM on words and pairs, logistic regression on what English
words mean, where the texts are English, and naive Bayes of all texts, labelled or not, where each has one label. The
second knows something from the first answers on, the first more from some hundred; the third learns from both what the
words of the other texts say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from bywords.data.targets import Targets
from bywords.evaluation.calibration import sigmoid
from bywords.evaluation.metrics import softmax
from bywords.explain.attributions import linear_attributions
from bywords.explain.token_alignment import TokenAlignment
from bywords.forks import cached_property
from bywords.labelling.expectation import naive_bayes_of_all
from bywords.models.base import FittedModel, ModelConfig, model_class
from bywords.models.static_vectors import StaticVectorsConfig
from bywords.models.tfidf_linear import TfidfConfig, TfidfLinear
from bywords.text.offsets import token_offsets
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary, VocabularyConfig

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
# The margins of an SVM are small beside log-odds: they count four times.
PARTS: tuple[tuple[ModelConfig, float], ...] = (
    (TfidfConfig(estimator="nb-svc", sublinear=True, features="ngrams", C=0.3), 4.0),
    (StaticVectorsConfig(C=10.0), 1.0),
)
MOST_UNLABELLED = 8_000  # texts without labels that are learned from: with more it is slower, and no better
MOST_NUMBERS = 10_000_000  # of a table of words by classes that texts without labels are counted in
N_DIRECTIONS = 64  # that bags are projected to, where no vectors say what texts mean


class Part(NamedTuple):
    """One of the linear models: its settings, how much its logits count, and the features of all texts."""

    config: ModelConfig
    weight: float
    prepared: Any


class Pool:
    """N texts, encoded. Rows are indices of them."""

    def __init__(self, texts: Sequence[str], parts: Sequence[tuple[ModelConfig, float]] = PARTS) -> None:
        self.tokenizer = Tokenizer()
        tokens = self.tokenizer(list(texts))
        self.vocabulary = Vocabulary.of(tokens, VocabularyConfig(ngrams=2))
        documents = self.vocabulary.encode(tokens)
        suitable = [(one, weight) for one, weight in parts if one.unsuitable(self.vocabulary, 1) is None]
        self.parts = [
            Part(one, weight, model_class(one).prepare(one, documents, self.vocabulary)) for one, weight in suitable
        ]

    def __len__(self) -> int:
        return len(self.parts[0].prepared.bags)

    def fit(self, rows: Rows, targets: Targets, *, unlabelled: Rows | None = None, seed: int = 0) -> PoolModel:
        """A model of the texts in these rows (n,), with targets (n,); the same seed gives the same.

        It learns words from the first MOST_UNLABELLED texts in the rows `unlabelled`, int64 (m,), too, those in `rows`
        left out; not where texts have several labels, or words times classes are more than MOST_NUMBERS.
        """
        models = []
        for part in self.parts:
            model, _ = model_class(part.config).fit(
                part.config, part.prepared.select(rows), targets, vocabulary=self.vocabulary, seed=seed
            )
            models.append(model)
        fitted = PoolModel(self, models, is_multilabel=targets.is_multilabel, unlabelled=unlabelled)
        if unlabelled is None or targets.is_multilabel or len(self.vocabulary) * targets.n_classes > MOST_NUMBERS:
            return fitted
        return fitted._taught_by(rows, targets, np.setdiff1d(unlabelled, rows)[:MOST_UNLABELLED])

    @cached_property
    def directions(self) -> npt.NDArray[np.float32]:
        """What texts are about, float32 (N, D), each of length 1 or 0: alike where texts are."""
        means = [part.prepared.means for part in self.parts if hasattr(part.prepared, "means")]
        if means:
            found = means[0]
        else:
            bags = self.parts[0].prepared.bags
            drawn = np.random.default_rng(0).standard_normal((bags.n_rows, N_DIRECTIONS), dtype=np.float32)
            found = bags.times(drawn)
        lengths = np.sqrt((found * found).sum(axis=1, keepdims=True))
        return found / np.maximum(lengths, np.float32(1e-9))


@dataclass(frozen=True, eq=False)
class PoolModel:
    """Fitted models whose logits are added, and the temperature by which they are divided.

    `unlabelled` are the rows of texts without labels that they had to learn from, None for none.
    """

    pool: Pool
    models: list[FittedModel]
    is_multilabel: bool
    temperature: float = 1.0
    unlabelled: Rows | None = None

    def logits(self, rows: Rows) -> Floats:
        """Those of the texts in these rows, float64 (n, K)."""
        parts = zip(self.pool.parts, self.models, strict=True)
        return sum(  # type: ignore[return-value]
            part.weight * model.logits_of(part.prepared.select(rows)).astype(np.float64) for part, model in parts
        )

    def probabilities(self, rows: Rows) -> Floats:
        """Those of the labels, float64 (n, K), of one label a text summing to 1."""
        return self._linked(self.logits(rows))

    def predicted(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """The labels that it gives, bool (n, K): one each, or those likelier than not."""
        return given(self.logits(rows), is_multilabel=self.is_multilabel)

    def explained(self, text: str) -> tuple[Floats, list[tuple[int, int, float]]]:
        """The probabilities of any text, float64 (K,), and what its words add to the logit of the likeliest label.

        Words are starts, stops and log-odds beside the mean of all labels; those that add nothing are left out.
        """
        tokens = self.pool.tokenizer([text])
        alignment = TokenAlignment.of(self.pool.vocabulary, tokens)
        n_tokens = len(tokens.codes)
        by_token, rest = np.zeros((n_tokens, 0)), np.zeros(0)
        for part, model in zip(self.pool.parts, self.models, strict=True):
            found, other = linear_attributions(model, alignment, n_tokens)
            scaled, scaled_rest = part.weight * found, part.weight * other
            by_token, rest = (scaled, scaled_rest) if not rest.size else (by_token + scaled, rest + scaled_rest)
        probabilities = self._linked((by_token.sum(axis=0) + rest)[np.newaxis])[0]
        if not self.is_multilabel:
            by_token = by_token - by_token.mean(axis=1, keepdims=True)
        adds = by_token[:, int(probabilities.argmax())] / self.temperature
        offsets = token_offsets(text, self.pool.tokenizer)
        spans = [] if offsets is None else offsets.tolist()
        return probabilities, [
            (start, stop, add) for (start, stop), add in zip(spans, adds.tolist(), strict=True) if add
        ]

    def _taught_by(self, rows: Rows, targets: Targets, others: Rows) -> PoolModel:
        """The same with naive Bayes of the texts in `rows`, which have targets, and in `others`, added to its words."""
        used, part = np.concatenate([rows, others]), self.pool.parts[0]
        first, rest = cast(TfidfLinear, self.models[0]), self.models[1:]
        weights, bias = naive_bayes_of_all(part.prepared.bags.select(used), self.logits(used), targets)
        by_words = first.with_output_layer(first.weights + weights / part.weight, first.bias + bias / part.weight)
        return replace(self, models=[by_words, *rest])

    def _linked(self, logits: Floats) -> Floats:
        scaled = logits / self.temperature
        return sigmoid(scaled) if self.is_multilabel else softmax(scaled)


def given(logits: Floats, *, is_multilabel: bool) -> npt.NDArray[np.bool_]:
    """The labels that logits (n, K) give, bool (n, K)."""
    return logits > 0 if is_multilabel else np.arange(logits.shape[1]) == logits.argmax(axis=1)[:, np.newaxis]
