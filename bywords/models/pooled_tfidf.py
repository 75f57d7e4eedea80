"""Linear models on TF-IDF that share their features → one table that answers for all of them in one pass."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from bywords.kernels.bags import LOG_TFIDF, TFIDF, pooled_sums
from bywords.kernels.ids import Pool, answer_texts, row_width
from bywords.models.base import Answers
from bywords.models.tfidf_linear import TfidfLinear
from bywords.text.bags import Floats
from bywords.text.ragged import UNKNOWN, Ragged
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    import polars as pl

MOST_WIDE = 64  # numbers of a row; with more, a pass for each model is as fast
MOST_NUMBERS = 1 << 24  # of the table, which is beside those of the models
MOST_LOOKED_AT = 2_000  # rows for the median
MOST_TIMES = 1 << 14  # the median of a model's numbers that its largest is: they are whole numbers of its 2^30th


@dataclass(frozen=True, eq=False)
class PooledTfidf:
    """The sum of the logits of M models, as the kernels read them; `bias` is float32 (K,)."""

    pool: Pool
    bias: Floats

    @classmethod
    def of(cls, models: Sequence[TfidfLinear]) -> Self | None:
        """None where there are not two models or more, of the same idf and weighting, or their table would be large.

        Nor is there one where a number is not finite, or so large that others beside it would not be exact enough.
        """
        if len(models) < 2:
            return None
        widest, n_classes = max(models, key=lambda model: len(model.idf)), len(models[0].bias)
        n_rows, n_columns = len(widest.idf), 1 if all(map(_mirrors, models)) else n_classes
        width = row_width(1 + len(models) * n_columns)
        if width > MOST_WIDE or n_rows * width > MOST_NUMBERS:
            return None
        for model in models:
            same = model.config.sublinear == widest.config.sublinear and model.blocks == widest.blocks
            if not same or not np.array_equal(model.idf, widest.idf[: len(model.idf)]):
                return None
        starts = sorted({0, *(n for n in (*widest.blocks, *(len(model.idf) for model in models)) if 0 < n < n_rows)})
        for start, behind in itertools.pairwise([*starts, n_rows]):
            if not all(_is_even(numbers[start:behind]) for numbers in (widest.idf, *(m.weights for m in models))):
                return None
        groups = [
            [
                sum(0 < block <= start for block in set(model.blocks)) if start < len(model.idf) else -1
                for start in starts
            ]
            for model in models
        ]
        idf, matrices = widest.idf.copy(), [model.weights[:, :n_columns] for model in models]
        idf[UNKNOWN] = 0
        weighting = LOG_TFIDF if widest.config.sublinear else TFIDF
        pool = Pool.of(idf, matrices, np.array([*starts, n_rows]), np.array(groups), weighting)
        return cls(pool, sum((model.bias for model in models[1:]), models[0].bias))

    def logits(self, documents: Ragged) -> Floats:
        """Of N documents, float32 (N, K): those of the models, one added to the other."""
        return pooled_sums(documents.ids, documents.offsets, *self.pool, len(self.bias)) + self.bias

    def answers(self, texts: Sequence[str] | pl.Series, vocabulary: Vocabulary, tokenizer: Tokenizer) -> Answers:
        """The same of N texts, to the bit, and what of each is known: one pass from their bytes to the logits."""
        read = tokenizer.bytes_of(texts)
        sums, shares, are_unknown = answer_texts(*read, vocabulary.tables, self.pool, len(self.bias))
        return Answers(sums + self.bias, shares, are_unknown)


def _mirrors(model: TfidfLinear) -> bool:
    """Whether it has two classes, and the weights of one are those of the other with the other sign."""
    return len(model.bias) == 2 and np.array_equal(model.weights[:, 0], -model.weights[:, 1])


def _is_even(numbers: Floats) -> bool:
    """Whether all are finite, and none very much larger than most of the others that are not 0."""
    sizes = np.abs(numbers)
    some = sizes[:: len(sizes) // MOST_LOOKED_AT + 1]
    largest, usual = sizes.max(initial=0), np.median(some[some > 0]) if some.any() else 0
    return bool(np.isfinite(largest) and largest <= MOST_TIMES * usual)
