"""Documents of word ids in, logits out: an LSTM over the words in their order, its states pooled, one linear layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from bywords.errors import check_choice, check_range
from bywords.models.layers import DEFAULT_DIMENSION, Dropout, Model, as_tensors, seeded_embedding, seeded_linear
from bywords.ragged import Ragged

Pooling = Literal["last", "mean", "max"]


@dataclass(frozen=True, kw_only=True)
class LSTMConfig:
    """The size of an LSTM."""

    dimension: int | None = None  # of a word vector; None is that of given vectors, or DEFAULT_DIMENSION
    hidden: int = 64  # units of one direction
    directions: Literal[1, 2] = 2
    pooling: Pooling = "max"  # of the states of a document's words; "last" is the state after its last word
    dropout: float = 0.5  # share of the units, of the word vectors and of the pooled states
    frozen: bool = False  # keep the word vectors as they were given

    def __post_init__(self) -> None:
        check_range("dimension", self.dimension, least=1)
        check_range("hidden", self.hidden, least=1)
        check_range("dropout", self.dropout, least=0, below=1)
        check_choice("pooling", self.pooling, get_args(Pooling))
        check_choice("directions", self.directions, (1, 2))


class LSTM(Model):
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
        ids, offsets = as_tensors(batch, self.embedding.weight.device)
        lengths, order = offsets.diff().sort(descending=True, stable=True)
        positions, step_sizes = packed_positions(offsets[:-1][order], lengths, n_directions=self.lstm.n_directions)
        vectors = self.dropout(self.embedding(ids[positions]))  # (R, T) -> (R, T, D), word 1 of all, word 2 of all, …
        states, last = self.lstm(vectors, step_sizes)  # (R, T, H), (R, N, H)
        pooled = last if self.pooling == "last" else self._pool(states, step_sizes, lengths)
        logits = self.output(self.dropout(pooled.transpose(0, 1).flatten(1)))  # (N, K), longest document first
        return logits[order.argsort()]

    def _pool(self, states: Tensor, step_sizes: list[int], lengths: Tensor) -> Tensor:
        """Mean or maximum over the states (R, T, H) of each document, (R, N, H); row n of a step is document n."""
        document = torch.cat([torch.arange(size, device=states.device) for size in step_sizes])  # (T,)
        index = document.unsqueeze(1).expand_as(states)
        empty = states.new_zeros(states.shape[0], len(lengths), states.shape[2])
        if self.pooling == "max":
            return empty.scatter_reduce(1, index, states, reduce="amax", include_self=False)
        return empty.scatter_add(1, index, states) / lengths.unsqueeze(1)


class PackedLSTM(nn.Module):
    """One LSTM layer over packed documents, R = 1 or 2 directions side by side.

    The second direction reads every document from its end, so both take the same steps and share one loop. It is
    written out because the backward pass of `torch.nn.LSTM` over a `PackedSequence` fills a zero tensor as large as
    the whole input at each step; `split` needs none (`benchmarks/lstm.py` has both). The values are the same.
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

    def forward(self, inputs: Tensor, step_sizes: list[int]) -> tuple[Tensor, Tensor]:
        """Inputs (R, T, D) → states (R, T, H), and the state after the last word of each document (R, N, H).

        `step_sizes` are the documents that reach each step, N first, never growing.
        """
        from_input = torch.baddbmm(self.bias, inputs, self.from_input).split(step_sizes, dim=1)  # (R, n, 4H) each
        state = cell = inputs.new_zeros(self.n_directions, step_sizes[0], self.n_hidden)
        states, ended = [], []
        for gates, size in zip(from_input, step_sizes, strict=True):
            if size < state.shape[1]:
                ended.append(state[:, size:])
                state, cell = state[:, :size], cell[:, :size]
            gates = torch.baddbmm(gates, state, self.from_state)  # (R, n, H), (R, H, 4H) -> (R, n, 4H)
            opened, candidate = gates.split([3 * self.n_hidden, self.n_hidden], dim=2)
            let_in, keep, let_out = opened.sigmoid().chunk(3, dim=2)
            cell = keep * cell + let_in * candidate.tanh()
            state = let_out * cell.tanh()
            states.append(state)
        return torch.cat(states, dim=1), torch.cat([state, *reversed(ended)], dim=1)


def packed_positions(starts: Tensor, lengths: Tensor, *, n_directions: int) -> tuple[Tensor, list[int]]:
    """Where the words of a packed batch stand: the first word of every document, then the second of every one, …

    `starts` and `lengths` are int (N,), longest document first. In a second direction the first word is the last.
    Returns: positions int (R, T), and the number of documents that reach each step, L numbers.
    """
    step = torch.arange(int(lengths[0]), device=lengths.device).unsqueeze(1)
    is_token = step < lengths  # (L, N)
    positions = [(starts + step)[is_token]]
    if n_directions == 2:
        positions.append((starts + lengths - 1 - step)[is_token])
    return torch.stack(positions), is_token.sum(dim=1).tolist()
