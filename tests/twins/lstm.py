"""Inputs of all steps of an LSTM → its states; gradients of the states → gradients of the inputs; one direction.

Rows are packed: the first token of every document, then the second of every document that has one, and so on.
Documents are in the same order in every step, longest first, so row i of a step follows row i of the step before.
"""

from __future__ import annotations

import numpy as np


def run_forward(sizes, inputs, from_input, from_state, bias, gates, cells, states):
    """Go through the steps in order.

    `sizes` is int (L,), the rows of each step; `inputs` (T, D), `from_input` (D, 4H), `from_state` (H, 4H) and `bias`
    (1, 4H) give the gates: input, forget and output gate, then the candidate. Filled in are `gates` (T, 4H), after
    their activation, and `cells` and `states` (T, H).
    """
    n_hidden = states.shape[1]
    half = np.float32(0.5)
    before = start = 0  # first rows of the step before and of this step
    for step in range(len(sizes)):
        size = sizes[step]
        of_step = gates[start : start + size]
        of_step[:] = bias
        _add_product(inputs[start : start + size], from_input, of_step)
        if step > 0:
            _add_product(states[before : before + size], from_state, of_step)
        for i in range(size):
            opened, candidate = gates[start + i, : 3 * n_hidden], gates[start + i, 3 * n_hidden :]
            let_in, keep, let_out = opened[:n_hidden], opened[n_hidden : 2 * n_hidden], opened[2 * n_hidden :]
            cell, state = cells[start + i], states[start + i]
            for j in range(3 * n_hidden):
                opened[j] = half * _tanh(half * opened[j]) + half  # the logistic function
            for j in range(n_hidden):
                candidate[j] = _tanh(candidate[j])
                cell[j] = let_in[j] * candidate[j]
            if step > 0:
                cell_before = cells[before + i]
                for j in range(n_hidden):
                    cell[j] += keep[j] * cell_before[j]
            for j in range(n_hidden):
                state[j] = let_out[j] * _tanh(cell[j])
        before, start = start, start + size


def run_backward(
    sizes,
    inputs,
    from_input,
    from_state,
    gates,
    cells,
    states,
    of_states,
    of_inputs,
    of_from_input,
    of_from_state,
    of_bias,
):
    """Go back through the steps of `run_forward`, whose arguments come first, filled in.

    `of_states` (T, H) is the gradient of the states from outside; that from later steps is added to it. The last four
    are the gradients of the arguments of `run_forward`, 0 before; `of_inputs` may be (0, D), and is then not computed.
    """
    to_input, to_state = from_input.T.copy(), from_state.T.copy()
    n_hidden = cells.shape[1]
    one = np.float32(1)
    of_cells = np.zeros((sizes[0], n_hidden), dtype=cells.dtype)  # 0 until the last step of a document
    of_gates = np.empty((sizes[0], 4 * n_hidden), dtype=cells.dtype)
    start = len(cells)
    for step in range(len(sizes) - 1, -1, -1):
        size = sizes[step]
        start -= size
        before = start - sizes[step - 1]  # first row of the step before, where there is one
        for i in range(size):
            let_in, keep = gates[start + i, :n_hidden], gates[start + i, n_hidden : 2 * n_hidden]
            let_out, candidate = gates[start + i, 2 * n_hidden : 3 * n_hidden], gates[start + i, 3 * n_hidden :]
            of_in, of_keep = of_gates[i, :n_hidden], of_gates[i, n_hidden : 2 * n_hidden]
            of_out, of_candidate = of_gates[i, 2 * n_hidden : 3 * n_hidden], of_gates[i, 3 * n_hidden :]
            cell, of_cell, of_state = cells[start + i], of_cells[i], of_states[start + i]
            for j in range(n_hidden):
                squashed = _tanh(cell[j])
                of_out[j] = of_state[j] * squashed * let_out[j] * (one - let_out[j])
                of_cell[j] += of_state[j] * let_out[j] * (one - squashed * squashed)
            for j in range(n_hidden):
                of_in[j] = of_cell[j] * candidate[j] * let_in[j] * (one - let_in[j])
                of_candidate[j] = of_cell[j] * let_in[j] * (one - candidate[j] * candidate[j])
            if step > 0:
                cell_before = cells[before + i]
                for j in range(n_hidden):
                    of_keep[j] = of_cell[j] * cell_before[j] * keep[j] * (one - keep[j])
                    of_cell[j] *= keep[j]
            else:
                of_keep[:] = 0  # no cell comes before
            for j in range(4 * n_hidden):
                of_bias[0, j] += of_gates[i, j]
        of_step = of_gates[:size]
        _add_product(inputs[start : start + size].T, of_step, of_from_input)
        if len(of_inputs) > 0:
            _add_product(of_step, to_input, of_inputs[start : start + size])
        if step > 0:
            _add_product(states[before : before + size].T, of_step, of_from_state)
            _add_product(of_step, to_state, of_states[before : before + size])


def rows_of_maxima(states, sizes):
    """The row of `states` (T, H) where each unit of each document is largest, int64 (N, H); of equals the first."""
    largest = states[: sizes[0]].copy()
    rows = np.empty(largest.shape, dtype=np.int64)
    for i in range(sizes[0]):
        rows[i] = i
    start = sizes[0]
    for step in range(1, len(sizes)):
        for i in range(sizes[step]):
            state = states[start + i]
            for j in range(states.shape[1]):
                if state[j] > largest[i, j]:
                    largest[i, j] = state[j]
                    rows[i, j] = start + i
        start += sizes[step]
    return rows


def _add_product(left, right, total):
    """`total` (n, M) += `left` (n, K) @ `right` (K, M); the terms of a sum are added in their order."""
    for k in range(len(right)):
        total += left[:, k, None] * right[k]


def _tanh(x):
    """A quotient of two polynomials, within 4e-7 of the hyperbolic tangent; loops over it become vector instructions.

    Source: `ptanh_float` of the C++ library Eigen.
    """
    limit = np.float32(7.90531)  # at or above it is 1
    x = limit if x > limit else x
    x = -limit if x < -limit else x
    square = x * x
    above = np.float32(-2.76076847742355e-16)
    above = above * square + np.float32(2.00018790482477e-13)
    above = above * square + np.float32(-8.60467152213735e-11)
    above = above * square + np.float32(5.12229709037114e-08)
    above = above * square + np.float32(1.48572235717979e-05)
    above = above * square + np.float32(6.37261928875436e-04)
    above = above * square + np.float32(4.89352455891786e-03)
    below = np.float32(1.19825839466702e-06)
    below = below * square + np.float32(1.18534705686654e-04)
    below = below * square + np.float32(2.26843463243900e-03)
    below = below * square + np.float32(4.89352518554385e-03)
    return x * above / below
