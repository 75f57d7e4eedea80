"""Tokens in, which distinct words each document has out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.tokens import Tokens


def distinct_words(tokens: Tokens) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Each word of each document once: codes int32 (T',), and the documents they are of, int64 (T',), ascending."""
    from bywords.compiled.ids import count

    codes, offsets, _ = count(tokens.codes, tokens.offsets, len(tokens.words), 0)
    documents = np.repeat(np.arange(len(tokens)), np.diff(offsets))
    has_words = (tokens.lengths > 0)[documents]  # `count` gives a document without words the first one
    return codes[has_words], documents[has_words]
