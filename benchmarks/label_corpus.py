"""A seed → texts with several of very many labels each: Zipf's popularity, a topic a label, words shared by a family.

What can be measured on it: how label trees compare. What cannot: how good any of them is on texts that people wrote.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]

FAMILY = 16  # labels that occur together, and share words
OWN_WORDS, FAMILY_WORDS = 10, 24
MEAN_LABELS, MEAN_WORDS = 7, 60
COMMON, OF_FAMILY, OF_LABEL = 0.6, 0.22, 0.18  # shares of the words of a text
IN_FAMILY = 0.6  # share of the further labels of a text that are of the family of its first
MISSING = 0.1  # share of labels that nobody has given
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]


@dataclass(frozen=True)
class LabelledTexts:
    """N texts and the labels of each, ascending."""

    texts: list[str]
    labels: list[list[int]]

    def write(self, folder: Path, part: str) -> None:
        """A text, and its labels, a line."""
        rows = [" ".join(map(str, row)) for row in self.labels]
        (folder / f"{part}.txt").write_text("\n".join(self.texts), encoding="utf-8")
        (folder / f"{part}.labels").write_text("\n".join(rows), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path, part: str) -> LabelledTexts:
        """What `write` wrote."""
        rows = (folder / f"{part}.labels").read_text(encoding="utf-8").split("\n")
        texts = (folder / f"{part}.txt").read_text(encoding="utf-8").split("\n")
        return cls(texts, [list(map(int, row.split())) for row in rows])


def generated(n_train: int, n_test: int, n_labels: int, *, seed: int = 0) -> tuple[LabelledTexts, LabelledTexts]:
    """Texts to learn from, and as many as are asked for to test on, of one making. Some labels occur in no text."""
    generator = np.random.default_rng(seed)
    popularity = 1 / (np.arange(n_labels) + 3.0) ** 0.9
    popularity = generator.permutation(popularity / popularity.sum())  # families: label // FAMILY
    n_words = 5_000 + 4 * n_labels
    family_words = generator.integers(n_words, size=(n_labels // FAMILY + 1, FAMILY_WORDS))
    own_words = generator.integers(n_words, size=(n_labels, OWN_WORDS))
    words = np.array([_word(number) for number in range(n_words)], dtype=object)
    n = n_train + n_test
    rows, labels = _labels(generator, popularity, n)
    firsts = np.searchsorted(rows, np.arange(n + 1))

    lengths = np.maximum(generator.lognormal(np.log(MEAN_WORDS), 0.5, size=n).astype(np.int64), 5)
    owner = np.repeat(np.arange(n), lengths)
    which = firsts[owner] + (generator.random(len(owner)) * np.diff(firsts)[owner]).astype(np.int64)
    label, kind = labels[which], generator.random(len(owner))
    rank = generator.random(len(owner)) ** 1.5  # the first words of a topic are its commonest
    spoken = np.minimum((n_words ** generator.random(len(owner))).astype(np.int64) - 1, n_words - 1)
    of_family = kind >= COMMON
    spoken[of_family] = family_words[label[of_family] // FAMILY, (rank[of_family] * FAMILY_WORDS).astype(np.int64)]
    of_label = kind >= COMMON + OF_FAMILY
    spoken[of_label] = own_words[label[of_label], (rank[of_label] * OWN_WORDS).astype(np.int64)]
    bounds = np.cumsum([0, *lengths]).tolist()
    texts = [" ".join(words[spoken[start:stop]]) for start, stop in itertools.pairwise(bounds)]
    is_given = generator.random(len(rows)) >= MISSING
    is_given[firsts[:-1]] = True
    sets = [np.unique(labels[start:stop][is_given[start:stop]]).tolist() for start, stop in itertools.pairwise(firsts)]
    return LabelledTexts(texts[:n_train], sets[:n_train]), LabelledTexts(texts[n_train:], sets[n_train:])


def _labels(generator: np.random.Generator, popularity: npt.NDArray[np.float64], n: int) -> tuple[Indices, Indices]:
    """Each text with each of its labels; rows ascend."""
    cumulated = np.append(0, np.cumsum(popularity))
    n_each = 1 + generator.poisson(MEAN_LABELS - 1, size=n)
    rows = np.repeat(np.arange(n), n_each)
    drawn = np.searchsorted(cumulated, generator.random(len(rows)) * cumulated[-1], side="right") - 1
    first = drawn[np.cumsum(n_each) - n_each][rows] // FAMILY * FAMILY
    low, high = cumulated[first], cumulated[np.minimum(first + FAMILY, len(popularity))]
    in_family = np.searchsorted(cumulated, low + generator.random(len(rows)) * (high - low), side="right") - 1
    drawn = np.where(generator.random(len(rows)) < IN_FAMILY, in_family, drawn)
    return rows, np.clip(drawn, 0, len(popularity) - 1)


def _word(number: int) -> str:
    """A word of two or more syllables, one for each number."""
    number += len(SYLLABLES)
    parts = []
    while number:
        number, syllable = divmod(number, len(SYLLABLES))
        parts.append(SYLLABLES[syllable])
    return "".join(parts)
