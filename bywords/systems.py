"""`SYSTEMS` is the table, one row a system: a tokenizer, a vocabulary, perhaps word vectors, and a model.

>>> from bywords import SYSTEMS
>>> SYSTEMS["tfidf-svc"].description
'TF-IDF and a linear support vector machine'
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from bywords.errors import SettingError, did_you_mean, quoted
from bywords.models.averaging import AveragingConfig
from bywords.models.base import ModelConfig, register_model
from bywords.models.cnn import CNNConfig
from bywords.models.gru import GRUConfig
from bywords.models.label_tree import LabelTreeConfig
from bywords.models.lstm import LSTMConfig
from bywords.models.mean_vector import MeanVectorConfig
from bywords.models.static_vectors import StaticVectorsConfig
from bywords.models.tfidf_linear import TfidfConfig
from bywords.system_config import SelectionConfig, SystemConfig, TrainingConfig
from bywords.text.tokenizer import LONGER_WORDS, TokenizerConfig
from bywords.text.vocabulary import VocabularyConfig
from bywords.training.system import can_train_on_disk
from bywords.training.workbench import DAN, DAN_TRAINING
from bywords.vectors.glove import GloveConfig
from bywords.vectors.load import GivenVectors, PretrainedConfig
from bywords.vectors.word2vec import Word2VecConfig
from bywords.vectors.word_vectors import VectorsConfig

TWICE_OR_MORE = VocabularyConfig(min_count=2)
LSTM_VOCABULARY = VocabularyConfig(min_count=2, max_length=200)
LSTM_TRAINING = TrainingConfig(learning_rate=4e-3, max_epochs=12, patience=2, max_norm=5.0, like_length=True)
CNN_TRAINING = TrainingConfig(learning_rate=1e-3, max_epochs=12, patience=2, max_norm=5.0, like_length=True)
MODULE_TRAINING = TrainingConfig(learning_rate=2e-3, like_length=True)

NB_SVC = TfidfConfig(
    estimator="nb-svc", sublinear=True, features="ngrams"
)  # the slowest of the candidates is the first
SVC = TfidfConfig(estimator="svc", sublinear=True)
NB_SVCS = tuple(replace(NB_SVC, C=C) for C in (1.0, 0.3, 0.1))
SVCS = tuple(replace(SVC, C=C) for C in (1.0, 0.3, 0.1, 3.0))
SVCS_ON_WORDS = tuple(replace(one, features="words") for one in SVCS)
NB = TfidfConfig(estimator="nb", alpha=0.1, sublinear=True, features="words")
BY_MEANING = (
    *(
        StaticVectorsConfig(C=C, smoothing=smoothing)
        for smoothing in (3e-4, 3e-5, 1e-2)
        for C in (10.0, 3.0, 1.0, 30.0)
    ),
    *(StaticVectorsConfig(head="discriminant", C=C, smoothing=3e-4) for C in (0.25, 0.05, 1.0)),
    *(StaticVectorsConfig(head="discriminant", C=0.25, smoothing=smoothing) for smoothing in (3e-5, 1e-2)),
)
WORDS_AND_PAIRS = VocabularyConfig(ngrams=2)

DEFAULT_SYSTEM = "auto"
SYSTEMS: dict[str, SystemConfig] = {
    "auto": SystemConfig(
        description="the best of several linear models on words, n-grams and character n-grams, or an ensemble of them",
        vocabulary=VocabularyConfig(ngrams=2, char_ngrams=(3, 5)),
        model=SelectionConfig(
            candidates=(*NB_SVCS, *SVCS, replace(NB, alpha=0.3, features="ngrams"), NB, *BY_MEANING),
            candidates_of_many=(*NB_SVCS, *SVCS_ON_WORDS, NB, *BY_MEANING),
            of_many_labels=LabelTreeConfig(),
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
        vocabulary=WORDS_AND_PAIRS,
        model=DAN,
        training=DAN_TRAINING,
    ),
    "tfidf-svc": SystemConfig(
        description="TF-IDF and a linear support vector machine",
        tokenizer=TokenizerConfig(pattern=LONGER_WORDS),
        model=TfidfConfig(estimator="svc", C=0.7, sublinear=True),
    ),
    "tfidf-nb": SystemConfig(
        description="TF-IDF and complement naive Bayes",
        tokenizer=TokenizerConfig(pattern=LONGER_WORDS),
        model=TfidfConfig(estimator="nb", alpha=0.3),
    ),
    "label-tree": SystemConfig(
        description="TF-IDF and linear support vector machines in a tree of labels, for very many of them",
        tokenizer=TokenizerConfig(pattern=LONGER_WORDS),
        model=LabelTreeConfig(),
    ),
    "glove-mean": SystemConfig(
        description="idf-weighted mean of pre-trained GloVe vectors and logistic regression",
        tokenizer=TokenizerConfig(punctuation=False),
        vocabulary=TWICE_OR_MORE,
        model=MeanVectorConfig(pooling="idf", C=10.0),
        vectors=PretrainedConfig(),
        leave_out_missing=True,
    ),
    "glove-corpus-mean": SystemConfig(
        description="idf-weighted mean of GloVe vectors trained on the corpus and logistic regression",
        vocabulary=VocabularyConfig(min_count=5),
        model=MeanVectorConfig(pooling="idf", C=0.1),
        vectors=GloveConfig(),
    ),
    "word2vec-mean": SystemConfig(
        description="idf-weighted mean of word2vec vectors trained on the corpus and logistic regression",
        vocabulary=VocabularyConfig(min_count=5),
        model=MeanVectorConfig(pooling="idf", C=0.1),
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
    "gru": SystemConfig(
        description="GRU in both directions, maximum over its states, learned from scratch",
        vocabulary=LSTM_VOCABULARY,
        model=GRUConfig(dimension=100),
        training=LSTM_TRAINING,
    ),
    "gru-glove": SystemConfig(
        description="GRU in both directions, maximum over its states, started from GloVe and tuned",
        vocabulary=LSTM_VOCABULARY,
        model=GRUConfig(),
        vectors=PretrainedConfig(),
        training=LSTM_TRAINING,
    ),
    "cnn": SystemConfig(
        description="convolutional network over windows of words, learned from scratch",
        vocabulary=LSTM_VOCABULARY,
        model=CNNConfig(dimension=100),
        training=CNN_TRAINING,
    ),
    "cnn-glove": SystemConfig(
        description="convolutional network over windows of words, started from GloVe and tuned",
        vocabulary=LSTM_VOCABULARY,
        model=CNNConfig(),
        vectors=PretrainedConfig(),
        training=CNN_TRAINING,
    ),
}


def system_config(
    system: str | SystemConfig | type[Any], *, vectors: Any = None, budget: float | None = None
) -> SystemConfig:
    """The settings of a system by its name in the table, or as they are; `vectors` replaces those it starts from: a
    name, a path, or what else `load_vectors` takes.

    A class of `torch.nn.Module` has those that `module_system` gives it.

    Raises: SettingError for an unknown system, `vectors` for one that starts from none, a `budget` for one without
    anything to select.
    """
    if isinstance(system, SystemConfig):
        config = system
    elif isinstance(system, type):
        config = module_system(system)
    elif not isinstance(system, str):
        raise SettingError(
            f"system is {system!r:.100} of type {type(system).__name__}, expected a name, as in {DEFAULT_SYSTEM!r}, "
            f"a SystemConfig, or a class of torch.nn.Module. The systems are {', '.join(SYSTEMS)}."
        )
    elif system in SYSTEMS:
        config = SYSTEMS[system]
    else:
        raise SettingError(
            f"there is no system {system!r}.{did_you_mean(system, SYSTEMS)} The systems are {', '.join(SYSTEMS)}."
        )
    if budget is not None and not config.model.candidates:
        raise SettingError(
            f"the system {system!r} has nothing to select, so a budget is of no use to it: leave it out, or take "
            f"{DEFAULT_SYSTEM!r}."
        )
    if vectors is None:
        return config
    if isinstance(vectors, str | Path):
        wanted: VectorsConfig = PretrainedConfig(name=str(vectors))
    else:
        wanted = vectors if isinstance(vectors, GivenVectors) else GivenVectors.of(vectors)
    if config.model.candidates:
        return _with_vectors(config, wanted)
    if config.vectors is None or not config.vectors.is_pretrained:
        able = [name for name, row in SYSTEMS.items() if row.vectors is not None and row.vectors.is_pretrained]
        raise SettingError(
            f"the system {system!r} does not start from given vectors, so `vectors` cannot replace any. "
            f"Those that do: {', '.join(able)}."
        )
    return replace(config, vectors=wanted)


def module_system(
    module: type[Any],
    *,
    tokenizer: TokenizerConfig | None = None,
    vocabulary: VocabularyConfig | None = None,
    vectors: str | VectorsConfig | None = None,
    training: TrainingConfig | None = None,
    **settings: Any,
) -> SystemConfig:
    """A custom class of `torch.nn.Module` as a system: trained, saved, loaded, explained and compared like all others.

    It is made in each fit as `module(n_words=…, n_classes=…, **settings)`; ids are below `n_words`, 0 is padding and 1
    a document without a known word. Its `forward` asks by name for `ids` int64 (N, L), `lengths` (N,) and `is_token`
    bool (N, L) of a padded batch, or for `ids` (T,) and `offsets` (N + 1,) of a ragged one, and gives logits (N, K).
    `vectors`, a name or a path, are handed to its parameter of this name, float32 (V, D), centred and scaled. Settings
    are numbers, strings or several of them, which the folder of a saved model holds; the code it does not hold: whoever
    loads it calls `register_model(MyNet)` first.

    Raises: SettingError for a module that is none, with an example, and for a setting that it does not take.

    >>> import torch
    >>> from bywords import TextClassifier, module_system
    >>> class MyNet(torch.nn.Module):
    ...     def __init__(self, n_words, n_classes, hidden=64):
    ...         super().__init__()
    ...         self.embedding = torch.nn.Embedding(n_words, hidden)
    ...         self.output = torch.nn.Linear(hidden, n_classes)
    ...
    ...     def forward(self, ids, is_token):
    ...         vectors = self.embedding(ids).masked_fill(~is_token.unsqueeze(2), 0)
    ...         return self.output(torch.tanh(vectors.sum(dim=1)))
    >>> classifier = TextClassifier(module_system(MyNet, hidden=16)).fit(texts, labels)
    >>> classifier.predict(["the printer is on fire"]).tolist()
    ['office']
    """
    register_model(module)
    known = [each.name for each in fields(module.Config)]
    if unknown := sorted(set(settings) - set(known)):
        raise SettingError(
            f"__init__ of {module.__name__} takes no {quoted(unknown)}.{did_you_mean(unknown[0], known)} Beside "
            f"n_words and n_classes it takes {quoted(known) if known else 'nothing'}."
        )
    try:
        model = module.Config(**settings)
    except TypeError as error:
        raise SettingError(f"{module.__name__} lacks a setting: {error}.") from error
    return SystemConfig(
        description=f"the custom module {module.__name__}",
        model=model,
        tokenizer=tokenizer or TokenizerConfig(),
        vocabulary=vocabulary or LSTM_VOCABULARY,
        vectors=PretrainedConfig(name=vectors) if isinstance(vectors, str) else vectors,
        training=training or MODULE_TRAINING,
    )


def default_candidates(config: SystemConfig) -> tuple[ModelConfig, ...]:
    """What the default system tries, without character n-grams where the vocabulary of `config` has none."""
    default = SYSTEMS[DEFAULT_SYSTEM].model
    assert isinstance(default, SelectionConfig)
    return default.candidates if config.vocabulary.char_ngrams else default.candidates_of_many


def able_to_train_on_disk() -> list[str]:
    """The systems that train on documents in files."""
    return [name for name, config in SYSTEMS.items() if can_train_on_disk(config)]


def _with_vectors(config: SystemConfig, vectors: VectorsConfig) -> SystemConfig:
    """A system that selects, with one more candidate: a deep averaging network that starts from these vectors."""
    assert isinstance(config.model, SelectionConfig)
    tuned = replace(DAN, dimension=None, features="words")
    few, many = config.model.candidates, config.model.candidates_of_many
    model = replace(config.model, candidates=(*few, tuned), candidates_of_many=(*many, tuned) if many else ())
    return replace(config, model=model, vectors=vectors, training=config.training or DAN_TRAINING)
