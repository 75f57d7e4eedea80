"""UTF-8 texts → the indices of their tokens in a table of distinct words, in one pass over the bytes.

A table of U distinct words is four arrays: `data` uint8, the words' bytes one after the other; `starts` int64 (U + 1,),
where each starts; `hashes` uint64 (U,); and `slots` uint64 (S, 2), S a power of two, with linear probing: the hash, and
length << 32 | index + 1, which is 0 where the slot is free.
"""

from __future__ import annotations

import itertools

import numpy as np

# What a code point is; the table of them is read by `bywords.text.characters`.
SPACE, WORD, SIGN, UNSPACED, MARK = range(5)
WORDS, SIGNS, LONGER = range(3)  # what a token is
ALL, OFTEN, ONCE = range(3)  # which words are ranked
APOSTROPHE, CURLY_APOSTROPHE = 0x27, 0x2019

ZERO, ONE, BYTE, FULL = np.uint64(0), np.uint64(1), np.uint64(8), np.uint64(64)
LOWER_HALF = np.uint64(0xFFFFFFFF)


def mixed(h):
    """64 bits → 64 bits, one to one. Source: the last step of Appleby's MurmurHash3."""
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> np.uint64(33))


def _hash(data, start, end):
    """Eight bytes at a time. Words of at most eight bytes have the same hash only if they are the same."""
    h = packed = shift = ZERO
    for index in range(start, end):
        if shift == FULL:
            h = mixed(h ^ packed)
            packed = shift = ZERO
        packed |= np.uint64(data[index]) << shift
        shift += BYTE
    return mixed(h ^ packed)


def _same(data, start, other, other_start, length):
    for index in range(length):  # noqa: SIM110 (as in C)
        if data[start + index] != other[other_start + index]:
            return False
    return True


def _slot(data, start, end, h, table_data, starts, slots):
    """The slot that has the word data[start:end], or the free one where it belongs."""
    mask = np.uint64(len(slots) - 1)
    length = np.uint64(end - start)
    slot = h & mask
    while slots[slot, 1] != ZERO:
        entry = slots[slot, 1]
        if slots[slot, 0] == h and entry >> np.uint64(32) == length:
            if length <= BYTE:
                return slot
            if _same(data, start, table_data, starts[np.int64(entry & LOWER_HALF) - 1], end - start):
                return slot
        slot = (slot + ONE) & mask
    return slot


def _index(slots, slot):
    """The index of the word of a slot; -1 where it is free."""
    return np.int64(slots[slot, 1] & LOWER_HALF) - 1


def _intern(data, starts, hashes, slots, n_words, end, h):
    """The index of the word data[starts[n_words]:end]; `n_words` where it is new, and it is then in the table."""
    start = starts[n_words]
    slot = _slot(data, start, end, h, data, starts, slots)
    if slots[slot, 1] == ZERO:
        hashes[n_words] = h
        starts[n_words + 1] = end
        slots[slot, 0] = h
        slots[slot, 1] = np.uint64(end - start) << np.uint64(32) | np.uint64(n_words + 1)
        return n_words
    return _index(slots, slot)


def _larger(slots):
    """Four times the slots, with the same words."""
    larger = np.zeros((4 * len(slots), 2), dtype=np.uint64)
    mask = np.uint64(len(larger) - 1)
    for old in range(len(slots)):
        if slots[old, 1] != ZERO:
            slot = slots[old, 0] & mask
            while larger[slot, 1] != ZERO:
                slot = (slot + ONE) & mask
            larger[slot] = slots[old]
    return larger


def _decode(text, index):
    """The code point at `index` of valid UTF-8, and how many bytes it takes."""
    first = np.int64(text[index])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return (first & 0x1F) << 6 | np.int64(text[index + 1]) & 0x3F, 2
    if first < 0xF0:
        return (first & 0x0F) << 12 | (np.int64(text[index + 1]) & 0x3F) << 6 | np.int64(text[index + 2]) & 0x3F, 3
    return (
        (first & 0x07) << 18
        | (np.int64(text[index + 1]) & 0x3F) << 12
        | (np.int64(text[index + 2]) & 0x3F) << 6
        | np.int64(text[index + 3]) & 0x3F
    ), 4


def _kind(text, index, kinds):
    """What the character at `index` is, and how many bytes it takes."""
    code_point, width = _decode(text, index)
    return (np.int64(kinds[code_point]) if code_point < len(kinds) else SIGN), width


def _end_of_character(text, index, end, kinds):
    """Where the character that starts at `index` ends, with the combining marks after it."""
    index += _kind(text, index, kinds)[1]
    while index < end:
        kind, width = _kind(text, index, kinds)
        if kind != MARK:
            break
        index += width
    return index


def _joins(text, index, end, kinds):
    """How many bytes of a word are at `index`: a letter or mark, or an apostrophe before one; 0 if there is none."""
    code_point, width = _decode(text, index)
    kind = kinds[code_point] if code_point < len(kinds) else SIGN
    if kind in (WORD, MARK):
        return width
    if code_point in (APOSTROPHE, CURLY_APOSTROPHE) and index + width < end:
        kind, _ = _kind(text, index + width, kinds)
        if kind in (WORD, MARK):
            return width
    return 0


def _add_unspaced(text, index, end, kinds, codes, n_tokens, data, starts, hashes, slots, n_words):
    """Add the tokens of the UNSPACED characters from `index` on: each one, then each two neighbours.

    Returns: where they end, the slots, and how many tokens and distinct words there are now.
    """
    first, last = index, index
    while index < end and _kind(text, index, kinds)[0] == UNSPACED:
        last = index
        index = _end_of_character(text, index, end, kinds)
    for in_pairs in range(2):
        start = first
        while start < last or (start == last and not in_pairs):
            next_start = _end_of_character(text, start, end, kinds)
            stop = _end_of_character(text, next_start, end, kinds) if in_pairs else next_start
            top = starts[n_words]
            data[top : top + stop - start] = text[start:stop]
            h = _hash(text, start, stop)
            code = _intern(data, starts, hashes, slots, n_words, top + stop - start, h)
            n_words += code == n_words
            codes[n_tokens] = code
            n_tokens += 1
            if 2 * n_words > len(slots):
                slots = _larger(slots)
            start = next_start
    return index, slots, n_tokens, n_words


def _longer(text, ends, kinds, lowercase):
    """What `scan` returns for LONGER."""
    table, codes, lengths, index = {}, [], [], 0
    for end in ends:
        words, word = [], []
        while index < end:
            kind, width = _kind(text, index, kinds)
            if kind in (SPACE, SIGN):
                words.append(word)
                word = []
            else:
                character = bytes(text[index : index + width])
                word.append(character.lower() if lowercase else character)
            index += width
        words = [b"".join(word) for word in (*words, word) if len(word) > 1]
        codes += [table.setdefault(word, len(table)) for word in words]
        lengths.append(len(words))
    data = np.frombuffer(b"".join(table), dtype=np.uint8)
    starts = np.cumsum([0, *map(len, table)])
    hashes = np.array([_hash(data, *span) for span in itertools.pairwise(starts)], dtype=np.uint64)
    return np.array(codes, dtype=np.int32), np.array(lengths, dtype=np.int64), data, starts, hashes


def scan(text, ends, kinds, lowercase, what):
    """The tokens of the documents text[0:ends[0]], text[ends[0]:ends[1]], …, and a table of the distinct ones.

    `text` is uint8, valid UTF-8; `ends` int64 (N,); `kinds` uint8, by code point; those beyond its end are SIGN.
    With `lowercase`, ASCII letters become lower-case (others have to be already).

    `what` is a token: of WORDS, a sequence of WORD and MARK with single apostrophes within it or, of a sequence of
    UNSPACED characters, each one with the marks after it, and then each two neighbours; of SIGNS, each SIGN too; of
    LONGER, whatever is between SPACE and SIGN, of two characters or more.

    Returns: the index of each token in the table int32 (T,), the number of tokens of each document int64 (N,), and the
    table's data, starts and hashes.
    """
    if what == LONGER:
        return _longer(text, ends, kinds, lowercase)
    letters = np.zeros(256, dtype=np.uint8)  # the new byte for each that is a letter by itself
    for byte in range(128):
        if kinds[byte] == WORD:
            letters[byte] = byte + 0x20 if lowercase and 0x41 <= byte <= 0x5A else byte
    codes = np.empty(2 * len(text) + 1, dtype=np.int32)
    data = np.empty(3 * len(text) + 8, dtype=np.uint8)  # an UNSPACED character comes alone and in two pairs
    starts = np.empty(2 * len(text) + 2, dtype=np.int64)
    hashes = np.empty(2 * len(text) + 1, dtype=np.uint64)
    size = 64
    while size < len(text) // 32 and size < 65536:
        size *= 2
    slots = np.zeros((size, 2), dtype=np.uint64)
    lengths = np.empty(len(ends), dtype=np.int64)
    starts[0] = 0
    n_tokens = n_words = index = 0
    for document in range(len(ends)):
        end = ends[document]
        n_before = n_tokens
        while index < end:
            byte = text[index]
            is_sign = False
            if letters[byte] == 0:
                if byte < 0x80:
                    kind, width = np.int64(kinds[byte]), 1
                else:
                    kind, width = _kind(text, index, kinds)
                if kind == SPACE or (kind == SIGN and what != SIGNS):
                    index += width
                    continue
                if kind == UNSPACED:
                    index, slots, n_tokens, n_words = _add_unspaced(
                        text, index, end, kinds, codes, n_tokens, data, starts, hashes, slots, n_words
                    )
                    continue
                is_sign = kind == SIGN
            stop = starts[n_words]
            h = packed = shift = ZERO  # the hash is computed byte by byte, as by `_hash`
            while index < end:
                letter = letters[text[index]]
                width = 1
                if letter == 0:
                    letter = text[index]
                    if is_sign:
                        width = _kind(text, index, kinds)[1]
                    elif letter < 0x80 and letter != APOSTROPHE:
                        break
                    else:
                        width = _joins(text, index, end, kinds)
                        if width == 0:
                            break
                while True:
                    if shift == FULL:
                        h = mixed(h ^ packed)
                        packed = shift = ZERO
                    packed |= np.uint64(letter) << shift
                    shift += BYTE
                    data[stop] = letter
                    stop += 1
                    index += 1
                    width -= 1
                    if width == 0:
                        break
                    letter = text[index]
                if is_sign:
                    break
            code = _intern(data, starts, hashes, slots, n_words, stop, mixed(h ^ packed))
            n_words += code == n_words
            codes[n_tokens] = code
            n_tokens += 1
            if 2 * n_words > len(slots):
                slots = _larger(slots)
        lengths[document] = n_tokens - n_before
    return (
        codes[:n_tokens].copy(),
        lengths,
        data[: starts[n_words]].copy(),
        starts[: n_words + 1].copy(),
        hashes[:n_words].copy(),
    )


def hashes_of(data, starts):
    """The hash of each word, uint64 (U,)."""
    hashes = np.empty(len(starts) - 1, dtype=np.uint64)
    for word in range(len(hashes)):
        hashes[word] = _hash(data, starts[word], starts[word + 1])
    return hashes


def find(data, starts, hashes, table_data, table_starts, slots):
    """The index of each word in a table, int32 (U,), -1 where the table does not have it."""
    indices = np.empty(len(hashes), dtype=np.int32)
    for word in range(len(hashes)):
        slot = _slot(data, starts[word], starts[word + 1], hashes[word], table_data, table_starts, slots)
        indices[word] = _index(slots, slot)
    return indices


def add(data, starts, hashes, table_data, table_starts, table_hashes, slots, n_words):
    """Add words to a table that has room for them after its `n_words`.

    Returns: the index of each word int32 (U,), the slots, and how many words the table has now.
    """
    indices = np.empty(len(hashes), dtype=np.int32)
    for word in range(len(hashes)):
        top, length = table_starts[n_words], starts[word + 1] - starts[word]
        table_data[top : top + length] = data[starts[word] : starts[word + 1]]
        indices[word] = _intern(table_data, table_starts, table_hashes, slots, n_words, top + length, hashes[word])
        n_words += indices[word] == n_words
        if 2 * n_words > len(slots):
            slots = _larger(slots)
    return indices, slots, n_words


def rank(data, starts, counts, is_first, min_count, which=ALL):
    """The indices of the words that are counted often enough: those that come first, then by (-count, word)."""
    words = [data[start:end].tobytes() for start, end in itertools.pairwise(starts.tolist())]
    order = sorted(range(len(words)), key=lambda index: (not is_first[index], -counts[index], words[index]))
    is_often = is_first | (counts > 1)
    is_ranked = (counts >= min_count) & {ALL: True, OFTEN: is_often, ONCE: ~is_often}[which]
    return np.array([index for index in order if is_ranked[index]], dtype=np.int64)


def count_codes(codes, n_codes):
    """How often each code below `n_codes` is there, int64 (n_codes,)."""
    return np.bincount(codes, minlength=n_codes)


def cut(data, starts, shortest, longest):
    """The character n-grams of each word: `shortest` to `longest` characters, a space before and after it included.

    Returns: their indices in a table of the distinct ones int32 (P,), offsets by word int64 (U + 1,), and the table's
    data, starts and hashes. A word that has no more than `shortest` characters, with its spaces, is one n-gram.
    """
    padded = np.empty(len(data) + 2, dtype=np.uint8)
    character_starts = np.empty(len(data) + 4, dtype=np.int64)
    n_most = 0
    for word in range(len(starts) - 1):
        n_most += (starts[word + 1] - starts[word] + 2) * (longest - shortest + 1)
    codes = np.empty(n_most, dtype=np.int32)
    offsets = np.zeros(len(starts), dtype=np.int64)
    n_bytes, room = 0, 1 << 16
    table_data = np.empty(room, dtype=np.uint8)
    table_starts = np.zeros(n_most + 1, dtype=np.int64)
    hashes = np.empty(n_most, dtype=np.uint64)
    slots = np.zeros((1 << 10, 2), dtype=np.uint64)
    n_ngrams = n_distinct = 0
    for word in range(len(starts) - 1):
        length = starts[word + 1] - starts[word]
        padded[0] = padded[length + 1] = 0x20
        padded[1 : length + 1] = data[starts[word] : starts[word + 1]]
        n_characters = 0
        for index in range(length + 2):
            if padded[index] & 0xC0 != 0x80:  # the first byte of a character
                character_starts[n_characters] = index
                n_characters += 1
        character_starts[n_characters] = length + 2
        for size in range(shortest, longest + 1):
            for first in range(max(n_characters - size + 1, 1 if size == shortest else 0)):
                start, end = character_starts[first], character_starts[min(first + size, n_characters)]
                n_bytes = table_starts[n_distinct] + end - start
                if n_bytes > room:
                    room = 2 * n_bytes
                    larger = np.empty(room, dtype=np.uint8)
                    larger[: table_starts[n_distinct]] = table_data[: table_starts[n_distinct]]
                    table_data = larger
                table_data[table_starts[n_distinct] : n_bytes] = padded[start:end]
                h = _hash(padded, start, end)
                code = _intern(table_data, table_starts, hashes, slots, n_distinct, n_bytes, h)
                n_distinct += code == n_distinct
                codes[n_ngrams] = code
                n_ngrams += 1
                if 2 * n_distinct > len(slots):
                    slots = _larger(slots)
        offsets[word + 1] = n_ngrams
    return (
        codes[:n_ngrams].copy(),
        offsets,
        table_data[: table_starts[n_distinct]].copy(),
        table_starts[: n_distinct + 1].copy(),
        hashes[:n_distinct].copy(),
    )


def select_words(data, starts, indices):
    parts = [data[starts[index] : starts[index + 1]].tobytes() for index in indices.tolist()]
    return np.frombuffer(b"".join(parts), dtype=np.uint8), np.cumsum([0, *map(len, parts)])


def renumber(codes, new_codes, renumbered):
    renumbered[:] = [new_codes[code] for code in codes.tolist()]
