"""Bags of word ids in, logits out: a weighted sum of word vectors, perhaps hidden layers, one linear layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bywords.models.averaging import AveragingConfig
from bywords.models.modules.layers import DEFAULT_DIMENSION, Dropout, Model, seeded_embedding, seeded_linear
from bywords.text.bags import Bags
from bywords.text.memory_mapped import MappedBags, MappedDocuments
from bywords.text.ragged import Ragged


class AveragingModule(Model):
    """Average the word vectors of a document, then no, one or more hidden layers, then one linear layer.

    The first hidden layer adds a bias to the average and rectifies it: a matrix before it would only make other word
    vectors of the word vectors. Source: Iyyer et al. (2015), "Deep Unordered Composition Rivals Syntactic Methods for
    Text Classification", sections 2 and 3, with its dropout of words.
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
        blocks: tuple[int, ...] = (),
    ) -> None:
        """`vectors` is float32 (V, D); without it the word vectors start from `generator`. `idf` is float32 (V,)."""
        super().__init__()
        self.config, self.blocks = config, blocks
        self.by_row = frozenset({"embedding.weight"}) if config.by_row else frozenset()
        if vectors is None:
            vectors = seeded_embedding(n_words, config.dimension or DEFAULT_DIMENSION, generator, scale=config.start)
        dimension = vectors.shape[1]
        self.embedding = nn.Embedding.from_pretrained(vectors, freeze=config.frozen)
        self.word_weight: Tensor
        self.register_buffer("word_weight", torch.ones(n_words) if idf is None else idf)
        self.word_dropout = Dropout(config.word_dropout, generator)
        self.dropout = Dropout(config.dropout, generator)
        self.bias = nn.Parameter(torch.zeros(dimension)) if config.hidden_layers else None
        self.hidden = nn.ModuleList(
            seeded_linear(dimension, dimension, generator) for _ in range(config.hidden_layers - 1)
        )
        self.output = seeded_linear(dimension, n_classes, generator)
        self._index_of = torch.full((n_words,), -1, dtype=torch.int32).numpy()

    def prepare(self, documents: Ragged | MappedDocuments) -> Bags | MappedBags:
        """What `forward` takes: the words counted and weighed, at once or, of stored documents, when asked for."""
        if isinstance(documents, MappedDocuments):
            return MappedBags(documents, self.weigh, len(self.word_weight))
        return self.weigh(documents)

    def weigh(self, documents: Ragged) -> Bags:
        """The words of documents in memory, counted and weighed."""
        idf = self.word_weight.numpy()
        return Bags.of(documents, len(idf)).weighed(self.config.weighting, idf, blocks=self.blocks)

    def forward(self, batch: Bags) -> Tensor:
        weights = self.word_dropout(torch.from_numpy(batch.weights)).numpy()  # (T,)
        sums: Tensor = SumOfRows.apply(self.embedding.weight, batch, weights, self._index_of, self.config.by_row)  # type: ignore[no-untyped-call]
        units = sums if self.bias is None else (sums + self.bias).relu()
        for layer in self.hidden:
            units = layer(self.dropout(units)).relu()  # (N, D)
        return self.output(self.dropout(units))  # (N, K)


class SumOfRows(torch.autograd.Function):
    """Σ weight · row over the ids of each document, with a gradient for the rows that were read.

    Where it is asked to be sparse, the gradient has no others, so that a step costs what the batch has, whatever the
    vocabulary's size. Values and gradients are those of `nn.EmbeddingBag(mode="sum")` with `per_sample_weights`.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, batch: Bags, weights: Any, index_of: Any, is_sparse: bool) -> Tensor:
        """`matrix` is float32 (V, D), `weights` float32 (T,), `index_of` int32 (V,), all -1. Returns float32 (N, D)."""
        from bywords.kernels.rows import add_rows

        sums = torch.empty(len(batch), matrix.shape[1])
        add_rows(matrix.detach().numpy(), batch.ids, batch.offsets, weights, sums.numpy())
        ctx.matrix_shape, ctx.batch, ctx.weights, ctx.index_of = matrix.shape, batch, weights, index_of
        ctx.is_sparse = is_sparse
        return sums

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        from bywords.kernels.rows import gradients_of_rows

        batch, slopes = ctx.batch, gradients[0].contiguous().numpy()
        rows, values = gradients_of_rows(batch.ids, batch.offsets, ctx.weights, slopes, ctx.index_of)
        if not ctx.is_sparse:
            dense = torch.zeros(ctx.matrix_shape)
            dense[torch.from_numpy(rows)] = torch.from_numpy(values)
            return dense, None, None, None, None
        gradient = torch.sparse_coo_tensor(
            torch.from_numpy(rows).unsqueeze(0), torch.from_numpy(values), ctx.matrix_shape,
            check_invariants=False, is_coalesced=True,
        )  # fmt: skip
        return gradient, None, None, None, None
