"""Models that PyTorch trains in epochs: from settings and documents to a module, and from a module to a fitted model.

The modules are in `bywords.models.modules`; importing this room does not import PyTorch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from bywords.extras import needed
from bywords.forks import use_torch
from bywords.models.base import Arrays, FittedModel, Growth
from bywords.text.memory_mapped import MappedDocuments
from bywords.text.ragged import UNKNOWN, Ragged
from bywords.text.vocabulary import Vocabulary
from bywords.vectors.word_vectors import Aligned

if TYPE_CHECKING:
    from bywords.models.modules.layers import Model

START_SCALE = 0.1  # standard deviation of given word vectors when they begin to be tuned


class NeuralModel(FittedModel):
    """A fitted model whose arrays a module of PyTorch has learned."""

    trains_in_epochs = True
    module_name: ClassVar[str]  # in `bywords.models.modules`, a class of the same file: "lstm.LSTM"

    @classmethod
    def module_class(cls) -> type[Model]:
        """The module to train. Raises SettingError, naming the extra, where PyTorch is not installed."""
        file, _, name = cls.module_name.partition(".")
        needed("torch", what=f"a {name} model")
        use_torch()
        module: type[Model] = getattr(needed(f"bywords.models.modules.{file}", what=f"a {name} model"), name)
        return module

    @classmethod
    def new_module(
        cls,
        config: Any,
        documents: Ragged | MappedDocuments,
        vocabulary: Vocabulary,
        n_classes: int,
        *,
        seed: int,
        aligned: Aligned | None = None,
    ) -> Model:
        """A module at its start, drawn from `seed`; where there are word vectors `aligned`, from those."""
        module_class = cls.module_class()
        import torch

        n_rows = vocabulary.n_rows(config.features)
        vectors = None
        if aligned is not None:
            seen = replace(aligned, matrix=aligned.matrix[:n_rows], has_vector=aligned.has_vector[:n_rows])
            vectors = torch.from_numpy(_start_of(seen, getattr(config, "start", START_SCALE)))
        return module_class(
            config, n_words=n_rows, n_classes=n_classes, generator=torch.Generator().manual_seed(seed),
            vectors=vectors, **cls.more_for_module(config, documents, vocabulary),
        )  # fmt: skip

    @classmethod
    def more_for_module(
        cls, config: Any, documents: Ragged | MappedDocuments, vocabulary: Vocabulary
    ) -> dict[str, Any]:
        """What the module is made with beside sizes, generator and vectors."""
        return {}

    @classmethod
    def from_module(cls, config: Any, module: Model, vocabulary: Vocabulary) -> Self:
        """The fitted model of a module that has been trained."""
        arrays = arrays_of(module)
        return cls.from_arrays(config, arrays, vocabulary=vocabulary, n_classes=len(arrays["output.bias"]))


def arrays_of(module: Model) -> dict[str, npt.NDArray[Any]]:
    """All that a module has learned, by name."""
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


def take_over(module: Model, old: Arrays, growth: Growth, row_arrays: tuple[str, ...]) -> None:
    """Put what was learned before into a new module: rows of old words, columns of old classes, and all else."""
    import torch

    for name, tensor in module.state_dict().items():
        values = torch.from_numpy(np.array(old[name]))
        if name in row_arrays:
            tensor[torch.from_numpy(growth.rows[: len(values)])] = values
        elif name.startswith("output."):
            tensor[torch.from_numpy(growth.columns)] = values
        else:
            tensor.copy_(values)


def _start_of(aligned: Aligned, scale: float) -> npt.NDArray[np.float32]:
    """Vectors as a model starts from them: centred on the words that have one, with the standard deviation `scale`.

    Uncentred, the mean of any document is mostly what all words have in common, and learning is slow.
    """
    found = aligned.matrix[aligned.has_vector]
    start = (aligned.matrix - found.mean(axis=0)) * (scale / max(float(found.std()), 1e-12))
    start[: UNKNOWN + 1] = 0.0
    return start.astype(np.float32)
