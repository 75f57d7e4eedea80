"""The bytes of a request's body → what is asked for, or an error that names the field and says what was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bywords.data.columns import Columns
from bywords.errors import SettingError, did_you_mean, quoted
from bywords.validation import json_kind, parsed_json

_SURROGATE = re.compile("[\ud800-\udfff]")
_LETTER = re.compile(rb"\\u00[4-7]")  # of ASCII, written as a number
FIELDS = ("text", "texts", "top_k", "min_confidence", "explain")
SHORT = 20_000  # bytes of a body in which names are looked for one by one
MOST_BLANKS = 8  # before a colon
_ENDS_NAME = np.isin(np.arange(256), list(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
_QUOTED = {name: f'"{name}"'.encode() for name in FIELDS}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one request may ask for."""

    body_bytes: int = 16_000_000
    texts: int = 10_000
    characters: int = 1_000_000  # of one text
    explained: int = 20  # texts, with all their words
    seconds: float = 10.0  # until a body is there as a whole
    waiting: int = 32  # large requests at a time; the next one is asked to come again


class RequestError(Exception):
    """A request that is refused: a status of 4xx, the field at fault if there is one, and what was expected."""

    def __init__(
        self, status: int, message: str, field: str | None = None, headers: list[tuple[bytes, bytes]] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.field, self.message, self.headers = status, field, message, headers or []


@dataclass(frozen=True)
class Question:
    """What a body asks."""

    texts: list[Any]  # N strings, or N rows
    top_k: int | None = None
    min_confidence: float | None = None
    explain: bool = False
    n_characters: int = 0


def question(body: bytes, columns: Columns | None, limits: Limits) -> Question:
    """The question of a body. `columns` are those that the model reads. Raises RequestError."""
    inputs = None if columns is None or columns.is_one_text else columns
    may_have_halves = False  # of characters, which no UTF-8 has
    asked = _without_doubt(body) if inputs is None else None
    if asked is None:
        try:
            asked = parsed_json(body, is_record=True, is_mostly_text=True)
        except SettingError as error:
            raise RequestError(400, f"the body cannot be read: {error}.") from error
        may_have_halves = b"\\ud" in body or b"\\uD" in body
    for name in asked:
        if name not in FIELDS:
            near = did_you_mean(name, FIELDS)
            raise RequestError(422, f"there is no field {name!r:.100}.{near} Expected {quoted(FIELDS)}.", name[:100])
    if ("text" in asked) == ("texts" in asked):
        raise RequestError(422, "expected either 'text', one text, or 'texts', a list of them.", "text")
    texts = [asked["text"]] if "text" in asked else asked["texts"]
    if not isinstance(texts, list):
        raise RequestError(422, f"'texts' is {json_kind(texts)}, expected a list of texts.", "texts")
    explain = asked.get("explain", False)
    if not isinstance(explain, bool):
        raise RequestError(422, f"'explain' is {json_kind(explain)}, expected true or false.", "explain")
    most = limits.explained if explain else limits.texts
    if len(texts) > most:
        what = "texts to explain" if explain else "texts"
        raise RequestError(413, f"there are {len(texts):,} {what}, expected at most {most:,} a request.", "texts")
    are_plain = inputs is None and not may_have_halves and all(type(text) is str for text in texts)
    lengths = list(map(len, texts)) if are_plain else []
    if not are_plain or max(lengths, default=0) > limits.characters:
        names = ["text"] if "text" in asked else [f"texts[{index}]" for index in range(len(texts))]
        lengths = [_checked(text, inputs, where, limits) for text, where in zip(texts, names, strict=True)]
    return Question(texts, _top_k(asked), _min_confidence(asked), explain, sum(lengths))


def _without_doubt(body: bytes) -> dict[str, Any] | None:
    """The object of a body by a reader that is quicker, but takes a key twice; None where one might be there."""
    from orjson import loads

    try:
        asked = loads(body)
    except ValueError:
        return None
    if isinstance(asked, dict) and asked.keys() <= _QUOTED.keys() and _is_each_once(body, asked):
        return asked
    return None


def _is_each_once(body: bytes, asked: Mapping[str, Any]) -> bool:
    """Whether a body of JSON has surely no more keys than these, which are FIELDS, however they are written.

    Of a short one: where none is named twice, also in a text, and no letter of it is written as a number. Of a long one
    the keys are counted: a colon, before it blanks and a quote, before that a letter, or a digit of a letter's number.
    Where a text starts or ends, or has a quote, there is another sign.
    """
    if len(body) <= SHORT:
        return all(body.count(_QUOTED[name]) == 1 for name in asked) and not (b"\\u00" in body and _LETTER.search(body))
    signs = np.frombuffer(body, dtype=np.uint8)
    before = np.flatnonzero(signs == ord(":")) - 1
    for _ in range(MOST_BLANKS):
        is_blank = signs[before] <= ord(" ")
        if not is_blank.any():
            is_key = (signs[before] == ord('"')) & _ENDS_NAME[signs[before - 1]]
            return int(is_key.sum()) == len(asked)
        before = before - is_blank
    return False


def _checked(text: Any, columns: Columns | None, where: str, limits: Limits) -> int:
    """How many characters a text has. Raises RequestError for what the model cannot read."""
    if columns is None:
        if not isinstance(text, str):
            raise RequestError(422, f"{where!r} is {json_kind(text)}, expected a string.", where)
        _check_length(text, where, limits)
        return len(text)
    if not isinstance(text, Mapping):
        names = quoted(columns.inputs)
        raise RequestError(422, f"{where!r} is {json_kind(text)}, expected an object with the keys {names}.", where)
    n_characters = 0
    for name in columns.inputs:
        field = f"{where}.{name}"
        if name not in text:
            near = did_you_mean(name, list(text))
            raise RequestError(422, f"{where!r} has no key {name!r}.{near} Null says that there is no value.", field)
        value = text[name]
        expected = "a string or null" if name in columns.text else "a string, a number, true, false or null"
        kinds: tuple[type, ...] = (str,) if name in columns.text else (str, int, float, bool)
        if value is not None and (not isinstance(value, kinds) or value != value):
            raise RequestError(422, f"{field!r} is {json_kind(value)}, expected {expected}.", field)
        if isinstance(value, str):
            _check_length(value, field, limits)
            n_characters += len(value)
    return n_characters


def _check_length(text: str, where: str, limits: Limits) -> None:
    if len(text) > limits.characters:
        n, most = f"{len(text):,}", f"{limits.characters:,}"
        raise RequestError(413, f"{where!r} has {n} characters, expected at most {most}.", where)
    if not text.isascii() and _SURROGATE.search(text):
        raise RequestError(422, f"{where!r} has half of a character (a lone surrogate), which no text has.", where)


def _top_k(asked: Mapping[str, Any]) -> int | None:
    value = asked.get("top_k")
    if value is None or (type(value) is int and (value >= 1 or value == -1)):
        return value
    raise RequestError(422, f"'top_k' is {json_kind(value)}, expected 1 or more, or -1 for all labels.", "top_k")


def _min_confidence(asked: Mapping[str, Any]) -> float | None:
    value = asked.get("min_confidence")
    if value is None or (type(value) in (int, float) and 0 <= value <= 1):
        return value
    said = f"'min_confidence' is {json_kind(value)}, expected a probability from 0 to 1, as in 0.8."
    raise RequestError(422, said, "min_confidence")
