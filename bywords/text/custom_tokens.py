"""Texts → lists of tokens by a custom function; documents that are lists of tokens → texts that hold them, and back."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bywords.config import import_path
from bywords.errors import DataError, shown
from bywords.text.composition import Offsets
from bywords.text.inputs import checked_column
from bywords.text.ragged import offsets_of

if TYPE_CHECKING:
    import polars as pl

GIVEN = "given"  # instead of a function: documents are lists of tokens already
TOKEN_END = "\ufdd0"  # behind each token of a document that was a list of them: a noncharacter, which is in no text
EXAMPLE = "a list of strings, as in ['the', 'printer']"
_QUOTES = {"``": '"', "''": '"'}  # as the Penn Treebank, and NLTK with it, writes what a text has

TokenFunction = Callable[[str], Iterable[str]]


def given_texts(documents: Any) -> list[str] | pl.Series:
    """N documents, each a list, tuple or array of tokens, as N texts that `tokens_given` takes apart again.

    A document may be a text too: tokens with blanks between them, or each with TOKEN_END behind it, as these texts are.
    Raises: DataError, naming the index, for a document or token of another kind.
    """
    if hasattr(documents, "columns") and len(documents.columns) == 1:
        documents = documents[documents.columns[0]]
    is_table = getattr(documents, "shape", (0,))[1:] == (1,)
    is_known = isinstance(documents, Sequence) or hasattr(documents, "to_list") or hasattr(documents, "tolist")
    if not is_known or is_table or hasattr(documents, "columns") or isinstance(documents, str | bytes | Mapping):
        return checked_column(documents)  # which has the errors
    listed = documents.to_list() if hasattr(documents, "to_list") else list(documents)
    if all(isinstance(document, str) for document in listed):
        return checked_column(documents)
    return [given_text(document, index) for index, document in enumerate(listed)]


def check_given(texts: list[str] | pl.Series) -> list[str] | pl.Series:
    """The same N texts, for `tokens_given`. Raises DataError for one that has TOKEN_END, but not at its end."""
    for index, text in enumerate(texts):
        if TOKEN_END in text and not text.endswith(TOKEN_END):
            raise DataError(
                f"document {index} is {shown(text)} with {TOKEN_END!r}, which stands behind each token of a list: "
                f"give the list, {EXAMPLE}, or take the sign out."
            )
    return texts


def given_text(document: Any, index: int) -> str:
    """The document of this index as a text that `tokens_given` takes apart again. Raises as `given_texts`."""
    if isinstance(document, str):
        return document
    if not isinstance(document, list | tuple | np.ndarray) and not hasattr(document, "to_list"):
        raise DataError(
            f"document {index} is {shown(document)} of type {type(document).__name__}, expected its tokens: {EXAMPLE}."
        )
    for token in document:
        if not isinstance(token, str):
            raise DataError(
                f"document {index} has the token {shown(token)} of type {type(token).__name__}, expected {EXAMPLE}."
            )
        if TOKEN_END in token:
            raise DataError(f"document {index} has the token {token!r:.100} with {TOKEN_END!r}, which stands between.")
    return "".join(f"{token}{TOKEN_END}" for token in document)


def tokens_given(text: str) -> list[str]:
    """The tokens of a text that was made of them, or of one that has blanks between them."""
    return text.removesuffix(TOKEN_END).split(TOKEN_END) if TOKEN_END in text else text.split()


def tokens_by(function: TokenFunction, texts: Iterable[str]) -> list[list[str]]:
    """What the function gives for each text, asked once for each, in their order.

    Raises: DataError, naming the index of the text, where it raises anything, from that; and where it gives no strings.
    """
    found, name = [], import_path(function)
    for index, text in enumerate(texts):
        try:
            given = function(text)
            tokens = given if isinstance(given, str | bytes) or not isinstance(given, Iterable) else list(given)
        except Exception as error:
            raise DataError(
                f"the tokenizer {name} failed for text {index}, {shown(text)}: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            wrong = (
                next((one for one in tokens if not isinstance(one, str)), None) if isinstance(tokens, list) else None
            )
            of = "" if wrong is None else f" with {shown(wrong)} of type {type(wrong).__name__} in it"
            raise DataError(
                f"the tokenizer {name} gave {shown(given)} of type {type(given).__name__}{of} for text {index}, "
                f"expected {EXAMPLE}."
            )
        found.append(tokens)
    return found


def coded(
    documents: Iterable[Sequence[str]],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], list[str]]:
    """The index of each token among the distinct ones int32 (T,), offsets int64 (N + 1,), and the distinct ones."""
    lists = list(documents)
    flat = list(itertools.chain.from_iterable(lists))
    indices = {token: index for index, token in enumerate(dict.fromkeys(flat))}
    codes = np.fromiter(map(indices.__getitem__, flat), dtype=np.int32, count=len(flat))
    return codes, offsets_of(np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))), list(indices)


def without_accents(text: str) -> str:
    """A text without accents and other combining marks, as scikit-learn's `strip_accents_unicode` takes them off."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(sign for sign in decomposed if not unicodedata.combining(sign)))


def found_in_order(text: str, tokens: Sequence[str]) -> Offsets | None:
    """Where each token is in a text, behind the one before it, int64 (T, 2); None where one is not to be found.

    Where not all are there as they are, they are looked for whatever their case.
    """
    found = _in_order(text, tokens)
    lowered = text.lower()
    if found is None and len(lowered) == len(text):
        found = _in_order(lowered, [token.lower() for token in tokens])
    return None if found is None else np.array(found, dtype=np.int64).reshape(-1, 2)


def _in_order(text: str, tokens: Sequence[str]) -> list[tuple[int, int]] | None:
    found, index = [], 0
    for token in tokens:
        there = token if token not in _QUOTES or text.startswith(token, index) else _QUOTES[token]
        start = text.find(there, index)
        if start < 0:
            return None
        index = start + len(there)
        found.append((start, index))
    return found
