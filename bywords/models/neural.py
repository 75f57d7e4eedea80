"""Models that PyTorch trains in epochs: from settings and documents to a module, and from a module to a fitted model.

The modules are in `bywords.models.modules`; importing this room does not import PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from bywords.extras import needed
from bywords.forks import use_torch
from bywords.models.base import Arrays, DifferentiableLogits, FittedModel, Growth, ModelConfig
from bywords.models.linear_terms import LinearTerms
from bywords.text.bags import Floats
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
    n_training_threads: ClassVar[int | None] = None  # of PyTorch; None is as many as it has
    module_name: ClassVar[str]  # in `bywords.models.modules`, a class of the same file: "lstm.LSTM"

    @classmethod
    def module_class(cls) -> Callable[..., Model]:
        """The module to train. Raises SettingError, naming the extra, where PyTorch is not installed."""
        file, _, name = cls.module_name.partition(".")
        needed("torch", what=f"a {name} model")
        use_torch()
        module: Callable[..., Model] = getattr(needed(f"bywords.models.modules.{file}", what=f"a {name} model"), name)
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
        module = module_class(
            config, n_words=n_rows, n_classes=n_classes, generator=torch.Generator().manual_seed(seed),
            vectors=vectors, **cls.more_for_module(config, documents, vocabulary),
        )  # fmt: skip
        cls.check_module(module, n_rows)
        return module

    @classmethod
    def check_module(cls, module: Model, n_words: int) -> None:
        """Raises SettingError for a new module that is no classifier of texts, as a custom one may be."""

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


class SequenceModel(NeuralModel):
    """A module that reads the words of a document in their order. It answers by PyTorch.

    PyTorch's sums have other bits with other numbers of threads, so it trains on one: a seed gives the same model on
    every number of them. The steps of an LSTM are compiled code, whose threads change no bits.
    """

    n_training_threads: ClassVar[int | None] = 1
    why_in_memory = "it reads documents of like length together, which are looked for among all"

    row_arrays = ("embedding.weight",)
    reads_in_order = True

    def __init__(self, config: Any, module: Any) -> None:
        self.config, self.module = config, module

    def logits(self, documents: Ragged) -> Floats:
        from bywords.models.modules.layers import predict_logits

        return predict_logits(self.module, documents)

    def features(self, documents: Ragged) -> Floats:
        """What the layer `output` reads, float32 (N, D): pooled states; the logits of a custom module without one."""
        from bywords.models.modules.layers import predict_logits, without_output

        return predict_logits(without_output(self.module), documents)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return arrays_of(self.module)

    @classmethod
    def from_module(cls, config: Any, module: Model, vocabulary: Vocabulary) -> Self:
        return cls(config, module)

    @classmethod
    def from_arrays(cls, config: Any, arrays: Arrays, *, vocabulary: Vocabulary, n_classes: int) -> Self:
        module_class = cls.module_class()
        import torch

        n_words, vectors = vocabulary.n_rows(config.features), torch.from_numpy(arrays["embedding.weight"])
        module = module_class(
            config, n_words=n_words, n_classes=n_classes, generator=torch.Generator(), vectors=vectors
        )
        module.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
        return cls(config, module)

    def differentiable(self, documents: Ragged) -> DifferentiableLogits:
        """The logits are a function of all word vectors in their order, (1, T', D): of all tables, side by side."""
        import torch
        from torch import Tensor

        n_ids, module = len(documents.ids), self.module.eval()
        learned = module.state_dict()
        tables = {name: learned[name] for name in self.row_arrays}
        widths, n_markers = [table.shape[1] for table in tables.values()], UNKNOWN + 1

        def logits(vectors: Tensor) -> Tensor:  # (B, T', D): as many documents of the same words, with other vectors
            n_documents = len(vectors)
            batch = Ragged(
                np.arange(n_markers, n_markers + n_documents * n_ids, dtype=np.int32),  # each word has its own row
                n_ids * np.arange(n_documents + 1),
                np.repeat(documents.in_vocabulary_share, n_documents),
            )
            rows = torch.nn.functional.pad(vectors.flatten(0, 1), (0, 0, n_markers, 0))
            found: Tensor = module.with_rows(dict(zip(tables, rows.split(widths, dim=1), strict=True)), batch)
            return found

        ids = torch.from_numpy(documents.ids)
        vectors = torch.cat([table[ids] for table in tables.values()], dim=1).unsqueeze(0)

        def terms(gradients: npt.NDArray[np.float64]) -> LinearTerms:
            by_id = (gradients * vectors.numpy().astype(np.float64)).sum(axis=2).T  # (K, T', D) -> (T', K)
            positions = np.arange(n_ids)
            return LinearTerms(
                positions, positions, np.ones(n_ids), n_ids, lambda rows: by_id[rows], np.zeros(by_id.shape[1])
            )  # fmt: skip

        return DifferentiableLogits(vectors, logits, terms)


class PlainModel(SequenceModel):
    """A model whose module is a plain one, called with tensors: `bywords.models.modules.wrapper` hands it documents.

    Its settings are a `ModelConfig` with `arguments`, what the plain module is made with beside its sizes.
    """

    @classmethod
    def module_class(cls) -> Callable[..., Model]:
        plain = super().module_class()
        from bywords.models.modules.wrapper import Wrapper

        return partial(Wrapper, plain)


def arguments_of(config: ModelConfig) -> dict[str, Any]:
    """All settings by name, but those that are None."""
    values = {field.name: getattr(config, field.name) for field in fields(config)}  # type: ignore[arg-type]
    return {name: value for name, value in values.items() if value is not None}


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
