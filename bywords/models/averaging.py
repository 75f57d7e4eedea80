"""Documents of word ids in, logits out: the mean of a document's word vectors, then one linear layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from bywords.errors import check_choice, check_range
from bywords.models.layers import DEFAULT_DIMENSION, Dropout, as_tensors, seeded_embedding, seeded_linear
from bywords.ragged import Ragged

Weighting = Literal["uniform", "idf"]


@dataclass(frozen=True, kw_only=True)
class AveragingConfig:
    """The size of an averaging model."""

    dimension: int | None = None  # of a word vector; None is that of given vectors, or DEFAULT_DIMENSION
    dropout: float = 0.5  # share of the units of the mean
    frozen: bool = False  # keep the word vectors as they were given
    weighting: Weighting = "uniform"  # what a word counts in the mean

    def __post_init__(self) -> None:
        check_range("dimension", self.dimension, least=1)
        check_range("dropout", self.dropout, least=0, below=1)
        check_choice("weighting", self.weighting, get_args(Weighting))


class Averaging(nn.Module):
    """Average the word vectors of a document, every word once, then one linear layer.

    The unordered model of Iyyer et al. (2015), "Deep Unordered Composition Rivals Syntactic Methods", without
    hidden layers.
    """

    def __init__(
        self,
        config: AveragingConfig,
        *,
        n_words: int,
        n_classes: int,
        generator: torch.Generator,
        vectors: Tensor | None = None,
        idf: Tensor | None = None,
    ) -> None:
        """`vectors` is float32 (V, D); without it the word vectors start from `generator`. `idf` is float32 (V,)."""
        super().__init__()
        if vectors is None:
            vectors = seeded_embedding(n_words, config.dimension or DEFAULT_DIMENSION, generator, scale=0.1)
        self.embedding = nn.EmbeddingBag.from_pretrained(
            vectors, freeze=config.frozen, mode="sum", include_last_offset=True
        )
        self.word_weight: Tensor
        self.register_buffer(
            "word_weight", idf if config.weighting == "idf" and idf is not None else torch.ones(n_words)
        )
        self.dropout = Dropout(config.dropout, generator)
        self.output = seeded_linear(vectors.shape[1], n_classes, generator)

    def forward(self, batch: Ragged) -> Tensor:
        ids, offsets = as_tensors(batch, self.embedding.weight.device)
        weights = self.word_weight[ids]  # (T,)
        totals = torch.segment_reduce(weights, "sum", offsets=offsets.long())  # (N,)
        weights = weights / totals.repeat_interleave(offsets.diff())  # (T,), 1 in sum for each document
        pooled = self.embedding(ids, offsets, per_sample_weights=weights)  # (T,), (N + 1,) -> (N, D)
        return self.output(self.dropout(pooled))  # (N, K)
