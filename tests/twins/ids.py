"""Documents of word ids → counts of n-grams, ids of n-grams, and the ids and counts that a model sees."""

from __future__ import annotations

import numpy as np

NOT_THERE = -1
FREE = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE = np.uint64(1)


def with_edges(ids, offsets, edge):
    """The same documents with `edge` before and after each: ids int32 (T + 2 N,), offsets int64 (N + 1,)."""
    n_documents = len(offsets) - 1
    edged = np.full(len(ids) + 2 * n_documents, edge, dtype=np.int32)
    edged_offsets = offsets + 2 * np.arange(n_documents + 1)
    for document in range(n_documents):
        start, end = offsets[document], offsets[document + 1]
        edged[edged_offsets[document] + 1 : edged_offsets[document + 1] - 1] = ids[start:end]
        if start == end:  # an empty document has no start and no end
            edged[edged_offsets[document] : edged_offsets[document + 1]] = NOT_THERE
    return edged, edged_offsets


def _key(left, right):
    return np.uint64(left) << np.uint64(32) | np.uint64(right)


def _slot(keys, key):
    mask = np.uint64(len(keys) - 1)
    h = key * np.uint64(0x9E3779B97F4A7C15)
    slot = (h ^ (h >> np.uint64(32))) & mask
    while keys[slot] != key and keys[slot] != FREE:
        slot = (slot + ONE) & mask
    return slot


def _larger(keys, values):
    larger_keys = np.full(4 * len(keys), FREE, dtype=np.uint64)
    larger_values = np.empty(4 * len(keys), dtype=np.int32)
    for old in range(len(keys)):
        if keys[old] != FREE:
            slot = _slot(larger_keys, keys[old])
            larger_keys[slot] = keys[old]
            larger_values[slot] = values[old]
    return larger_keys, larger_values


def count_pairs(lefts, rights, offsets, gap, min_count):
    """Count the pairs (lefts[i], rights[i + gap]) within each document; those with a NOT_THERE are skipped.

    `lefts` and `rights` are int32 (T,). Returns: the pairs that occur `min_count` times or more, int32 (P, 2), in
    arbitrary order, and their counts int64 (P,).
    """
    keys = np.full(1 << 12, FREE, dtype=np.uint64)
    counts = np.zeros(1 << 12, dtype=np.int32)
    n_pairs = n_kept = 0
    for document in range(len(offsets) - 1):
        for position in range(offsets[document], offsets[document + 1] - gap):
            left, right = lefts[position], rights[position + gap]
            if left == NOT_THERE or right == NOT_THERE:
                continue
            key = _key(left, right)
            slot = _slot(keys, key)
            if keys[slot] == FREE:
                keys[slot] = key
                counts[slot] = 0
                n_pairs += 1
            counts[slot] += 1
            n_kept += counts[slot] == min_count
            if 2 * n_pairs > len(keys):
                keys, counts = _larger(keys, counts)
    pairs = np.empty((n_kept, 2), dtype=np.int32)
    pair_counts = np.empty(n_kept, dtype=np.int64)
    n_kept = 0
    for slot in range(len(keys)):
        if keys[slot] != FREE and counts[slot] >= min_count:
            pairs[n_kept, 0] = keys[slot] >> np.uint64(32)
            pairs[n_kept, 1] = keys[slot] & np.uint64(0xFFFFFFFF)
            pair_counts[n_kept] = counts[slot]
            n_kept += 1
    return pairs, pair_counts


def table_of_pairs(pairs, pair_ids):
    """A table in which `find_pairs` finds the pairs int32 (P, 2), whose ids are int32 (P,)."""
    size = 16
    while size < 2 * len(pairs):
        size *= 2
    keys = np.full(size, FREE, dtype=np.uint64)
    ids = np.full(size, NOT_THERE, dtype=np.int32)
    for pair in range(len(pairs)):
        key = _key(pairs[pair, 0], pairs[pair, 1])
        slot = _slot(keys, key)
        keys[slot] = key
        ids[slot] = pair_ids[pair]
    return keys, ids


def find_pairs(lefts, rights, offsets, gap, keys, ids):
    """The id of the pair (lefts[i], rights[i + gap]) at each index i, int32 (T,); NOT_THERE where it has none."""
    found = np.full(len(lefts), NOT_THERE, dtype=np.int32)
    for document in range(len(offsets) - 1):
        for position in range(offsets[document], offsets[document + 1] - gap):
            left, right = lefts[position], rights[position + gap]
            if left != NOT_THERE and right != NOT_THERE:
                found[position] = ids[_slot(keys, _key(left, right))]
    return found


def encode(ngrams, has_edges, offsets, codes, char_ngrams, char_ngram_offsets, unknown, max_length, keep_unknown):
    """All that a model sees of each document: the ids of its words, then of its n-grams, then of character n-grams.

    `ngrams` is int32 (n, T): at each token, the id of the word, of the n-gram of 2 words, … that starts there, or
    NOT_THERE; with `has_edges`, each document has one element more at its start and at its end, which are no words but
    parts of n-grams. `codes` int32 (T,) are the distinct words; those of code c have the character n-grams
    char_ngrams[char_ngram_offsets[c]:char_ngram_offsets[c + 1]]. Of each document only the first `max_length` tokens
    are read. A word without an id is left out or, with `keep_unknown`, becomes `unknown`; a document without any id
    becomes one `unknown`.

    Returns: ids int32 (T',), offsets int64 (N + 1,), and the share of the tokens that have an id, float32 (N,).
    """
    n_documents = len(offsets) - 1
    n_most = n_documents + ngrams.size
    if len(char_ngrams):
        for code in codes:
            n_most += char_ngram_offsets[code + 1] - char_ngram_offsets[code]
    encoded = np.empty(n_most, dtype=np.int32)
    new_offsets = np.zeros(n_documents + 1, dtype=np.int64)
    in_vocabulary_share = np.empty(n_documents, dtype=np.float32)
    n_ids = 0
    for document in range(n_documents):
        first = n_ids
        start = offsets[document]
        length = min(offsets[document + 1] - start, max_length)
        is_cut = length < offsets[document + 1] - start
        index = start + (2 * document + 1 if has_edges else 0)
        n_known = 0
        for number in ngrams[0, index : index + length]:
            if number != NOT_THERE:
                n_known += 1
                encoded[n_ids] = number
                n_ids += 1
            elif keep_unknown:
                encoded[n_ids] = unknown
                n_ids += 1
        first_start, end = index, index + length
        if has_edges and length:
            first_start, end = index - 1, index + length + (0 if is_cut else 1)
        for more in range(1, len(ngrams)):
            for number in ngrams[more, first_start : max(end - more, first_start)]:
                if number != NOT_THERE:
                    encoded[n_ids] = number
                    n_ids += 1
        n_char_ngrams = 0
        if len(char_ngrams):
            for position in range(start, start + length):
                code = codes[position]
                for entry in range(char_ngram_offsets[code], char_ngram_offsets[code + 1]):
                    encoded[n_ids] = char_ngrams[entry]
                    n_ids += 1
                    n_char_ngrams += 1
        if n_known + n_char_ngrams == 0:
            encoded[first] = unknown
            n_ids = first + 1
        new_offsets[document + 1] = n_ids
        in_vocabulary_share[document] = n_known / max(length, 1)
    return encoded[:n_ids].copy(), new_offsets, in_vocabulary_share


def count(ids, offsets, n_rows, unknown):
    """How often each id below `n_rows` occurs in each document: each id once, in the order of first occurrence.

    A document without any becomes one `unknown`.
    Returns: ids int32 (T',), offsets int64 (N + 1,), counts float32 (T',).
    """
    distinct = np.empty(len(ids) + len(offsets), dtype=np.int32)
    counts = np.empty(len(ids) + len(offsets), dtype=np.float32)
    new_offsets = np.zeros(len(offsets), dtype=np.int64)
    # A small table of the ids of one document, with linear probing: `owner` is the document + 1 that an entry is of.
    longest, size = 1, 16
    for document in range(len(offsets) - 1):
        longest = max(longest, offsets[document + 1] - offsets[document])
    while size < 2 * longest:
        size *= 2
    mask = np.uint64(size - 1)
    owner = np.zeros(size, dtype=np.int64)
    index_of = np.empty(size, dtype=np.int64)
    n_distinct = 0
    for document in range(len(offsets) - 1):
        first = n_distinct
        for position in range(offsets[document], offsets[document + 1]):
            number = ids[position]
            if number >= n_rows:
                continue
            slot = (np.uint64(number) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32) & mask
            while owner[slot] == document + 1 and distinct[index_of[slot]] != number:
                slot = (slot + ONE) & mask
            if owner[slot] != document + 1:
                owner[slot] = document + 1
                index_of[slot] = n_distinct
                distinct[n_distinct] = number
                counts[n_distinct] = 1
                n_distinct += 1
            else:
                counts[index_of[slot]] += 1
        if n_distinct == first:
            distinct[n_distinct] = unknown
            counts[n_distinct] = 1
            n_distinct += 1
        new_offsets[document + 1] = n_distinct
    return distinct[:n_distinct].copy(), new_offsets, counts[:n_distinct].copy()
