"""Documents of word ids in, logits out: an LSTM over the words in their order, its states pooled, one linear layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from bywords.errors import check_choice
from bywords.models.layers import Dropout, as_tensors, seeded_embedding, seeded_linear, seeded_lstm
from bywords.ragged import Ragged

Pooling = Literal["last", "mean", "max"]


@dataclass(frozen=True, kw_only=True)
class LSTMConfig:
    """The size of an LSTM. With given word vectors their dimension counts, not this one."""

    dimension: int = 100
    hidden: int = 100  # units of one direction
    directions: Literal[1, 2] = 2
    pooling: Pooling = "max"  # of the states of a document's words; "last" is the state after its last word
    dropout: float = 0.5  # share of the units, of the word vectors and of the pooled states
    frozen: bool = False  # keep the word vectors as they were given

    def __post_init__(self) -> None:
        check_choice("pooling", self.pooling, get_args(Pooling))
        check_choice("directions", self.directions, (1, 2))


class LSTM(nn.Module):
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
            vectors = seeded_embedding(n_words, config.dimension, generator, scale=0.1)
        self.pooling = config.pooling
        self.embedding = nn.Embedding.from_pretrained(vectors, freeze=config.frozen)
        self.dropout = Dropout(config.dropout, generator)
        self.lstm = seeded_lstm(vectors.shape[1], config.hidden, generator, n_directions=config.directions)
        self.output = seeded_linear(config.hidden * config.directions, n_classes, generator)

    def forward(self, batch: Ragged) -> Tensor:
        ids, offsets = as_tensors(batch, self.embedding.weight.device)
        lengths, order = offsets.diff().sort(descending=True, stable=True)
        positions, step_sizes = packed_positions(offsets[:-1][order], lengths)
        vectors = self.dropout(self.embedding(ids[positions]))  # (T,) -> (T, D), word 1 of all, word 2 of all, …
        states, (last, _) = self.lstm(PackedSequence(vectors, step_sizes))  # (T, H·directions), (directions, N, H)
        if self.pooling == "last":
            pooled = last.transpose(0, 1).flatten(1)  # (N, H·directions)
        else:
            pooled = self._pool(states.data, step_sizes, lengths)
        logits = self.output(self.dropout(pooled))  # (N, K), longest document first
        return logits[order.argsort()]

    def _pool(self, states: Tensor, step_sizes: Tensor, lengths: Tensor) -> Tensor:
        """Mean or maximum over the states (T, C) of each document, (N, C); row n of a step is document n."""
        document = torch.cat([torch.arange(size) for size in step_sizes.tolist()]).to(states.device)
        index = document.unsqueeze(1).expand_as(states)
        empty = states.new_zeros(len(lengths), states.shape[1])
        if self.pooling == "max":
            return empty.scatter_reduce(0, index, states, reduce="amax", include_self=False)
        return empty.scatter_add(0, index, states) / lengths.unsqueeze(1)


def packed_positions(starts: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Where the words of a packed batch stand: the first word of every document, then the second of every one, …

    `starts` and `lengths` are int (N,), longest document first.
    Returns: positions int (T,), and the number of documents that reach each step, int64 (L,) on the CPU.
    """
    step = torch.arange(int(lengths[0]), device=lengths.device)
    is_token = step.unsqueeze(1) < lengths  # (L, N)
    positions = (starts + step.unsqueeze(1))[is_token]
    return positions, is_token.sum(dim=1).cpu()
