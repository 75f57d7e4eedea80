"""Tokens and labels in, one fitted system out. `SYSTEMS` is the table: one row a system, one face for all.

A system is a tokenizer, a vocabulary, perhaps word vectors, and a model; each has its small config, and a row composes
them. A model is fitted by `fit_system`, whatever it is, and answers `logits` and `arrays` from then on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from bywords.checkpoint import NO_CHECKPOINT, Checkpoint
from bywords.data.targets import Targets
from bywords.errors import DataError, SettingError
from bywords.models.averaging import AveragingConfig, TrainedAveraging
from bywords.models.ensemble import Ensemble, EnsembleConfig, MemberConfig
from bywords.models.mean_vector import MeanVector, MeanVectorConfig
from bywords.models.modules import MODELS, ModelConfig
from bywords.models.modules.layers import Model
from bywords.models.modules.lstm import LSTMConfig
from bywords.models.tfidf_linear import TfidfConfig, TfidfLinear
from bywords.text.bags import Bags
from bywords.text.memory_mapped import MappedDocuments
from bywords.text.ragged import UNKNOWN, Ragged
from bywords.text.tokenizer import TokenizerConfig, Tokens
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.training.loop import EpochRecord, History, TrainingConfig, fit, predict_logits
from bywords.vectors.glove import GloveConfig, train_glove
from bywords.vectors.load import load_vectors
from bywords.vectors.word2vec import Word2VecConfig, train_word2vec
from bywords.vectors.word_vectors import Aligned, Coverage, WordVectors

START_SCALE = 0.1  # standard deviation of given word vectors when they begin to be tuned


@dataclass(frozen=True, kw_only=True)
class PretrainedConfig:
    """Word vectors that somebody trained before: a name that `load_vectors` knows, or a path."""

    name: str = "glove-6b-50d"


VectorsConfig = PretrainedConfig | Word2VecConfig | GloveConfig


@dataclass(frozen=True, kw_only=True)
class SelectionConfig:
    """Models of which `bywords.training.model_selection` makes the one that does best on documents held out, or a blend of some."""

    candidates: tuple[MemberConfig, ...]
    candidates_of_many: tuple[MemberConfig, ...] = ()  # instead, where there are so many words that pieces are left out

    def __post_init__(self) -> None:
        if not self.candidates:
            raise SettingError("there is nothing to choose from: give one candidate at least.")


AnyModelConfig = ModelConfig | TfidfConfig | MeanVectorConfig | EnsembleConfig | SelectionConfig


@dataclass(frozen=True, kw_only=True)
class SystemConfig:
    """All that makes a system. `training` is for the models that have epochs; the others do not read it."""

    description: str
    model: AnyModelConfig
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    vocabulary: VocabularyConfig = field(default_factory=VocabularyConfig)
    vectors: VectorsConfig | None = None
    leave_out_missing: bool = False  # words without a vector leave the vocabulary; else they get a seeded start
    training: TrainingConfig | None = None


LONGER_WORDS = TokenizerConfig(pattern=r"\b\w\w+\b")  # of two signs or more, as scikit-learn's vectorisers have it
TWICE_OR_MORE = VocabularyConfig(min_count=2)
LSTM_VOCABULARY = VocabularyConfig(min_count=2, max_length=200)
LSTM_TRAINING = TrainingConfig(learning_rate=4e-3, max_epochs=12, patience=2, max_norm=5.0, like_length=True)

DAN = AveragingConfig(
    dimension=64, hidden_layers=1, weighting="log-tfidf", start=0.03, word_dropout=0.3, dropout=0.3, by_row=True
)
DAN_TRAINING = TrainingConfig(
    batch_size=64, learning_rate=3e-3, row_learning_rate=0.1, decay=True, max_epochs=4, patience=2, refit=True
)
NB_SVC = TfidfConfig(
    estimator="nb-svc", sublinear=True, features="ngrams"
)  # the slowest of the candidates is the first
SVC = TfidfConfig(estimator="svc", sublinear=True)
NB = TfidfConfig(estimator="nb", strength=0.1, sublinear=True, features="words")
WORDS_AND_RUNS = VocabularyConfig(ngrams=2)

DEFAULT_SYSTEM = "auto"
SYSTEMS: dict[str, SystemConfig] = {
    "auto": SystemConfig(
        description="the best of several linear models on words, runs of words and pieces of words, or a blend of them",
        vocabulary=VocabularyConfig(ngrams=2, char_ngrams=(3, 5)),
        model=SelectionConfig(
            candidates=(NB_SVC, SVC, replace(NB, strength=0.3, features="ngrams"), NB),
            candidates_of_many=(NB_SVC, replace(SVC, features="words"), NB),
        ),
        training=DAN_TRAINING,  # of the averaging models that a longer search tries
    ),
    "dan": SystemConfig(
        description="deep averaging network: weighted sum of word vectors and a rectified layer, learned from scratch",
        model=DAN,
        training=DAN_TRAINING,
    ),
    "dan-ngrams": SystemConfig(
        description="the same with a vector for each two words that follow each other",
        vocabulary=WORDS_AND_RUNS,
        model=DAN,
        training=DAN_TRAINING,
    ),
    "tfidf-svc": SystemConfig(
        description="TF-IDF and a linear support vector machine",
        tokenizer=LONGER_WORDS,
        model=TfidfConfig(estimator="svc", strength=0.7, sublinear=True),
    ),
    "tfidf-nb": SystemConfig(
        description="TF-IDF and complement naive Bayes",
        tokenizer=LONGER_WORDS,
        model=TfidfConfig(estimator="nb", strength=0.3),
    ),
    "glove-mean": SystemConfig(
        description="idf-weighted mean of pre-trained GloVe vectors and logistic regression",
        tokenizer=TokenizerConfig(punctuation=False),
        vocabulary=TWICE_OR_MORE,
        model=MeanVectorConfig(pooling="idf", strength=10.0),
        vectors=PretrainedConfig(),
        leave_out_missing=True,
    ),
    "glove-corpus-mean": SystemConfig(
        description="idf-weighted mean of GloVe vectors trained on the corpus and logistic regression",
        vocabulary=VocabularyConfig(min_count=5),
        model=MeanVectorConfig(pooling="idf", strength=0.1),
        vectors=GloveConfig(),
    ),
    "word2vec-mean": SystemConfig(
        description="idf-weighted mean of word2vec vectors trained on the corpus and logistic regression",
        vocabulary=VocabularyConfig(min_count=5),
        model=MeanVectorConfig(pooling="idf", strength=0.1),
        vectors=Word2VecConfig(),
    ),
    "averaging": SystemConfig(
        description="mean of word vectors and a linear layer, learned together from scratch",
        vocabulary=TWICE_OR_MORE,
        model=AveragingConfig(),
        training=TrainingConfig(batch_size=128, learning_rate=1e-2),
    ),
    "averaging-glove": SystemConfig(
        description="mean of word vectors and a linear layer, started from GloVe and tuned",
        vocabulary=TWICE_OR_MORE,
        model=AveragingConfig(),
        vectors=PretrainedConfig(),
        training=TrainingConfig(batch_size=128, learning_rate=5e-3),
    ),
    "averaging-glove-frozen": SystemConfig(
        description="idf-weighted mean of GloVe vectors that stay as they are, and a linear layer",
        vocabulary=TWICE_OR_MORE,
        model=AveragingConfig(frozen=True, dropout=0.0, weighting="idf"),
        vectors=PretrainedConfig(),
        leave_out_missing=True,
        training=TrainingConfig(batch_size=512, learning_rate=0.1, max_epochs=100, patience=5),
    ),
    "lstm": SystemConfig(
        description="LSTM in both directions, maximum over its states, learned from scratch",
        vocabulary=LSTM_VOCABULARY,
        model=LSTMConfig(),
        training=LSTM_TRAINING,
    ),
    "lstm-glove": SystemConfig(
        description="LSTM in both directions, maximum over its states, started from GloVe and tuned",
        vocabulary=LSTM_VOCABULARY,
        model=LSTMConfig(),
        vectors=PretrainedConfig(),
        training=LSTM_TRAINING,
    ),
}


def with_vectors(config: SystemConfig, name: str) -> SystemConfig:
    """A system that chooses, with one more candidate: a deep averaging network that starts from these vectors."""
    if not isinstance(config.model, SelectionConfig):
        raise SettingError("only a system that chooses takes one more candidate.")
    tuned = replace(DAN, dimension=None, features="words")
    few, many = config.model.candidates, config.model.candidates_of_many
    model = SelectionConfig(candidates=(*few, tuned), candidates_of_many=(*many, tuned) if many else ())
    return replace(config, model=model, vectors=PretrainedConfig(name=name), training=DAN_TRAINING)


class FittedModel(Protocol):
    """What every fitted model answers."""

    def logits(self, documents: Ragged) -> npt.NDArray[np.float32]:
        """Float32 (N, K); a softmax over them, divided by the temperature, gives the probabilities."""
        ...

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All that was learned, by name."""
        ...


class NeuralModel:
    """A trained module of `MODELS` behind the face of a fitted model."""

    def __init__(self, module: Model) -> None:
        self.module = module

    def logits(self, documents: Ragged) -> npt.NDArray[np.float32]:
        return predict_logits(self.module, documents)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return arrays_of(self.module)


def arrays_of(module: Model) -> dict[str, npt.NDArray[Any]]:
    """All that a module has learned, by name."""
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


class Callback(Protocol):
    """Hears how a fit goes on; the command line's shows a line an epoch."""

    def vectors_epoch(self, epoch: int, n_epochs: int, loss: float | None, seconds: float) -> None:
        """An epoch of training word vectors is over; `seconds` since the first began."""

    def epoch(self, record: EpochRecord, max_epochs: int) -> None:
        """An epoch of training a model is over."""

    def batch(self, epoch: int, n_done: int, n_batches: int) -> None:
        """A batch of an epoch is over."""

    def step(self, n_done: int, n_steps: int, what: str) -> None:
        """One of several fits is over; `what` says which."""


class NoCallback:
    """A listener that does nothing."""

    def vectors_epoch(self, epoch: int, n_epochs: int, loss: float | None, seconds: float) -> None:
        pass

    def epoch(self, record: EpochRecord, max_epochs: int) -> None:
        pass

    def batch(self, epoch: int, n_done: int, n_batches: int) -> None:
        pass

    def step(self, n_done: int, n_steps: int, what: str) -> None:
        pass


@dataclass
class FittedSystem:
    """What a fit gives: enough to predict, and what there is to say of how it went."""

    vocabulary: Vocabulary
    model: FittedModel
    vectors: WordVectors | None = None
    coverage: Coverage | None = None  # of the vocabulary by the vectors, before words without one leave it
    history: History = field(default_factory=History)
    notes: list[str] = field(default_factory=list)


def fit_system(
    config: SystemConfig,
    train: Tokens,
    targets: Targets,
    valid: Tokens | None,
    valid_targets: Targets | None,
    *,
    seed: int,
    vectors: WordVectors | None = None,
    n_epochs: int | None = None,
    callback: Callback | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> FittedSystem:
    """Fit one system to `train`; a neural one stops early by its loss on `valid`, the others do not look at it.

    The vocabulary, idf and vectors come from `train` alone. `vectors`, where given, stand in for the config's. Without
    `valid`, a neural one is trained for `n_epochs`. Vectors that were trained, and epochs, are kept in `checkpoint`.
    Raises: DataError when no word is frequent enough, SettingError when the vectors have none of the words.
    """
    callback = callback or NoCallback()
    vocabulary = Vocabulary.of(train, config.vocabulary)
    if not len(vocabulary.words):
        raise DataError(
            f"no word of the training texts occurs {config.vocabulary.min_count} times or more, so there is nothing to "
            "learn from. Add documents, or lower vocabulary.min_count."
        )
    aligned = None
    if config.vectors is not None:
        vectors = vectors or _get_vectors(config.vectors, train, vocabulary, seed, callback, checkpoint)
        dimension = getattr(config.model, "dimension", None)
        if dimension is not None:
            vectors.check_dimension(dimension)
        aligned = align(vectors, vocabulary, seed=seed)
    coverage = aligned.coverage if aligned else None
    if aligned and config.leave_out_missing:
        vocabulary, aligned = _without_missing(vocabulary, aligned)
    documents = vocabulary.encode(train)
    held_out = None if valid is None or valid_targets is None else (vocabulary.encode(valid), valid_targets)
    if isinstance(config.model, MeanVectorConfig):
        if aligned is None:
            raise SettingError("a mean of word vectors needs word vectors: give the system `vectors`.")
        mean_vector, notes = MeanVector.fit(config.model, documents, targets, vectors=aligned.matrix)
        return FittedSystem(vocabulary, mean_vector, vectors, coverage, notes=notes)
    model, history = fit_model(
        config.model, documents, targets, held_out, vocabulary=vocabulary, seed=seed,
        training=config.training, n_epochs=n_epochs, aligned=aligned, callback=callback, checkpoint=checkpoint,
    )  # fmt: skip
    return FittedSystem(vocabulary, model, vectors, coverage, history)


def fit_model(
    config: ModelConfig | TfidfConfig | EnsembleConfig | SelectionConfig,
    documents: Ragged | MappedDocuments,
    targets: Targets,
    valid: tuple[Ragged | MappedDocuments, Targets] | None,
    *,
    vocabulary: Vocabulary,
    seed: int,
    training: TrainingConfig | None = None,
    n_epochs: int | None = None,
    aligned: Aligned | None = None,
    start: Callable[[Model], None] = lambda module: None,
    callback: Callback | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> tuple[FittedModel, History]:
    """Fit one model to encoded documents; a neural one from where `start` puts it.

    Raises: SettingError for one that is made of several: see `bywords.training.model_selection`.
    """
    if isinstance(config, EnsembleConfig | SelectionConfig):
        raise SettingError("several models are fitted by `bywords.training.model_selection.choose`, not one by one.")
    if isinstance(config, TfidfConfig):
        if isinstance(documents, MappedDocuments):
            raise SettingError("a linear model on TF-IDF needs all documents in memory.")
        linear = TfidfLinear.fit(config, documents, targets, vocabulary=vocabulary, seed=seed)
        return linear, History()
    callback = callback or NoCallback()
    training = training or TrainingConfig()
    max_epochs = n_epochs or training.max_epochs
    module = _new_module(config, documents, vocabulary, targets.n_classes, seed, aligned)
    start(module)
    held_out, held_out_targets = valid or (None, None)
    history = fit(
        module, documents, targets, held_out, held_out_targets, training,
        generator=np.random.default_rng(seed), n_epochs=n_epochs, checkpoint=checkpoint,
        on_epoch=lambda record: callback.epoch(record, max_epochs), on_batch=callback.batch,
    )  # fmt: skip
    if isinstance(config, AveragingConfig):
        return TrainedAveraging(config, vocabulary.blocks, arrays_of(module)), history
    return NeuralModel(module), history


def check_can_train_on_disk(config: SystemConfig, name: str) -> AveragingConfig:
    """The model of a system that can be trained on documents that are not in memory. Raises SettingError for others."""
    if isinstance(config.model, AveragingConfig) and config.vectors is None:
        if config.vocabulary.char_ngrams is not None or config.vocabulary.ngrams > 2:
            raise SettingError(
                "of documents on disk, words and runs of two are counted, no pieces or longer runs: leave out "
                "vocabulary.pieces, and vocabulary.ngrams of more than 2."
            )
        return config.model
    able = [n for n, c in SYSTEMS.items() if isinstance(c.model, AveragingConfig) and c.vectors is None]
    raise SettingError(
        f"the system {name!r} needs all documents in memory. Those that train on documents on disk: {', '.join(able)}."
    )


def align(vectors: WordVectors, vocabulary: Vocabulary, *, seed: int) -> Aligned:
    """The vectors of the vocabulary's words. Raises SettingError when there is not one."""
    aligned = vectors.align(vocabulary, seed=seed)
    if not aligned.has_vector.any():
        raise SettingError(
            f"the vectors {vectors.name!r} have none of the {len(vocabulary.words)} words of the training texts. "
            "Take vectors of the same language, or a system without pre-trained vectors."
        )
    return aligned


def restore_model(
    config: SystemConfig, arrays: Mapping[str, npt.NDArray[Any]], *, vocabulary: Vocabulary, n_classes: int
) -> FittedModel:
    """A fitted model from the arrays that it gave.

    Raises: KeyError, SettingError or an error of torch where the arrays are not those of the config.
    """
    model = _restored(config.model, arrays, vocabulary, n_classes)
    n_found = model.logits(Ragged.of([[]])).shape[1]
    if n_found != n_classes:
        raise SettingError(f"the weights are for {n_found} classes, and there are {n_classes} labels")
    return model


def _restored(
    config: AnyModelConfig, arrays: Mapping[str, npt.NDArray[Any]], vocabulary: Vocabulary, n_classes: int
) -> FittedModel:
    if isinstance(config, TfidfConfig):
        return TfidfLinear(config, vocabulary.blocks, arrays["idf"], arrays["weights"], arrays["bias"])
    if isinstance(config, MeanVectorConfig):
        return MeanVector(config, arrays["vectors"], arrays["idf"], arrays["weights"], arrays["bias"])
    if isinstance(config, EnsembleConfig):
        return Ensemble.restored(config, vocabulary.blocks, arrays)
    if isinstance(config, AveragingConfig):
        return TrainedAveraging(config, vocabulary.blocks, arrays)
    if isinstance(config, SelectionConfig):
        raise SettingError("a choice that has not been made yet cannot be restored")
    vectors = torch.from_numpy(arrays["embedding.weight"])
    module = MODELS[type(config)](
        config, n_words=len(vectors), n_classes=n_classes, generator=torch.Generator(), vectors=vectors
    )
    module.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    return NeuralModel(module)


def _get_vectors(
    config: VectorsConfig, tokens: Tokens, vocabulary: Vocabulary, seed: int, callback: Callback, checkpoint: Checkpoint
) -> WordVectors:
    if isinstance(config, PretrainedConfig):
        return load_vectors(config.name, words=vocabulary.words)
    if (entry := checkpoint.load("vectors")) is not None:
        return WordVectors(vocabulary.words, entry.arrays["matrix"], entry.values)
    started = time.perf_counter()

    def on_epoch(epoch: int, n_epochs: int, loss: float | None) -> None:
        callback.vectors_epoch(epoch, n_epochs, loss, time.perf_counter() - started)

    if isinstance(config, Word2VecConfig):
        vectors = train_word2vec(tokens, vocabulary, config, seed=seed, on_epoch=on_epoch)
    else:
        epochs = checkpoint.under("vectors")
        vectors = train_glove(tokens, vocabulary, config, seed=seed, checkpoint=epochs, on_epoch=on_epoch)
    checkpoint.save("vectors", {"matrix": vectors.matrix}, vectors.name)
    checkpoint.under("vectors").forget()
    return vectors


def _without_missing(vocabulary: Vocabulary, aligned: Aligned) -> tuple[Vocabulary, Aligned]:
    """Both without the words that have no vector."""
    is_row = aligned.has_vector.copy()
    is_row[: UNKNOWN + 1] = True
    kept = replace(aligned, matrix=aligned.matrix[is_row], has_vector=aligned.has_vector[is_row])
    return vocabulary.keep(aligned.has_vector), kept


def _new_module(
    config: ModelConfig,
    documents: Ragged | MappedDocuments,
    vocabulary: Vocabulary,
    n_classes: int,
    seed: int,
    aligned: Aligned | None,
) -> Model:
    generator = torch.Generator().manual_seed(seed)
    n_words = len(vocabulary)
    more: dict[str, Any] = {}
    if isinstance(config, AveragingConfig):
        n_words = vocabulary.n_rows(config.features)
        more["blocks"] = vocabulary.blocks
        if config.weighting != "uniform":
            if isinstance(documents, MappedDocuments):
                idf = documents.inverse_document_frequency(n_words)
            else:
                idf = Bags.of(documents, n_words).inverse_document_frequency()
            more["idf"] = torch.from_numpy(idf)
    vectors = None
    if aligned is not None:
        seen = replace(aligned, matrix=aligned.matrix[:n_words], has_vector=aligned.has_vector[:n_words])
        vectors = torch.from_numpy(_start_of(seen, getattr(config, "start", START_SCALE)))
    return MODELS[type(config)](
        config, n_words=n_words, n_classes=n_classes, generator=generator, vectors=vectors, **more
    )


def _start_of(aligned: Aligned, scale: float) -> npt.NDArray[np.float32]:
    """Vectors as a model starts from them: centred on the words that have one, with the standard deviation `scale`.

    Uncentred, the mean of any document is mostly what all words have in common, and learning is slow.
    """
    found = aligned.matrix[aligned.has_vector]
    start = (aligned.matrix - found.mean(axis=0)) * (scale / max(float(found.std()), 1e-12))
    start[: UNKNOWN + 1] = 0.0
    return start.astype(np.float32)
