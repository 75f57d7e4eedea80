"""An optimizer for matrices of which a batch reads few rows: a step changes those rows, and costs what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class SparseAdagrad(torch.optim.Optimizer):
    """Adagrad with one accumulator a row: the sum of the mean squares of the row's gradients.

    Takes sparse gradients, each row once. A row that no document of the batch has keeps its weights and its
    accumulator, as in dense Adagrad, so that nothing has to be made up for later.
    Source: Duchi, Hazan, Singer (2011), "Adaptive Subgradient Methods", with a diagonal that is shared by a row.
    """

    def __init__(self, parameters: Iterable[Tensor], *, lr: float, epsilon: float = 1e-3) -> None:
        super().__init__(parameters, {"lr": lr, "epsilon": epsilon})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change the rows that have a gradient. There is no closure to give."""
        from bywords.kernels.rows import adagrad

        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state: dict[str, Any] = self.state[parameter]
                if not state:
                    state["squares"] = torch.zeros(len(parameter))
                # Not `indices()`: autograd forgets that each row is there once, and to `coalesce` would sort them.
                rows, gradients = parameter.grad._indices()[0].numpy(), parameter.grad._values().numpy()
                adagrad(parameter.numpy(), state["squares"].numpy(), rows, gradients, group["lr"], group["epsilon"])
