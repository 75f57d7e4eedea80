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
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.columns import LABEL_NAMES, TEXT_NAMES, find_text, find_text_and_labels
from bywords.corpus import Corpus
from bywords.errors import DataError, SettingError
from bywords.inputs import COMPRESSIONS, decode, format_ending, line_blocks, read_bytes, split_lines
from bywords.tables import Table, read_delimited, read_json_lines, read_parquet

STANDARD_INPUT = "-"
TABLE_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_FASTTEXT_LABEL = re.compile(r"(?:^|(?<=\s))__label__(\S*)(?:\s+|$)")
_FASTTEXT_START = re.compile(r"^\s*__label__", re.MULTILINE)
_YES, _NO = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no", "")
_FORMATS = ".csv, .tsv, .jsonl, .parquet, lines that start with __label__, or a folder with one folder a class"


def read_corpus(
    path: Path, *, text: str | None = None, label: str | Sequence[str] | None = None, label_separator: str | None = None
) -> Corpus:
    """Read labelled documents; `text` and `label` name the columns of a table.

    Texts and labels are strings as they stand in the file (labels without surrounding white space). A document
    without text is an empty text. `rows` counts the documents of the file; those of a folder are in the order of
    class and file names.

    The corpus is multi-label where the label column holds lists (an empty one is a document without labels); where
    `label_separator` is given, which stands between the labels of a row (nothing in a row is no label); where several
    columns are named as `label`, whose names are the labels and whose values say 0 or 1, true or false, yes or no,
    or nothing for no; and where lines have another number of __label__ words than one.

    Raises: DataError, naming the file and where there is one the line, for whatever cannot be read, a document
    without its label, and columns that are not there or not plain. SettingError when columns or a separator are
    named for something that has none.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        refuse_columns(f"{path} is a folder and has no columns", text, label, label_separator)
        return _read_folder(path)
    data = read_bytes(path)
    asked = (label,) if isinstance(label, str) else tuple(label or ())
    table = _read_table(path, data, asked=(text, *asked))
    if table is not None:
        return _labelled(table, path.name, *find_text_and_labels(table, text, asked), label_separator)
    content = decode(data, str(path))
    if not _is_fasttext(content):
        raise DataError(f"{path}: this is no format with labels that can be read. Expected {_FORMATS}.")
    refuse_columns(f"{path} is a file of __label__ lines and has no columns", text, label, label_separator)
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
    refuse_columns(f"{name} is plain lines and has no columns", text)
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
    refuse_columns(f"{name} is plain lines and has no columns", text)
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


def refuse_columns(
    reason: str,
    text: str | None,
    label: str | Sequence[str] | None = None,
    label_separator: str | None = None,
) -> None:
    """Raise SettingError with this reason when columns, or a separator of labels, are named."""
    label = " ".join([label] if isinstance(label, str) else label or [])
    for option, value in (("text", text), ("label", label), ("label-separator", label_separator)):
        if value:
            raise SettingError(f"{reason}: leave out --{option} {value}.")


def _labelled(table: Table, name: str, text: str, labels: Sequence[str], separator: str | None) -> Corpus:
    """The corpus in a table whose columns have been found."""
    texts = table.columns[text].fill_null("")
    if separator is not None and (len(labels) > 1 or labels[0] in table.lists):
        what = "is one of several label columns" if len(labels) > 1 else "holds lists of labels"
        raise SettingError(f"{table.name}: the column {labels[0]!r} {what}: leave out --label-separator {separator}.")
    if len(labels) > 1:
        matrix = np.stack([_is_given(table, label) for label in labels], axis=1)
        names = np.array(labels, dtype=object)
        sets = [names[row].tolist() for row in matrix]
        return Corpus.of_sets(name, texts, pl.Series(sets, dtype=pl.List(pl.String)), label_names=labels)
    (label,) = labels
    if label in table.lists:
        lists = table.lists[label]
        _check_complete(table, label, lists.is_null(), "Give each document a list, an empty one for no labels")
        return Corpus.of_sets(name, texts, _tidied(lists))
    values = table.columns[label].str.strip_chars().fill_null("")
    if separator is not None:
        if not separator:
            raise SettingError("--label-separator is empty, expected what stands between labels, as in '|'.")
        return Corpus.of_sets(name, texts, _tidied(values.str.split(separator)))
    _check_complete(table, label, values.eq(""), "Give each document a label, or take the row out")
    return Corpus.of(name, texts, values)


def _check_complete(table: Table, label: str, is_missing: pl.Series, remedy: str) -> None:
    if is_missing.any():
        place = table.place_of(is_missing.arg_max() or 0)
        raise DataError(f"{table.name}, {place}: the label (column {label!r}) is missing. {remedy}.")


def _tidied(lists: pl.Series) -> pl.Series:
    """Lists of labels without white space around them and without those that are nothing."""
    item = pl.element().str.strip_chars()
    return lists.list.eval(item.filter(item.ne("")))


def _is_given(table: Table, label: str) -> npt.NDArray[np.bool_]:
    """Whether each row has the label whose column this is, bool (N,)."""
    values = table.columns[label].str.strip_chars().str.to_lowercase().fill_null("")
    is_unclear = ~values.is_in([*_YES, *_NO])
    if is_unclear.any():
        row = is_unclear.arg_max() or 0
        raise DataError(
            f"{table.name}, {table.place_of(row)}: the label column {label!r} holds {table.columns[label][row]!r}, "
            "expected 0 or 1, true or false, yes or no, or nothing."
        )
    return values.is_in(_YES).to_numpy()


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
    return _FASTTEXT_START.search(content) is not None


def _read_fasttext(content: str, path: Path) -> Corpus:
    texts, labels = [], []
    for number, line in enumerate(split_lines(content), start=1):
        if not line.strip():
            continue
        found = _FASTTEXT_LABEL.findall(line)
        if "" in found:
            raise DataError(f"{path}, line {number}: expected a label, as in '__label__pos a fine film', found none.")
        labels.append(found)
        texts.append(_FASTTEXT_LABEL.sub("", line).strip())
    if all(len(found) == 1 for found in labels):
        return Corpus.of(path.name, texts, [found[0] for found in labels])
    return Corpus.of_sets(path.name, texts, pl.Series(labels, dtype=pl.List(pl.String)))


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
