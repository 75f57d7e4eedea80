"""Train, compare, explain and ship text classifiers built on word embeddings.

The names below are found when they are first asked for, so that `import bywords` is instant: it imports no numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bywords.version import __version__

if TYPE_CHECKING:
    from bywords.artifact.compression import compress
    from bywords.artifact.description import load_classifier, save_classifier
    from bywords.auditing.audit import audit
    from bywords.classifier import TextClassifier
    from bywords.data.corpus import Corpus, Split, grouped
    from bywords.data.shares import split
    from bywords.document_vectors import DocumentVectors
    from bywords.errors import BywordsError, DataError, ModelFolderError, SettingError, VectorFileError
    from bywords.evaluation.metrics import wilson_interval
    from bywords.evaluation.significance import holm, paired_difference
    from bywords.experiments.compare import compare
    from bywords.experiments.learning_curve import learning_curve
    from bywords.exporting.page import exported_page
    from bywords.fitted import FittedClassifier, Predictions
    from bywords.io.datasets import load_dataset
    from bywords.models.base import FittedModel, LinearModel, ModelConfig, register_model
    from bywords.models.modules.plain import AveragingModel, CNNModel, GRUModel, LSTMModel
    from bywords.pytorch.dataset import TextDataset, collate_padded, collate_ragged
    from bywords.pytorch.training import fit_module, predict_module
    from bywords.system_config import SystemConfig, TrainingConfig
    from bywords.systems import SYSTEMS, module_system
    from bywords.text.ragged import Ragged
    from bywords.text.tokenizer import Tokenizer, TokenizerConfig
    from bywords.text.vocabulary import Vocabulary, VocabularyConfig
    from bywords.training.fit import fit_classifier
    from bywords.vectors.glove import GloveConfig, train_glove
    from bywords.vectors.load import load_vectors
    from bywords.vectors.word2vec import Word2VecConfig, train_word2vec
    from bywords.vectors.word_vectors import WordVectors

_HOMES = {
    "AveragingModel": "models.modules.plain",
    "BywordsError": "errors",
    "CNNModel": "models.modules.plain",
    "Corpus": "data.corpus",
    "DataError": "errors",
    "DocumentVectors": "document_vectors",
    "FittedClassifier": "fitted",
    "FittedModel": "models.base",
    "GRUModel": "models.modules.plain",
    "GloveConfig": "vectors.glove",
    "LSTMModel": "models.modules.plain",
    "LinearModel": "models.base",
    "ModelConfig": "models.base",
    "ModelFolderError": "errors",
    "Predictions": "fitted",
    "Ragged": "text.ragged",
    "SYSTEMS": "systems",
    "SettingError": "errors",
    "Split": "data.corpus",
    "SystemConfig": "system_config",
    "TextClassifier": "classifier",
    "TextDataset": "pytorch.dataset",
    "Tokenizer": "text.tokenizer",
    "TokenizerConfig": "text.tokenizer",
    "TrainingConfig": "system_config",
    "VectorFileError": "errors",
    "Vocabulary": "text.vocabulary",
    "VocabularyConfig": "text.vocabulary",
    "Word2VecConfig": "vectors.word2vec",
    "WordVectors": "vectors.word_vectors",
    "audit": "auditing.audit",
    "collate_padded": "pytorch.dataset",
    "collate_ragged": "pytorch.dataset",
    "compare": "experiments.compare",
    "compress": "artifact.compression",
    "exported_page": "exporting.page",
    "fit_classifier": "training.fit",
    "fit_module": "pytorch.training",
    "grouped": "data.corpus",
    "holm": "evaluation.significance",
    "learning_curve": "experiments.learning_curve",
    "load_classifier": "artifact.description",
    "load_dataset": "io.datasets",
    "load_vectors": "vectors.load",
    "module_system": "systems",
    "paired_difference": "evaluation.significance",
    "predict_module": "pytorch.training",
    "register_model": "models.base",
    "save_classifier": "artifact.description",
    "split": "data.shares",
    "train_glove": "vectors.glove",
    "train_word2vec": "vectors.word2vec",
    "wilson_interval": "evaluation.metrics",
}

__all__ = [
    "SYSTEMS",
    "AveragingModel",
    "BywordsError",
    "CNNModel",
    "Corpus",
    "DataError",
    "DocumentVectors",
    "FittedClassifier",
    "FittedModel",
    "GRUModel",
    "GloveConfig",
    "LSTMModel",
    "LinearModel",
    "ModelConfig",
    "ModelFolderError",
    "Predictions",
    "Ragged",
    "SettingError",
    "Split",
    "SystemConfig",
    "TextClassifier",
    "TextDataset",
    "Tokenizer",
    "TokenizerConfig",
    "TrainingConfig",
    "VectorFileError",
    "Vocabulary",
    "VocabularyConfig",
    "Word2VecConfig",
    "WordVectors",
    "__version__",
    "audit",
    "collate_padded",
    "collate_ragged",
    "compare",
    "compress",
    "exported_page",
    "fit_classifier",
    "fit_module",
    "grouped",
    "holm",
    "learning_curve",
    "load_classifier",
    "load_dataset",
    "load_vectors",
    "module_system",
    "paired_difference",
    "predict_module",
    "register_model",
    "save_classifier",
    "split",
    "train_glove",
    "train_word2vec",
    "wilson_interval",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bywords' has no attribute {name!r}")
    return getattr(import_module(f"bywords.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
