"""Train, compare, explain and ship text classifiers built on word embeddings.

The names below are found when they are first asked for, so that `import bywords` is instant and without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bywords.version import __version__

if TYPE_CHECKING:
    from bywords.classifier import TextClassifier
    from bywords.data.corpus import Corpus
    from bywords.errors import BywordsError
    from bywords.io.datasets import load_dataset
    from bywords.systems import SYSTEMS
    from bywords.vectors.load import load_vectors

_HOMES = {
    "BywordsError": "errors",
    "Corpus": "data.corpus",
    "SYSTEMS": "systems",
    "TextClassifier": "classifier",
    "load_dataset": "io.datasets",
    "load_vectors": "vectors.load",
}

__all__ = ["SYSTEMS", "BywordsError", "Corpus", "TextClassifier", "__version__", "load_dataset", "load_vectors"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bywords' has no attribute {name!r}")
    return getattr(import_module(f"bywords.{_HOMES[name]}"), name)
