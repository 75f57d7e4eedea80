"""Several fitted models → one that weighs their logits; linear ones on the same features become one table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_fields
from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.evaluation.calibration import fit_sigmoids, fit_temperature, sigmoid
from bywords.evaluation.metrics import softmax
from bywords.evaluation.minimum import convex_minimum
from bywords.forks import cached_property
from bywords.kernels.ids import Pool
from bywords.models.base import Answers, Arrays, FittedModel, Growth, Indices, ModelConfig, model_class
from bywords.models.counted import CountedTable
from bywords.models.pooled_tfidf import PooledTfidf
from bywords.models.tfidf_linear import TfidfLinear
from bywords.text.bags import Floats
from bywords.text.ragged import Ragged
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary
from bywords.validation import check_shapes

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")
TOWARDS_EQUAL, OF_FEW = 0.02, 6.0  # how much it costs to trust the members differently: nats a document, or in all


@dataclass(frozen=True, kw_only=True)
class EnsembleConfig(ModelConfig):
    """Which models are its members; all see the same tokens and the same vocabulary."""

    members: tuple[ModelConfig, ...]
    title = "ensemble"

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.members:
            raise SettingError("an ensemble has no members. Give it one at least.")

    @property
    def can_continue(self) -> bool:
        return all(member.can_continue for member in self.members)

    @property
    def can_be_member(self) -> bool:
        return all(member.can_be_member for member in self.members)

    def validate(self, arrays: Arrays, vocabulary: Vocabulary, n_classes: int) -> None:
        taken = set()
        for prefix, member in numbered(self.members):
            own = below(arrays, prefix)
            try:
                member.validate(own, vocabulary, n_classes)
            except SettingError as error:
                raise SettingError(f"member {prefix.rstrip('.')}: {error}") from error
            taken |= {prefix + name for name in own}
        check_shapes({name: array for name, array in arrays.items() if name not in taken}, {}, no_others=True)


class Ensemble(FittedModel):
    """Adds up the logits of its members, each with a weight: the product of their probabilities, weighed by power.

    Linear members on the same features are added up beforehand, once for all: their rows make one table.
    Source: Genest and Zidek (1986), "Combining Probability Distributions", the logarithmic opinion pool.
    """

    Config = EnsembleConfig

    def __init__(self, members: Sequence[FittedModel], weights: Sequence[Floats] | Floats | None = None) -> None:
        """`weights`, of the members' logits, is float32 (M,), or (M, K), one of each class; None where they are in."""
        merged: list[FittedModel] = []
        for number, member in enumerate(members):
            weighed = member if weights is None else member.scaled_by(weights[number])
            for index, other in enumerate(merged):
                if (together := weighed.added_to(other)) is not None:
                    merged[index] = together
                    break
            else:
                merged.append(weighed)
        self._members = merged

    @property
    def config(self) -> EnsembleConfig:
        """The members as they are after adding up: what is needed to read the arrays."""
        return EnsembleConfig(members=tuple(member.config for member in self._members))

    @property
    def members(self) -> Mapping[str, FittedModel]:
        return dict(numbered(self._members))

    def logits(self, documents: Ragged) -> Floats:
        first, *others = (member.logits(documents) for member in self._answering)
        return sum(others, first)

    @cached_property
    def _answering(self) -> list[FittedModel | PooledTfidf]:
        """What gives the logits: linear members that share their features answer together."""
        linear = [member for member in self._members if isinstance(member, TfidfLinear)]
        if (pooled := PooledTfidf.of(linear)) is None:
            return list(self._members)
        return [pooled, *(member for member in self._members if not isinstance(member, TfidfLinear))]

    def answers(self, texts: Sequence[str] | pl.Series, vocabulary: Vocabulary, tokenizer: Tokenizer) -> Answers:
        first, *others = self._answering
        if others or not isinstance(first, PooledTfidf) or not tokenizer.reads_bytes:
            return super().answers(texts, vocabulary, tokenizer)
        return first.answers(texts, vocabulary, tokenizer)

    @property
    def pool(self) -> Pool | None:
        first = self._answering[0]
        return first.pool if isinstance(first, PooledTfidf) else None

    def counted_tables(self) -> list[CountedTable]:
        members = list(self.members.items())
        if self.pool is not None:  # its members first, as they answer
            members.sort(key=lambda member: not isinstance(member[1], TfidfLinear))
        return [
            replace(table, stored_as=None if table.stored_as is None else prefix + table.stored_as)
            for prefix, member in members
            for table in member.counted_tables()
        ]

    def features(self, documents: Ragged) -> Any:
        from scipy import sparse

        parts = [member.features(documents) for member in self._members]
        return sparse.hstack(parts, format="csr") if any(map(sparse.issparse, parts)) else np.hstack(parts)

    def feature_names(self, vocabulary: Vocabulary) -> list[str]:
        return [prefix + name for prefix, one in self.members.items() for name in one.feature_names(vocabulary)]

    @property
    def knows_by_vector(self) -> npt.NDArray[np.bool_] | None:
        found = (member.knows_by_vector for member in self._members)
        return next((known for known in found if known is not None), None)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {
            prefix + name: array for prefix, member in self.members.items() for name, array in member.arrays().items()
        }

    def arrays_of_rows(self, rows: Indices) -> dict[str, npt.NDArray[Any]]:
        found = ((prefix, member.arrays_of_rows(rows)) for prefix, member in self.members.items())
        return {prefix + name: array for prefix, arrays in found for name, array in arrays.items()}

    @classmethod
    def from_arrays(cls, config: EnsembleConfig, arrays: Arrays, *, vocabulary: Vocabulary, n_classes: int) -> Self:
        return cls(
            [
                model_class(member).from_arrays(
                    member, below(arrays, prefix), vocabulary=vocabulary, n_classes=n_classes
                )
                for prefix, member in numbered(config.members)
            ]
        )

    def scaled_by(self, weight: Floats) -> Self:
        return type(self)([member.scaled_by(weight) for member in self._members])

    def shifted(self, shift: Floats) -> Self:
        first, *others = self._members
        return type(self)([first.shifted(shift), *others])

    def grown(self, growth: Growth) -> Self:
        return type(self)([member.grown(growth) for member in self._members])

    def without_opinion(self, classes: Indices, others: Indices) -> Self:
        return type(self)([member.without_opinion(classes, others) for member in self._members])

    def centred(self) -> Self:
        return type(self)([member.centred() for member in self._members])

    @property
    def is_linear(self) -> bool:
        return all(member.is_linear for member in self._members)


def numbered(members: Iterable[T]) -> Iterator[tuple[str, T]]:
    """Each member, or its settings, and how the names of its arrays begin."""
    return ((f"{number}.", member) for number, member in enumerate(members))


def below(arrays: Arrays, prefix: str) -> Arrays:
    """The arrays whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def weighed_sum(logits: Sequence[Floats], weights: Floats) -> Floats:
    """The logits of M models, (N, K) each, times their weights, (M,) or (M, K), added up: float32 (N, K)."""
    total = np.zeros_like(logits[0])
    for each, weight in zip(logits, weights, strict=True):
        total += each * weight
    return total


def fit_weights(logits: Sequence[Floats], targets: Targets, towards: Sequence[float] | None = None) -> Floats:
    """How much to trust each of M models, from their logits (N, K) for documents that they have not seen.

    Each model is first brought to its own best temperature, or its labels to their own best sigmoids. The weights are
    those of least log loss of the ensemble, none negative, drawn towards those of `towards`, which sum to 1; by
    default all are equal.

    Returns: float32 (M,), or (M, K) where documents have any number of labels, to multiply the logits by.
    """
    n_models = len(logits)
    prior = np.full(n_models, 1 / n_models) if towards is None else np.asarray(towards, dtype=np.float64)
    scales, stacked = _calibrated(logits, targets)  # (M,) or (M, K), and (M, N, K)
    has, counted = targets.one_hot(), targets.weights.astype(np.float64)
    counted /= counted.sum()
    strength = max(TOWARDS_EQUAL, OF_FEW / max(1, len(targets)))  # few documents say little of the members

    def loss(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        odds = np.tensordot(weights, stacked, axes=1)
        probabilities = sigmoid(odds) if targets.is_multilabel else softmax(odds)
        of_true = np.where(has, probabilities, 1 - probabilities) if targets.is_multilabel else probabilities[has]
        losses = -np.log(np.maximum(of_true, np.finfo(np.float64).tiny)).reshape(len(has), -1).sum(axis=1)
        apart = weights - prior
        errors = (probabilities - has) * counted[:, np.newaxis]
        gradient = np.tensordot(stacked, errors, axes=2) + 2 * strength * apart
        spread = probabilities * (1 - probabilities) if targets.is_multilabel else probabilities
        hessian = np.tensordot(stacked * (spread * counted[:, np.newaxis]), stacked, axes=([1, 2], [1, 2]))
        if not targets.is_multilabel:  # the classes of a document exclude each other
            means = (stacked * probabilities).sum(axis=2)  # (M, N)
            hessian -= (means * counted) @ means.T
        total = float(losses @ counted + strength * (apart**2).sum())
        return total, gradient, hessian + 2 * strength * np.eye(n_models)

    found = convex_minimum(loss, prior, np.zeros(n_models))
    return (found.reshape(-1, *[1] * (scales.ndim - 1)) * scales).astype(np.float32)


def shares_of(weights: Floats, logits: Sequence[Floats], targets: Targets) -> npt.NDArray[np.float64]:
    """What part of an ensemble each of M models with these weights is, as `fit_weights` takes them: float64 (M,)."""
    scales, _ = _calibrated(logits, targets)
    trusted = (weights.reshape(scales.shape) / scales).reshape(len(weights), -1).mean(axis=1)
    return np.asarray(trusted / trusted.sum())


def _calibrated(logits: Sequence[Floats], targets: Targets) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What each model's logits are to be multiplied by, float64 (M,) or (M, K), and its log-probabilities (M, N, K)."""
    scales: list[Any] = []
    calibrated = []
    for scores in logits:
        if targets.is_multilabel:
            scale, offsets = fit_sigmoids(scores, targets)
            calibrated.append(scores.astype(np.float64) * scale + offsets)
            scales.append(scale)
        else:
            temperature = fit_temperature(scores, targets)
            scaled = scores.astype(np.float64) / temperature
            calibrated.append(scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True))
            scales.append(1 / temperature)
    return np.array(scales), np.stack(calibrated)
