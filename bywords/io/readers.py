"""A file or a folder of documents → a corpus, or only its texts.

    .csv .tsv               a header, one row a document      --text and --label name the columns
    .jsonl .ndjson          one object a line                 where the file does not make them clear
    .parquet
    .txt .ft, or any other  fastText's lines: __label__pos a fine film
    a folder                one folder a class, one file a document

All but folders may be compressed: .gz, .xz, .zst.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.data.columns import Columns, as_names
from bywords.data.corpus import Corpus
from bywords.data.label_names import INVISIBLE
from bywords.errors import DataError, SettingError, check_choice, quoted
from bywords.io.columns import (
    LABEL_NAMES,
    TEXT_NAMES,
    check_flat,
    find_columns,
    kept_columns,
    not_read,
)
from bywords.io.streams import (
    BLOCK_BYTES,
    STANDARD_INPUT,
    Input,
    Skipped,
    decode,
    format_ending,
    line_blocks,
    open_input,
    read_bytes,
    refuse_row,
    split_lines,
    wrong_byte,
)
from bywords.io.tables import BLOCK_ROWS, Table, read_delimited, read_json_lines, read_parquet

BadRows = Literal["fail", "skip"]
TABLE_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_FASTTEXT_LABEL = re.compile(r"(?:^|(?<=\s))__label__(\S*)(?:\s+|$)")
_FASTTEXT_START = re.compile(r"^\s*__label__", re.MULTILINE)
_VISIBLE = rf"[^\s{INVISIBLE}]"
_IN_BRACKETS = r"^\[(.*)\]$|^\((.*)\)$|^\{(.*)\}$"  # a list as Python prints it
_IN_QUOTES = r"^(['\"])(.*)['\"]$"
_YES, _NO = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no", "")
_FORMATS = ".csv, .tsv, .jsonl, .parquet, lines that start with __label__, or a folder with one folder a class"


def read_corpus(
    path: Path,
    *,
    text: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    label_separator: str | None = None,
    bad_rows: BadRows = "fail",
    columns: Sequence[str] = (),
    side: Sequence[str] = (),
    contract: Columns | None = None,
) -> Corpus:
    """Read labelled documents; `text` and `label` name the columns of a table, `side` those that stand beside the text.

    With the `contract` of a model, its columns are read, or refused by name where they are missing. The columns that
    were read are `Corpus.read_as`. A document of several is one text as `Columns.texts` makes it.

    Texts and labels are strings as they are in the file (labels without surrounding white space). A document
    without text is an empty text. `rows` counts the documents of the file; those of a folder are in the order of
    class and file names.

    The corpus is multi-label where the label column holds lists (an empty one is a document without labels); where
    `label_separator` is given, which separates the labels of a row (nothing in a row is no label); where several
    columns are named as `label`, whose names are the labels and whose values say 0 or 1, true or false, yes or no,
    or nothing for no; and where lines have another number of __label__ words than one.

    With `bad_rows` "skip", rows that cannot be read or have no label are left out and counted in `n_skipped`. The
    `columns` that are named are kept as `Corpus.columns`.

    Raises: DataError, naming the file and where there is one the line, for whatever cannot be read, a document
    without its label, and columns that are missing or not clear. SettingError when columns or a separator are
    named for something that has none.
    """
    path = Path(path).expanduser()
    skipped = skipped_rows(bad_rows)
    columns = list(dict.fromkeys(columns))
    if path.is_dir():
        refuse_columns(f"{path} is a folder and has no columns", text, label, label_separator, columns, side, contract)
        corpus = _read_folder(path, skipped)
    else:
        with open_input(path) as file:
            (corpus,) = _corpora(
                path, file, text, label, label_separator, skipped, block_bytes=0, columns=columns, side=side,
                contract=contract,
            )  # fmt: skip
    if skipped is None:
        return corpus
    return dataclasses.replace(corpus, n_skipped=skipped.count, first_skipped=skipped.first)


@dataclass(frozen=True, eq=False)
class Block:
    """Some documents of a file, one after the other."""

    texts: pl.Series  # string (N,), no nulls
    table: Table | None  # the rows that they are in; None for plain lines
    source: bytes  # what of the file was read for them; nothing for Parquet
    read_as: Columns | None = None  # which columns of the table they are made of
    not_read: tuple[str, ...] = ()  # the other columns of the table


def read_blocks(
    path: Path | str,
    *,
    text: str | Sequence[str] | None = None,
    ending: str | None = None,
    skipped: Skipped | None = None,
    block_bytes: int = BLOCK_BYTES,
    contract: Columns | None = None,
) -> Iterator[Block]:
    """Read documents without labels, some at a time: those of a table, or one a line, blank ones too.

    No more than a block of the file is in memory, nor more than a document where one is larger. "-" is the standard
    input, plain lines. Of fastText's lines the labels are taken off. `ending` is that of a table's format, where the
    name does not end in it. What the columns are is decided in the first block, by the `contract` of a model if there
    is one. With `skipped`, rows that cannot be read are counted there and left out.

    Raises: DataError as `read_corpus`, when the block at fault is reached, and for a folder. SettingError when a
    column is named for plain lines.
    """
    path = path if str(path) == STANDARD_INPUT else Path(path).expanduser()
    if isinstance(path, Path) and path.is_dir():
        raise DataError(f"{path} is a folder, expected a file: a table, or one document a line.")
    ending = ending or format_ending(Path(path))
    with open_input(path) as file:
        if ending in TABLE_ENDINGS:
            columns = None
            known = (*as_names(text), *(contract.inputs if contract is not None else ()))
            for table in _read_tables(path, file, ending, known, block_bytes=block_bytes, skipped=skipped):
                columns = columns or find_columns(table, text=text, contract=contract)
                texts = columns.texts(_with_missing(table, columns.inputs).columns)
                yield Block(texts, table, table.source, columns, not_read(table, columns))
        else:
            refuse_columns(f"{file.name} is plain lines and has no columns", text, contract=contract)
            yield from _plain_blocks(file, block_bytes, skipped)


@dataclass(frozen=True, eq=False)
class LabelledBlock:
    """Some labelled documents of a file, one after the other."""

    corpus: Corpus  # with the label names of these documents alone; `rows` counts from the beginning of the file
    share_read: float | None  # of the file, 0 to 1, as far as it was read for them; None where that is not known


def read_labelled_blocks(
    path: Path,
    *,
    text: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    label_separator: str | None = None,
    skipped: Skipped | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[LabelledBlock]:
    """Read labelled documents as `read_corpus` does, some at a time: no more than a block of the file is in memory.

    What the columns are is decided in the first block, and whether the label column holds lists. A block of __label__
    lines is multi-label where one of its lines has another number of labels than one, whatever the other blocks are.
    With `skipped`, rows that cannot be read or have no label are counted there and left out.

    Raises: as `read_corpus`, when the block at fault is reached; DataError for a folder.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise DataError(f"{path} is a folder, expected a file: csv, tsv, jsonl, parquet, or __label__ lines.")
    with open_input(path) as file:
        for corpus in _corpora(path, file, text, label, label_separator, skipped, block_bytes=block_bytes):
            yield LabelledBlock(corpus, None if format_ending(path) == ".parquet" else file.share_read)


def _corpora(
    path: Path,
    file: Input,
    text: str | Sequence[str] | None,
    label: str | Sequence[str] | None,
    separator: str | None,
    skipped: Skipped | None,
    *,
    block_bytes: int,
    columns: Sequence[str] = (),
    side: Sequence[str] = (),
    contract: Columns | None = None,
) -> Iterator[Corpus]:
    """The labelled documents of a file, some at a time; all at once where `block_bytes` is 0."""
    ending, n_rows = format_ending(path), 0
    if ending not in TABLE_ENDINGS:
        for block in line_blocks(file, block_bytes):
            content = block.text(str(path), skipped)
            if block.first == 1:
                if not _is_fasttext(content):
                    raise DataError(f"{path}: this is not a format with labels that can be read. Expected {_FORMATS}.")
                reason = f"{path} is a file of __label__ lines and has no columns"
                refuse_columns(reason, text, label, separator, columns, side, contract)
            corpus = _read_fasttext(content, path, skipped, first=block.first)
            yield dataclasses.replace(corpus, rows=corpus.rows + n_rows)
            n_rows += len(corpus)
        return
    asked = as_names(label)
    kept: pl.DataFrame | None = None
    found, are_lists = None, False
    known = (*as_names(text), *asked, *columns, *side, *(() if contract is None else contract.inputs + contract.label))
    for table in _read_tables(path, file, ending, known, block_bytes=block_bytes, skipped=skipped):
        if found is not None:
            table = _like_the_first(table, found, are_lists)
        else:
            kept = kept_columns(table, columns) if columns else None
            found = find_columns(table, text=text, labels=asked, side=side, contract=contract)
            are_lists = found.label[0] in table.lists
        corpus = _labelled(table, path.name, found, separator, skipped)
        yield dataclasses.replace(
            corpus, rows=corpus.rows + n_rows, columns=None if kept is None else kept[corpus.rows], read_as=found,
            not_read=not_read(table, found),
        )  # fmt: skip
        n_rows += len(table)


def _with_missing(table: Table, names: Sequence[str]) -> Table:
    """A later block of a file, whose rows may lack columns of the first. Raises DataError for lists or objects."""
    missing = {
        name: pl.Series(name, [None] * len(table), dtype=pl.String) for name in names if name not in table.columns
    }
    table = dataclasses.replace(table, columns={**table.columns, **missing})
    for name in names:
        check_flat(table, name, "a text")
    return table


def _like_the_first(table: Table, columns: Columns, are_lists: bool) -> Table:
    """A later block of a file, with the columns that the first has. Raises DataError where one holds something else."""
    table = _with_missing(table, columns.inputs)
    for name in columns.label:
        if name not in table.columns:
            nothing = pl.Series(name, [None] * len(table), dtype=pl.String)
            table = dataclasses.replace(table, columns={**table.columns, name: nothing})
        if not are_lists:
            check_flat(table, name, "one label in each row, as in the rows before")
        elif name not in table.lists and table.columns[name].is_not_null().any():
            row = table.columns[name].is_not_null().arg_max() or 0
            raise DataError(
                f"{table.name}, {table.location_of(row)}: {name!r} holds {table.columns[name][row]!r}, "
                "expected a list of labels, as in the rows before."
            )
        elif name not in table.lists:
            check_flat(table, name, "a list of labels, as in the rows before")
    return table


def _plain_blocks(file: Input, block_bytes: int, skipped: Skipped | None) -> Iterator[Block]:
    is_fasttext = None
    for block in line_blocks(file, block_bytes):
        content = block.text(file.name, skipped)
        lines = split_lines(content)
        if is_fasttext is None:
            is_fasttext = _is_fasttext(content)
        if skipped is not None:
            lines = _without_wrong_bytes(lines, block.first, file.name, skipped)
        if is_fasttext:
            lines = [_FASTTEXT_LABEL.sub("", line).strip() for line in lines]  # a blank one is a document too
        yield Block(pl.Series("text", lines, dtype=pl.String), None, block.source)


def skipped_rows(bad_rows: BadRows) -> Skipped | None:
    """Where to count rows that cannot be read; None when one is an error. Raises SettingError for another choice."""
    check_choice("bad_rows", bad_rows, ("fail", "skip"))
    return Skipped() if bad_rows == "skip" else None


def refuse_columns(
    reason: str,
    text: str | Sequence[str] | None,
    label: str | Sequence[str] | None = None,
    label_separator: str | None = None,
    columns: Sequence[str] = (),
    side: Sequence[str] = (),
    contract: Columns | None = None,
) -> None:
    """Raise SettingError with this reason when columns, or a separator of labels, are named, or a model needs some."""
    named = {
        "text": " ".join(as_names(text)),
        "label": " ".join(as_names(label)),
        "label-separator": label_separator,
        "slice-by": " ".join(columns),
        "column": " ".join(side),
    }
    for option, value in named.items():
        if value:
            raise SettingError(f"{reason}: leave out --{option} {value}.")
    if contract is not None and not contract.is_one_text:
        raise SettingError(f"{reason}, but the model reads {quoted(contract.inputs)}: give a table that has them.")


def _labelled(table: Table, name: str, columns: Columns, separator: str | None, skipped: Skipped | None) -> Corpus:
    """The corpus in a table whose columns have been found."""
    texts, labels = columns.texts(table.columns), columns.label
    if separator is not None and (len(labels) > 1 or labels[0] in table.lists):
        what = "is one of several label columns" if len(labels) > 1 else "holds lists of labels"
        raise SettingError(f"{table.name}: the column {labels[0]!r} {what}: leave out --label-separator {separator}.")
    if len(labels) > 1:
        answers = [table.columns[label].str.strip_chars().str.to_lowercase().fill_null("") for label in labels]
        is_clear = np.stack([column.is_in([*_YES, *_NO]).to_numpy() for column in answers], axis=1)
        for row, index in np.argwhere(~is_clear).tolist():
            problem = (
                f"the label column {labels[index]!r} holds {table.columns[labels[index]][row]!r}, "
                "expected 0 or 1, true or false, yes or no, or nothing."
            )
            if is_clear[row, :index].all():  # the first of its row
                refuse_row(table.name, table.location_of(row), problem, skipped)
        is_given = np.stack([column.is_in(_YES).to_numpy() for column in answers], axis=1)
        names = np.array(labels, dtype=object)
        sets = pl.Series([names[row].tolist() for row in is_given], dtype=pl.List(pl.String))
        corpus = Corpus.of_sets(name, texts, sets, label_names=labels)
        return corpus.select(np.flatnonzero(is_clear.all(axis=1)))
    (label,) = labels
    if label in table.lists:
        lists = table.lists[label]
        remedy = "Give each document a list, an empty one for no labels."
        kept = _labelled_rows(table, label, lists.is_not_null(), remedy, skipped)
        return Corpus.of_sets(name, texts.gather(kept), _tidied(lists.gather(kept)), rows=kept)
    values = table.columns[label].fill_null("")
    if separator is not None:
        if not separator:
            raise SettingError("--label-separator is empty, expected what separates labels, as in '|'.")
        values = values.str.strip_chars().str.replace(_IN_BRACKETS, "$1$2$3")
        return Corpus.of_sets(name, texts, _tidied(values.str.split(separator)))
    remedy = "Give each document a label, or take the row out."
    kept = _labelled_rows(table, label, values.str.contains(_VISIBLE), remedy, skipped)
    return Corpus.of(name, texts.gather(kept), values.gather(kept), rows=kept)


def _labelled_rows(
    table: Table, label: str, is_there: pl.Series, remedy: str, skipped: Skipped | None
) -> npt.NDArray[np.int64]:
    """The rows of a table that have a label, int64 (M,). Raises DataError for another unless rows are skipped."""
    for row in np.flatnonzero(~is_there.to_numpy()).tolist():
        problem = f"the label (column {label!r}) is missing. {remedy}"
        refuse_row(table.name, table.location_of(row), problem, skipped)
    return np.flatnonzero(is_there.to_numpy())


def _tidied(lists: pl.Series) -> pl.Series:
    """Lists of labels without white space or quotes around them and without those that are nothing."""
    item = pl.element().str.strip_chars().str.replace(_IN_QUOTES, "$2").str.strip_chars()
    return lists.list.eval(item.filter(item.ne("")))


def _read_tables(
    path: Path | str,
    file: Input,
    ending: str,
    asked: Sequence[str | None],
    *,
    block_bytes: int,
    skipped: Skipped | None,
) -> Iterator[Table]:
    """The tables in a file of this format. `asked` are the columns that have to be there."""
    if ending == ".parquet":
        if not isinstance(path, Path):
            raise SettingError(f"{file.name}: Parquet cannot be read as a stream. Give the name of a file.")
        return read_parquet(path, block_rows=min(block_bytes, BLOCK_ROWS))
    if ending in (".jsonl", ".ndjson"):
        half = block_bytes - block_bytes // 2  # as Python's objects it is many times as large
        return read_json_lines(file, block_bytes=half, skipped=skipped)
    known = {column.strip().casefold() for column in (*TEXT_NAMES, *LABEL_NAMES, *asked) if column is not None}
    separator = "\t" if ending == ".tsv" else None
    return read_delimited(file, separator=separator, known=known, block_bytes=block_bytes, skipped=skipped)


def _is_fasttext(content: str) -> bool:
    return _FASTTEXT_START.search(content) is not None


def _without_wrong_bytes(lines: list[str], first: int, name: str, skipped: Skipped) -> list[str]:
    """The lines that are UTF-8; the others are counted. `first` is the number of the first line."""
    kept = []
    for number, line in enumerate(lines, start=first):
        problem = wrong_byte(line)
        if problem:
            refuse_row(name, f"line {number}", problem, skipped)
        else:
            kept.append(line)
    return kept


def _read_fasttext(content: str, path: Path, skipped: Skipped | None, *, first: int = 1) -> Corpus:
    """`first` is the number of the first line."""
    texts, labels = [], []
    for number, line in enumerate(split_lines(content), start=first):
        if not line.strip():
            continue
        found = _FASTTEXT_LABEL.findall(line)
        problem = wrong_byte(line) if skipped is not None else ""
        if "" in found:
            problem = "expected a label, as in '__label__pos a fine film', found none."
        if problem:
            refuse_row(str(path), f"line {number}", problem, skipped)
            continue
        labels.append(found)
        texts.append(_FASTTEXT_LABEL.sub("", line).strip())
    if all(len(found) == 1 for found in labels):
        return Corpus.of(path.name, texts, [found[0] for found in labels])
    return Corpus.of_sets(path.name, texts, pl.Series(labels, dtype=pl.List(pl.String)))


def _read_folder(folder: Path, skipped: Skipped | None) -> Corpus:
    """Files beside the class folders are not documents; nor are hidden ones."""
    texts, labels = [], []
    for class_folder in _visible(folder):
        if not class_folder.is_dir():
            continue
        files = _visible(class_folder)
        if not files:
            raise DataError(
                f"{class_folder} is empty: expected the documents of the class, one a file. Remove it if none."
            )
        for file in files:
            if file.is_dir():
                raise DataError(
                    f"{file} is a folder, expected a file with one document. "
                    "Give the folder that holds the class folders."
                )
            try:
                texts.append(decode(read_bytes(file), str(file)))
            except DataError as error:
                if skipped is None:
                    raise
                skipped.add(f"{class_folder.name}/{file.name}", str(error))
                continue
            labels.append(class_folder.name)
    if not texts:
        raise DataError(f"{folder} has no folders in it: expected one folder a class, one file a document.")
    return Corpus.of(folder.resolve().name, texts, labels)


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be read: {error.strerror}. Check its permissions.") from error
