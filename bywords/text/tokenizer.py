"""Texts → tokens: the index of the word of each token, and the distinct words beside them.

There is no Python loop over words here. Threads read the texts as bytes, a chunk each: every word is made lower-case,
looked up in a table of the words so far and replaced by its index there (`bywords.kernels.words`). A custom pattern is
matched by polars instead, which is slower and cannot be done in a forked child.
"""

from __future__ import annotations

import functools
import itertools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_fields
from bywords.config import import_path
from bywords.errors import DataError, SettingError, did_you_mean, quoted, shown
from bywords.extras import needed
from bywords.forks import check_polars, polars_answers
from bywords.kernels.bags import count
from bywords.kernels.utf8 import joined_texts
from bywords.kernels.words import LONGER, SIGNS, WORDS, count_codes, renumber, scan
from bywords.text.characters import kinds_of_characters
from bywords.text.custom_tokens import (
    GIVEN,
    TOKEN_END,
    TokenFunction,
    check_given,
    coded,
    given_texts,
    tokens_by,
    tokens_given,
    without_accents,
)
from bywords.text.inputs import as_list, checked_column
from bywords.text.normalization import Bytes, Ends, normalized, normalized_bytes
from bywords.text.ragged import offsets_of, ragged_positions
from bywords.text.threads import MANY_TOKENS, chunks_of, in_threads, n_threads
from bywords.text.word_table import Words, WordTable

if TYPE_CHECKING:
    import polars as pl

SEPARATOR = "\x1f"  # between the columns of a row; and the first character of a token that no text can give
LONGER_WORDS = r"\b\w\w+\b"  # of two signs or more, as scikit-learn's vectorisers have it
FIELDED = 2 * SEPARATOR  # before the name of a field and a word of it
CHARACTERS = r"[^\s\p{M}]\p{M}*"  # a visible character, with the combining marks after it
ENGLISH = "english"  # stop words: scikit-learn's list
ACCEPTED = (
    '"words", "characters", "given" for documents that are lists of tokens, a pattern as in r"\\w+", a function that '
    "makes a list of strings of a text, as in tokenizer=str.split, or settings, as in TokenizerConfig(lowercase=False)"
)


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    r"""What counts as a token.

    Without a `pattern`: a sequence of letters, digits and combining marks of any script, single apostrophes within it,
    so that don't is one word; and any other visible sign. Of scripts without spaces (Chinese, Japanese, Thai, Lao,
    Khmer, Burmese) each character and each pair of neighbours.

    Before, texts are brought to Unicode's form NFC. With `normalize`, whatever means the same is then written the same
    (`bywords.text.normalization`): apostrophes, full-width and other forms of letters, HTML entities, literal \n of a
    bad export, signs that are not seen, vowel signs of Arabic and Hebrew, the case of Turkish letters, gooood as good.

    With `fields`, the names of F text columns, each text is a row as `bywords.data.columns.Columns` makes it: F texts,
    then any number of side tokens, which are taken as they are; SEPARATOR between them.

    A `custom` function gets each text as it is, once, in their order, and its tokens are taken as they are too, but for
    `lowercase`, `strip_accents` and `stop_words`; empty ones are left out. It is saved by its import path, and has to
    be given again when it is loaded. With `custom="given"`, documents are lists of tokens, or texts of tokens with
    blanks between them. `stop_words="english"` is scikit-learn's list. Accents are stripped before a text is cut, or
    of the tokens of a function, as its stop words are left out, behind it.

    >>> from bywords import Tokenizer, TokenizerConfig
    >>> Tokenizer(TokenizerConfig(punctuation=False, lowercase=False))(["The fire!"]).words.strings()
    ['The', 'fire']
    """

    lowercase: bool = True
    punctuation: bool = True  # keep punctuation marks as separate tokens
    normalize: bool = True  # write the same what means the same; models saved before there was this have it off
    pattern: str | None = None  # every match is a token, in Rust's syntax; overrides `punctuation`
    custom: TokenFunction | str | None = None  # overrides `pattern`, `punctuation` and `normalize`
    stop_words: tuple[str, ...] | str = ()  # tokens that are left out, written as the text has them or as tokens are
    strip_accents: bool = False  # é as e: all combining marks, also those of scripts that need them
    fields: tuple[str, ...] = ()  # the text columns of a row; none where a text is a text alone
    fielded: tuple[str, ...] = ()  # those whose words are also tokens of their own: the field and the word

    def __post_init__(self) -> None:
        """Raises SettingError, naming the setting, for what it cannot be."""
        if isinstance(self.stop_words, str) and self.stop_words == ENGLISH:
            english = needed("sklearn.feature_extraction.text", what="the list of English stop words")
            object.__setattr__(self, "stop_words", tuple(sorted(english.ENGLISH_STOP_WORDS)))
        if isinstance(self.stop_words, set | frozenset):
            object.__setattr__(self, "stop_words", tuple(sorted(self.stop_words)))
        if isinstance(self.stop_words, str):
            raise SettingError(
                f'stop_words is {self.stop_words!r:.60}, expected "english", or words as in ["the", "a"].'
            )
        check_fields(self)
        if (phrase := next((word for word in self.stop_words if len(word.split()) != 1), None)) is not None:
            raise SettingError(f"stop_words has {phrase!r:.60}, expected words, without blanks within them.")
        is_name = isinstance(self.custom, str)
        if is_name and self.custom != GIVEN and ":" not in str(self.custom):
            raise SettingError(f'custom is {self.custom!r:.60}, expected "given", or a function as in str.split.')
        if self.custom == GIVEN and self.fields:
            raise SettingError(
                f"documents of given tokens are lists, and these are rows with the columns {quoted(self.fields)}: take "
                "a function that cuts their texts, as in tokenizer=str.split."
            )

    @property
    def custom_pattern(self) -> str | None:
        """The pattern that polars has to match; models saved before there was `normalize` have all matched by it."""
        return None if self.custom or (self.normalize and self.pattern == LONGER_WORDS) else self.pattern

    @property
    def calls(self) -> bool:
        """Whether it takes a function of somebody else's, which is called for one text after the other."""
        return self.custom not in (None, GIVEN)

    @property
    def is_given(self) -> bool:
        """Whether documents are lists of tokens already."""
        return self.custom == GIVEN

    @property
    def missing(self) -> str | None:
        """The import path of the function that has to be given again, after loading; None where nothing is missing."""
        return self.custom if isinstance(self.custom, str) and self.calls else None

    def described(self) -> str | None:
        """What there is to say of it beside the usual, a sentence or more; None where there is nothing."""
        said = []
        if self.calls:
            name = self.custom if isinstance(self.custom, str) else import_path(self.custom)
            said.append(f"Its tokens come from the function {name}, which has to be given to load it.")
        elif self.custom:
            said.append("Its tokens are given: documents are lists of them, or have blanks between them.")
        if self.stop_words:
            first = ", ".join(self.stop_words[:5])
            more = "" if len(self.stop_words) <= 5 else f" and {len(self.stop_words) - 5:,} more"
            said.append(f"Stop words are left out: {first}{more}.")
        if self.strip_accents:
            said.append("Accents are stripped.")
        return " ".join(said) or None


@dataclass(frozen=True)
class Tokens:
    """The tokens of N documents, one after the other: T tokens of U distinct words.

    `codes` is int32 (T,), indices in `words`; document i is `codes[offsets[i]:offsets[i + 1]]`; `offsets` is int64
    (N + 1,). A document may have no tokens, and after a selection `words` may include some that no document has.
    """

    codes: npt.NDArray[np.int32]
    words: Words
    offsets: npt.NDArray[np.int64]
    example: ClassVar[str] = "Tokenizer()(texts)"

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each document, int64 (N,)."""
        return np.diff(self.offsets)

    def counts(self) -> npt.NDArray[np.int64]:
        """How often each of `words` occurs, int64 (U,)."""
        n_parts = n_threads() if len(self.codes) > MANY_TOKENS else 1
        parts = np.array_split(self.codes, n_parts)
        counted = in_threads(lambda part: count_codes(part, len(self.words)), parts)
        return functools.reduce(np.add, counted)

    def distinct(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Each word of each document once: codes int32 (T',), and the documents they are of, int64 (T',), ascending."""
        codes, offsets, _ = count(self.codes, self.offsets, len(self.words), 0)
        documents = np.repeat(np.arange(len(self)), np.diff(offsets))
        has_words = (self.lengths > 0)[documents]  # `count` gives a document without words the first one
        return codes[has_words], documents[has_words]

    def document_frequency(self) -> npt.NDArray[np.int64]:
        """How many documents have each of `words`, int64 (U,)."""
        return np.bincount(self.distinct()[0], minlength=len(self.words))

    def select(self, rows: npt.NDArray[np.integer[Any]]) -> Tokens:
        """Only these documents (int, any order, repeats allowed), in this order."""
        positions, offsets = ragged_positions(self.offsets, rows)
        return Tokens(self.codes[positions], self.words, offsets)

    def joined(self, others: Tokens) -> Tokens:
        """These documents, then the others."""
        offsets = np.concatenate([self.offsets, others.offsets[1:] + self.offsets[-1]])
        if others.words is self.words:
            return Tokens(np.concatenate([self.codes, others.codes]), self.words, offsets)
        table = WordTable.of(self.words)
        codes = table.add(others.words)[others.codes]
        return Tokens(np.concatenate([self.codes, codes]), table.words(), offsets)

    def documents(self) -> list[list[str]]:
        """One list of words per document, for libraries that need it. Slow: a Python object per token."""
        strings = self.words.strings()
        words = [strings[code] for code in self.codes.tolist()]
        return [words[start:stop] for start, stop in itertools.pairwise(self.offsets.tolist())]


GIVEN_TOKENS = TokenizerConfig(custom=GIVEN, lowercase=False, normalize=False)


def tokenizer_config(tokenizer: Tokenizer | TokenizerConfig | TokenFunction | str | None) -> TokenizerConfig:
    """The settings that are meant: by a name, a pattern, a function, or settings themselves.

    Raises: SettingError for anything else, and for a string of letters alone, which is no pattern but a slip.
    """
    named = {"words": TokenizerConfig(), "characters": TokenizerConfig(pattern=CHARACTERS), GIVEN: GIVEN_TOKENS}
    if tokenizer is None or isinstance(tokenizer, TokenizerConfig):
        return tokenizer or TokenizerConfig()
    if isinstance(tokenizer, Tokenizer):
        return tokenizer.config
    if isinstance(tokenizer, str) and (tokenizer in named or (tokenizer and not tokenizer.isalpha())):
        return named.get(tokenizer) or TokenizerConfig(pattern=tokenizer)
    if callable(tokenizer) and not isinstance(tokenizer, type):
        return replace(GIVEN_TOKENS, custom=tokenizer)
    near = did_you_mean(tokenizer, named) if isinstance(tokenizer, str) else ""
    raise SettingError(f"tokenizer is {shown(tokenizer)}, expected {ACCEPTED}.{near}")


class Tokenizer:
    r"""Cuts texts into tokens. Holds nothing but its settings.

    >>> from bywords import Tokenizer
    >>> tokens = Tokenizer()(["The printer's on fire!"])
    >>> tokens.words.strings()
    ['the', "printer's", 'on', 'fire', '!']
    >>> Tokenizer(str.split)(["The printer's on fire!"]).documents()
    [['The', "printer's", 'on', 'fire!']]
    >>> Tokenizer(r"\w+")(["The printer's on fire!"]).documents()
    [['the', 'printer', 's', 'on', 'fire']]
    >>> Tokenizer("given")([["New York", "calls"], ["no", "answer"]]).documents()
    [['New York', 'calls'], ['no', 'answer']]
    """

    def __init__(self, tokenizer: Tokenizer | TokenizerConfig | TokenFunction | str | None = None) -> None:
        """`tokenizer` is "words", the default, "characters", a pattern in Rust's syntax, a function that makes a list
        of strings of a text, "given" for documents that are lists of tokens, or settings.

        Raises: SettingError for anything else, and when the pattern is not a regular expression, or matches the empty
        string.
        """
        self.config = tokenizer_config(tokenizer)
        if self.config.custom_pattern is not None and polars_answers():  # else `__call__` says so
            _check_pattern(self.config.custom_pattern)
        listed = list(self.config.stop_words)
        if listed and self.config.custom is None and self.config.normalize:
            listed = normalized(listed, lowercase=self.config.lowercase)
        self.stop_words = set(map(self._plain, listed))
        self._settles = self.config.custom is not None or self.config.strip_accents or bool(self.stop_words)
        is_plain = self.config.custom_pattern is None and not self.config.fields and not self._settles
        self.reads_bytes = is_plain  # its tokens are what `bywords.kernels.words.scan` finds in the `bytes_of` a text

    @property
    def what(self) -> str:
        """What a token is, for a message."""
        if self.config.custom is not None:
            return "token"
        if self.config.pattern is not None:
            return f"token that matches {self.config.pattern!r}"
        return "token: a word or a sign" if self.config.punctuation else "token: a word"

    def __call__(self, texts: Any) -> Tokens:
        """Cut each text into its tokens. An empty text has none.

        Raises: DataError, naming the index, when a text is missing or not a string, or a custom function fails.
        """
        checked = self.read(texts) if self.reads_bytes else as_list(self.read(texts))
        return self._of_rows(checked) if isinstance(checked, list) and self.config.fields else self._of_texts(checked)

    def read(self, documents: Any) -> list[str] | pl.Series:
        """N documents as N texts; of given tokens, each becomes a text that holds them. Raises DataError as a call."""
        return check_given(given_texts(documents)) if self.config.is_given else checked_column(documents)

    def settled(self, text: str) -> tuple[list[str], npt.NDArray[np.bool_]]:
        """The T' tokens of a text as they were cut, and which of them stay, bool (T',): T, in the form of a call."""
        cut = self._cut([text])
        return cut.documents()[0], self._settled(cut)[1]

    def _of_texts(self, checked: list[str] | pl.Series) -> Tokens:
        tokens = self._cut(checked)
        return self._settled(tokens)[0] if self._settles else tokens

    def _settled(self, tokens: Tokens) -> tuple[Tokens, npt.NDArray[np.bool_]]:
        """The tokens in their last form, those that are left; and which they are, bool (T',)."""
        forms = [self._plain(word) for word in tokens.words.strings()]
        distinct = dict.fromkeys(form for form in forms if form and form not in self.stop_words)
        indices = {form: index for index, form in enumerate(distinct)}
        codes = np.array([indices.get(form, -1) for form in forms], dtype=np.int32)[tokens.codes]
        is_left = codes >= 0
        before = np.concatenate([[0], np.cumsum(is_left, dtype=np.int64)])
        return Tokens(codes[is_left], Words.of(list(distinct)), before[tokens.offsets]), is_left

    def _plain(self, word: str) -> str:
        if self.config.custom is not None:  # no token of a text begins like that of a column
            word = word.lstrip(SEPARATOR)
        if self.config.lowercase:
            word = word.lower()
        return without_accents(word) if self.config.strip_accents else word

    def _cut(self, checked: list[str] | pl.Series) -> Tokens:
        if self.config.custom is not None:
            return self._by_custom(checked, self.config.custom)
        if self.config.strip_accents:
            checked = [without_accents(text) for text in checked]
        if self.config.custom_pattern is not None:
            return self._matches(checked, self.config.custom_pattern)
        chunks = chunks_of(checked, n_sizes=2)  # the fewer, the fewer words are in several
        scanned = in_threads(self._scan, (checked[start:stop] for start, stop in chunks))
        if len(chunks) == 1:
            codes, lengths, words = next(scanned)
            return Tokens(codes.copy(), words, offsets_of(lengths))
        table, parts = WordTable(), list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int32]]]()
        for codes, lengths, words in scanned:
            parts.append((codes, lengths, table.add(words)))
        whole = np.empty(sum(len(codes) for codes, _, _ in parts), dtype=np.int32)
        slices = np.split(whole, np.cumsum([len(codes) for codes, _, _ in parts[:-1]]))
        list(in_threads(lambda index: renumber(parts[index][0], parts[index][2], slices[index]), range(len(parts))))
        return Tokens(whole, table.words(), offsets_of(np.concatenate([lengths for _, lengths, _ in parts])))

    def _of_rows(self, checked: list[str]) -> Tokens:
        """The side tokens of each row, the words of its texts, and behind them those that have their field's name."""
        fields = self.config.fields
        rows = [parts_of_row(row, fields, index) for index, row in enumerate(checked)]
        table, parts = WordTable(), []
        sides = [f"{SEPARATOR}{token}" for row in rows for token in row[len(fields) :] if token]
        n_sides = np.array([sum(map(bool, row[len(fields) :])) for row in rows], dtype=np.int64)
        distinct = {token: index for index, token in enumerate(dict.fromkeys(sides))}
        codes = np.array([distinct[token] for token in sides], dtype=np.int64)
        parts.append((table.add(Words.of(list(distinct)))[codes], offsets_of(n_sides)))
        copies = []
        for index, name in enumerate(fields):
            tokens = self._of_texts([row[index] for row in rows])
            parts.append((table.add(tokens.words)[tokens.codes], tokens.offsets))
            if name in self.config.fielded:
                words = Words.of([f"{FIELDED}{name}:{word}" for word in tokens.words.strings()])
                copies.append((table.add(words)[tokens.codes], tokens.offsets))
        return _side_by_side([*parts, *copies], table.words(), len(rows))

    def bytes_of(self, texts: Sequence[str] | pl.Series) -> tuple[Bytes, Ends, Bytes, bool, int]:
        """N texts as the kernels read them: the first five arguments of `bywords.kernels.words.scan`."""
        lowercase = self.config.lowercase
        if self.config.normalize:
            whole, ends, is_ascii = normalized_bytes(texts, lowercase=lowercase)
        else:
            listed = list(texts)
            is_ascii = all(map(str.isascii, listed))
            whole, ends = joined_texts([text if text.isascii() else _composed(text, lowercase) for text in listed])
        kinds = kinds_of_characters()
        what = LONGER if self.config.pattern is not None else SIGNS if self.config.punctuation else WORDS
        return whole, ends, kinds[:128] if is_ascii else kinds, lowercase, what

    def _scan(self, texts: Sequence[str] | pl.Series) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], Words]:
        codes, lengths, data, starts, hashes = scan(*self.bytes_of(texts))
        return codes, lengths, Words(data, starts, hashes)

    def _by_custom(self, texts: Sequence[str] | pl.Series, custom: TokenFunction | str) -> Tokens:
        if self.config.missing is not None:
            raise SettingError(
                f"the texts are cut by the function {self.config.missing}, which is not there: give it, as in "
                "TextClassifier.load(folder, tokenizer=function). Nothing is imported by its name."
            )
        lists = map(tokens_given, texts) if isinstance(custom, str) else tokens_by(custom, texts)
        codes, offsets, distinct = coded(lists)
        return Tokens(codes, Words.of([word.encode("utf-8", "replace").decode() for word in distinct]), offsets)

    def _matches(self, texts: Sequence[str] | pl.Series, pattern: str) -> Tokens:
        check_polars(what=f"the pattern {pattern!r}")
        import polars as pl

        if self.config.normalize:
            column = pl.Series(normalized(texts, lowercase=self.config.lowercase), dtype=pl.String)
        else:
            column = pl.Series([text.encode("utf-8", "replace").decode() for text in texts], dtype=pl.String)
            column = column.str.normalize("NFC")
            column = column.str.to_lowercase() if self.config.lowercase else column
        lists = column.str.extract_all(pattern)
        offsets = offsets_of(lists.list.len().to_numpy().astype(np.int64))
        flat = lists.explode(empty_as_null=False, keep_nulls=False) if len(lists) else column
        distinct = flat.unique(maintain_order=True)
        indices = pl.Series(np.arange(len(distinct), dtype=np.int32))
        codes = flat.replace_strict(distinct, indices, return_dtype=pl.Int32) if len(flat) else indices
        return Tokens(codes.to_numpy(), Words.of(distinct.to_list()), offsets)


def _composed(text: str, lowercase: bool) -> str:
    return unicodedata.normalize("NFC", text.lower() if lowercase else text)


def parts_of_row(row: str, fields: Sequence[str], index: int) -> list[str]:
    """The texts and side tokens of a row. Raises DataError for a text alone."""
    parts = row.split(SEPARATOR)
    if len(parts) < len(fields) or len(parts) == 1:
        raise DataError(
            f"text {index} is a text alone: expected a row of a table with the columns {quoted(fields)} and those "
            "beside them, that the model was trained on. Give a file, a data frame or a list of dicts."
        )
    return parts


def side_tokens(words: Words) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which words no text gives, bool (U,): those of columns beside the text; and those with the name of their field.

    They take no part in n-grams, of words or of characters.
    """
    marks = words.data == ord(SEPARATOR)
    is_side, is_fielded = np.zeros(len(words), dtype=np.bool_), np.zeros(len(words), dtype=np.bool_)
    if marks.any():
        filled = np.flatnonzero(np.diff(words.starts) > 1)
        starts = words.starts[:-1][filled]
        is_side[filled] = marks[starts] & ~marks[starts + 1]
        is_fielded[filled] = marks[starts] & marks[starts + 1]
    return is_side, is_fielded


def shown_document(text: str) -> str:
    """A document for a person, of as many characters: columns are on lines of their own, given tokens have blanks."""
    return text.replace(SEPARATOR, "\n").replace(TOKEN_END, " ")


def shown_token(token: str) -> str:
    """A token for a person: of a column beside the text, or of a field, without its mark."""
    return token.lstrip(SEPARATOR)


def _side_by_side(
    parts: Sequence[tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]], words: Words, n_rows: int
) -> Tokens:
    """The tokens of N documents from several for each, codes and offsets, one behind the other."""
    lengths = np.array([np.diff(offsets) for _, offsets in parts], dtype=np.int64).reshape(len(parts), n_rows)
    offsets = offsets_of(lengths.sum(axis=0))
    starts = offsets[:-1] + np.cumsum(lengths, axis=0) - lengths  # (parts, N)
    codes = np.empty(int(offsets[-1]), dtype=np.int32)
    for (its_codes, its_offsets), its_starts, its_lengths in zip(parts, starts, lengths, strict=True):
        shift = np.repeat(its_starts - its_offsets[:-1], its_lengths)
        codes[shift + np.arange(len(its_codes))] = its_codes
    return Tokens(codes, words, offsets)


def _check_pattern(pattern: str) -> None:
    import polars as pl

    try:
        matches = pl.Series(["a", ""]).str.extract_all(pattern)
    except pl.exceptions.PolarsError as error:
        lines = str(error).splitlines()
        said = next((line for line in reversed(lines) if line.startswith("error: ")), lines[0]).removeprefix("error: ")
        raise SettingError(
            f"pattern {pattern!r:.200} is not a valid regular expression: {said.rstrip('.')}. "
            "It is read in Rust's syntax, which has no look-around and no back-references."
        ) from error
    if matches.explode(empty_as_null=False).eq("").any():
        raise SettingError(f"pattern {pattern!r:.200} matches the empty string. Let it match at least one character.")
