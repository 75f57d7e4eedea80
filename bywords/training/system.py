"""Tokens and targets → one fitted model with its vocabulary: any system of the table that has nothing to select."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bywords.checkpoint import NO_CHECKPOINT, Checkpoint, Entry, can_be_kept, check_like
from bywords.cluster import Holder, HolderHere
from bywords.config import typed
from bywords.data.targets import Rows, Targets
from bywords.errors import DataError, SettingError
from bywords.extras import needed
from bywords.fitted import History
from bywords.models.base import FittedModel, ModelConfig, model_class
from bywords.models.neural import NeuralModel
from bywords.records.base import VectorsSummary
from bywords.system_config import SystemConfig, TrainingConfig
from bywords.text.bags import Floats
from bywords.text.memory_mapped import MappedDocuments
from bywords.text.ragged import UNKNOWN, Ragged
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import MARKERS, Vocabulary
from bywords.training.callback import Callback
from bywords.vectors.word_vectors import Aligned, Coverage, VectorsConfig, WordVectors

if TYPE_CHECKING:
    from bywords.models.modules.layers import Model

Held = tuple[Any, Targets] | None  # documents held out, as the model takes them, and their targets


@dataclass
class SystemFit:
    """A vocabulary and a model that were fitted together, and what there is to say of how it went."""

    vocabulary: Vocabulary
    model: FittedModel
    vectors: WordVectors | None = None
    coverage: Coverage | None = None  # of the vocabulary by the vectors, before words without one leave it
    history: History = field(default_factory=History)
    notes: list[str] = field(default_factory=list)


def vectors_summary(fit: SystemFit) -> VectorsSummary | None:
    """What there is to say of the word vectors; None where there are none."""
    if fit.vectors is None or fit.coverage is None:
        return None
    return VectorsSummary(
        name=fit.vectors.name,
        dimension=fit.vectors.dimension,
        types_share=fit.coverage.share_of_types,
        tokens_share=fit.coverage.share_of_tokens,
    )


def fit_system(
    config: SystemConfig,
    train: Tokens,
    targets: Targets,
    valid: tuple[Tokens, Targets] | None,
    *,
    seed: int,
    vectors: WordVectors | None = None,
    n_epochs: int | None = None,
    callback: Callback | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> SystemFit:
    """Fit one system to `train`; a neural one stops early by its loss on `valid`, the others do not look at it.

    The vocabulary, idf and vectors come from `train` alone. `vectors`, where given, stand in for the config's. Without
    `valid`, a neural one is trained for `n_epochs`. Vectors that were trained, and epochs, are kept in `checkpoint`.
    Raises: DataError when no word is frequent enough, SettingError when the vectors have none of the words.
    """
    vocabulary = Vocabulary.of(train, config.vocabulary)
    check_has_words(vocabulary)
    vocabulary, vectors, aligned = with_vectors(
        config, train, vocabulary, seed=seed, vectors=vectors, callback=callback, checkpoint=checkpoint
    )
    kind = model_class(config.model)
    prepared = kind.prepare(config.model, vocabulary.encode(train), vocabulary)
    held_out = None
    if valid is not None and kind.trains_in_epochs:
        held_out = kind.prepare(config.model, vocabulary.encode(valid[0]), vocabulary), valid[1]
    model, history, notes = fit_model(
        config.model, prepared, targets, held_out, vocabulary=vocabulary, seed=seed,
        training=config.training or TrainingConfig(), n_epochs=n_epochs, aligned=aligned, callback=callback,
        checkpoint=checkpoint,
    )  # fmt: skip
    return SystemFit(vocabulary, model, vectors, aligned.coverage if aligned else None, history, notes)


def with_vectors(
    config: SystemConfig,
    train: Tokens | MappedDocuments,
    vocabulary: Vocabulary,
    *,
    seed: int,
    vectors: WordVectors | None = None,
    callback: Callback | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> tuple[Vocabulary, WordVectors | None, Aligned | None]:
    """The vocabulary as the model is to have it; and the word vectors of the system, as they are and aligned to it.

    They are `vectors`, where these are given, else read, or trained on `train`, where they are not in the checkpoint.
    Raises: SettingError for vectors of another dimension, and for those that have none of the words.
    """
    if config.vectors is None:
        return vocabulary, vectors, None
    vectors = vectors or _vectors_for(config.vectors, train, vocabulary, seed, callback or Callback(), checkpoint)
    if config.model.dimension is not None:
        vectors.check_dimension(config.model.dimension)
    aligned = aligned_vectors(vectors, vocabulary, seed=seed)
    if config.leave_out_missing:
        vocabulary, aligned = _without_missing(vocabulary, aligned)
    return vocabulary, vectors, aligned


def fit_model(
    config: ModelConfig,
    prepared: Any,
    targets: Targets,
    valid: Held,
    *,
    vocabulary: Vocabulary,
    seed: int,
    training: TrainingConfig,
    n_epochs: int | None = None,
    aligned: Aligned | None = None,
    duals: Floats | None = None,
    sampled: Rows | None = None,
    start: Callable[[Model], None] = lambda module: None,
    callback: Callback | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
    holder: Holder | None = None,
) -> tuple[FittedModel, History, list[str]]:
    """Fit one model to documents that it has prepared; a neural one from where `start` puts it.

    Where a neural one learns in parts, `holder` gets them, else this process or a folder on its disk has them. `duals`
    are those of all documents, or of those `sampled`.

    Returns: the model, what its epochs were, and sentences that there are to say of it.
    Raises: SettingError, naming the extra to install, for a neural model where PyTorch is not there.
    """
    kind = model_class(config)
    if not kind.trains_in_epochs:
        more: dict[str, Any] = {"checkpoint": checkpoint} if config.parts > 1 else {}
        more |= {} if sampled is None else {"sampled": sampled}
        model, notes = kind.fit(
            config, prepared, targets, vocabulary=vocabulary, seed=seed, aligned=aligned, duals=duals, **more
        )
        return _finite(model), History(), notes
    neural = cast("type[NeuralModel]", kind)
    callback = callback or Callback()
    max_epochs = n_epochs or training.max_epochs
    module = neural.new_module(config, prepared, vocabulary, targets.n_classes, seed=seed, aligned=aligned)
    start(module)
    needed("lightning_fabric", what=f"to train {config.title}")
    from bywords.models.modules.layers import threads
    from bywords.training.loop import fit
    from bywords.training.rounds import Rounds

    rounds = None
    with threads(1 if config.parts > 1 else neural.n_training_threads):
        if config.parts > 1:
            holder = holder or HolderHere(None if isinstance(prepared, Ragged) else prepared.folder)
            rounds = Rounds(cast(Any, module), prepared, targets, training, holder, callback.piece)
        history = fit(
            module, prepared, targets, valid, training,
            generator=np.random.default_rng(seed), n_epochs=n_epochs, checkpoint=checkpoint,
            on_epoch=lambda record: callback.epoch(record, max_epochs), on_batch=callback.batch, steps=rounds,
        )  # fmt: skip
    notes = [rounds.said(len(history.epochs))] if rounds is not None else []
    return _finite(neural.from_module(config, module, vocabulary)), history, notes


def _finite(model: FittedModel) -> FittedModel:
    """The model. Raises SettingError where it has numbers that are not finite."""
    for name, array in model.arrays().items():
        if array.size and not np.isfinite([array.min(), array.max()]).all():
            raise SettingError(
                f"{model.config.title}: its {name} are not all finite, so that it has no answers. Check the weights of "
                "the documents and the settings: steps or penalties may be too large."
            )
    return model


def can_train_on_disk(config: SystemConfig) -> bool:
    """Whether a system can be trained on documents that are not in memory."""
    candidates = config.model.candidates_of_many or config.model.candidates or (config.model,)
    can_have_vectors = config.vectors is None or (config.vectors.reads_files and not config.model.candidates)
    return can_have_vectors and any(model_class(one).trains_on_disk for one in candidates)


def check_has_words(vocabulary: Vocabulary) -> None:
    """Raise DataError where a vocabulary has no word."""
    if vocabulary.n_words == len(MARKERS):
        raise DataError(
            f"no word of the training texts occurs {vocabulary.config.min_count} times or more, so there is nothing to "
            "learn from. Add documents, or lower vocabulary.min_count."
        )


def aligned_vectors(vectors: WordVectors, vocabulary: Vocabulary, *, seed: int) -> Aligned:
    """The vectors of the vocabulary's words. Raises SettingError when there is none."""
    aligned = vectors.align(vocabulary, seed=seed)
    if not aligned.has_vector[~vocabulary.is_unseen].any():
        raise SettingError(
            f"the vectors {vectors.name!r} have none of the {len(vocabulary.words)} words of the training texts. "
            "Take vectors of the same language, or a system without pre-trained vectors."
        )
    return aligned


def _vectors_for(
    config: VectorsConfig,
    train: Tokens | MappedDocuments,
    vocabulary: Vocabulary,
    seed: int,
    callback: Callback,
    checkpoint: Checkpoint,
) -> WordVectors:
    """Read, or trained and kept in the checkpoint."""
    if config.is_pretrained:
        return config.vectors_for(train, vocabulary)

    def restore(entry: Entry) -> WordVectors:
        shape = len(vocabulary.words), getattr(config, "dimension", 0)
        check_like(entry.arrays, {"matrix": np.empty(shape, dtype=np.float32)})
        return WordVectors(vocabulary.words, entry.arrays["matrix"], typed(str, entry.values, where="it"))

    if (kept := checkpoint.restored("vectors", restore)) is not None:
        return kept
    started = time.perf_counter()

    def on_epoch(epoch: int, n_epochs: int, loss: float | None) -> None:
        callback.vectors_epoch(epoch, n_epochs, loss, time.perf_counter() - started)

    epochs = checkpoint.under("vectors")
    vectors = config.vectors_for(
        train, vocabulary, seed=seed, checkpoint=epochs, on_epoch=on_epoch, on_part=callback.part
    )  # fmt: skip
    if can_be_kept(arrays := {"matrix": vectors.matrix}):
        checkpoint.save("vectors", arrays, vectors.name)
        epochs.forget()
    return vectors


def _without_missing(vocabulary: Vocabulary, aligned: Aligned) -> tuple[Vocabulary, Aligned]:
    """Both without the words that have no vector."""
    is_row = aligned.has_vector.copy()
    is_row[: UNKNOWN + 1] = True
    kept = replace(aligned, matrix=aligned.matrix[is_row], has_vector=aligned.has_vector[is_row])
    return vocabulary.keep(aligned.has_vector), kept
