"""Inputs of all steps of an LSTM → its states; gradients of the states → gradients of the inputs; one direction.

Rows are packed: the first token of every document, then the second of every document that has one, and so on.
Documents are in the same order in every step, longest first, so row i of a step follows row i of the step before.
All arrays are float32 in C order but for `sizes`, int64 (L,), the rows of each step.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.kernels import _native

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


def run_forward(
    sizes: Indices,
    inputs: Floats,
    from_input: Floats,
    from_state: Floats,
    bias: Floats,
    gates: Floats,
    cells: Floats,
    states: Floats,
) -> None:
    """Go through the steps in order.

    `inputs` (T, D), `from_input` (D, 4H), `from_state` (H, 4H) and `bias` (1, 4H) give the gates: input, forget and
    output gate, then the candidate. Filled in are `gates` (T, 4H), after their activation, and `cells` and `states`
    (T, H). A row's numbers do not depend on which rows are beside it.
    """
    _native.run_forward(sizes, inputs, from_input, from_state, bias, gates, cells, states)


def run_backward(
    sizes: Indices,
    inputs: Floats,
    from_input: Floats,
    from_state: Floats,
    gates: Floats,
    cells: Floats,
    states: Floats,
    of_states: Floats,
    of_inputs: Floats,
    of_from_input: Floats,
    of_from_state: Floats,
    of_bias: Floats,
) -> None:
    """Go back through the steps of `run_forward`, whose arguments come first, filled in.

    `of_states` (T, H) is the gradient of the states from outside; that from later steps is added to it. The last four
    are the gradients of the arguments of `run_forward`, 0 before; `of_inputs` may be (0, D), and is then not computed.
    """
    filled = gates, cells, states
    of_weights = of_from_input, of_from_state, of_bias
    _native.run_backward(sizes, inputs, from_input, from_state, *filled, of_states, of_inputs, *of_weights)


def rows_of_maxima(states: Floats, sizes: Indices) -> Indices:
    """The row of `states` (T, H) where each unit of each document is largest, int64 (N, H); of equals the first."""
    rows = np.empty((int(sizes[0]) if len(sizes) else 0, states.shape[1]), dtype=np.int64)
    _native.rows_of_maxima(states, sizes, rows)
    return rows
