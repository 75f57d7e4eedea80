"""Words → vectors made of their character n-grams, as fastText hashes them: words that were never seen have one too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bywords.errors import VectorFileError

WORDS_AT_A_TIME = 4096
LONGEST_NGRAM = 100  # characters
FNV_OFFSET, FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)
SENTENCE_END = b"</s>"  # has no n-grams

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Subwords:
    """The vectors of character n-grams of `shortest` to `longest` characters, float32 (B, D), by hash.

    Source: Bojanowski, Grave, Joulin, Mikolov (2017), "Enriching Word Vectors with Subword Information".
    """

    shortest: int
    longest: int
    matrix: Floats

    def save(self, path: Path) -> None:
        """Write them to a file of tensors, which `read_subwords` reads."""
        from safetensors.numpy import save_file

        about = {"shortest": str(self.shortest), "longest": str(self.longest)}
        save_file({"ngrams": np.ascontiguousarray(self.matrix)}, path, metadata=about)

    def vectors(self, words: Sequence[str]) -> Floats:
        """The mean of the n-grams of each of n words that have no row of their own, float32 (n, D); 0 without any."""
        return self.joined(
            [word.encode("utf-8", "replace") for word in words],
            np.full(len(words), -1, dtype=np.int64),
            self.matrix[:0],
        )

    def has(self, words: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which of n words have a character n-gram of these lengths, bool (n,)."""
        encoded = [word.encode("utf-8", "replace") for word in words]
        return np.diff(ngram_buckets(encoded, self.shortest, self.longest, len(self.matrix))[1]) > 0

    def joined(self, words: Sequence[bytes], own: Rows, rows: Floats) -> Floats:
        """The mean of each word's own row among `rows`, where `own` is not -1, and those of its n-grams: (n, D)."""
        found = np.zeros((len(words), self.matrix.shape[1]), dtype=np.float32)
        for start in range(0, len(words), WORDS_AT_A_TIME):
            part, mine = words[start : start + WORDS_AT_A_TIME], own[start : start + WORDS_AT_A_TIME]
            buckets, offsets = ngram_buckets(part, self.shortest, self.longest, len(self.matrix))
            lengths = np.diff(offsets)
            sums = np.zeros((len(part), self.matrix.shape[1]), dtype=np.float32)
            if len(buckets):
                is_filled = lengths > 0
                sums[is_filled] = np.add.reduceat(self.matrix[buckets], offsets[:-1][is_filled])
            has_own = mine >= 0
            sums[has_own] += rows[mine[has_own]]
            counts = lengths + has_own
            found[start : start + len(part)] = sums / np.maximum(counts, 1).astype(np.float32)[:, np.newaxis]
        return found


def read_subwords(path: Path, dimension: int) -> Subwords:
    """The n-grams that `Subwords.save` has written, for words of D dimensions.

    Raises: VectorFileError where the file is something else, or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            about, matrix = file.metadata() or {}, file.get_tensor("ngrams")
        shortest, longest = int(about["shortest"]), int(about["longest"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise VectorFileError(f"{path}: the vectors of n-grams cannot be read: {error}. Train them again.") from error
    is_possible = matrix.dtype == np.float32 and matrix.shape[1:] == (dimension,) and len(matrix)
    if not is_possible or not 0 < shortest <= longest <= LONGEST_NGRAM or not np.isfinite(matrix).all():
        raise VectorFileError(
            f"{path}: n-grams of {shortest} to {longest} characters and a matrix {matrix.dtype} {matrix.shape}, "
            f"expected float32 (B, {dimension}) of finite numbers. Train them again."
        )
    return Subwords(shortest, longest, matrix)


def ngram_buckets(words: Sequence[bytes], shortest: int, longest: int, n_buckets: int) -> tuple[Rows, Rows]:
    """The buckets of the character n-grams of n words in UTF-8, int64 (T,), and where each word's start, (n + 1,).

    A word is read between < and >, which alone are no n-grams. The hash is FNV-1a on signed bytes, as in fastText.
    """
    marked = [b"" if word == SENTENCE_END else b"<" + word + b">" for word in words]
    text = np.frombuffer(b"".join(marked), dtype=np.int8)
    ends_of_words = np.cumsum([len(word) for word in marked], dtype=np.int64)
    starts = np.flatnonzero((text.view(np.uint8) & 0xC0) != 0x80)  # of characters
    of_word = np.searchsorted(ends_of_words, starts, side="right")
    last = np.append(np.flatnonzero(np.diff(of_word)), len(of_word) - 1)[np.searchsorted(np.unique(of_word), of_word)]
    ends = np.append(starts[1:], len(text))  # of characters
    signed = text.astype(np.int32).view(np.uint32)
    hashes = np.full(len(starts), FNV_OFFSET)
    done = starts.copy()  # how far each n-gram is hashed
    pieces, owners, order = [], [], []
    for n in range(1, longest + 1):
        index = np.arange(len(starts)) + n - 1  # the last character of each n-gram
        is_inside = index <= last
        until = np.where(is_inside, ends[np.minimum(index, max(len(ends) - 1, 0))], done)
        while (left := np.flatnonzero(done < until)).size:
            hashes[left] = (hashes[left] ^ signed[done[left]]) * FNV_PRIME
            done[left] += 1
        if n < shortest:
            continue
        kept = np.flatnonzero(is_inside if n > 1 else is_inside & _is_letter(of_word, last))
        pieces.append(hashes[kept] % np.uint32(max(n_buckets, 1)))
        owners.append(of_word[kept])
        order.append(kept)
    if not pieces or not n_buckets:
        return np.zeros(0, dtype=np.int64), np.zeros(len(words) + 1, dtype=np.int64)
    owner, position = np.concatenate(owners), np.concatenate(order)
    sorted_ = np.lexsort((position, owner))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(words)))])
    return np.concatenate(pieces)[sorted_].astype(np.int64), offsets.astype(np.int64)


def _is_letter(of_word: Rows, last: Rows) -> npt.NDArray[np.bool_]:
    """Which characters are neither the mark before a word nor the one behind it."""
    index = np.arange(len(of_word))
    is_first = np.append(True, of_word[1:] != of_word[:-1]) if len(of_word) else np.zeros(0, dtype=bool)
    return ~is_first & (index != last)
