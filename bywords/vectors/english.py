"""The vectors of English words that come with the package: a file, read by memory map, a row when it is asked for.

`english.md` beside it says where they come from and what their licence is; `build_backend/english_vectors.py` makes it.
"""

from __future__ import annotations

import functools
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.errors import VectorFileError
from bywords.files import replacing
from bywords.forks import cached_property
from bywords.text.ragged import offsets_of
from bywords.text.word_table import Words, WordTable
from bywords.vectors.distill import zipf_shares

PATH = Path(__file__).with_name("english.bin")
FORMAT = "bywords-english/1"
LEVELS = 7  # of a number, to either side of 0: 4 bits each
WIDEST = 2.8  # standard deviations of a dimension: what is further away is cut off
AT_ONCE = 4096  # rows that are made floats together

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class EnglishVectors:
    """V words, the most frequent first. `packed` is uint8 (V, D / 2): of each byte the low 4 bits are of a dimension of
    the first half, the high ones of the second, each 8 too high; `scales` float32 (D,).
    """

    words: Words
    packed: npt.NDArray[np.uint8]
    scales: Floats
    table: WordTable

    def __len__(self) -> int:
        return len(self.packed)

    def weights(self, smoothing: float) -> Floats:
        """How much each word counts in a mean, float32 (V,): the less, the more frequent it is everywhere. SIF.

        Of all words a word is a share p, and counts `smoothing` / (`smoothing` + p).
        """
        return (smoothing / (smoothing + self._commonness)).astype(np.float32)

    @cached_property
    def _commonness(self) -> npt.NDArray[np.float64]:
        return zipf_shares(len(self))

    def rows_of(self, words: Words) -> npt.NDArray[np.int64]:
        """The row of each word, int64 (n,), -1 where it has none."""
        return self.table.find(words).astype(np.int64)

    def vectors(self, rows: npt.NDArray[np.int64]) -> Floats:
        """Those of rows, float32 (n, D)."""
        found = self.packed[rows]
        return (np.concatenate([found & 15, found >> 4], axis=1).astype(np.float32) - np.float32(8)) * self.scales

    def times(self, rows: npt.NDArray[np.int64], matrix: Floats) -> Floats:
        """Vectors of rows · matrix (D, K), some at a time: float32 (n, K)."""
        cuts = range(0, len(rows), AT_ONCE)
        parts = [self.vectors(rows[start : start + AT_ONCE]) @ matrix for start in cuts]
        return np.concatenate(parts) if parts else np.zeros((0, matrix.shape[1]), dtype=np.float32)


def write_english_vectors(path: Path, words: list[str], matrix: npt.NDArray[Any], source: str) -> None:
    """Write V words and their vectors (V, D), D even; the most frequent word first."""
    spread = np.abs(matrix).max(axis=0)
    scales = (np.minimum(spread, WIDEST * matrix.std(axis=0)) / LEVELS).astype(np.float32)
    levels = (np.clip(np.rint(matrix / scales), -LEVELS, LEVELS) + 8).astype(np.uint8)
    half = matrix.shape[1] // 2
    lines = "".join(f"{word}\n" for word in words).encode()
    body = lines + scales.tobytes() + (levels[:, :half] | levels[:, half:] << 4).tobytes()
    head = {"format": FORMAT, "words": len(words), "word_bytes": len(lines), "dimension": matrix.shape[1]}
    head |= {"crc32": zlib.crc32(body), "source": source}
    with replacing(path) as place:
        place.write_bytes(json.dumps(head).encode() + b"\n" + body)


@functools.lru_cache(maxsize=1)
def english_vectors(path: Path = PATH) -> EnglishVectors:
    """The vectors of the package, checked against their sum the first time.

    Raises: VectorFileError where the file is not there, or not as it was written.
    """
    try:
        raw = np.memmap(path, dtype=np.uint8, mode="r")
        end = int(np.flatnonzero(raw[:1024] == ord("\n"))[0]) + 1
        head, body = json.loads(raw[:end].tobytes()), raw[end:]
        n_words, n_bytes, dimension = (int(head[name]) for name in ("words", "word_bytes", "dimension"))
        if head["format"] != FORMAT or len(body) != n_bytes + 4 * dimension + n_words * dimension // 2:
            raise ValueError("it is shorter or longer than it says")
        if zlib.crc32(body.data) != head["crc32"]:
            raise ValueError("its sum is another")
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise VectorFileError(
            f"{path}: the English vectors that come with the package cannot be read: {error}. Install it again."
        ) from error
    data = body[:n_bytes]
    ends = np.flatnonzero(data == ord("\n"))
    words = Words(np.asarray(data[data != ord("\n")]), offsets_of(np.diff(ends, prepend=-1) - 1))
    scales = np.frombuffer(body[n_bytes : n_bytes + 4 * dimension].tobytes(), dtype=np.float32)
    packed = body[n_bytes + 4 * dimension :].reshape(n_words, dimension // 2)
    return EnglishVectors(words, packed, scales, WordTable.of(words))
