"""UTF-8 texts → which of them a normalisation would change; and the changes of characters and of runs of letters."""

from __future__ import annotations

import functools
import itertools
import operator
import re

import numpy as np

from bywords.kernels.normalization import (
    ALWAYS,
    JOINER,
    LOOKED_AT,
    MARKUP,
    ORDERED,
    REPLACED,
    RUN,
    SPECIAL,
    TARGET,
    UNCOMPOSED,
    WIDE,
    WITH_I,
)
from bywords.kernels.words import MARK


def _strings(text, ends):
    whole = text.tobytes()
    return [whole[start:end].decode() for start, end in itertools.pairwise([0, *ends.tolist()])]


def _bytes(strings):
    encoded = [string.encode() for string in strings]
    return np.frombuffer(b"".join(encoded), dtype=np.uint8), np.cumsum([len(one) for one in encoded], dtype=np.int64)


def _special(character, specials):
    return specials[ord(character)] if 0x80 <= ord(character) < len(specials) else 0


def _may_change(string, specials):
    for index, character in enumerate(string):
        special = _special(character, specials)
        around = string[max(0, index - 1) : index] + string[index + 1 : index + 2]
        is_within = len(around) == 2 and all("\u0600" <= one <= "\u07ff" for one in around)
        if special & ALWAYS or (special & WITH_I and "I" in string) or (special & JOINER and not is_within):
            return True
    return False


def _may_be_composed(string, specials, orders):
    found = [
        orders[ord(character)] if _special(character, specials) & ORDERED and ord(character) < len(orders) else 0
        for character in string
    ]
    return LOOKED_AT in found or any(0 < right < left for left, right in itertools.pairwise(found))


def suspects(text, ends, specials, orders):
    flags = []
    for string in _strings(text, ends):
        has_entity = any(
            b";" in string.encode()[match.start() : match.start() + 64]
            for match in re.finditer(rb"&(?=[#A-Za-z])", string.encode())
        )
        has_run = re.search(r"(?ai:([a-z])\1\1)|([\u00c0-\u07ff])\2\2", string)
        flags.append(
            MARKUP * (has_entity or re.search(r"\\[ntr\"'/ux]", string) is not None)
            + RUN * (has_run is not None)
            + WIDE * (not string.isascii())
            + SPECIAL * _may_change(string, specials)
            + UNCOMPOSED * _may_be_composed(string, specials, orders)
            + REPLACED * any(_special(character, specials) & TARGET for character in string)
        )
    return np.array(flags, dtype=np.uint8), functools.reduce(operator.or_, flags)


def replace_characters(text, ends, flags, targets, data, starts, kinds):
    whole, new, is_open = data.tobytes(), [], []
    for string, flag in zip(_strings(text, ends), flags, strict=True):
        parts, is_changed, opened = [], False, False
        for character in string:
            point = ord(character)
            target = targets[point] if flag & REPLACED and 0x80 <= point < len(targets) else 0
            part = whole[starts[target - 1] : starts[target]].decode() if target else character
            is_changed |= bool(target)
            if part and ord(part[0]) < len(kinds) and kinds[ord(part[0])] == MARK:
                opened |= is_changed
            elif part and not target:
                is_changed = False
            parts.append(part)
        new.append("".join(parts))
        is_open.append(opened)
    return *_bytes(new), np.array(is_open, dtype=np.bool_)


def _shortened_word(match):
    word = match[0]
    letters = [letter.lower() if letter.isascii() else letter for letter in word]
    if any(letter in "0123456789" for letter in word) or len(set(letters)) == 1:
        return word
    if len(word) <= 4 and all("A" <= letter <= "Z" for letter in word):
        return word
    is_roman, parts, index = set(letters) <= set("ivxlcdm"), [], 0
    for letter, group in itertools.groupby(letters):
        n = len(list(group))
        least = 4 if letter >= "\u0580" else 3
        n_left = n if n < least or (is_roman and n == 3) else 2
        parts.append(word[index : index + n_left])
        index += n
    return "".join(parts)


def shorten_runs(text, ends, flags):
    new = [
        re.sub("[A-Za-z0-9\u00c0-\u07ff]+", _shortened_word, string) if flag & RUN else string
        for string, flag in zip(_strings(text, ends), flags, strict=True)
    ]
    left, new_ends = _bytes(new)
    text[: len(left)] = left
    ends[:] = new_ends
    return text[: len(left)], ends
