"""The settings of an LSTM, and the shapes of what it learns: ids in their order → states, pooled → logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bywords.annotations import check_fields
from bywords.errors import check_range
from bywords.models.base import ModelConfig, Shapes
from bywords.models.neural import SequenceModel
from bywords.text.vocabulary import Vocabulary

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


class LSTM(SequenceModel):
    """An LSTM that has been trained. It answers by PyTorch."""

    Config = LSTMConfig
    module_name = "lstm.LSTMModule"

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
