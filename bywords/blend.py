"""Several fitted models in, one that weighs their answers out; linear ones on the same features become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.averages import AveragingConfig, TrainedAveraging
from bywords.bags import Floats
from bywords.errors import SettingError
from bywords.metrics import Labels, fit_temperature, softmax
from bywords.ragged import Ragged
from bywords.tfidf import TfidfConfig, TfidfLinear

MemberConfig = TfidfConfig | AveragingConfig
Member = TfidfLinear | TrainedAveraging
TOWARDS_EQUAL = 0.02  # how much it costs, in nats a document, to trust the members differently


@dataclass(frozen=True, kw_only=True)
class BlendConfig:
    """Which models are blended; all see the same tokens and the same vocabulary."""

    members: tuple[MemberConfig, ...]

    def __post_init__(self) -> None:
        if not self.members:
            raise SettingError("a blend has no members. Give it one at least.")


class Blend:
    """Adds up the logits of its members, each with a weight: the product of their probabilities, weighed by power.

    Linear members on the same features are added up beforehand, once for all: their rows make one table.
    Source: Genest and Zidek (1986), "Combining Probability Distributions", the logarithmic opinion pool.
    """

    def __init__(self, members: Sequence[Member], weights: Floats) -> None:
        """`weights` is float32 (M,), of the members' logits."""
        self.members: list[Member] = []
        tables: dict[tuple[int, bool], TfidfLinear] = {}
        for member, weight in zip(members, weights, strict=True):
            if isinstance(member, TrainedAveraging):
                self.members.append(_weighed(member, weight))
                continue
            same = (len(member.idf), member.config.sublinear)
            table, bias = member.weights * weight, member.bias * weight
            if same in tables:
                table, bias = table + tables[same].weights, bias + tables[same].bias
            tables[same] = TfidfLinear(member.config, member.blocks, member.idf, table, bias)
        self.members += tables.values()

    def logits(self, documents: Ragged) -> Floats:
        """Float32 (N, K)."""
        return sum((member.logits(documents) for member in self.members[1:]), self.members[0].logits(documents))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {
            f"{place}.{name}": array
            for place, member in enumerate(self.members)
            for name, array in member.arrays().items()
        }

    @property
    def config(self) -> BlendConfig:
        """The members as they are after adding up: what is needed to read the arrays."""
        return BlendConfig(members=tuple(member.config for member in self.members))

    @classmethod
    def restored(cls, config: BlendConfig, blocks: tuple[int, ...], arrays: Mapping[str, npt.NDArray[Any]]) -> Blend:
        """A blend from its config and arrays. Raises KeyError where one of them is not there."""
        members: list[Member] = []
        for place, member in enumerate(config.members):
            start = f"{place}."
            own = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
            if isinstance(member, TfidfConfig):
                members.append(TfidfLinear(member, blocks, own["idf"], own["weights"], own["bias"]))
            else:
                members.append(TrainedAveraging(member, blocks, own))
        return cls(members, np.ones(len(members), dtype=np.float32))


def fit_weights(logits: Sequence[Floats], labels: Labels) -> Floats:
    """How much to trust each of M models, from their logits (N, K) for documents that they have not seen.

    Each model is first brought to its own best temperature. The weights are those of least log loss of the blend, none
    negative, drawn towards equal ones, which sum to 1.

    Returns: float32 (M,), to multiply the logits by.
    """
    from scipy.optimize import minimize

    n_documents, n_models = len(labels), len(logits)
    calibrated = []
    temperatures = [fit_temperature(scores, labels) for scores in logits]
    for scores, temperature in zip(logits, temperatures, strict=True):
        scaled = scores.astype(np.float64) / temperature
        calibrated.append(scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True))
    stacked = np.stack(calibrated)  # (M, N, K)
    rows = np.arange(n_documents)

    def loss(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        probabilities = softmax(np.tensordot(weights, stacked, axes=1))
        errors = probabilities.copy()
        errors[rows, labels] -= 1
        apart = weights - 1 / n_models
        chosen = np.maximum(probabilities[rows, labels], np.finfo(np.float64).tiny)
        slopes = np.tensordot(stacked, errors, axes=2) / n_documents + 2 * TOWARDS_EQUAL * apart
        return float(-np.log(chosen).mean() + TOWARDS_EQUAL * (apart**2).sum()), slopes

    start = np.full(n_models, 1 / n_models)
    found = minimize(loss, start, jac=True, bounds=[(0, None)] * n_models, method="L-BFGS-B")
    return (found.x / temperatures).astype(np.float32)


def _weighed(member: TrainedAveraging, weight: float) -> TrainedAveraging:
    arrays = dict(member.arrays())
    arrays["output.weight"] = arrays["output.weight"] * np.float32(weight)
    arrays["output.bias"] = arrays["output.bias"] * np.float32(weight)
    return TrainedAveraging(member.config, member.blocks, arrays)
