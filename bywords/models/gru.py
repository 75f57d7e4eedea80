"""The settings of a GRU, and the shapes of what it learns: ids in their order → states, pooled → logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bywords.errors import check_range
from bywords.models.base import Shapes
from bywords.models.lstm import LSTMConfig
from bywords.models.neural import PlainModel, arguments_of
from bywords.text.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True)
class GRUConfig(LSTMConfig):
    """The size of a GRU: the settings of an LSTM, and how many layers."""

    dimension: int | None = None  # of a word vector; None is that of given vectors, or 300
    n_layers: int = 1
    title = "GRU"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("n_layers", self.n_layers, least=1, most=20)

    def arguments(self) -> dict[str, Any]:
        given = arguments_of(self)
        given["bidirectional"] = given.pop("directions") == 2
        return given


class GRU(PlainModel):
    """A GRU that has been trained."""

    Config = GRUConfig
    module_name = "plain.GRUModel"

    @classmethod
    def expected_shapes(cls, config: GRUConfig, vocabulary: Vocabulary, n_classes: int) -> Shapes:
        n_states, gates = config.directions * config.hidden, 3 * config.hidden
        shapes: dict[str, tuple[int | str, ...]] = {"embedding.weight": (vocabulary.n_rows(config.features), "D")}
        for layer in range(config.n_layers):
            for end in ("", "_reverse")[: config.directions]:
                shapes |= {
                    f"recurrent.weight_ih_l{layer}{end}": (gates, n_states if layer else "D"),
                    f"recurrent.weight_hh_l{layer}{end}": (gates, config.hidden),
                    f"recurrent.bias_ih_l{layer}{end}": (gates,),
                    f"recurrent.bias_hh_l{layer}{end}": (gates,),
                }
        return {**shapes, "output.weight": (n_classes, n_states), "output.bias": (n_classes,)}
