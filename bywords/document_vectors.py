"""Texts → document vectors: word vectors pooled by column, as a transformer of scikit-learn's.

Texts are called X where scikit-learn calls them so.
"""
# ruff: noqa: N803

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Self, get_args

import numpy as np
import numpy.typing as npt

from bywords.config import with_setting
from bywords.errors import SettingError, check_range, shown
from bywords.extras import named_extra
from bywords.models.mean_vector import Pooling, pool
from bywords.text.bags import Bags, Floats
from bywords.text.custom_tokens import TokenFunction
from bywords.text.inputs import Texts
from bywords.text.ragged import UNKNOWN
from bywords.text.tokenizer import Tokenizer, TokenizerConfig, tokenizer_config
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.vectors.load import PACKAGED, load_vectors

try:
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.utils.validation import check_is_fitted
except ModuleNotFoundError as error:
    raise named_extra(error, what="DocumentVectors") from error

SIF = 1e-3  # a of a / (a + p): words more frequent than this count less than half
ByColumn = Callable[..., npt.NDArray[Any]]


class DocumentVectors(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """N texts → float32 (N, D): the vectors of the words of each, pooled by column.

    `vectors` are what `load_vectors` takes: a name, a path, `WordVectors`, gensim's, or words and a matrix. `pooling`
    is "mean", "idf" (the mean weighted by inverse document frequency), "sif" (weighted by a / (a + frequency), without
    what is common to all documents), "sum", "max", or a function of a matrix (n, D) and `axis`, as np.mean, np.prod
    and np.median are. Words that are rarer than `min_count` in the texts of `fit`, or have no vector, are left out; a
    text without others is zeros.

    `tokenizer` is what `Tokenizer` takes: "words", "characters", a pattern, a function, "given" for documents that are
    lists of tokens, or settings, which are parameters too, as in `tokenizer__stop_words`.

    After `fit`: `tokenizer_`, `vocabulary_`, `matrix_` float32 (V, D), `coverage_`.
    Raises: SettingError for another pooling or tokenizer; DataError for what are no texts; what `load_vectors` raises.
    Source of "sif": Arora, Liang, Ma (2017), "A Simple but Tough-to-Beat Baseline for Sentence Embeddings".

    >>> import numpy as np
    >>> from bywords import DocumentVectors
    >>> DocumentVectors("vectors.txt").fit_transform(["a fire", "the printer", "nothing else"]).tolist()
    [[1.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    >>> DocumentVectors("vectors.txt", pooling=np.median).fit_transform(["fire car tyre"]).tolist()
    [[0.0, 1.0, 1.0]]
    >>> DocumentVectors("vectors.txt", tokenizer=str.split).fit_transform(["fire. car", "fire,"]).tolist()
    [[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    """

    def __init__(
        self,
        vectors: Any = PACKAGED,
        *,
        pooling: Pooling | str | ByColumn = "mean",
        min_count: int = 1,
        tokenizer: Tokenizer | TokenizerConfig | TokenFunction | str | None = None,
    ) -> None:
        self.vectors = vectors
        self.pooling = pooling
        self.min_count = min_count
        self.tokenizer = tokenizer

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; with `deep`, the settings of the tokenizer too, as in `tokenizer__stop_words`."""
        parameters: dict[str, Any] = super().get_params(deep=False)
        if deep:
            with contextlib.suppress(SettingError):  # what the tokenizer is not is said by `fit`
                settings = vars(tokenizer_config(self.tokenizer))
                parameters |= {f"tokenizer__{name}": value for name, value in settings.items()}
        return parameters

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters, and settings of the tokenizer. Raises SettingError, a ValueError, for what cannot be."""
        nested = {name: value for name, value in parameters.items() if name.startswith("tokenizer__")}
        super().set_params(**{name: value for name, value in parameters.items() if name not in nested})
        for name, value in nested.items():
            config = tokenizer_config(self.tokenizer)
            self.tokenizer = with_setting(config, name.removeprefix("tokenizer__"), value)
        return self

    def fit(self, X: Texts, y: Any = None) -> Self:
        """Learn from N texts which words there are, how frequent they are, and what is common to all documents."""
        if not callable(self.pooling) and self.pooling not in (*get_args(Pooling), "sif"):
            names = ", ".join((*get_args(Pooling), "sif"))
            raise SettingError(f"pooling is {shown(self.pooling)}, expected one of {names}, or a function as np.mean.")
        check_range("min_count", self.min_count, least=1)
        self.tokenizer_ = Tokenizer(self.tokenizer)
        tokens = self.tokenizer_(X)
        vocabulary = Vocabulary.of(tokens, VocabularyConfig(min_count=self.min_count))
        found = load_vectors(self.vectors, words=vocabulary.words)
        aligned = found.align(vocabulary, seed=0)
        is_row = aligned.has_vector.copy()
        is_row[: UNKNOWN + 1] = True
        self.coverage_, self.name_ = aligned.coverage, found.name
        self.vocabulary_, self.matrix_ = vocabulary.keep(aligned.has_vector), aligned.matrix[is_row]
        documents = self.vocabulary_.encode(tokens)
        if self.pooling == "sif":
            counts = self.vocabulary_.counts
            self.weights_ = (SIF / (SIF + counts / max(counts.sum(), 1))).astype(np.float32)
            self.common_ = _first_direction(pool(documents, self.matrix_, self.weights_, "idf"))
        else:
            self.weights_ = Bags.of(documents, len(self.matrix_)).inverse_document_frequency()
        return self

    def transform(self, X: Texts) -> Floats:
        """Float32 (N, D)."""
        check_is_fitted(self, "matrix_")
        documents = self.vocabulary_.encode(self.tokenizer_(X))
        if callable(self.pooling):
            return self._by_function(documents.ids, documents.offsets)
        if self.pooling != "sif":
            return pool(documents, self.matrix_, self.weights_, self.pooling)  # type: ignore[arg-type]
        weighed = pool(documents, self.matrix_, self.weights_, "idf")
        return weighed - np.outer(weighed @ self.common_, self.common_)

    def _by_function(self, ids: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]) -> Floats:
        """The function of the word vectors of each document, one after the other."""
        found = np.zeros((len(offsets) - 1, self.matrix_.shape[1]), dtype=np.float32)
        for index in range(len(found)):
            own = ids[offsets[index] : offsets[index + 1]]
            rows = self.matrix_[own[own != UNKNOWN]]
            if len(rows):
                pooled = np.asarray(self.pooling(rows, axis=0))  # type: ignore[operator]
                if pooled.shape != found.shape[1:]:
                    raise SettingError(
                        f"pooling gives {pooled.shape} of a matrix {rows.shape}, expected {found.shape[1:]}: a number "
                        "for each column, as np.mean does."
                    )
                found[index] = pooled
        return found

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:
        """The name of each dimension, (D,): that of the vectors and a number."""
        check_is_fitted(self, "matrix_")
        return np.array([f"{self.name_}_{index}" for index in range(self.matrix_.shape[1])], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array, tags.input_tags.one_d_array = True, False, True
        return tags


def _first_direction(vectors: Floats) -> Floats:
    """The direction of unit length that vectors (N, D) have most in common, not centred: (D,); 0 where all are 0."""
    if not vectors.any():
        return np.zeros(vectors.shape[1], dtype=np.float32)
    return np.linalg.svd(vectors.T @ vectors)[0][:, 0].astype(np.float32)
