"""A text → the offsets of its tokens, in characters of the text as it was given.

The tokenizer sees another text: normalised and lower-case, where a character may have become two, or two have
become one. Here the tokens are found in that text, and its characters are traced back.
"""

from __future__ import annotations

import dataclasses
import itertools
import unicodedata
from collections.abc import Sequence

import numpy as np

from bywords.forks import check_polars
from bywords.kernels.words import MARK, SIGN, UNSPACED
from bywords.text.characters import kinds_of_characters
from bywords.text.composition import Offsets, parts_of, traced_back
from bywords.text.custom_tokens import found_in_order, without_accents
from bywords.text.normalization import traced
from bywords.text.tokenizer import SEPARATOR, Tokenizer, TokenizerConfig, parts_of_row


def token_offsets(text: str, tokenizer: Tokenizer | TokenizerConfig | None = None) -> Offsets | None:
    """Where each token of `Tokenizer(tokenizer)([text])` starts and ends, in their order, int64 (T, 2).

    Of a custom function the tokens are looked for in their order: None where one is not there.

    Token t is cut from `text[start:end]`, which is never empty. Two tokens that were cut from one character of the
    text both have its offsets. Of scripts without spaces the pairs of neighbours overlap with their characters.
    A token with the name of its field has those of its word.
    """
    tokenizer = Tokenizer(tokenizer)
    config = tokenizer.config
    if config.fields:
        return _offsets_in_row(text, config)
    if config.custom is not None:
        cut, is_left = tokenizer.settled(text)
        return found_in_order(text, [token for token, is_in in zip(cut, is_left.tolist(), strict=True) if is_in])
    if config.strip_accents or config.stop_words:
        plain = Tokenizer(dataclasses.replace(config, strip_accents=False, stop_words=()))
        parts = [without_accents(sign) for sign in text] if config.strip_accents else list(text)
        index = np.repeat(np.arange(len(parts)), list(map(len, parts)))  # in the text, of each sign that is cut
        every = token_offsets("".join(parts), plain)
        if every is None or not len(every):
            return every
        return np.stack([index[every[:, 0]], index[every[:, 1] - 1] + 1], axis=1)[tokenizer.settled(text)[1]]
    seen, first, last = _as_seen(text, tokenizer.config)
    if tokenizer.config.custom_pattern is not None:
        found = _matches(seen, tokenizer.config.custom_pattern)
    else:
        found = _tokens(seen, tokenizer([text]).documents()[0], whole=tokenizer.config.pattern is not None)
    if not len(found):
        return np.zeros((0, 2), dtype=np.int64)
    return np.stack([first[found[:, 0]], last[found[:, 1] - 1]], axis=1)


def _offsets_in_row(row: str, config: TokenizerConfig) -> Offsets:
    """The same of a row with several columns, in the order of `Tokenizer`: side tokens, texts, words of fields."""
    parts = parts_of_row(row, config.fields, 0)
    starts = list(itertools.accumulate((len(part) + len(SEPARATOR) for part in parts), initial=0))
    n_fields = len(config.fields)
    sides = [
        (start, start + len(part)) for start, part in zip(starts[n_fields:], parts[n_fields:], strict=False) if part
    ]
    plain = dataclasses.replace(config, fields=(), fielded=())
    tokenizer = Tokenizer(plain)
    of_texts = [_offsets_in_field(parts[index], tokenizer) + starts[index] for index in range(n_fields)]
    copies = [of_texts[index] for index, name in enumerate(config.fields) if name in config.fielded]
    return np.concatenate([np.array(sides, dtype=np.int64).reshape(-1, 2), *of_texts, *copies])


def _offsets_in_field(text: str, tokenizer: Tokenizer) -> Offsets:
    """Those of one of the texts of a row; each token has all of it where they are not to be found."""
    found = token_offsets(text, tokenizer)
    return np.tile(np.array([[0, len(text)]]), (len(tokenizer([text]).codes), 1)) if found is None else found


def _as_seen(text: str, config: TokenizerConfig) -> tuple[str, Offsets, Offsets]:
    """The text as the tokenizer sees it; where what each character was made from starts and ends, int64 each.

    Half of a surrogate pair is a question mark to it, which is one character too.
    """
    if config.normalize:
        return traced(text, lowercase=config.lowercase)
    if text.isascii():
        indices = np.arange(len(text) + 1)
        return text.lower() if config.lowercase else text, indices[:-1], indices[1:]

    def changed(part: str) -> str:
        is_lower = (
            config.lowercase and config.pattern is None
        )  # for a pattern, case is changed afterwards, character by character
        return unicodedata.normalize("NFC", part.lower() if is_lower else part)

    text = text.encode("utf-8", "replace").decode()
    parts = parts_of(text, changed)
    if config.pattern is None:
        return changed(text), *traced_back(parts, [len(changed(part)) for part in parts])
    import polars as pl

    column = pl.Series([*parts, text], dtype=pl.String).str.normalize("NFC")
    if config.lowercase:
        column = column.str.to_lowercase()
    *lengths, _ = column.str.len_chars().to_list()
    return column[-1], *traced_back(parts, lengths)


def _matches(seen: str, pattern: str) -> Offsets:
    """Where the matches of a pattern are: they are put between two characters that the text does not have."""
    check_polars(what=f"the pattern {pattern!r}")
    import polars as pl

    left, right = _unused(seen)
    marked = pl.Series([seen]).str.replace_all(pattern, f"{left}${{0}}{right}")[0]
    before, *others = marked.split(left)
    found, index = [], len(before)
    for other in others:
        match, rest = other.split(right)
        found.append((index, index + len(match)))
        index += len(match) + len(rest)
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _unused(text: str) -> list[str]:
    """Two private characters that are not in the text; a text that has them all would have 137,000 characters."""
    present, found = set(text), list[str]()
    for point in (*range(0xE000, 0xF900), *range(0xF0000, 0xFFFFE), *range(0x100000, 0x10FFFE)):
        if chr(point) not in present:
            found.append(chr(point))
        if len(found) == 2:
            break
    return found


def _tokens(seen: str, tokens: Sequence[str], *, whole: bool) -> Offsets:
    """Where consecutive tokens are, with nothing between them that has a token in it; UNSPACED ones whole, or cut."""
    found: list[tuple[int, int]] = []
    index, number = 0, 0
    while number < len(tokens):
        token = tokens[number]
        index = seen.index(token, index)
        if _kind(token[0]) != UNSPACED or whole:
            found.append((index, index + len(token)))
            index, number = index + len(token), number + 1
            continue
        bounds = [index]
        while index < len(seen) and _kind(seen[index]) == UNSPACED:
            index = _end_of_character(seen, index)
            bounds.append(index)
        for length in (1, 2):  # the characters of the sequence, then its pairs
            found += zip(bounds, bounds[length:], strict=False)
        number = len(found)
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _end_of_character(seen: str, index: int) -> int:
    """Where the character at `index` ends, with the combining marks after it."""
    index += 1
    while index < len(seen) and _kind(seen[index]) == MARK:
        index += 1
    return index


def _kind(character: str) -> int:
    kinds = kinds_of_characters()
    return int(kinds[ord(character)]) if ord(character) < len(kinds) else SIGN
