"""A text whose characters are composed → the parts that change independently; where each new character comes from."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Offsets = npt.NDArray[np.int64]


def parts_of(text: str, changed: Callable[[str], str]) -> list[str]:
    """Cut a text before each character that is not composed with any before it."""
    cuts = [0]
    for index in range(1, len(text)):
        character = text[index]
        # Below U+0300 none is composed with what comes before it.
        if character < "\u0300" or (
            not unicodedata.combining(character) and _are_apart(text[cuts[-1] : index], character, changed)
        ):
            cuts.append(index)
    parts = []
    for start, end in itertools.pairwise([*cuts, len(text)]):
        part = text[start:end]
        if len(part) > 1 and _are_apart(part[0], part[1:], changed):  # marks after a space, say
            parts += [part[0], part[1:]]
        else:
            parts.append(part)
    return parts


def traced_back(parts: Sequence[str], lengths: Sequence[int]) -> tuple[Offsets, Offsets]:
    """For each character of the new text, where its source starts and ends in the old one, int64 each."""
    old = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))
    new = np.asarray(lengths, dtype=np.int64)
    ends = np.repeat(np.cumsum(old), new)
    starts = ends - np.repeat(old, new)
    # In a part that was in form NFC, and is as long as before, each character is at its index; in any other, each is
    # made from the whole.
    stays = [unicodedata.is_normalized("NFC", part) for part in parts]
    within = np.arange(new.sum()) - np.repeat(np.cumsum(new) - new, new)
    is_same = np.repeat(stays & (old == new), new)
    return np.where(is_same, starts + within, starts), np.where(is_same, starts + within + 1, ends)


def _are_apart(left: str, right: str, changed: Callable[[str], str]) -> bool:
    return changed(left + right) == changed(left) + changed(right)
