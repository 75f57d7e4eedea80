"""A model in training in, the arrays that it needs to go on out, and back, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bywords.checkpoint import Entry
from bywords.models.modules.layers import Model

Arrays = dict[str, npt.NDArray[Any]]


def arrays_of_training(model: Model, optimizers: Sequence[Any], best_weights: Mapping[str, Tensor] | None) -> Arrays:
    """All that changes while `model` is trained: weights, what the optimizers hold, the generators of dropout.

    The arrays are views, and change with it. `best_weights`, of an earlier epoch, are put beside them.
    """
    arrays = {f"weights {name}": tensor.numpy() for name, tensor in model.state_dict().items()}
    arrays |= {f"best {name}": tensor.numpy() for name, tensor in (best_weights or {}).items()}
    for index, optimizer in enumerate(optimizers):
        for parameter, state in optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer {index} {parameter} {name}": value.numpy() for name, value in state.items()}
    for index, generator in enumerate(model.generators()):
        arrays[f"generator {index}"] = generator.get_state().numpy()
    return arrays


def restore_training(
    entry: Entry, model: Model, optimizers: Sequence[Any], generator: np.random.Generator
) -> dict[str, Tensor] | None:
    """Put back what `arrays_of_training` gave, and the state of the generator that is among the values.

    Returns: the best weights, if some were beside them.
    """
    # Cloned by torch, they lie in memory as its own tensors do.
    tensors = {name: torch.from_numpy(array).clone() for name, array in entry.arrays.items()}
    model.load_state_dict(_named(tensors, "weights "))
    for index, optimizer in enumerate(optimizers):
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _named(tensors, f"optimizer {index} ").items():
            parameter, key = name.split(" ", 1)
            states.setdefault(int(parameter), {})[key] = tensor
        optimizer.load_state_dict({**optimizer.state_dict(), "state": states})
    for index, drawn_from in enumerate(model.generators()):
        drawn_from.set_state(tensors[f"generator {index}"])
    generator.bit_generator.state = entry.values["generator"]
    return _named(tensors, "best ") or None


def _named(tensors: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    """Those whose names begin so, by the rest of their names."""
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
