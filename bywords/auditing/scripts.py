"""Texts → the scripts of their letters: Latin, Cyrillic, Han, …

A script is certain, a language is not: many share one script, and a short text may be of several. Languages are
therefore not guessed here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

SCRIPTS = (
    "Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Tamil",
    "Telugu", "Kannada", "Malayalam", "Sinhala", "Thai", "Lao", "Khmer", "Myanmar", "Georgian", "Armenian",
    "Ethiopic", "Hangul", "Hiragana", "Katakana", "Han",
)  # fmt: skip
JAPANESE = ("Hiragana", "Katakana")
OTHER, NONE = "other", "no letters"


def letters_by_script(texts: pl.Series) -> npt.NDArray[np.int64]:
    """Letters of each of SCRIPTS, and behind them of any other, in each of N texts; int64 (N, len(SCRIPTS) + 1).

    Kana and Han of a text that has both are of one script, Japanese, and counted as Hiragana.
    """
    counts = np.zeros((len(texts), len(SCRIPTS) + 1), dtype=np.int64)
    is_ascii = (texts.str.len_bytes() == texts.str.len_chars()).to_numpy()
    counts[is_ascii, 0] = texts.filter(pl.Series(is_ascii)).str.count_matches("[A-Za-z]").to_numpy()
    rest = texts.filter(pl.Series(~is_ascii))
    signs = rest.str.replace_all(r"[\x00-\x7f]+", "")  # what is left is short, and searched once for each script
    of_rest = np.stack([signs.str.count_matches(rf"[\p{{{name}}}&&\p{{L}}]").to_numpy() for name in SCRIPTS], axis=1)
    of_rest = of_rest.astype(np.int64)
    of_rest[:, 0] += rest.str.count_matches("[A-Za-z]").to_numpy().astype(np.int64)
    letters = rest.str.count_matches(r"\p{L}").to_numpy().astype(np.int64)
    han, *kana = (SCRIPTS.index(name) for name in ("Han", *JAPANESE))
    is_japanese = of_rest[:, kana].sum(axis=1) > 0
    of_rest[is_japanese, kana[0]] += of_rest[is_japanese][:, [han, kana[1]]].sum(axis=1)
    of_rest[np.ix_(is_japanese, [han, kana[1]])] = 0
    counts[~is_ascii, :-1] = of_rest
    counts[~is_ascii, -1] = np.maximum(letters - of_rest.sum(axis=1), 0)
    return counts


def name_of(index: int) -> str:
    """How a column of `letters_by_script` is called."""
    name = SCRIPTS[index] if index < len(SCRIPTS) else OTHER
    return "Japanese" if name == JAPANESE[0] else name
