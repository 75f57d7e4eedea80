"""A file or a folder of documents in, a corpus (or only its texts) out.

    .csv .tsv               a header, one row a document      --text and --label name the columns
    .jsonl .ndjson          one object a line                 where the file does not make them plain
    .parquet
    .txt .ft, or any other  fastText's lines: __label__pos a fine film
    a folder                one folder a class, one file a document

All but folders may be compressed: .gz, .xz, .zst.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from bywords.columns import LABEL_NAMES, TEXT_NAMES, find_text, find_text_and_label
from bywords.corpus import Corpus
from bywords.errors import DataError, SettingError
from bywords.inputs import COMPRESSIONS, decode, format_ending, line_blocks, read_bytes, split_lines
from bywords.tables import Table, read_delimited, read_json_lines, read_parquet

STANDARD_INPUT = "-"
TABLE_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_FASTTEXT_LABEL = re.compile(r"(?:^|(?<=\s))__label__(\S*)(?:\s+|$)")
_FORMATS = ".csv, .tsv, .jsonl, .parquet, lines that start with __label__, or a folder with one folder a class"


def read_corpus(path: Path, *, text: str | None = None, label: str | None = None) -> Corpus:
    """Read labelled documents; `text` and `label` name the columns of a table.

    Texts and labels are strings as they stand in the file (labels without surrounding white space). A document
    without text is an empty text. `rows` counts the documents of the file; those of a folder are in the order of
    class and file names.

    Raises: DataError, naming the file and where there is one the line, for whatever cannot be read, a document
    without label or with several, and columns that are not there or not plain. SettingError when columns are named
    for something that has none.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        _refuse_columns(path, "a folder", text, label)
        return _read_folder(path)
    data = read_bytes(path)
    table = _read_table(path, data, asked=(text, label))
    if table is not None:
        text, label = find_text_and_label(table, text, label)
        labels = table.columns[label].str.strip_chars().fill_null("")
        if (is_missing := labels.eq("")).any():
            first = is_missing.arg_max() or 0
            raise DataError(
                f"{path}, {table.place_of(first)}: the label (column {label!r}) is missing. "
                "Give each document a label, or take the row out."
            )
        return Corpus.of(path.name, table.columns[text].fill_null(""), labels)
    content = decode(data, str(path))
    if not _is_fasttext(content):
        raise DataError(f"{path}: this is no format with labels that can be read. Expected {_FORMATS}.")
    _refuse_columns(path, "a file of __label__ lines", text, label)
    return _read_fasttext(content, path)


def read_texts(path: Path | str, *, text: str | None = None) -> pl.Series:
    """Read documents without labels, string (N,): a column of a table, or one document a line, blank ones too.

    "-" is the standard input, one document a line. Of fastText's lines the labels are taken off.

    Raises: DataError as `read_corpus`, and for a folder. SettingError when a column is named for plain lines.
    """
    if str(path) == STANDARD_INPUT:
        name, data = "standard input", sys.stdin.buffer.read()
    else:
        path = Path(path).expanduser()
        if path.is_dir():
            raise DataError(f"{path} is a folder, expected a file: a table, or one document a line.")
        name, data = str(path), read_bytes(path)
        table = _read_table(path, data, asked=(text,))
        if table is not None:
            return table.columns[find_text(table, text)].fill_null("").alias("text")
    _refuse_columns(name, "plain lines", text, None)
    content = decode(data, name)
    lines = split_lines(content)
    if _is_fasttext(content):
        lines = [_FASTTEXT_LABEL.sub("", line).strip() for line in lines if line.strip()]
    return pl.Series("text", lines, dtype=pl.String)


def read_text_blocks(path: Path | str, *, text: str | None = None) -> Iterator[pl.Series]:
    """The documents of `read_texts`, some at a time. Of plain lines no more than a block is in memory."""
    is_stream = str(path) == STANDARD_INPUT
    if not is_stream:
        path = Path(path).expanduser()
        if not path.is_file() or format_ending(path) in TABLE_ENDINGS or path.suffix.lower() in COMPRESSIONS:
            yield read_texts(path, text=text)
            return
    name = "standard input" if is_stream else str(path)
    _refuse_columns(name, "plain lines", text, None)
    with contextlib.ExitStack() as opened:
        try:
            file = sys.stdin.buffer if is_stream else opened.enter_context(Path(path).open("rb"))
        except OSError as error:
            raise DataError(f"{name}: the file cannot be read: {error.strerror}. Check its permissions.") from error
        is_fasttext = None
        for lines in line_blocks(file, name):
            if is_fasttext is None:
                is_fasttext = _is_fasttext("\n".join(lines))
            if is_fasttext:
                lines = [_FASTTEXT_LABEL.sub("", line).strip() for line in lines if line.strip()]
            yield pl.Series("text", lines, dtype=pl.String)


def _read_table(path: Path, data: bytes, *, asked: tuple[str | None, ...]) -> Table | None:
    """The table in a file with the ending of one, else None. `asked` are the columns that have to be there."""
    name, ending = str(path), format_ending(path)
    if ending == ".parquet":
        return read_parquet(data, name)
    if ending in (".jsonl", ".ndjson"):
        return read_json_lines(decode(data, name), name)
    if ending in (".csv", ".tsv"):
        known = {column.strip().casefold() for column in (*TEXT_NAMES, *LABEL_NAMES, *asked) if column is not None}
        separator = "\t" if ending == ".tsv" else None
        return read_delimited(decode(data, name), name, separator=separator, known=known)
    return None


def _is_fasttext(content: str) -> bool:
    return content.lstrip().startswith("__label__")


def _read_fasttext(content: str, path: Path) -> Corpus:
    texts, labels = [], []
    for number, line in enumerate(split_lines(content), start=1):
        if not line.strip():
            continue
        found = _FASTTEXT_LABEL.findall(line)
        if len(found) > 1:
            raise DataError(
                f"{path}, line {number}: found {len(found)} labels ({', '.join(found)}). Documents with several labels "
                "are not supported yet: keep one a line."
            )
        if not found or not found[0]:
            raise DataError(f"{path}, line {number}: expected a label, as in '__label__pos a fine film', found none.")
        labels.append(found[0])
        texts.append(_FASTTEXT_LABEL.sub("", line).strip())
    return Corpus.of(path.name, texts, labels)


def _read_folder(folder: Path) -> Corpus:
    """Files beside the class folders are no documents, hidden ones neither."""
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
            texts.append(decode(read_bytes(file), str(file)))
            labels.append(class_folder.name)
    if not texts:
        raise DataError(f"{folder} has no folders in it: expected one folder a class, one file a document.")
    return Corpus.of(folder.resolve().name, texts, labels)


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be read: {error.strerror}. Check its permissions.") from error


def _refuse_columns(name: Path | str, what: str, text: str | None, label: str | None) -> None:
    for option, value in (("text", text), ("label", label)):
        if value is not None:
            raise SettingError(f"{name} is {what} and has no columns: leave out --{option} {value}.")
