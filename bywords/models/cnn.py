"""The settings of a convolutional network, and the shapes of what it learns: ids → windows of words → logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bywords.annotations import check_fields
from bywords.errors import SettingError, check_range
from bywords.models.base import ModelConfig, Shapes
from bywords.models.neural import PlainModel, arguments_of
from bywords.text.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True)
class CNNConfig(ModelConfig):
    """The size of a convolutional network. Source: Kim (2014), whose sizes the defaults are."""

    dimension: int | None = None  # of a word vector; None is that of given vectors, or 300
    n_filters: int = 100  # of each width
    widths: tuple[int, ...] = (3, 4, 5)  # of the windows, in words
    dropout: float = 0.5  # share of the filters
    frozen: bool = False  # keep the word vectors as they were given
    title, library = "CNN", "torch"

    def __post_init__(self) -> None:
        check_fields(self)
        check_range("dimension", self.dimension, least=1, most=10_000)
        check_range("n_filters", self.n_filters, least=1, most=10_000)
        check_range("dropout", self.dropout, least=0, below=1)
        if not 1 <= len(self.widths) <= 20:
            raise SettingError(f"there are {len(self.widths)} widths, expected 1 to 20, as in (3, 4, 5).")
        for width in self.widths:
            check_range("each of widths", width, least=1, most=100)

    @property
    def can_continue(self) -> bool:
        return not self.frozen

    def arguments(self) -> dict[str, Any]:
        return arguments_of(self)


class CNN(PlainModel):
    """A convolutional network that has been trained."""

    Config = CNNConfig
    module_name = "plain.CNNModel"

    @classmethod
    def expected_shapes(cls, config: CNNConfig, vocabulary: Vocabulary, n_classes: int) -> Shapes:
        shapes: dict[str, tuple[int | str, ...]] = {"embedding.weight": (vocabulary.n_rows(config.features), "D")}
        for index, width in enumerate(config.widths):
            shapes |= {f"filters.{index}.weight": (config.n_filters, "D", width)}
            shapes |= {f"filters.{index}.bias": (config.n_filters,)}
        n_inputs = config.n_filters * len(config.widths)
        return {**shapes, "output.weight": (n_classes, n_inputs), "output.bias": (n_classes,)}
