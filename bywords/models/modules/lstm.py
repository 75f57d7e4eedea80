"""Documents of word ids in, logits out: an LSTM over the words in their order, its states pooled, one linear layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from bywords.models.lstm import LSTMConfig
from bywords.models.modules.layers import DEFAULT_DIMENSION, Dropout, Model, seeded_embedding, seeded_linear
from bywords.text.ragged import Ragged
from bywords.text.threads import n_threads


class LSTMModule(Model):
    """Read the words in order, in one or both directions, pool the states, then one linear layer.

    The documents are packed: there is no step over padding, and the last state is that of the last real word.
    Sources: Hochreiter and Schmidhuber (1997), "Long Short-Term Memory"; pooling over all states as in
    Conneau et al. (2017), "Supervised Learning of Universal Sentence Representations from Natural Language
    Inference Data", section 3.2.
    """

    def __init__(
        self,
        config: LSTMConfig,
        *,
        n_words: int,
        n_classes: int,
        generator: torch.Generator,
        vectors: Tensor | None = None,
    ) -> None:
        """`vectors` is float32 (V, D); without it the word vectors start from `generator`."""
        super().__init__()
        if vectors is None:
            vectors = seeded_embedding(n_words, config.dimension or DEFAULT_DIMENSION, generator, scale=0.1)
        self.pooling = config.pooling
        self.embedding = nn.Embedding.from_pretrained(vectors, freeze=config.frozen)
        self.dropout = Dropout(config.dropout, generator)
        self.lstm = PackedLSTM(vectors.shape[1], config.hidden, config.directions, generator)
        self.output = seeded_linear(config.hidden * config.directions, n_classes, generator)

    def forward(self, batch: Ragged) -> Tensor:
        ids, offsets = torch.from_numpy(batch.ids), torch.from_numpy(batch.offsets).to(torch.int32)
        lengths, order = offsets.diff().sort(descending=True, stable=True)
        positions, step_sizes = packed_positions(offsets[:-1][order], lengths, n_directions=self.lstm.n_directions)
        vectors = self.dropout(self.embedding(ids[positions]))  # (R, T, D), word 1 of all, word 2 of all, …
        states = self.lstm(vectors, step_sizes)  # (R, T, H)
        pooled = self._pool(states, step_sizes, lengths)  # (R, N, H)
        logits = self.output(self.dropout(pooled.transpose(0, 1).flatten(1)))  # (N, K), longest document first
        return logits[order.argsort()]

    def _pool(self, states: Tensor, step_sizes: Tensor, lengths: Tensor) -> Tensor:
        """Last, mean or maximum of the states (R, T, H) of each document: (R, N, H). Row n of a step is document n."""
        if self.pooling == "max":
            from bywords.kernels.lstm import rows_of_maxima

            rows = [torch.from_numpy(rows_of_maxima(of_one.numpy(), step_sizes.numpy())) for of_one in states.detach()]
            return states.gather(1, torch.stack(rows))
        document = torch.arange(len(lengths))
        if self.pooling == "last":
            return states[:, first_rows(step_sizes)[lengths - 1] + document]
        index = row_of_step(step_sizes).unsqueeze(1).expand_as(states)
        empty = states.new_zeros(states.shape[0], len(lengths), states.shape[2])
        return empty.scatter_add(1, index, states) / lengths.unsqueeze(1)


class PackedLSTM(nn.Module):
    """One LSTM layer over packed documents, R = 1 or 2 directions side by side.

    The second direction reads every document from its end, so both take the same steps. The steps are compiled code,
    because the backward pass of `torch.nn.LSTM` over a `PackedSequence` fills a zero tensor as large as the whole input
    at each of them (`benchmarks/lstm.py` has both). The values are the same but for rounding.
    """

    def __init__(self, n_in: int, n_hidden: int, n_directions: int, generator: torch.Generator) -> None:
        """Weights start uniformly within 1/sqrt(H), forget gates open (bias 1).

        Source: Jozefowicz, Zaremba, Sutskever (2015), "An Empirical Exploration of Recurrent Network Architectures".
        """
        super().__init__()
        self.n_directions, self.n_hidden = n_directions, n_hidden
        bound = 1.0 / math.sqrt(n_hidden)
        shape = (n_directions, n_in, 4 * n_hidden)  # gates: input, forget, output, cell
        self.from_input = nn.Parameter(torch.empty(shape).uniform_(-bound, bound, generator=generator))
        shape = (n_directions, n_hidden, 4 * n_hidden)
        self.from_state = nn.Parameter(torch.empty(shape).uniform_(-bound, bound, generator=generator))
        self.bias = nn.Parameter(torch.zeros(n_directions, 1, 4 * n_hidden))
        with torch.no_grad():
            self.bias[..., n_hidden : 2 * n_hidden] = 1.0

    def forward(self, inputs: Tensor, step_sizes: Tensor) -> Tensor:
        """Inputs (R, T, D) → states (R, T, H).

        `step_sizes`, int (L,), are the documents that reach each step, N first, never growing.
        """
        weights = self.from_input, self.from_state, self.bias
        states: Tensor = Recurrence.apply(inputs, *weights, step_sizes)  # type: ignore[no-untyped-call]
        return states


class Recurrence(torch.autograd.Function):
    """The steps of an LSTM, forward and backward, in compiled code: each direction runs in its own thread."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, from_input: Tensor, from_state: Tensor, bias: Tensor, step_sizes: Tensor
    ) -> Tensor:
        """(R, T, D), (R, D, 4H), (R, H, 4H), (R, 1, 4H), (L,) → states (R, T, H)."""
        from bywords.kernels.lstm import run_forward

        n_directions, n_rows, _ = inputs.shape
        gates = inputs.new_empty(n_directions, n_rows, bias.shape[2])
        cells, states = (inputs.new_empty(n_directions, n_rows, from_state.shape[1]) for _ in range(2))
        each_direction(run_forward, step_sizes, inputs, from_input, from_state, bias, gates, cells, states)
        ctx.save_for_backward(step_sizes, inputs, from_input, from_state, bias, gates, cells, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_states: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of the states, (R, T, H) → those of all that `forward` was given."""
        from bywords.kernels.lstm import run_backward

        step_sizes, inputs, from_input, from_state, bias, *filled = ctx.saved_tensors
        wants_inputs = ctx.needs_input_grad[0]
        of_inputs = torch.zeros_like(inputs if wants_inputs else inputs[:, :0])
        of_weights = [torch.zeros_like(weights) for weights in (from_input, from_state, bias)]
        of_states = of_states.clone(memory_format=torch.contiguous_format)  # it is written to
        each_direction(
            run_backward, step_sizes, inputs, from_input, from_state, *filled, of_states, of_inputs, *of_weights
        )
        return of_inputs if wants_inputs else None, *of_weights, None


def each_direction(run: Callable[..., None], step_sizes: Tensor, *tensors: Tensor) -> None:
    """Call a compiled function on the arrays of each direction, (R, …) each, at the same time."""
    directions = zip(*(tensor.detach().contiguous().numpy() for tensor in tensors), strict=True)
    with ThreadPoolExecutor(min(len(tensors[0]), n_threads())) as pool:
        for done in [pool.submit(run, step_sizes.numpy(), *arrays) for arrays in directions]:
            done.result()


def packed_positions(starts: Tensor, lengths: Tensor, *, n_directions: int) -> tuple[Tensor, Tensor]:
    """The positions of the words of a packed batch: the first word of every document, then the second of every one, …

    `starts` and `lengths` are int (N,), longest document first. In a second direction the first word is the last.
    Returns: positions int (R, T), and the number of documents that reach each step, int64 (L,).
    """
    step = torch.arange(int(lengths[0])).unsqueeze(1)
    is_token = step < lengths  # (L, N)
    positions = [(starts + step)[is_token]]
    if n_directions == 2:
        positions.append((starts + lengths - 1 - step)[is_token])
    return torch.stack(positions), is_token.sum(dim=1)


def first_rows(step_sizes: Tensor) -> Tensor:
    """Where each step starts in a packed batch, int64 (L,)."""
    return step_sizes.cumsum(0) - step_sizes


def row_of_step(step_sizes: Tensor) -> Tensor:
    """For each row of a packed batch, which it is of its step, int64 (T,)."""
    return torch.arange(int(step_sizes.sum())) - first_rows(step_sizes).repeat_interleave(step_sizes)
