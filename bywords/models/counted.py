"""A model that is linear in counted words and n-grams → plain arrays: what another program needs to answer as it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
CountWeighting = Literal["count", "share", "tfidf", "log-tfidf"]


@dataclass(frozen=True, eq=False, kw_only=True)
class CountedTable:
    """A part of a model's logits: Σ weight · row over the distinct ids of a document below V, and a bias.

    An id counts as often as it is there, or 1 + ln of that ("log-tfidf"), times its `idf`. "share" divides that by its
    sum over the document, "tfidf" and "log-tfidf" as `Bags.weighed`. With `layer`, sums go through it, in 64 bits.
    """

    weighting: CountWeighting
    idf: Floats  # (V,)
    rows: Floats  # (V, K), or (V, D) with a layer
    bias: Floats  # (K,)
    blocks: tuple[int, ...] = ()  # as `Bags.weighed` takes them
    layer: Floats | None = None  # (D, K)
    stored_as: str | None = None  # the name of `rows` among the arrays of the model, where it is one of them
