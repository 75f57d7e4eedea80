"""A table → the names of its text and label columns: those asked for, or found where the file makes them clear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import polars as pl

from bywords.errors import DataError, SettingError, did_you_mean, quoted
from bywords.io.tables import Table

Name = TypeVar("Name", str, str | None)

# In lower case. The first of each wins over the others; between two others a file is not clear.
TEXT_NAMES = (
    *("text", "texts", "sentence", "review", "content", "body", "message", "comment", "document", "tweet", "title"),
    *("description", "question", "utterance"),
)
LABEL_NAMES = (*("label", "labels", "class", "category", "target", "sentiment", "topic", "intent", "tag", "y"),)


def find_text(table: Table, text: str | None = None) -> str:
    """The column of texts: `text`, or the one with a well-known name. Its values may be missing.

    Raises: DataError, naming the columns there are, when there is no such column or it is not clear which it is.
    """
    found = _asked(table, text) or _known(table, TEXT_NAMES)
    if found is None:
        label = _known(table, LABEL_NAMES)
        if label is not None and len(table.columns) == 2:
            other = _other(table, label)
            found = other if _are_texts(table, other, label) else None
        elif len(table.columns) == 2:
            found = _guess(table)[0]
        elif len(table.columns) == 1:  # `comment_text` is a name; another word may be a document without a header
            (only,) = table.columns
            found = only if set(re.split(r"[\W_]+", only.lower())) & set(TEXT_NAMES) else None
    if found is None:
        raise DataError(f"{table.name}: cannot tell which column is the text.{_columns_of(table)} Say --text NAME.")
    check_flat(table, found, "a text")
    return found


def find_text_and_labels(
    table: Table, text: str | None = None, labels: Sequence[str] = ()
) -> tuple[str, tuple[str, ...]]:
    """The columns of texts and of labels: those asked for, else those with well-known names.

    There are several columns of labels only where several are asked for. One of them may hold lists.

    In a file of two columns one that is clear gives the other, if the values agree with it: texts are longer than
    labels and more of them are different. Where no name is known, both have to be clear from the values.

    Raises: DataError, naming the columns there are, when one is not there or it is not clear which they are.
    SettingError when both are asked to be the same column.
    """
    if text is not None and text in labels:
        raise SettingError(f"text and label are both the column {text!r}, expected two columns.")
    found_text = _asked(table, text)
    found_labels = [_asked(table, label) for label in labels]
    if len(found_labels) > 1:
        return _text_beside(table, found_text, found_labels), tuple(found_labels)
    found_label = found_labels[0] if found_labels else None
    found_text = found_text or _known(table, TEXT_NAMES, but=[found_label])
    found_label = found_label or _known(table, LABEL_NAMES, but=[found_text])
    if len(table.columns) == 2:
        if found_text is None and found_label is None:
            found_text, found_label = _guess(table)
        elif found_label is None and found_text is not None:
            other = _other(table, found_text)
            found_label = other if _are_labels(table, other, found_text) else None
        elif found_text is None and found_label is not None:
            other = _other(table, found_label)
            found_text = other if _are_texts(table, other, found_label) else None
    if found_text is None or found_label is None:
        missing = {
            (True, True): "which column is the text and which the label",
            (True, False): "which column is the text",
            (False, True): "which column is the label",
        }[found_text is None, found_label is None]
        raise DataError(f"{table.name}: cannot tell {missing}.{_columns_of(table)} Say --text NAME --label NAME.")
    check_flat(table, found_text, "a text")
    if found_label not in table.lists:
        check_flat(table, found_label, "one label in each row, or a list of labels in each")
    return found_text, (found_label,)


def kept_columns(table: Table, names: Sequence[str]) -> pl.DataFrame:
    """Other columns of a table, beside text and label: strings as they are in the file, empty where there is nothing.

    Raises: DataError, naming the columns there are, for one that is not there or holds lists or objects.
    """
    for name in names:
        if name not in table.columns:
            raise DataError(
                f"{table.name} has no column {name!r}.{did_you_mean(name, table.columns)}{_columns_of(table)}"
            )
        check_flat(table, name, "a string or a number")
    return pl.DataFrame({name: table.columns[name].fill_null("") for name in names})


def check_flat(table: Table, name: str, expected: str) -> None:
    """Raise DataError when a column holds lists or objects."""
    if name in table.nested:
        raise DataError(
            f"{table.name}, {table.location_of(table.nested[name])}: {name!r} holds a list or an object, "
            f"expected {expected}. "
            "Change the rows that are not so, or name other columns."
        )


def _text_beside(table: Table, text: str | None, labels: Sequence[str]) -> str:
    """The column of texts of a table in which several others are labels: the one asked for, known or left."""
    repeated = [label for label in labels if labels.count(label) > 1]
    if repeated:
        raise SettingError(f"the label column {repeated[0]!r} is named twice, expected different columns.")
    others = [column for column in table.columns if column not in labels]
    text = text or _known(table, TEXT_NAMES, but=labels) or (others[0] if len(others) == 1 else None)
    if text is None:
        raise DataError(f"{table.name}: cannot tell which column is the text.{_columns_of(table)} Say --text NAME.")
    check_flat(table, text, "a text")
    for label in labels:
        check_flat(table, label, "0 or 1 in each of several label columns")
    return text


def _asked(table: Table, name: Name) -> Name:
    if name is not None and name not in table.columns:
        raise DataError(
            f"{table.name} has no column {name!r}.{did_you_mean(name, table.columns)}{_columns_of(table)} "
            "Name one of these with --text and --label."
        )
    return name


def _known(table: Table, names: Sequence[str], *, but: Sequence[str | None] = ()) -> str | None:
    """The one column with a name among `names`, or the one with the first of them; None if that is not clear."""
    by_name = [(column, column.strip().casefold()) for column in table.columns if column not in but]
    for wanted in (names[:1], names):
        matches = [column for column, folded in by_name if folded in wanted]
        if len(matches) == 1:
            return matches[0]
    return None


def _other(table: Table, name: str) -> str:
    return next(column for column in table.columns if column != name)


def _guess(table: Table) -> tuple[str, str] | tuple[None, None]:
    """Text and label of a table of two columns without well-known names, where values and header leave no doubt."""
    first, second = table.columns
    if not table.header_is_certain and not all(re.fullmatch(r"\w{0,40}", column) for column in table.columns):
        return None, None  # a first line with a sentence in it is perhaps no header but a document
    for text, label in ((first, second), (second, first)):
        if _are_texts(table, text, label) and _are_labels(table, label, text) and _length(table, text) >= 10:
            return text, label
    return None, None


def _are_texts(table: Table, text: str, label: str) -> bool:
    """Longer and at least as varied as the labels."""
    is_longer = _length(table, text) > 2 * _length(table, label)
    return is_longer and table.columns[text].n_unique() >= table.columns[label].n_unique()


def _are_labels(table: Table, label: str, text: str) -> bool:
    """Shorter than the texts, and a label has two documents or more on average."""
    return _are_texts(table, text, label) and 2 * table.columns[label].n_unique() <= len(table)


def _length(table: Table, name: str) -> float:
    """Characters of a value, on average."""
    return float(table.columns[name].str.len_chars().fill_null(0).to_numpy().mean())


def _columns_of(table: Table) -> str:
    doubt = "" if table.header_is_certain else " (if its first line is a document, add one above it with their names)"
    return f" Its columns: {quoted(list(table.columns))}{doubt}."
