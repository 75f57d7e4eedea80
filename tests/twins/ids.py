"""Documents of word ids → counts of n-grams, and ids of n-grams; tokens, or texts → the ids that a model sees."""

from __future__ import annotations

import itertools

import numpy as np

from twins import words

NOT_THERE = -1
FREE = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE = np.uint64(1)
UNKNOWN = 1


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


def count_pairs(lefts, rights, offsets, gap, min_count, share=0, n_shares=1):
    """The pairs (lefts[i], rights[i + gap]) of one share, within each document, that occur often enough: keys, counts.

    They are in the order of 256 piles, and in each of a table of its own.
    """
    piles = [[] for _ in range(256)]
    for document in range(len(offsets) - 1):
        for position in range(offsets[document], offsets[document + 1] - gap):
            left, right = lefts[position], rights[position + gap]
            if left == NOT_THERE or right == NOT_THERE:
                continue
            key = _key(left, right)
            place = int(key * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)) * n_shares
            if place >> 32 == share:
                piles[place >> 24 & 255].append(key)
    kept, kept_counts = [], []
    for pile in piles:
        size = 16
        while size < 2 * len(pile):
            size *= 2
        keys, counts = np.full(size, FREE, dtype=np.uint64), np.zeros(size, dtype=np.int64)
        for key in pile:
            slot = _slot(keys, key)
            keys[slot] = key
            counts[slot] += 1
        kept.append(keys[counts >= min_count])
        kept_counts.append(counts[counts >= min_count])
    return np.concatenate(kept), np.concatenate(kept_counts)


def add_counts(keys, counts, others, other_counts):
    """The distinct keys of both, ascending, and the sums of their counts."""
    merged, places = np.unique(np.concatenate([keys, others]), return_inverse=True)
    sums = np.zeros(len(merged), dtype=np.int64)
    np.add.at(sums, places, np.concatenate([counts, other_counts]))
    return merged, sums


def keys_of_documents(codes, offsets, hashes, is_sign):
    """A hash of the words of each document; of its signs where it has nothing else; 0 where it has nothing."""
    keys = np.zeros(len(offsets) - 1, dtype=np.uint64)
    for document in range(len(keys)):
        listed = codes[offsets[document] : offsets[document + 1]]
        for code in listed[~is_sign[listed]] if (~is_sign[listed]).any() else listed:
            keys[document] = words.mixed((keys[document] + np.uint64(0x9E3779B97F4A7C15)) ^ hashes[code])
    return keys


def table_of_pairs(pairs, pair_ids):
    """A table in which `find_pairs` finds the pairs int32 (P, 2), whose ids are int32 (P,)."""
    size = 16
    while 2 * size < 3 * len(pairs):
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


def encode(codes, lengths, data, starts, hashes, known, vocabulary):
    """All that a model sees of each document: the ids of its words, then of its n-grams, then of character n-grams."""
    found = words.find(data, starts, hashes, vocabulary.data, vocabulary.starts, vocabulary.slots)
    found = known - 2 if len(known) else found
    spellings = [data[start:end].tobytes() for start, end in itertools.pairwise(starts.tolist())]
    is_apart = [len(word) > 1 and word[0] == 0x1F for word in spellings]
    char_ngrams = [[] for _ in spellings]
    if vocabulary.longest:
        of_words, bounds, *cut = words.cut(data, starts, vocabulary.shortest, vocabulary.longest)
        indices = words.find(*cut, vocabulary.char_data, vocabulary.char_starts, vocabulary.char_slots)[of_words]
        for word, (start, end) in enumerate(itertools.pairwise(bounds.tolist())):
            known = [index for index in indices[start:end].tolist() if index >= 0 and not is_apart[word]]
            char_ngrams[word] = [vocabulary.first_char_ngram + index for index in known]
    encoded, offsets, shares, start = [], [0], [], 0
    for length in lengths.tolist():
        read = codes[start : start + min(length, vocabulary.max_length)].tolist()
        start += length
        numbers = [int(found[code]) + 2 if found[code] >= 0 else NOT_THERE for code in read]
        ids = [UNKNOWN if number == NOT_THERE else number for number in numbers]
        ids = [number for number in ids if number != UNKNOWN or vocabulary.keep_unknown]
        rights = [NOT_THERE if is_apart[code] else number for code, number in zip(read, numbers, strict=True)]
        rights = ([0, *rights, 0] if len(read) == length else [0, *rights]) if read else []
        lefts, ends = np.array(rights, dtype=np.int32), np.array([0, len(rights)])
        for gap in range(1, vocabulary.ngrams):
            lefts = find_pairs(lefts, np.array(rights), ends, gap, vocabulary.pairs, vocabulary.pair_ids)
            ids += lefts[lefts != NOT_THERE].tolist()
        pieces = [number for code in read for number in char_ngrams[code]]
        n_known = len(numbers) - numbers.count(NOT_THERE)
        encoded += ids + pieces if n_known + len(pieces) else [UNKNOWN]
        offsets.append(len(encoded))
        shares.append(n_known / max(len(read), 1))
    return np.array(encoded, dtype=np.int32), np.array(offsets), np.array(shares, dtype=np.float32)


def encode_texts(text, ends, kinds, lowercase, what, vocabulary):
    """The same of what `scan` gives of these texts."""
    return encode(*words.scan(text, ends, kinds, lowercase, what), np.zeros(0, np.int32), vocabulary)
