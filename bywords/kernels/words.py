"""UTF-8 texts → the indices of their tokens in a table of distinct words, in one pass over the bytes.

A table of U distinct words is four arrays: `data` uint8, the words' bytes one after the other; `starts` int64 (U + 1,),
where each starts; `hashes` uint64 (U,); and `slots` uint64 (S, 2), S a power of two, with linear probing: the hash, and
length << 32 | index + 1, which is 0 where the slot is free.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.kernels import _native

Bytes = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int32]
Starts = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Slots = npt.NDArray[np.uint64]

# What a code point is; the table of them is read by `bywords.text.characters`.
SPACE, WORD, SIGN, UNSPACED, MARK = range(5)
WORDS, SIGNS, LONGER = range(3)  # what a token is
ALL, OFTEN, ONCE = range(3)  # which words are ranked


def scan(
    text: Bytes, ends: Starts, kinds: Bytes, lowercase: bool, what: int
) -> tuple[Indices, npt.NDArray[np.int64], Bytes, Starts, Hashes]:
    """The tokens of the documents text[0:ends[0]], text[ends[0]:ends[1]], …, and a table of the distinct ones.

    `text` is uint8, valid UTF-8; `ends` int64 (N,); `kinds` uint8, by code point; those beyond its end are SIGN.
    With `lowercase`, ASCII letters, which are WORD, become lower-case (others have to be already).

    `what` is a token: of WORDS, a sequence of WORD and MARK with single apostrophes within it or, of a sequence of
    UNSPACED characters, each one with the marks after it, and then each two neighbours; of SIGNS, each SIGN too; of
    LONGER, whatever is between SPACE and SIGN, of two characters or more.

    Returns: the index of each token in the table int32 (T,), the number of tokens of each document int64 (N,), and the
    table's data, starts and hashes.
    """
    codes = np.empty(2 * len(text) + 1, dtype=np.int32)  # an UNSPACED character comes alone and in two pairs
    lengths = np.empty(len(ends), dtype=np.int64)
    n_tokens, data, starts, hashes = _native.scan(text, ends, kinds, int(lowercase), what, codes, lengths)
    return (
        codes[:n_tokens],
        lengths,
        np.frombuffer(data, dtype=np.uint8),
        np.frombuffer(starts, dtype=np.int64),
        np.frombuffer(hashes, dtype=np.uint64),
    )


def hashes_of(data: Bytes, starts: Starts) -> Hashes:
    """The hash of each word, uint64 (U,)."""
    hashes = np.empty(len(starts) - 1, dtype=np.uint64)
    _native.hashes_of(data, starts, hashes)
    return hashes


def select_words(data: Bytes, starts: Starts, indices: Starts) -> tuple[Bytes, Starts]:
    """The words at these indices int64 (S,), in their order: data, and starts int64 (S + 1,)."""
    new_starts = np.empty(len(indices) + 1, dtype=np.int64)
    _, selected = _native.select_words(data, starts, indices, new_starts)
    return np.frombuffer(selected, dtype=np.uint8), new_starts


def find(data: Bytes, starts: Starts, hashes: Hashes, table_data: Bytes, table_starts: Starts, slots: Slots) -> Indices:
    """The index of each word in a table, int32 (U,), -1 where the table does not have it."""
    indices = np.empty(len(hashes), dtype=np.int32)
    _native.find(data, starts, hashes, table_data, table_starts, slots, indices)
    return indices


def add(
    data: Bytes,
    starts: Starts,
    hashes: Hashes,
    table_data: Bytes,
    table_starts: Starts,
    table_hashes: Hashes,
    slots: Slots,
    n_words: int,
) -> tuple[Indices, Slots, int]:
    """Add words to a table that has room for them after its `n_words`.

    Returns: the index of each word int32 (U,), the slots, and how many words the table has now.
    """
    n_slots = len(slots)
    while n_slots < 2 * (n_words + len(hashes)):
        n_slots *= 4
    if n_slots > len(slots):
        larger = np.zeros((n_slots, 2), dtype=np.uint64)
        _native.rehash(slots, larger)
        slots = larger
    indices = np.empty(len(hashes), dtype=np.int32)
    n_words = _native.add(data, starts, hashes, table_data, table_starts, table_hashes, slots, n_words, indices)
    return indices, slots, n_words


def rank(
    data: Bytes,
    starts: Starts,
    counts: npt.NDArray[np.int64],
    is_first: npt.NDArray[np.bool_],
    min_count: int,
    which: int = ALL,
) -> npt.NDArray[np.int64]:
    """The indices of the words that are counted `min_count` times or more, int64, in the order of their rows.

    Those with `is_first` bool (U,), then the others, each by (-count, word); `counts` is int64 (U,). With OFTEN, only
    those with `is_first` or a count above 1; with ONCE, only the others, which come behind them.
    """
    order = np.empty(len(counts), dtype=np.int64)
    return order[: _native.rank(data, starts, counts, is_first.astype(np.uint8), min_count, which, order)]


def count_codes(codes: Indices, n_codes: int, before: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.int64]:
    """How often each code below `n_codes` is there, int64 (n_codes,); added to what was counted `before`, in place."""
    counts = np.zeros(n_codes, dtype=np.int64) if before is None else before
    _native.count_codes(codes, counts)
    return counts


def renumber(codes: Indices, new_codes: Indices, renumbered: Indices) -> None:
    """Write for each of the codes, int32 (T,), the new one at its index into `renumbered` int32 (T,)."""
    _native.renumber(codes, new_codes, renumbered)


def cut(
    data: Bytes, starts: Starts, shortest: int, longest: int
) -> tuple[Indices, npt.NDArray[np.int64], Bytes, Starts, Hashes]:
    """The character n-grams of each word: `shortest` to `longest` characters, a space before and after it included.

    Returns: their indices in a table of the distinct ones int32 (P,), offsets by word int64 (U + 1,), and the table's
    data, starts and hashes. A word that has no more than `shortest` characters, with its spaces, is one n-gram.
    """
    n_words = len(starts) - 1
    n_most = (int(starts[-1] - starts[0]) + 2 * n_words) * (longest - shortest + 1)
    codes, hashes = np.empty(n_most, dtype=np.int32), np.empty(n_most, dtype=np.uint64)
    offsets, table_starts = np.empty(n_words + 1, dtype=np.int64), np.empty(n_most + 1, dtype=np.int64)
    n_distinct, table_data = _native.cut(data, starts, shortest, longest, codes, offsets, table_starts, hashes)
    return (
        codes[: offsets[-1]].copy(),
        offsets,
        np.frombuffer(table_data, dtype=np.uint8),
        table_starts[: n_distinct + 1].copy(),
        hashes[:n_distinct].copy(),
    )
