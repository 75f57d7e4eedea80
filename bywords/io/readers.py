"""A file or a folder of documents → a corpus, or only its texts.

    .csv .tsv               a header, one row a document      --text and --label name the columns
    .jsonl .ndjson          one object a line                 where the file does not make them clear
    .json                   an array of objects
    .parquet .xlsx .ods     the extra [excel] reads spreadsheets
    .bywords                a project of `bywords label`: the texts that have labels
    .txt .ft, or any other  fastText's lines: __label__pos a fine film; or one of these, by its first bytes
    a folder                one folder a class, one file a document; or an archive of one

All but folders may be compressed: .gz, .bz2, .xz, .zst; or in a .zip or .tar: `reviews.zip:train.csv`. A file may be
in an object store: `s3://bucket/train.csv`, see `bywords.io.stores`.
"""

from __future__ import annotations

import dataclasses
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.data.columns import Columns
from bywords.data.corpus import Corpus, renamed
from bywords.data.hierarchy import with_tidy_levels
from bywords.data.label_names import INVISIBLE, asked_of, parsed_mapping
from bywords.errors import BywordsError, DataError, SettingError, did_you_mean, quoted
from bywords.io import stores
from bywords.io.archives import expanded, split_member
from bywords.io.columns import LABEL_NAMES, TEXT_NAMES, check_flat, find_columns, kept_columns, not_read
from bywords.io.folders import UNLABELLED, is_folder_of_classes, read_folder
from bywords.io.formats import LINES, NAMES, PROJECT, SPREADSHEETS, format_ending, format_of
from bywords.io.pieces import Piece, PieceReader, Window, reader_of
from bywords.io.read_options import LABEL_PREFIX, BadRows, ReadOptions
from bywords.io.streams import (
    BLOCK_BYTES,
    STANDARD_INPUT,
    Input,
    Position,
    Skipped,
    line_blocks,
    open_input,
    refuse_row,
    split_lines,
    wrong_byte,
)
from bywords.io.tables import (
    BLOCK_ROWS,
    Table,
    read_delimited,
    read_json,
    read_json_lines,
    read_parquet,
    read_spreadsheet,
)

Reader = TypeVar("Reader", "BlockReader", "LabelledReader")
_VISIBLE = rf"[^\s{INVISIBLE}]"
_IN_BRACKETS = r"^\[(.*)\]$|^\((.*)\)$|^\{(.*)\}$"  # a list as Python prints it
_IN_QUOTES = r"^(['\"])(.*)['\"]$"
_YES, _NO = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no", "")
_FORMATS = (
    ".csv, .tsv, .jsonl, .json, .parquet, .xlsx, lines that start with __label__, or a folder with one folder a class"
)


def read_corpus(
    path: Path | str, options: ReadOptions | None = None, *, must_exclude: bool = True, **named: Any
) -> Corpus:
    """Read labelled documents. Fields of `ReadOptions` may be given by name.

    With the `contract` of a model, its columns are read, or refused by name where they are missing. The columns that
    were read are `Corpus.read_as`. A document of several is one text as `Columns.texts` makes it.

    Texts and labels are strings as they are in the file (labels without surrounding white space). A document
    without text is an empty text. `rows` counts the documents of the file; those of a folder are in the order of
    class and file names. "-" is the standard input.

    The corpus is multi-label where the label column holds lists (an empty one is a document without labels); where
    `label_separator` is given, which separates the labels of a row (nothing in a row is no label); where several
    columns are named as `label`, whose names are the labels and whose values say 0 or 1, true or false, yes or no,
    or nothing for no; and where a line has several __label__ words.

    With `bad_rows` "skip", rows that cannot be read or have no label are left out and counted in `n_skipped`. The
    `columns` that are named are kept as `Corpus.columns`. What was guessed about the file is in `notes`.

    Raises: DataError, naming the file and where there is one the line, for whatever cannot be read, a document
    without its label, and columns that are missing or not clear. SettingError when columns or a separator are
    named for something that has none, and where no document has a label that is to be left out and `must_exclude`.
    """
    options = dataclasses.replace(options or ReadOptions(), **named)
    path, skipped = _expanded(path), skipped_rows(options.bad_rows)
    unlabelled = Skipped()
    if path != STANDARD_INPUT and is_folder_of_classes(Path(path)):
        options.refuse_columns(f"{path} is a folder and has no columns")
        texts, labels = read_folder(
            Path(path), encoding=options.encoding, skipped=skipped, exclude=options.exclude_labels
        )
        corpus = Corpus.of(Path(path).resolve().name, texts, labels)
        corpus = dataclasses.replace(corpus, notes=_notes_on_folders(corpus.label_names))
        corpus = with_tidy_levels(corpus, options.label_hierarchy)
    else:
        with open_input(path, encoding=options.encoding) as file:
            (read,) = _read_labelled(path, file, options, skipped, unlabelled, block_bytes=0)
            corpus = with_tidy_levels(read.corpus, options.label_hierarchy)
            corpus = without_labels(corpus, options.excluded, must_be=must_exclude)
    found = [one for one in (skipped, unlabelled) if one is not None and one.count]
    first = found[0].first if found else ""
    return dataclasses.replace(corpus, n_skipped=sum(one.count for one in found), first_skipped=first)


def without_labels(corpus: Corpus, labels: Sequence[str], *, must_be: bool = True) -> Corpus:
    """The corpus without documents of these labels; of several labels a document keeps the others.

    Raises: SettingError for a label that no document has, where it `must_be` there.
    """
    for label in labels:
        if label not in corpus.label_names:
            if not must_be:
                continue
            raise SettingError(
                f"--exclude-label {label}: no document of {corpus.name} has this label."
                f"{did_you_mean(label, corpus.label_names)} The labels: {quoted(corpus.label_names)}."
            )
    is_kept = np.array([name not in labels for name in corpus.label_names], dtype=bool)
    if is_kept.all():
        return corpus
    names = tuple(name for name in corpus.label_names if name not in labels)
    if corpus.is_multilabel:
        new_codes = np.where(is_kept, np.cumsum(is_kept) - 1, -1)
        labels = corpus.labels.renumbered(new_codes, len(names))
        return dataclasses.replace(corpus, labels=labels, label_names=names)
    new_codes = np.cumsum(is_kept) - 1
    corpus = corpus.select(np.flatnonzero(is_kept[corpus.labels]))
    return dataclasses.replace(corpus, labels=new_codes[corpus.labels], label_names=names)


def _expanded(path: Path | str) -> Path | str:
    return STANDARD_INPUT if str(path) == STANDARD_INPUT else expanded(path)


def _notes_on_folders(labels: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        f"the folder {label!r} is taken for a class: if its documents have none, say --exclude-label {label}"
        for label in labels
        if label.casefold() in UNLABELLED
    )


@dataclass(frozen=True, eq=False)
class Block:
    """Some documents of a file, one after the other."""

    texts: pl.Series  # string (N,), no nulls
    table: Table | None  # the rows that they are in; None for plain lines
    source: bytes  # what of the file was read for them; nothing for Parquet
    read_as: Columns | None = None  # which columns of the table they are made of
    not_read: tuple[str, ...] = ()  # the other columns of the table
    notes: tuple[str, ...] = ()  # what was guessed about the file, with its first block
    share_read: float | None = None  # of the file, 0 to 1, with this; None where that is not known
    rest: Rest[BlockReader] | None = None  # what may be read elsewhere; None where it cannot be

    @classmethod
    def of_text(cls, text: str) -> Block:
        """A text that is in no file."""
        return cls(pl.Series("text", [text], dtype=pl.String), None, text.encode())


@dataclass(frozen=True)
class BlockReader:
    """Reads the blocks behind the first of a file, each by itself, in any process that sees the file."""

    pieces: PieceReader
    columns: Columns | None  # of a table, what texts are made of
    label_prefix: str | None  # of lines, that which labels start with, where there are any

    def read(self, window: Window) -> tuple[Piece, pl.Series] | None:
        """A piece and its texts, string (N,); None where whoever has read the blocks before has to read it.

        Raises: as `PieceReader.read`.
        """
        piece = self.pieces.read(window)
        if piece is None:
            return None
        texts = pl.Series("text", [], dtype=pl.String) if piece.texts is None else piece.texts
        if piece.table is not None and self.columns is not None:
            try:
                texts = self.columns.texts(_with_missing(piece.table, self.columns).columns)
            except DataError:
                return None
        return piece, texts if self.label_prefix is None else _without_labels_of(texts, self.label_prefix)


@dataclass(frozen=True, eq=False)
class Rest(Generic[Reader]):
    """What of a file is behind a block."""

    file: Input  # goes on where it is told to
    position: Position
    reader: Reader
    share_at_end: float = 1.0  # how much of all has been read with it

    def share_with(self, window: Window, share: float | None) -> float | None:
        """How much of all has been read with a window, where a share had been before the rest."""
        if share is None:
            return None
        n_left = self.reader.pieces.n_bytes - self.position.read_to
        return share + (self.share_at_end - share) * (window.stop - self.position.read_to) / (n_left or 1)


def read_blocks(
    path: Path | str,
    *,
    text: str | Sequence[str] | None = None,
    ending: str | None = None,
    encoding: str | None = None,
    label_prefix: str = LABEL_PREFIX,
    skipped: Skipped | None = None,
    block_bytes: int = BLOCK_BYTES,
    contract: Columns | None = None,
    given: bool | None = None,
    may_split: bool = False,
) -> Iterator[Block]:
    """Read documents without labels, some at a time: those of a table, or one a line, blank ones too.

    No more than a block of the file is in memory, nor more than a document where one is larger. "-" is the standard
    input, plain lines unless they are JSON or the first names columns. Of fastText's lines the labels are taken off.
    `ending` is that of a format, .txt for lines, where neither name nor content say it. What the columns are is decided
    in the first block, by the `contract` of a model if there is one; lists of tokens are texts where they are `given`.
    With `skipped`, rows that cannot be read are counted there and left out. With `may_split`, a block has the `rest` of
    the file, where others can read the blocks behind it.

    Raises: DataError as `read_corpus`, when the block at fault is reached, and for a folder. SettingError when a
    column is named for plain lines.
    """
    path = _expanded(path)
    if isinstance(path, Path) and path.is_dir():
        raise DataError(f"{path} is a folder, expected a file: a table, or one document a line.")
    options = ReadOptions(text=text, encoding=encoding, label_prefix=label_prefix, contract=contract, given=given)
    if path == STANDARD_INPUT and ending == ".parquet":
        raise SettingError("standard input: Parquet cannot be read as a stream. Give the name of a file.")
    with open_input(path, encoding=encoding) as file:
        known = _known_names(TEXT_NAMES, options)
        kind = LINES if ending == ".txt" else format_of(file, known, ending=ending, prefix=label_prefix, labelled=False)
        options = _of_project(path, kind, options)
        if kind != LINES:
            columns, notes, reader = None, _notes_on_format(file, kind, ending), None
            for table in _read_tables(
                path, file, kind, options, block_bytes=block_bytes, skipped=skipped, labelled=False
            ):
                if columns is None:
                    columns = _columns_of(table, options, notes)
                    notes = (*notes, *columns.surprises(table.columns))
                texts = columns.texts(_with_missing(table, columns).columns)
                share = file.share_read if kind not in (".parquet", PROJECT) else table.share_read
                its_notes = (*notes, *table.notes)
                if reader is None and file.position is not None and may_split:
                    reader = _block_reader(reader_of(path, file, kind, table), columns, None)
                rest = None if reader is None or file.position is None else Rest(file, file.position, reader)
                yield Block(texts, table, table.source, columns, not_read(table, columns), its_notes, share, rest)
                notes = ()
        else:
            options.refuse_columns(f"{file.name} is plain lines and has no columns")
            notes, reader = _notes_on_format(file, kind, ".txt"), None
            for number, (block, prefix) in enumerate(_plain_blocks(file, block_bytes, skipped, label_prefix)):
                first = "" if number or not len(block.texts) else block.texts[0].removeprefix("\ufeff").strip()
                if first.casefold() in TEXT_NAMES:
                    notes = (*notes, f"the first line, {first!r}, is read as a text: take it out if it names a column")
                if reader is None and file.position is not None and may_split:
                    reader = _block_reader(reader_of(path, file, kind, None), None, prefix)
                rest = None if reader is None or file.position is None else Rest(file, file.position, reader)
                yield dataclasses.replace(block, notes=notes, share_read=file.share_read, rest=rest)
                notes = ()


def are_plain_lines(path: Path | str, options: ReadOptions) -> bool:
    """Whether a file holds one text a line, without labels in front of them; never of the standard input."""
    path = _expanded(path)
    if path == STANDARD_INPUT or Path(path).is_dir():
        return False
    with open_input(path, encoding=options.encoding) as file:
        known = _known_names((*TEXT_NAMES, *LABEL_NAMES), options)
        is_lines = format_of(file, known, prefix=options.label_prefix, labelled=True) == LINES
        return is_lines and not _is_fasttext(file.peek().decode("utf-8", "replace"), options.label_prefix)


@dataclass(frozen=True, eq=False)
class LabelledBlock:
    """Some labelled documents of a file, one after the other."""

    corpus: Corpus  # with the label names of these documents alone; `rows` counts from the beginning of the file
    share_read: float | None  # of the file, 0 to 1, as far as it was read for them; None where that is not known
    rest: Rest[LabelledReader] | None = None  # what may be read elsewhere; None where it cannot be


@dataclass(frozen=True)
class LabelledReader:
    """Reads the labelled blocks behind the first of a file, each by itself, in any process that sees the file."""

    pieces: PieceReader
    form: _Form

    def read(self, window: Window) -> tuple[Piece, Corpus | None] | None:
        """A piece and its documents, whose `rows` count from its beginning, None where it has no records.

        None where whoever has read the blocks before has to read it: there is something in it that is an error, or
        that is counted where rows are skipped. Raises: as `PieceReader.read`.
        """
        piece = self.pieces.read(window)
        if piece is None or (piece.texts is None and piece.table is None):
            return None if piece is None else (piece, None)
        unlabelled = Skipped()
        try:
            if piece.table is not None:
                corpus = self.form.of_table(piece.table, None)
            else:
                lines = [] if piece.texts is None else piece.texts.to_list()
                corpus = self.form.of_lines(lines, self.pieces.name, None, unlabelled)
            corpus = _tidied_labels(corpus, self.form.options)
        except BywordsError:
            return None
        return None if unlabelled.count and self.form.options.bad_rows == "skip" else (piece, corpus)


@dataclass(frozen=True)
class _Form:
    """What the first block of a file of labelled documents says of all of them."""

    name: str  # of the corpus
    options: ReadOptions
    columns: Columns | None = None  # of a table
    are_lists: bool = False  # in its label column

    def of_table(self, table: Table, skipped: Skipped | None) -> Corpus:
        """The documents of a later table."""
        assert self.columns is not None
        table = _like_the_first(table, self.columns, self.are_lists)
        return _labelled(table, self.name, self.columns, self.options, skipped)

    def of_lines(
        self, lines: list[str], shown: str, skipped: Skipped | None, unlabelled: Skipped, *, first: int = 1
    ) -> Corpus:
        """Those of fastText's lines; `first` is the number of the first line."""
        pattern = _label_pattern(self.options.label_prefix)
        return _read_fasttext(lines, shown, self.name, pattern, skipped, unlabelled, first=first)


def read_labelled_blocks(
    path: Path,
    options: ReadOptions | None = None,
    *,
    skipped: Skipped | None = None,
    block_bytes: int = BLOCK_BYTES,
    may_split: bool = False,
    **named: Any,
) -> Iterator[LabelledBlock]:
    """Read labelled documents as `read_corpus` does, some at a time: no more than a block of the file is in memory.

    Labels have the names that `map_label` gives them.

    What the columns are is decided in the first block, and whether the label column holds lists. A block of __label__
    lines is multi-label where one of its lines has several labels, whatever the other blocks are.
    With `skipped`, rows that cannot be read or have no label are counted there and left out. With `may_split`, a block
    has the `rest` of the file, where others can read the blocks behind it.

    Raises: as `read_corpus`, when the block at fault is reached; DataError for a folder.
    """
    options = dataclasses.replace(options or ReadOptions(), **named)
    path = expanded(path)
    if path.is_dir():
        raise DataError(f"{path} is a folder, expected a file: csv, tsv, jsonl, parquet, or __label__ lines.")
    with open_input(path, encoding=options.encoding) as file:
        unlabelled, reader = skipped or Skipped(), None
        for read in _read_labelled(path, file, options, skipped, unlabelled, block_bytes=block_bytes):
            corpus = _tidied_labels(read.corpus, options)
            if reader is None and file.position is not None and may_split:
                pieces = reader_of(path, file, read.kind, read.table)
                reader = None if pieces is None else LabelledReader(pieces, read.form)
            rest = None if reader is None or file.position is None else Rest(file, file.position, reader)
            share = read.table.share_read if read.kind in (".parquet", PROJECT) and read.table else file.share_read
            yield LabelledBlock(corpus, share, rest)


def _tidied_labels(corpus: Corpus, options: ReadOptions) -> Corpus:
    """The documents of a block without labels that are left out, others with the names that they get."""
    corpus = without_labels(with_tidy_levels(corpus, options.label_hierarchy), options.excluded, must_be=False)
    names, its = corpus.label_names, corpus.label_hierarchy
    return renamed(corpus, parsed_mapping(asked_of(options.map_label, names, hierarchy=its), names, hierarchy=its))


@dataclass(frozen=True, eq=False)
class _Read:
    """Labelled documents, and how they were read."""

    corpus: Corpus
    kind: str  # the format
    table: Table | None
    form: _Form


def _read_labelled(
    path: Path | str,
    file: Input,
    options: ReadOptions,
    skipped: Skipped | None,
    unlabelled: Skipped,
    *,
    block_bytes: int,
) -> Iterator[_Read]:
    """The labelled documents of a file, some at a time; all at once where `block_bytes` is 0.

    Lines without a label among fastText's are counted in `unlabelled`.
    """
    known = _known_names((*TEXT_NAMES, *LABEL_NAMES), options)
    kind, n_rows = format_of(file, known, prefix=options.label_prefix, labelled=True), 0
    name = file.name if path == STANDARD_INPUT else Path(path).name
    if kind == LINES:
        form = _Form(name, options)
        for block in line_blocks(file, block_bytes):
            content = block.text(file.name, skipped)
            if block.first == 1:
                if not _is_fasttext(content, options.label_prefix):
                    raise DataError(_no_labels(file.name, options.label_prefix))
                options.refuse_columns(f"{file.name} is a file of {options.label_prefix} lines and has no columns")
            corpus = form.of_lines(split_lines(content), file.name, skipped, unlabelled, first=block.first)
            yield _Read(dataclasses.replace(corpus, rows=corpus.rows + n_rows), kind, None, form)
            n_rows += len(corpus)
        return
    options, kept = _of_project(path, kind, options), None
    form = _Form(name, options)
    notes = _notes_on_format(file, kind)
    for table in _read_tables(path, file, kind, options, block_bytes=block_bytes, skipped=skipped, labelled=True):
        found = form.columns
        if found is not None:
            corpus = form.of_table(table, skipped)
        else:
            kept = kept_columns(table, list(dict.fromkeys(options.columns))) if options.columns else None
            found = find_columns(
                table, text=options.text, labels=options.labels, side=options.side, contract=options.contract,
                given=options.given,
            )  # fmt: skip
            table = _with_missing(table, found)
            form = dataclasses.replace(form, columns=found, are_lists=found.label[0] in table.lists)
            if options.contract is not None:
                notes = (*notes, *found.surprises(table.columns))
            elif kind in (".csv", ".tsv"):  # in others numbers are numbers
                notes = (*notes, *found.doubts(table.columns))
            corpus = _labelled(table, name, found, options, skipped)
        rows = corpus.rows + n_rows if table.numbers is None else np.asarray(table.numbers, dtype=np.int64)[corpus.rows]
        corpus = dataclasses.replace(
            corpus, rows=rows, columns=None if kept is None else kept[corpus.rows], read_as=found,
            not_read=not_read(table, found), notes=(*notes, *table.notes),
        )  # fmt: skip
        yield _Read(corpus, kind, table, form)
        n_rows, notes = n_rows + len(table), ()


def _of_project(path: Path | str, kind: str, options: ReadOptions) -> ReadOptions:
    """The options with the columns that a labelling project says are its texts and labels, where none are asked for."""
    if kind != PROJECT or not isinstance(path, Path) or options.contract is not None:
        return options
    from bywords.io.projects import columns_of

    with stores.fetched(path):
        columns = columns_of(path)
    return dataclasses.replace(options, text=options.text or columns.text, label=options.label or columns.label)


def _project_tables(path: Path | str, file: Input, *, labelled: bool, block_bytes: int) -> Iterator[Table]:
    if not isinstance(path, Path) or not (path.is_file() or stores.url_of(path)):
        raise SettingError(f"{file.name}: a labelling project cannot be read as a stream. Give the name of a file.")
    from bywords.io.projects import project_tables

    with stores.fetched(path):
        yield from project_tables(path, labelled=labelled, block_rows=min(block_bytes, BLOCK_ROWS))


def _known_names(names: Sequence[str], options: ReadOptions) -> set[str]:
    return {column.strip().casefold() for column in (*names, *options.named)}


def _no_labels(name: str, prefix: str) -> str:
    return (
        f"{name}: this is not a format with labels that can be read. Expected {_FORMATS}. If its labels start in "
        f"another way than {prefix}, say --label-prefix."
    )


def _columns_of(table: Table, options: ReadOptions, notes: Sequence[str]) -> Columns:
    """What to read. Raises DataError as `find_columns`; of a table by its content it says how to read lines."""
    try:
        return find_columns(table, text=options.text, contract=options.contract, given=options.given)
    except DataError as error:
        raise DataError(f"{error} If each line is a text: --format lines.") if notes else error from error


def _notes_on_format(file: Input, kind: str, asked: str | None = None) -> tuple[str, ...]:
    """What the content says of a file and its name does not."""
    ending = asked or format_ending(Path(file.name))
    same = {".ndjson": ".jsonl", **dict.fromkeys(SPREADSHEETS, ".xlsx")}.get(ending, ending)
    notes = []
    if kind not in (LINES, same) and {kind, same} != {".json", ".jsonl"}:
        notes.append(f"{file.name} is read as {NAMES[kind]}, by its content")
    if file.encoding.startswith("utf-16") or file.encoding.startswith("utf-32"):
        notes.append(f"{file.name} is read as {file.encoding.upper()}, by its first bytes")
    return tuple(notes)


def _with_missing(table: Table, columns: Columns) -> Table:
    """A block of a file, whose rows may lack columns of the first; lists of tokens become texts.

    Raises: DataError for lists or objects where there were none, and for none where there were lists.
    """
    missing = {
        name: pl.Series(name, [None] * len(table), dtype=pl.String)
        for name in columns.inputs
        if name not in table.columns
    }
    table = dataclasses.replace(table, columns={**table.columns, **missing})
    (name, *_) = columns.text or columns.inputs
    if columns.tokens and name in table.lists:
        table = table.with_tokens(name)
    elif columns.tokens and (is_text := table.columns[name].is_not_null()).any():
        raise DataError(
            f"{table.name}, {table.location_of(is_text.arg_max() or 0)}: {name!r} is no list, "
            "expected a list of tokens, as in the rows before."
        )
    for name in columns.inputs:
        check_flat(table, name, "a list of tokens, as in the rows before" if columns.tokens else "a text")
    return table


def _like_the_first(table: Table, columns: Columns, are_lists: bool) -> Table:
    """A later block of a file, with the columns that the first has. Raises DataError where one holds something else."""
    table = _with_missing(table, columns)
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


def _block_reader(pieces: PieceReader | None, columns: Columns | None, prefix: str | None) -> BlockReader | None:
    return None if pieces is None else BlockReader(pieces, columns, prefix)


def _without_labels_of(lines: pl.Series, prefix: str) -> pl.Series:
    """The texts of fastText's lines: a blank one is a document too."""
    pattern = _label_pattern(prefix)
    return pl.Series("text", [pattern.sub("", line).strip() for line in lines.to_list()], dtype=pl.String)


def _plain_blocks(
    file: Input, block_bytes: int, skipped: Skipped | None, prefix: str
) -> Iterator[tuple[Block, str | None]]:
    """Blocks of lines, each with what labels start with, None where there are none."""
    is_fasttext = None
    for block in line_blocks(file, block_bytes):
        content = block.text(file.name, skipped)
        lines = split_lines(content)
        if is_fasttext is None:
            is_fasttext = _is_fasttext(content, prefix)
        if skipped is not None:
            lines = _without_wrong_bytes(lines, block.first, file.name, skipped)
        texts = pl.Series("text", lines, dtype=pl.String)
        if is_fasttext:
            texts = _without_labels_of(texts, prefix)
        yield Block(texts, None, block.source), prefix if is_fasttext else None


def skipped_rows(bad_rows: BadRows) -> Skipped | None:
    """Where to count rows that cannot be read; None when one is an error. Raises SettingError for another choice."""
    return Skipped() if ReadOptions(bad_rows=bad_rows).bad_rows == "skip" else None


def _labelled(table: Table, name: str, columns: Columns, options: ReadOptions, skipped: Skipped | None) -> Corpus:
    """The corpus in a table whose columns have been found."""
    texts, labels, separator = columns.texts(table.columns), columns.label, options.label_separator
    if separator is not None and (len(labels) > 1 or labels[0] in table.lists):
        what = "is one of several label columns" if len(labels) > 1 else "holds lists of labels"
        raise SettingError(f"{table.name}: the column {labels[0]!r} {what}: leave out --label-separator {separator}.")
    if options.are_levels(labels):
        kept, paths = _paths(table, labels, str(options.label_hierarchy), skipped)
        return Corpus.of(name, texts.gather(kept), paths, rows=kept)
    if len(labels) > 1:
        answers = [table.columns[label].str.strip_chars().str.to_lowercase().fill_null("") for label in labels]
        is_clear = np.stack([column.is_in([*_YES, *_NO]).to_numpy() for column in answers], axis=1)
        for row, index in np.argwhere(~is_clear).tolist():
            problem = (
                f"the label column {labels[index]!r} holds {table.columns[labels[index]][row]!r}, "
                "expected 0 or 1, true or false, yes or no, or nothing. Where they are levels of one label, "
                "say --label-hierarchy /."
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


def _paths(
    table: Table, names: Sequence[str], separator: str, skipped: Skipped | None
) -> tuple[npt.NDArray[np.int64], pl.Series]:
    """The rows of a table with a column for each level of their labels, int64 (M,), and their paths, string (M,).

    A path ends before the first empty cell. Raises DataError, unless rows are skipped, for one with an empty cell
    before one that is not, or none that is not; and for the separator in a cell.
    """
    cells = pl.DataFrame({name: table.columns[name].fill_null("").str.strip_chars() for name in names})
    paths, kept = [], []
    known: dict[tuple[str, ...], tuple[str, str]] = {}
    for row, levels in enumerate(cells.iter_rows()):
        if levels not in known:
            known[levels] = _path_of(levels, names, separator)
        path, problem = known[levels]
        if problem:
            refuse_row(table.name, table.location_of(row), problem, skipped)
        else:
            kept.append(row)
            paths.append(path)
    return np.array(kept, dtype=np.int64), pl.Series("label", paths, dtype=pl.String)


def _path_of(levels: Sequence[str], names: Sequence[str], separator: str) -> tuple[str, str]:
    """The path of cells, and what is wrong with them."""
    given = [level for level in levels if level]
    if not given:
        return "", f"the label (columns {quoted(names)}) is missing. Give the document one, or take the row out."
    if list(levels[: len(given)]) != given:
        empty = next(index for index, level in enumerate(levels) if not level)
        return "", f"the level {names[empty]!r} of the label is empty, and a deeper one is not: {quoted(given)}."
    if wrong := next((level for level in given if separator in f" {level} "), None):
        return "", (
            f"the level {wrong!r} of the label has {separator!r} in it, which is to separate levels. Say another, as "
            "in --label-hierarchy ' > '."
        )
    return separator.join(given), ""


def _labelled_rows(
    table: Table, label: str, is_there: pl.Series, remedy: str, skipped: Skipped | None
) -> npt.NDArray[np.int64]:
    """The rows of a table that have a label, int64 (M,). Raises DataError for another unless rows are skipped."""
    for row in np.flatnonzero(~is_there.to_numpy()).tolist():
        merged = next((f" {note[0].upper()}{note[1:]}." for note in table.notes if "merged" in note), "")
        problem = f"the label (column {label!r}) is missing.{merged} {remedy}"
        refuse_row(table.name, table.location_of(row), problem, skipped)
    return np.flatnonzero(is_there.to_numpy())


def _tidied(lists: pl.Series) -> pl.Series:
    """Lists of labels without white space or quotes around them and without those that are nothing."""
    item = pl.element().str.strip_chars().str.replace(_IN_QUOTES, "$2").str.strip_chars()
    return lists.list.eval(item.filter(item.ne("")))


def _read_tables(
    path: Path | str,
    file: Input,
    kind: str,
    options: ReadOptions,
    *,
    block_bytes: int,
    skipped: Skipped | None,
    labelled: bool,
) -> Iterator[Table]:
    """The tables in a file of this format."""
    known = _known_names((*TEXT_NAMES, *LABEL_NAMES), options)
    if kind == ".parquet":
        if not isinstance(path, Path):
            raise SettingError(f"{file.name}: Parquet cannot be read as a stream. Give the name of a file.")
        return read_parquet(path, block_bytes=block_bytes, place=file)
    if kind == PROJECT:
        return _project_tables(path, file, labelled=labelled, block_bytes=block_bytes)
    if kind == ".xlsx":
        archive, sheet = split_member(Path(path))
        sheet = sheet if archive.suffix.lower() in SPREADSHEETS else None
        return read_spreadsheet(file, sheet=sheet, known=known, labelled=labelled, skipped=skipped)
    if kind == ".json":
        return read_json(file, skipped=skipped)
    if kind == ".jsonl":
        half = block_bytes - block_bytes // 2  # as Python's objects it is many times as large
        return read_json_lines(file, block_bytes=half, skipped=skipped)
    separator = "\t" if kind == ".tsv" else None
    return read_delimited(file, separator=separator, known=known, block_bytes=block_bytes, skipped=skipped)


def _label_pattern(prefix: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|(?<=\s)){re.escape(prefix)}(\S*)(?:\s+|$)")


def _is_fasttext(content: str, prefix: str) -> bool:
    return re.search(rf"^\s*{re.escape(prefix)}", content, re.MULTILINE) is not None


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


def _read_fasttext(
    lines: list[str],
    shown: str,
    name: str,
    pattern: re.Pattern[str],
    skipped: Skipped | None,
    unlabelled: Skipped,
    *,
    first: int = 1,
) -> Corpus:
    """`first` is the number of the first line. As in fastText, a line without a label is left out, and counted.

    Where a line has several labels, one without any is a document that has none.
    """
    texts, labels, numbers = list[str](), list[tuple[str, ...]](), array("q")
    known: dict[tuple[str, ...], tuple[str, ...]] = {}  # the same labels of millions of lines are held once
    for number, line in enumerate(lines, start=first):
        if not line.strip():
            continue
        found = tuple(pattern.findall(line))
        problem = wrong_byte(line) if skipped is not None else ""
        if "" in found:
            problem = "expected a label, as in '__label__pos a fine film', found none."
        if problem:
            refuse_row(shown, f"line {number}", problem, skipped)
            continue
        labels.append(known.setdefault(found, found))
        texts.append(pattern.sub("", line).strip())
        numbers.append(number)
    if any(len(found) > 1 for found in labels):
        return Corpus.of_sets(name, texts, pl.Series(labels, dtype=pl.List(pl.String)))
    kept = [index for index, found in enumerate(labels) if found]
    for number, found in zip(numbers, labels, strict=True):
        if not found:
            unlabelled.add(f"line {number}", "there is no label in it.")
    return Corpus.of(name, [texts[index] for index in kept], [labels[index][0] for index in kept])
