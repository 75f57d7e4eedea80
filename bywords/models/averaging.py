"""The settings of an averaging model, and its answers from plain arrays: what is learned elsewhere is used here.

`bywords.models.modules.averaging` learns the arrays with PyTorch; to answer, none of it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from bywords.errors import check_choice, check_range
from bywords.text.bags import Bags, Floats, Weighting
from bywords.text.ragged import Ragged
from bywords.text.vocabulary import Features


@dataclass(frozen=True, kw_only=True)
class AveragingConfig:
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

    def __post_init__(self) -> None:
        check_range("dimension", self.dimension, least=1)
        check_range("hidden_layers", self.hidden_layers, least=0)
        check_range("dropout", self.dropout, least=0, below=1)
        check_range("word_dropout", self.word_dropout, least=0, below=1)
        check_range("start", self.start, least=0)
        check_choice("weighting", self.weighting, get_args(Weighting))
        check_choice("features", self.features, get_args(Features))


class TrainedAveraging:
    """An averaging model that has been trained.

    Without hidden layers, word vectors and output are one linear map after the other. They are folded into one table of
    a row a word and a column a class, so that an answer costs K additions a word instead of D.
    """

    def __init__(
        self, config: AveragingConfig, blocks: tuple[int, ...], arrays: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        """`arrays` are those of the module of the same config, by their names there."""
        self.config, self.blocks, self._arrays = config, blocks, dict(arrays)
        self.rows: Floats = arrays["embedding.weight"]  # (V, D)
        self.layers = [
            (arrays[f"hidden.{layer}.weight"].T, arrays[f"hidden.{layer}.bias"])
            for layer in range(config.hidden_layers - 1)
        ]
        self.output, self.output_bias = arrays["output.weight"].T, arrays["output.bias"]  # (D, K), (K,)
        if not config.hidden_layers:
            self.rows = self.rows @ self.output  # (V, K)

    def logits(self, documents: Ragged) -> Floats:
        """Float32 (N, K)."""
        sums = self.bags(documents).times(self.rows)
        if not self.config.hidden_layers:
            return sums + self.output_bias
        units = np.maximum(sums + self.bias, 0)
        for weight, bias in self.layers:
            units = np.maximum(units @ weight + bias, 0)
        return units @ self.output + self.output_bias

    def bags(self, documents: Ragged) -> Bags:
        """What each row counts in the sums of N documents."""
        idf = self._arrays["word_weight"]
        return Bags.of(documents, len(idf)).weighed(self.config.weighting, idf, blocks=self.blocks)

    @property
    def bias(self) -> Floats:
        """What the first hidden layer adds to the sums, float32 (D,); a model without one has none."""
        bias: Floats = self._arrays["bias"]
        return bias

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return self._arrays
