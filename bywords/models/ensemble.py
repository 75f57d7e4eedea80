"""Several fitted models in, one that weighs their answers out; linear ones on the same features become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.evaluation.calibration import fit_sigmoids, fit_temperature, sigmoid
from bywords.evaluation.metrics import softmax
from bywords.models.averaging import AveragingConfig, TrainedAveraging
from bywords.models.tfidf_linear import TfidfConfig, TfidfLinear
from bywords.text.bags import Floats
from bywords.text.ragged import Ragged

MemberConfig = TfidfConfig | AveragingConfig
Member = TfidfLinear | TrainedAveraging
TOWARDS_EQUAL = 0.02  # how much it costs, in nats a document, to trust the members differently


@dataclass(frozen=True, kw_only=True)
class EnsembleConfig:
    """Which models are blended; all see the same tokens and the same vocabulary."""

    members: tuple[MemberConfig, ...]

    def __post_init__(self) -> None:
        if not self.members:
            raise SettingError("a blend has no members. Give it one at least.")


class Ensemble:
    """Adds up the logits of its members, each with a weight: the product of their probabilities, weighed by power.

    Linear members on the same features are added up beforehand, once for all: their rows make one table.
    Source: Genest and Zidek (1986), "Combining Probability Distributions", the logarithmic opinion pool.
    """

    def __init__(self, members: Sequence[Member], weights: Floats) -> None:
        """`weights`, of the members' logits, is float32 (M,), or (M, K), one of each class."""
        self.members: list[Member] = []
        tables: list[TfidfLinear] = []
        for member, weight in zip(members, weights, strict=True):
            if isinstance(member, TrainedAveraging):
                self.members.append(_weighed(member, weight))
                continue
            table, bias = member.weights * weight, member.bias * weight
            index = next((index for index, other in enumerate(tables) if _on_the_same(member, other)), len(tables))
            if index < len(tables):
                table, bias = table + tables[index].weights, bias + tables[index].bias
            tables[index : index + 1] = [TfidfLinear(member.config, member.blocks, member.idf, table, bias)]
        self.members += tables

    def logits(self, documents: Ragged) -> Floats:
        """Float32 (N, K)."""
        return sum((member.logits(documents) for member in self.members[1:]), self.members[0].logits(documents))

    def shifted(self, shift: Floats) -> Ensemble:
        """The same with `shift`, float32 (K,), added to all logits."""
        first, *others = self.members
        if isinstance(first, TfidfLinear):
            moved: Member = TfidfLinear(first.config, first.blocks, first.idf, first.weights, first.bias + shift)
        else:
            arrays = first.arrays()
            moved = TrainedAveraging(
                first.config, first.blocks, {**arrays, "output.bias": arrays["output.bias"] + shift}
            )
        return Ensemble([moved, *others], np.ones(len(self.members), dtype=np.float32))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {
            f"{index}.{name}": array
            for index, member in enumerate(self.members)
            for name, array in member.arrays().items()
        }

    @property
    def config(self) -> EnsembleConfig:
        """The members as they are after adding up: what is needed to read the arrays."""
        return EnsembleConfig(members=tuple(member.config for member in self.members))

    @classmethod
    def restored(
        cls, config: EnsembleConfig, blocks: tuple[int, ...], arrays: Mapping[str, npt.NDArray[Any]]
    ) -> Ensemble:
        """A blend from its config and arrays. Raises KeyError where one of them is not there."""
        members: list[Member] = []
        for index, member in enumerate(config.members):
            start = f"{index}."
            own = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
            if isinstance(member, TfidfConfig):
                members.append(TfidfLinear(member, blocks, own["idf"], own["weights"], own["bias"]))
            else:
                members.append(TrainedAveraging(member, blocks, own))
        return cls(members, np.ones(len(members), dtype=np.float32))


def fit_weights(logits: Sequence[Floats], targets: Targets) -> Floats:
    """How much to trust each of M models, from their logits (N, K) for documents that they have not seen.

    Each model is first brought to its own best temperature, or its labels to their own best sigmoids. The weights are
    those of least log loss of the blend, none negative, drawn towards equal ones, which sum to 1.

    Returns: float32 (M,), or (M, K) where documents have any number of labels, to multiply the logits by.
    """
    from scipy.optimize import minimize

    n_models = len(logits)
    scales, stacked = _calibrated(logits, targets)  # (M,) or (M, K), and (M, N, K)
    has, counted = targets.one_hot(), targets.weights.astype(np.float64)
    counted /= counted.sum()

    def loss(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        odds = np.tensordot(weights, stacked, axes=1)
        probabilities = sigmoid(odds) if targets.is_multilabel else softmax(odds)
        chosen = np.where(has, probabilities, 1 - probabilities) if targets.is_multilabel else probabilities[has]
        losses = -np.log(np.maximum(chosen, np.finfo(np.float64).tiny)).reshape(len(has), -1).sum(axis=1)
        apart = weights - 1 / n_models
        errors = (probabilities - has) * counted[:, np.newaxis]
        gradients = np.tensordot(stacked, errors, axes=2) + 2 * TOWARDS_EQUAL * apart
        return float(losses @ counted + TOWARDS_EQUAL * (apart**2).sum()), gradients

    start = np.full(n_models, 1 / n_models)
    found = minimize(loss, start, jac=True, bounds=[(0, None)] * n_models, method="L-BFGS-B")
    return (found.x.reshape(-1, *[1] * (scales.ndim - 1)) * scales).astype(np.float32)


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


def without_opinion(member: Any, classes: npt.NDArray[np.int64], others: npt.NDArray[np.int64]) -> Any:
    """A member whose logits for these classes are the mean of those of `others`: it does not tell one from another.

    The duals of an SVM stay those of the machines as they were fitted.
    """
    if not len(classes):
        return member
    if isinstance(member, TfidfLinear):
        weights, bias = member.weights.copy(), member.bias.copy()
        weights[:, classes] = weights[:, others].mean(axis=1, keepdims=True)
        bias[classes] = bias[others].mean()
        return TfidfLinear(member.config, member.blocks, member.idf, weights, bias, member.duals)
    arrays = {name: array.copy() for name, array in member.arrays().items()}
    arrays["output.weight"][classes] = arrays["output.weight"][others].mean(axis=0)
    arrays["output.bias"][classes] = arrays["output.bias"][others].mean()
    return TrainedAveraging(member.config, member.blocks, arrays)


def _on_the_same(one: TfidfLinear, other: TfidfLinear) -> bool:
    """Whether two linear models see the same features."""
    return one.config.sublinear == other.config.sublinear and np.array_equal(one.idf, other.idf)


def _weighed(member: TrainedAveraging, weight: Floats) -> TrainedAveraging:
    arrays = dict(member.arrays())
    of_class = np.broadcast_to(np.asarray(weight, dtype=np.float32), arrays["output.bias"].shape)
    arrays["output.weight"] = arrays["output.weight"] * of_class[:, np.newaxis]
    arrays["output.bias"] = arrays["output.bias"] * of_class
    return TrainedAveraging(member.config, member.blocks, arrays)
