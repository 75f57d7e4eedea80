"""The settings of an averaging model, and its answers from plain arrays: ids → a weighted sum of word vectors → logits.

`bywords.models.modules.averaging` learns the arrays with PyTorch; to answer, none of it is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_fields
from bywords.errors import check_range
from bywords.models.base import (
    Arrays,
    DifferentiableLogits,
    Growth,
    ModelConfig,
    Shapes,
    last_layer,
    strength_of_table,
)
from bywords.models.counted import CountedTable
from bywords.models.linear_terms import LinearTerms, terms_of_bags
from bywords.models.neural import NeuralModel
from bywords.models.tfidf_linear import MOST_PARTS, ON_FEATURES
from bywords.text.bags import Bags, Floats, Weighting, weighed_rows
from bywords.text.memory_mapped import MappedBags, MappedDocuments
from bywords.text.ragged import Ragged
from bywords.text.vocabulary import Features, Vocabulary

MOST_LAYERS = 20


@dataclass(frozen=True, kw_only=True)
class AveragingConfig(ModelConfig):
    """The size of an averaging model."""

    dimension: int | None = None  # of a word vector; None is that of given vectors, or DEFAULT_DIMENSION
    hidden_layers: int = 0  # rectified linear; the word vectors themselves are the weights of the first
    dropout: float = 0.5  # share of the units of the sum and of each hidden layer
    word_dropout: float = 0.0  # share of the words of a document
    frozen: bool = False  # keep the word vectors as they were given
    weighting: Weighting = "uniform"  # what a word counts in the sum
    start: float = 0.1  # standard deviation of word vectors that start from scratch
    features: Features = "all"  # which of the vocabulary's rows play a part
    by_row: bool = False  # a step changes only the word vectors of its batch (Adagrad); else all that there are (Adam)
    parts: int = 1  # of the documents, which are learned from one beside the other
    library = "torch"

    def __post_init__(self) -> None:
        check_fields(self)
        check_range("dimension", self.dimension, least=1, most=10_000)
        check_range("hidden_layers", self.hidden_layers, least=0, most=MOST_LAYERS)
        check_range("dropout", self.dropout, least=0, below=1)
        check_range("word_dropout", self.word_dropout, least=0, below=1)
        check_range("start", self.start, least=0, most=1_000)
        check_range("parts", self.parts, least=1, most=MOST_PARTS)

    @property
    def title(self) -> str:
        return f"averaging on {ON_FEATURES[self.features]}"

    def with_features(self, features: Features) -> Self:
        return replace(self, features=features)

    def in_parts(self, n_parts: int) -> Self | None:
        return replace(self, parts=n_parts)

    @property
    def can_continue(self) -> bool:
        return not self.frozen


class Averaging(NeuralModel):
    """An averaging model that has been trained: plain arrays, which answer without PyTorch.

    Without hidden layers, word vectors and output are one linear map after the other. They are folded into one table of
    a row a word and a column a class, so that an answer costs K additions a word instead of D.
    """

    Config = AveragingConfig
    can_be_member = True
    row_arrays = ("embedding.weight", "word_weight")
    rarities = ("word_weight",)
    trains_on_disk = True
    idf: Floats
    module_name = "averaging.AveragingModule"

    def __init__(self, config: AveragingConfig, blocks: tuple[int, ...], arrays: Arrays) -> None:
        """`arrays` are those of the module of the same config, by their names there."""
        self.config, self.blocks, self._arrays = config, blocks, dict(arrays)
        self.rows: Floats = arrays["embedding.weight"]  # (V, D)
        self.idf = arrays["word_weight"]  # (V,)
        self.bias: Any = arrays.get("bias")  # (D,), what the first hidden layer adds to the sums, where there is one
        self.layers = [
            (arrays[f"hidden.{layer}.weight"].T, arrays[f"hidden.{layer}.bias"])
            for layer in range(config.hidden_layers - 1)
        ]
        self.output, self.output_bias = arrays["output.weight"].T, arrays["output.bias"]  # (D, K), (K,)
        if not config.hidden_layers:
            self.rows = self.rows @ self.output  # (V, K)

    def features(self, documents: Ragged) -> Floats:
        """The last hidden layer, float32 (N, D); without one the sums that are the logits but for the bias."""
        units = weighed_rows(documents, self.rows, self.config.weighting, self.idf, self.blocks)
        if self.config.hidden_layers:
            units = np.maximum(units + self.bias, 0)
            for weight, bias in self.layers:
                units = np.maximum(units @ weight + bias, 0)
        return units

    def logits(self, documents: Ragged) -> Floats:
        """Float32 (N, K)."""
        units = self.features(documents)
        if not self.config.hidden_layers:
            return units + self.output_bias
        return last_layer(units, self.output, self.output_bias)

    def bags(self, documents: Ragged) -> Bags:
        """What each row counts in the sums of N documents."""
        return Bags.of(documents, len(self.idf)).weighed(self.config.weighting, self.idf, blocks=self.blocks)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return self._arrays

    @classmethod
    def from_arrays(cls, config: AveragingConfig, arrays: Arrays, *, vocabulary: Vocabulary, n_classes: int) -> Self:
        return cls(config, vocabulary.blocks, arrays)

    @classmethod
    def expected_shapes(cls, config: AveragingConfig, vocabulary: Vocabulary, n_classes: int) -> Shapes:
        n_rows = vocabulary.n_rows(config.features)
        shapes: dict[str, tuple[int | str, ...]] = {"embedding.weight": (n_rows, "D"), "word_weight": (n_rows,)}
        shapes |= {"output.weight": (n_classes, "D"), "output.bias": (n_classes,)}
        shapes |= {"bias": ("D",)} if config.hidden_layers else {}
        for layer in range(config.hidden_layers - 1):
            shapes |= {f"hidden.{layer}.weight": ("D", "D"), f"hidden.{layer}.bias": ("D",)}
        return shapes

    @classmethod
    def more_for_module(
        cls, config: AveragingConfig, documents: Ragged | MappedDocuments, vocabulary: Vocabulary
    ) -> dict[str, Any]:
        more: dict[str, Any] = {"blocks": vocabulary.blocks}
        if config.weighting != "uniform":
            import torch

            n_rows = vocabulary.n_rows(config.features)
            if isinstance(documents, MappedDocuments):
                idf = MappedBags.of(documents, n_rows).inverse_document_frequency()
            else:
                idf = Bags.of(documents, n_rows).inverse_document_frequency()
            idf[vocabulary.is_unseen[:n_rows]] = 0  # nothing is learned of them
            more["idf"] = torch.from_numpy(idf)
        return more

    def output_layer(self) -> tuple[Floats, Floats]:
        return self.output, self.output_bias

    def with_output_layer(self, weights: Floats, bias: Floats) -> Self:
        changed = {"output.weight": np.ascontiguousarray(weights.T), "output.bias": bias}
        return type(self)(self.config, self.blocks, {**self._arrays, **changed})

    def grown(self, growth: Growth) -> Self:
        n_rows = growth.vocabulary.n_rows(self.config.features)
        arrays = dict(self._arrays)
        arrays |= {name: growth.table(arrays[name], n_rows) for name in self.row_arrays}
        arrays["output.weight"] = np.ascontiguousarray(growth.classes(arrays["output.weight"].T).T)
        arrays["output.bias"] = growth.classes(arrays["output.bias"])
        return type(self)(self.config, growth.vocabulary.blocks, arrays)

    def row_strength(self) -> npt.NDArray[np.float64]:
        return strength_of_table(self.rows, is_of_classes=self.is_linear)

    @property
    def is_linear(self) -> bool:
        return not self.config.hidden_layers

    def linear_terms(self, documents: Ragged) -> LinearTerms:
        if not self.is_linear:
            return super().linear_terms(documents)
        rows = self.rows
        return terms_of_bags(documents, self.bags(documents), lambda asked: rows[asked], self.output_bias)

    def counted_tables(self) -> list[CountedTable]:
        if not self.is_linear:
            return super().counted_tables()
        is_share = self.config.weighting in ("uniform", "idf")
        weighting: Any = "share" if is_share else self.config.weighting
        idf = np.ones_like(self.idf) if self.config.weighting == "uniform" else self.idf
        return [CountedTable(weighting=weighting, idf=idf, rows=self.rows, bias=self.output_bias, blocks=self.blocks)]

    def differentiable(self, documents: Ragged) -> DifferentiableLogits:
        """The logits are a function of one sum of word vectors (1, D), so that its gradient is that of each."""
        import torch
        from torch import Tensor

        bias, output_bias = torch.from_numpy(self.bias), torch.from_numpy(self.output_bias)
        layers = [(torch.from_numpy(weight), torch.from_numpy(shift)) for weight, shift in self.layers]
        output, bags = torch.from_numpy(self.output), self.bags(documents)

        def logits(sums: Tensor) -> Tensor:
            units = (sums + bias).relu()
            for weight, shift in layers:
                units = (units @ weight + shift).relu()
            return units @ output + output_bias

        def terms(gradients: npt.NDArray[np.float64]) -> LinearTerms:
            return terms_of_bags(
                documents, bags, lambda rows: self.rows[rows].astype(np.float64) @ gradients.T,
                np.zeros(len(output_bias)),
            )  # fmt: skip

        return DifferentiableLogits(torch.from_numpy(bags.times(self.rows)), logits, terms)
