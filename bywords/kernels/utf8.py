"""Texts as Python has them, or a column of polars → their bytes as UTF-8; and bytes of a file → what they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bywords.kernels import _native

if TYPE_CHECKING:
    import polars as pl


def joined_texts(texts: Sequence[str] | pl.Series) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """N texts one after the other, uint8, and where each ends, int64 (N,).

    Half of a surrogate pair, which has no meaning, becomes a question mark. Of a column of strings without nulls no
    Python string is made: it gives its buffers (Arrow's string views).
    """
    if not isinstance(texts, Sequence):
        return _as_arrays(_native._join_column(texts.__arrow_c_stream__()))
    if all(map(str.isascii, texts)):
        return joined_bytes(texts)
    return joined_bytes([text if text.isascii() else text.encode("utf-8", "replace") for text in texts])


def joined_bytes(texts: Sequence[str | bytes]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The same of texts as UTF-8, or of strings in ASCII."""
    return _as_arrays(_native._join_texts(list(texts)))


def _as_arrays(joined: tuple[bytearray, bytearray]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    return np.frombuffer(joined[0], dtype=np.uint8), np.frombuffer(joined[1], dtype=np.int64)


def is_utf8(data: bytes) -> bool:
    """Whether they are, as Python decodes it; no string is made of them."""
    return bool(_native.is_utf8(np.frombuffer(data, dtype=np.uint8)))


def has_plain_quotes(data: bytes, separator: str) -> bool:
    """Whether quotes pair up as they should: each one opens or closes a whole field, or is doubled inside of one.

    `separator`, one byte, is between fields, and a new line behind the last of a row; `data` starts and ends with
    whole rows.
    """
    return bool(_native.has_plain_quotes(np.frombuffer(data, dtype=np.uint8), ord(separator)))
