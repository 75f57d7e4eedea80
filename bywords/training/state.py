"""A model in training in, the arrays that it needs to go on out, and back, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bywords.checkpoint import Entry, check_like, restore_generator
from bywords.models.modules.layers import Model
from bywords.training.sparse_adagrad import SparseAdagrad
from bywords.validation import check_within

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
    entry: Entry, model: Model, optimizers: Sequence[Any], generator: np.random.Generator, *, has_best: bool
) -> dict[str, Tensor] | None:
    """Put back what `arrays_of_training` gave, and the state of the generator that is among the values.

    Returns: the best weights, if they are beside them.
    Raises: SettingError for what is not of this model in training; RuntimeError of torch for generators that cannot be.
    """
    _check(entry.arrays, model, optimizers, has_best=has_best)
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
    restore_generator(generator, entry.values["generator"])
    return _named(tensors, "best ") or None


def _check(arrays: Arrays, model: Model, optimizers: Sequence[Any], *, has_best: bool) -> None:
    """Raise SettingError where arrays are not those of a model in training, after a step or more."""
    expected = arrays_of_training(model, [], model.state_dict() if has_best else None)
    for index, optimizer in enumerate(optimizers):
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        for number, parameter in enumerate(parameters):
            for name, shape in _shapes_of_state(optimizer, parameter).items():
                expected[f"optimizer {index} {number} {name}"] = np.empty(shape, dtype=np.float32)
    check_like(arrays, expected)
    for name, array in arrays.items():
        if name.startswith("optimizer ") and not name.endswith(" exp_avg"):
            check_within(name, array, 0, np.inf)


def _shapes_of_state(optimizer: Any, parameter: Tensor) -> dict[str, tuple[int, ...]]:
    """What an optimizer holds of a parameter."""
    if isinstance(optimizer, SparseAdagrad):
        return {"squares": parameter.shape[:1]}
    return {"step": (), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}


def start_states(optimizers: Sequence[Any]) -> None:
    """Give optimizers, before their first step, what they hold after one, all 0: as they would begin themselves."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                shapes = _shapes_of_state(optimizer, parameter)
                optimizer.state[parameter] = {name: torch.zeros(shape) for name, shape in shapes.items()}


def names_of_state(optimizers: Sequence[Any], wanted: Tensor) -> list[str]:
    """Those that `arrays_of_training` gives to what optimizers hold of a parameter, but for the count of steps."""
    return [
        f"optimizer {index} {number} {name}"
        for index, optimizer in enumerate(optimizers)
        for number, parameter in enumerate(each for group in optimizer.param_groups for each in group["params"])
        if parameter is wanted
        for name, shape in _shapes_of_state(optimizer, parameter).items()
        if shape
    ]


def _named(tensors: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    """Those whose names begin so, by the rest of their names."""
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
