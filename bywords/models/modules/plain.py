"""Padded batches of ids in, logits out: plain modules to read, change and train with `fit_module`.

The systems `gru` and `cnn` are these, by `wrapper`; `averaging` and `lstm` have faster ones, with the same answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 (the name under which everybody knows it)
from torch import Tensor, nn

from bywords.errors import SettingError, check_range
from bywords.text.ragged import PADDING

Pooling = Literal["last", "mean", "max"]
Matrix = npt.NDArray[Any]


def embedding_of(n_words: int, dimension: int, vectors: Matrix | Tensor | None, *, frozen: bool) -> nn.Embedding:
    """A table (V, D) of word vectors, at first small random ones, or those given; padding is zeros.

    `frozen` ones stay as they are. Raises: SettingError for vectors of another number of words.
    """
    if vectors is None:
        if frozen:
            raise SettingError("frozen word vectors that nobody gave stay random: give vectors, or leave out frozen.")
        table = nn.Embedding(n_words, dimension, padding_idx=PADDING)
        nn.init.normal_(table.weight, std=0.1)
        with torch.no_grad():
            table.weight[PADDING] = 0
        return table
    given = torch.as_tensor(vectors, dtype=torch.float32).clone()
    if given.ndim != 2 or len(given) != n_words:
        raise SettingError(
            f"the vectors are {tuple(given.shape)}, expected a row for each of {n_words} words: "
            "WordVectors.align(vocabulary).matrix."
        )
    return nn.Embedding.from_pretrained(given, freeze=frozen, padding_idx=PADDING)


class AveragingModel(nn.Module):
    """The mean of the word vectors of a document, then one linear layer: logits (N, K).

    The unordered model of Iyyer et al. (2015), "Deep Unordered Composition Rivals Syntactic Methods", without hidden
    layers. Padding is never averaged in.

    >>> from bywords import AveragingModel, TextDataset, collate_padded
    >>> train = TextDataset(texts, labels)
    >>> model = AveragingModel(len(train.vocabulary), len(train.classes), dimension=8)
    >>> batch = collate_padded([train[0], train[1]])
    >>> tuple(model(batch.ids, batch.lengths).shape)
    (2, 2)
    """

    def __init__(
        self,
        n_words: int,
        n_classes: int,
        *,
        dimension: int = 300,
        vectors: Matrix | Tensor | None = None,
        frozen: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = embedding_of(n_words, dimension, vectors, frozen=frozen)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(self.embedding.embedding_dim, n_classes)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Ids int64 (N, L) and lengths (N,) → logits (N, K)."""
        is_token = _is_token(ids, lengths).unsqueeze(2)  # (N, L, 1)
        pooled = (self.embedding(ids) * is_token).sum(dim=1) / lengths.unsqueeze(1)  # (N, D)
        logits: Tensor = self.output(self.dropout(pooled))
        return logits


class _RecurrentModel(nn.Module):
    """Word vectors through a recurrent network, its states pooled, one linear layer."""

    kind: type[nn.LSTM] | type[nn.GRU]

    def __init__(
        self,
        n_words: int,
        n_classes: int,
        *,
        dimension: int = 300,
        hidden: int = 100,
        n_layers: int = 1,
        bidirectional: bool = False,
        pooling: Pooling = "last",
        vectors: Matrix | Tensor | None = None,
        frozen: bool = False,
        dropout: float = 0.0,
    ) -> None:
        """`hidden` units in each direction. `pooling` takes the state after the last word, the mean or the maximum.

        `dropout` is the share of the units that rest while training: of word vectors, between layers, of the pooled.
        """
        super().__init__()
        if pooling not in ("last", "mean", "max"):
            raise SettingError(f"pooling is {pooling!r}, expected 'last', 'mean' or 'max'.")
        self.pooling = pooling
        self.embedding = embedding_of(n_words, dimension, vectors, frozen=frozen)
        self.dropout = nn.Dropout(dropout)
        self.recurrent = self.kind(
            self.embedding.embedding_dim, hidden, n_layers, batch_first=True, bidirectional=bidirectional,
            dropout=dropout if n_layers > 1 else 0.0,
        )  # fmt: skip
        self.output = nn.Linear(hidden * (2 if bidirectional else 1), n_classes)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Ids int64 (N, L) and lengths (N,) → logits (N, K). Packed, so that there is no step over padding."""
        vectors = self.dropout(self.embedding(ids))  # (N, L, D)
        packed = nn.utils.rnn.pack_padded_sequence(vectors, lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)  # (N, L, H)
        logits: Tensor = self.output(self.dropout(self._pool(states, lengths)))
        return logits

    def _pool(self, states: Tensor, lengths: Tensor) -> Tensor:
        """The states (N, L, H) of each document as one: (N, H)."""
        is_token = _is_token(states[..., 0], lengths).unsqueeze(2)
        if self.pooling == "mean":
            return (states * is_token).sum(dim=1) / lengths.unsqueeze(1)
        if self.pooling == "max":
            return states.masked_fill(~is_token, float("-inf")).amax(dim=1)
        row = torch.arange(len(states), device=states.device)
        forward = states[row, lengths - 1]  # after the last word
        if not self.recurrent.bidirectional:
            return forward
        half = states.shape[2] // 2  # read backwards, the last state is at the first word
        return torch.cat([forward[:, :half], states[:, 0, half:]], dim=1)


class LSTMModel(_RecurrentModel):
    """An LSTM over the words of a document, its states pooled, one linear layer: logits (N, K).

    Source: Hochreiter and Schmidhuber (1997), "Long Short-Term Memory".

    >>> from bywords import LSTMModel
    >>> LSTMModel(10, 2, dimension=8, hidden=4, bidirectional=True, pooling="max").output.in_features
    8
    """

    kind = nn.LSTM


class GRUModel(_RecurrentModel):
    """A GRU over the words of a document, its states pooled, one linear layer: logits (N, K).

    Source: Cho et al. (2014), "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation".

    >>> from bywords import GRUModel
    >>> GRUModel(10, 2, dimension=8, hidden=4, n_layers=2).output.in_features
    4
    """

    kind = nn.GRU


class CNNModel(nn.Module):
    """Filters over windows of words, the highest value of each, dropout, one linear layer: logits (N, K).

    Source: Kim (2014), "Convolutional Neural Networks for Sentence Classification".

    >>> from bywords import CNNModel
    >>> CNNModel(10, 2, dimension=8, n_filters=5, widths=(2, 3)).output.in_features
    10
    """

    def __init__(
        self,
        n_words: int,
        n_classes: int,
        *,
        dimension: int = 300,
        n_filters: int = 100,
        widths: Sequence[int] = (3, 4, 5),
        vectors: Matrix | Tensor | None = None,
        frozen: bool = False,
        dropout: float = 0.5,
    ) -> None:
        """`n_filters` of each of the `widths`, in words."""
        super().__init__()
        for width in widths:
            check_range("a width of filters", width, least=1)
        self.embedding = embedding_of(n_words, dimension, vectors, frozen=frozen)
        dimension = self.embedding.embedding_dim
        self.filters = nn.ModuleList(nn.Conv1d(dimension, n_filters, width) for width in widths)
        self.widths = tuple(widths)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(n_filters * len(widths), n_classes)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Ids int64 (N, L) and lengths (N,) → logits (N, K). A window sees zeros beyond a document's ends."""
        vectors = self.embedding(ids) * _is_token(ids, lengths).unsqueeze(2)  # (N, L, D)
        pooled = []
        for width, layer in zip(self.widths, self.filters, strict=True):
            filters = cast("nn.Conv1d", layer)
            windows = F.pad(vectors, (0, 0, width - 1, width - 1)).unfold(1, width, 1)  # (N, L + width - 1, D, width)
            # A product of matrices: it has the same bits with any number of threads, which a convolution has not.
            values = F.relu(
                F.linear(windows.flatten(2), filters.weight.flatten(1), filters.bias)
            )  # (N, L + width - 1, F)
            n_windows = lengths + width - 1  # those with a word of the document
            is_window = torch.arange(values.shape[1], device=ids.device) < n_windows.unsqueeze(1)
            pooled.append(values.masked_fill(~is_window.unsqueeze(2), 0).amax(dim=1))
        logits: Tensor = self.output(self.dropout(torch.cat(pooled, dim=1)))
        return logits


def _is_token(like: Tensor, lengths: Tensor) -> Tensor:
    """True on the words of each document, false on padding: bool (N, L), of what is (N, L)."""
    return torch.arange(like.shape[1], device=like.device) < lengths.unsqueeze(1)
