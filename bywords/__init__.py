"""Train, compare, explain and ship text classifiers built on word embeddings."""

from bywords.version import VERSION as __version__

__all__ = ["__version__"]
