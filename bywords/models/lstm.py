"""The settings of an LSTM, and its answers: ids in their order → states, pooled → logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_fields
from bywords.errors import check_range
from bywords.models.base import Arrays, DifferentiableLogits, ModelConfig, Shapes
from bywords.models.linear_terms import LinearTerms
from bywords.models.neural import NeuralModel, arrays_of
from bywords.text.bags import Floats
from bywords.text.ragged import Ragged
from bywords.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from bywords.models.modules.layers import Model

Pooling = Literal["last", "mean", "max"]


@dataclass(frozen=True, kw_only=True)
class LSTMConfig(ModelConfig):
    """The size of an LSTM."""

    dimension: int | None = None  # of a word vector; None is that of given vectors, or DEFAULT_DIMENSION
    hidden: int = 64  # units of one direction
    directions: Literal[1, 2] = 2
    pooling: Pooling = "max"  # of the states of a document's words; "last" is the state after its last word
    dropout: float = 0.5  # share of the units, of the word vectors and of the pooled states
    frozen: bool = False  # keep the word vectors as they were given
    title, library = "LSTM", "torch"

    def __post_init__(self) -> None:
        check_fields(self)
        check_range("dimension", self.dimension, least=1, most=10_000)
        check_range("hidden", self.hidden, least=1, most=2_000)
        check_range("dropout", self.dropout, least=0, below=1)

    @property
    def can_continue(self) -> bool:
        return not self.frozen


class LSTM(NeuralModel):
    """An LSTM that has been trained. It answers by PyTorch."""

    Config = LSTMConfig
    row_arrays = ("embedding.weight",)
    reads_in_order = True
    module_name = "lstm.LSTMModule"

    def __init__(self, config: LSTMConfig, module: Any) -> None:
        self.config, self.module = config, module

    def logits(self, documents: Ragged) -> Floats:
        from bywords.models.modules.layers import predict_logits

        return predict_logits(self.module, documents)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return arrays_of(self.module)

    @classmethod
    def from_module(cls, config: LSTMConfig, module: Model, vocabulary: Vocabulary) -> Self:
        return cls(config, module)

    @classmethod
    def from_arrays(cls, config: LSTMConfig, arrays: Arrays, *, vocabulary: Vocabulary, n_classes: int) -> Self:
        module_class = cls.module_class()
        import torch

        vectors = torch.from_numpy(arrays["embedding.weight"])
        module = module_class(
            config, n_words=len(vectors), n_classes=n_classes, generator=torch.Generator(), vectors=vectors
        )
        module.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
        return cls(config, module)

    @classmethod
    def expected_shapes(cls, config: LSTMConfig, vocabulary: Vocabulary, n_classes: int) -> Shapes:
        directions, hidden, gates = config.directions, config.hidden, 4 * config.hidden
        return {
            "embedding.weight": (vocabulary.n_rows(config.features), "D"),
            "lstm.from_input": (directions, "D", gates),
            "lstm.from_state": (directions, hidden, gates),
            "lstm.bias": (directions, 1, gates),
            "output.weight": (n_classes, directions * hidden),
            "output.bias": (n_classes,),
        }

    def differentiable(self, documents: Ragged) -> DifferentiableLogits:
        """The logits are a function of all word vectors in their order, (1, T', D)."""
        import torch
        from torch import Tensor

        n_ids, module = len(documents.ids), self.module.eval()

        def logits(vectors: Tensor) -> Tensor:  # (B, T', D): as many documents of the same words, with other vectors
            n_documents = len(vectors)
            batch = Ragged(
                np.tile(documents.ids, n_documents),
                n_ids * np.arange(n_documents + 1),
                np.repeat(documents.in_vocabulary_share, n_documents),
            )
            found: Tensor = module(batch, vectors.flatten(0, 1))
            return found

        vectors = module.embedding.weight.detach()[torch.from_numpy(documents.ids)].unsqueeze(0)

        def terms(gradients: npt.NDArray[np.float64]) -> LinearTerms:
            by_id = (gradients * vectors.numpy().astype(np.float64)).sum(axis=2).T  # (K, T', D) -> (T', K)
            positions = np.arange(n_ids)
            return LinearTerms(
                positions, positions, np.ones(n_ids), n_ids, lambda rows: by_id[rows], np.zeros(by_id.shape[1])
            )  # fmt: skip

        return DifferentiableLogits(vectors, logits, terms)
