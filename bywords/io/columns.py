"""A table → the names of its text and label columns: those asked for, or found where the file makes them clear."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import TypeVar

import polars as pl

from bywords.data.columns import Columns, as_names, check_once, fit_columns
from bywords.errors import DataError, SettingError, did_you_mean, quoted
from bywords.io.tables import MOST_JUDGED, Table
from bywords.terminal import shell_words

Name = TypeVar("Name", str, str | None)

# In lower case. The first of each wins over the others; between two others a file is not clear.
TEXT_NAMES = (
    *("text", "texts", "sentence", "review", "content", "body", "message", "comment", "document", "tweet", "title"),
    *("description", "question", "utterance"),
)
LABEL_NAMES = (*("label", "labels", "class", "category", "target", "sentiment", "topic", "intent", "tag", "y"),)
TOKEN_NAMES = ("tokens", "words")  # of lists of tokens, where no column has the name of a text
MUCH_LONGER = 3  # times as many characters on average as the column that is guessed to be the text
MUCH_MORE_VARIED = 3  # times as many different values
LEAST_WORDS, LEAST_LENGTH = 3, 20  # words of a sentence on average, and characters of one that may be meant instead
LEAST_BYTES = 3 * LEAST_WORDS - 1  # of words of two letters and the blanks between them; a letter of Chinese has three


def find_columns(
    table: Table,
    *,
    text: str | Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    side: Sequence[str] = (),
    contract: Columns | None = None,
    given: bool | None = None,
) -> Columns:
    """The columns that documents are made of, and of labels where `labels` is not None.

    A text may be a list of tokens in each row: of a column that is asked for, or called so. Not with a model that cuts
    its texts itself: where `given` is False, or the contract has no lists and `given` is None.

    With the `contract` of a model, its columns are read and no others: `text` and `labels` may say what they are called
    in this table. Without, those are read that are asked for, else those that the table makes clear.

    Raises: DataError, naming the columns there are, for one that is missing, or where it is not clear which they are.
    SettingError for a column asked for twice, and for other columns than the contract has.
    """
    asked = as_names(text)
    tokens = _token_column(table, asked or (() if contract is None else contract.text), labels or ())
    if tokens is not None:
        if given is False or (given is None and contract is not None and not contract.tokens):
            raise DataError(
                f"{table.name}: {tokens!r} holds lists of tokens, expected texts, which are cut as those before were. "
                'For lists, train with lists, or with --set tokenizer.custom=given; in Python with tokenizer="given".'
            )
        if len(asked) > 1 or side or (contract is not None and not contract.is_one_text):
            raise DataError(
                f"{table.name}: {tokens!r} holds lists of tokens, which stand alone: leave out other columns."
            )
        table, asked = table.with_tokens(tokens), (tokens,)
    found = _found_columns(table, asked, labels, side, contract)
    return dataclasses.replace(found, tokens=tokens is not None)


def _token_column(table: Table, asked: Sequence[str], labels: Sequence[str]) -> str | None:
    """The column of lists of tokens that is the text of each row, if one is."""
    named = [name for name in table.lists if name.strip().casefold() in TOKEN_NAMES and name not in labels]
    if not asked and _known(table, TEXT_NAMES, but=labels) is None and len(named) == 1:
        return named[0]
    return next((name for name in asked if name in table.lists and name not in labels), None)


def _found_columns(
    table: Table, asked: Sequence[str], labels: Sequence[str] | None, side: Sequence[str], contract: Columns | None
) -> Columns:
    """What `find_columns` finds in a table whose texts are strings."""
    if contract is not None:
        return _by_contract(table, contract, asked, labels, side)
    for name in (*asked, *(labels or ())):
        _asked(table, name)
    apart = [*side, *asked[1:]]
    for name in (*apart, *(asked if len(asked) > 1 else ())):
        _check_there(table, name, "a text" if name in asked else "a string or a number")
    check_once(asked, side, labels or ())
    rest = dataclasses.replace(table, columns={name: c for name, c in table.columns.items() if name not in apart})
    first = asked[0] if asked else None
    found_labels: tuple[str, ...] = ()
    if labels is None:
        found_text = find_text(rest, first)
    else:
        found_text, found_labels = find_text_and_labels(rest, first, labels)
    texts = asked or (found_text,)
    try:
        return fit_columns(table.columns, texts, side, found_labels)
    except DataError as error:
        raise DataError(f"{table.name}: {error}") from error


def not_read(table: Table, columns: Columns) -> tuple[str, ...]:
    """The columns of a table that are neither text nor label nor beside them."""
    return tuple(name for name in table.columns if name not in (*columns.inputs, *columns.label))


def _by_contract(
    table: Table, contract: Columns, asked: Sequence[str], labels: Sequence[str] | None, side: Sequence[str]
) -> Columns:
    """The columns of a model, in this table."""
    names = [column.name for column in contract.side]
    if side and list(side) != names:
        reads = f"the columns {quoted(names)}" if names else "no columns beside the text"
        raise SettingError(f"the model reads {reads}: leave out --column.")
    if asked and len(asked) != len(contract.text):
        raise SettingError(
            f"the model reads {len(contract.text)} text columns, {quoted(contract.text)}: give --text as many times, "
            "in this order, or leave it out."
        )
    for name in asked:
        _asked(table, name)
    for name in (*(asked or contract.text), *names):
        if name not in table.columns:
            what = "beside the text" if name in names else "as its text"
            how = "Add it" if name in names else "Rename the column, or say --text NAME"
            raise DataError(
                f"{table.name} has no column {name!r}, which is read {what}."
                f"{did_you_mean(name, table.columns)}{_columns_of(table)} {how}."
            )
        _check_there(table, name, "a text" if name not in names else "a string or a number")
    found: tuple[str, ...] = ()
    if labels is not None:
        found = tuple(_asked(table, label) for label in labels) or contract.label
        for name in found:
            if name not in table.columns:
                raise DataError(
                    f"{table.name} has no column {name!r}, which is read as its label."
                    f"{did_you_mean(name, table.columns)}{_columns_of(table)} Rename the column, or say --label NAME."
                )
        if not found:
            found = find_text_and_labels(table, (asked or contract.text)[0])[1]
        if len(found) > 1:
            _text_beside(table, (asked or contract.text)[0], found)
        elif found[0] not in table.lists:
            check_flat(table, found[0], "one label in each row, or a list of labels in each")
        check_once(asked or contract.text, names, found)
    return dataclasses.replace(contract, text=tuple(asked) or contract.text, label=found)


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
        raise DataError(
            f"{table.name}: cannot tell which column is the text.{_columns_of(table)} Say {_proposal_of_text(table)}."
        )
    if text is None:
        _check_no_better_text(table, found, None)
    check_flat(table, found, "a text")
    return found


def find_text_and_labels(
    table: Table, text: str | None = None, labels: Sequence[str] = ()
) -> tuple[str, tuple[str, ...]]:
    """The columns of texts and of labels: those asked for, else those with well-known names.

    There are several columns of labels only where several are asked for. One of them may hold lists.

    In a file of two columns one that is clear gives the other, if the values agree with it: texts are longer than
    labels and more of them are different. Where no name is known, both have to be clear from the values. Of several
    that may be meant none is guessed: a longer or more varied column than the text, and a second one of labels.

    Raises: DataError, naming the columns there are, when one is not there or it is not clear which they are.
    SettingError when both are asked to be the same column.
    """
    if text is not None and text in labels:
        raise SettingError(f"text and label are both the column {text!r}, expected two columns.")
    found_text = _asked(table, text)
    found_labels = [_asked(table, label) for label in labels]
    if len(found_labels) > 1:
        found_text = _text_beside(table, found_text, found_labels)
        if text is None:
            _check_no_better_text(table, found_text, *found_labels)
        return found_text, tuple(found_labels)
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
        proposal = _proposal(table, text, found_label)
        raise DataError(f"{table.name}: cannot tell {missing}.{_columns_of(table)} Say {proposal}.")
    if text is None:
        _check_no_better_text(table, found_text, found_label)
    if not labels:
        _check_no_other_label(table, found_text, found_label)
    check_flat(table, found_text, "a text")
    if found_label not in table.lists:
        check_flat(table, found_label, "one label in each row, or a list of labels in each")
    return found_text, (found_label,)


def _check_no_better_text(table: Table, text: str, *labels: str | None) -> None:
    """Raise DataError where another column holds much longer or more varied sentences than the one guessed as text."""
    length, n_values = _length(table, text), table.columns[text].n_unique()
    for other in _long_enough(table):
        if other in (text, *labels) or other in table.nested or not _has_sentences(table, other):
            continue
        its_length, its_values = _length(table, other), table.columns[other].n_unique()
        if its_length > max(MUCH_LONGER * length, LEAST_LENGTH) and 2 * its_values >= n_values:
            why = f"is much longer ({its_length:,.0f} characters on average, not {length:,.0f})"
        elif its_values > MUCH_MORE_VARIED * n_values:
            why = f"is much more varied ({its_values:,} different values, not {n_values:,})"
        else:
            continue
        label = "".join(f" {_options('label', [name])}" for name in labels if name is not None)
        one, both = _options("text", [other]) + label, _options("text", [text, other]) + label
        raise DataError(
            f"{table.name}: cannot tell which column is the text: {text!r} has the name of one, but {other!r} {why}. "
            f"Say {one}, or for both {both}."
        )


def _check_no_other_label(table: Table, text: str, label: str) -> None:
    """Raise DataError where two columns have names and values of labels, which do not say the same."""
    for other in table.columns:
        if other in (text, label) or other.strip().casefold() not in LABEL_NAMES or not _may_be_label(table, other):
            continue
        if label in table.nested or other in table.nested:
            same = False
        else:
            pairs = pl.DataFrame({"a": table.columns[label], "b": table.columns[other]}).n_unique()
            same = pairs == table.columns[label].n_unique() == table.columns[other].n_unique()
        if not same:
            both = " or ".join(f"{_options('text', [text])} {_options('label', [name])}" for name in (label, other))
            raise DataError(
                f"{table.name}: cannot tell which column is the label: {label!r} and {other!r} both may be. Say {both}."
            )


def _proposal(table: Table, text: str | None = None, label: str | None = None) -> str:
    """What to type, with the columns that are known or look like it, where some do."""
    texts = [text] if text is not None else _likely_texts(table, but=label)
    labels, few = [label] if label is not None else [], ""
    if not labels:
        others = [name for name in _judged(table) if name not in texts and _may_be_label(table, name)]
        labels = others if len(others) == 1 else []
        few = f" (few different values have {quoted(others)})" if len(others) > 1 else ""
    if not texts or not table.header_is_certain:
        return "--text NAME --label NAME"
    if not labels:
        return f"--text NAME --label NAME: perhaps {_options('text', texts)} --label NAME{few}"
    return f"--text NAME --label NAME: perhaps {_options('text', texts)} {_options('label', labels)}"


def _proposal_of_text(table: Table) -> str:
    likely = _likely_texts(table)
    return "--text NAME" + (f": perhaps {_options('text', likely)}" if likely and table.header_is_certain else "")


def _options(option: str, names: Sequence[str]) -> str:
    return shell_words(word for name in names for word in (f"--{option}", name))


def _likely_texts(table: Table, *, but: str | None = None) -> list[str]:
    names = [name for name in _judged(table) if name != but and _has_sentences(table, name)]
    return [name for name in names if 2 * table.columns[name].n_unique() > len(table)]


def _judged(table: Table) -> list[str]:
    return list(table.columns)[:MOST_JUDGED]


def _may_be_label(table: Table, name: str) -> bool:
    """Whether there are two values at least, and two rows of each on average."""
    return 2 <= table.columns[name].drop_nulls().n_unique() <= max(2, len(table) / 2)


def _long_enough(table: Table) -> list[str]:
    """The columns whose values have bytes enough on average that they may be sentences: of very many, in one pass."""
    values = pl.concat(list(table.columns.values()))
    n_bytes = values.str.len_bytes().fill_null(0).to_numpy().reshape(len(table.columns), len(table))
    is_long = n_bytes.sum(axis=1) >= LEAST_BYTES * len(table)
    return [name for name, its in zip(table.columns, is_long.tolist(), strict=True) if its]


def _has_sentences(table: Table, name: str) -> bool:
    """Whether values have three words or more on average, or are in a script that has no spaces between words."""
    values = table.columns[name].fill_null("")
    if not len(values):
        return False
    n_words = values.str.count_matches(r"\p{L}{2,}[,;:.!?]?(?:\s|$)").mean()
    n_unspaced = values.str.count_matches(
        r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
    ).mean()
    return float(str(n_words)) >= LEAST_WORDS or float(str(n_unspaced)) >= LEAST_WORDS


def _check_there(table: Table, name: str, expected: str) -> None:
    """Raise DataError for a column that is not there or holds lists or objects."""
    if name not in table.columns:
        raise DataError(f"{table.name} has no column {name!r}.{did_you_mean(name, table.columns)}{_columns_of(table)}")
    check_flat(table, name, expected)


def kept_columns(table: Table, names: Sequence[str]) -> pl.DataFrame:
    """Other columns of a table, beside text and label: strings as they are in the file, empty where there is nothing.

    Raises: DataError, naming the columns there are, for one that is not there or holds lists or objects.
    """
    for name in names:
        _check_there(table, name, "a string or a number")
    return pl.DataFrame({name: table.columns[name].fill_null("") for name in names})


def check_flat(table: Table, name: str, expected: str) -> None:
    """Raise DataError when a column holds lists or objects."""
    if name in table.nested:
        is_tokens = expected == "a text" and name in table.lists
        hint = f" If these are the tokens of each text, say {_options('text', [name])}." if is_tokens else ""
        raise DataError(
            f"{table.name}, {table.location_of(table.nested[name])}: {name!r} holds a list or an object, "
            f"expected {expected}. Change the rows that are not so, or name other columns.{hint}"
        )


def _text_beside(table: Table, text: str | None, labels: Sequence[str]) -> str:
    """The column of texts of a table in which several others are labels: the one asked for, known or left."""
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
