"""Train, compare, explain and ship text classifiers built on word embeddings.

The names below are found when they are first asked for, so that `import bywords` is instant: it imports no numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bywords.version import __version__

if TYPE_CHECKING:
    from bywords.artifact.compression import compress
    from bywords.artifact.description import load_classifier, save_classifier
    from bywords.classifier import TextClassifier
    from bywords.data.corpus import Corpus, Split
    from bywords.errors import BywordsError, DataError, ModelFolderError, SettingError, VectorFileError
    from bywords.experiments.compare import compare
    from bywords.experiments.learning_curve import learning_curve
    from bywords.fitted import FittedClassifier, Predictions
    from bywords.io.datasets import load_dataset
    from bywords.models.base import FittedModel, LinearModel, ModelConfig, register_model
    from bywords.system_config import SystemConfig, TrainingConfig
    from bywords.systems import SYSTEMS
    from bywords.text.tokenizer import Tokenizer, TokenizerConfig
    from bywords.text.vocabulary import Vocabulary, VocabularyConfig
    from bywords.training.fit import fit_classifier
    from bywords.vectors.load import load_vectors
    from bywords.vectors.word_vectors import WordVectors

_HOMES = {
    "SYSTEMS": "systems",
    "BywordsError": "errors",
    "Corpus": "data.corpus",
    "DataError": "errors",
    "FittedClassifier": "fitted",
    "FittedModel": "models.base",
    "LinearModel": "models.base",
    "ModelConfig": "models.base",
    "ModelFolderError": "errors",
    "Predictions": "fitted",
    "SettingError": "errors",
    "Split": "data.corpus",
    "SystemConfig": "system_config",
    "TextClassifier": "classifier",
    "Tokenizer": "text.tokenizer",
    "TokenizerConfig": "text.tokenizer",
    "TrainingConfig": "system_config",
    "VectorFileError": "errors",
    "Vocabulary": "text.vocabulary",
    "VocabularyConfig": "text.vocabulary",
    "WordVectors": "vectors.word_vectors",
    "compare": "experiments.compare",
    "compress": "artifact.compression",
    "fit_classifier": "training.fit",
    "learning_curve": "experiments.learning_curve",
    "load_classifier": "artifact.description",
    "load_dataset": "io.datasets",
    "load_vectors": "vectors.load",
    "register_model": "models.base",
    "save_classifier": "artifact.description",
}

__all__ = [
    "SYSTEMS",
    "BywordsError",
    "Corpus",
    "DataError",
    "FittedClassifier",
    "FittedModel",
    "LinearModel",
    "ModelConfig",
    "ModelFolderError",
    "Predictions",
    "SettingError",
    "Split",
    "SystemConfig",
    "TextClassifier",
    "Tokenizer",
    "TokenizerConfig",
    "TrainingConfig",
    "VectorFileError",
    "Vocabulary",
    "VocabularyConfig",
    "WordVectors",
    "__version__",
    "compare",
    "compress",
    "fit_classifier",
    "learning_curve",
    "load_classifier",
    "load_dataset",
    "load_vectors",
    "register_model",
    "save_classifier",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bywords' has no attribute {name!r}")
    return getattr(import_module(f"bywords.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
