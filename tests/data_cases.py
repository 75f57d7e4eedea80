"""What is read and written, and what happens: a table of cases, which `test_data.py` asserts and docs/data.md shows.

A case is a kind of input, its smallest example, what runs it in a folder, and what happens: the value, or the error.
"""

# ruff: noqa: E501 - the table has the exact words of the messages

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import pickle
import stat
import struct
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import xlsxwriter
from test_hostile_input import model_of

from bywords.cli import main as cli
from bywords.errors import BywordsError
from bywords.io.datasets import load_dataset, read_files
from bywords.vectors.load import load_vectors

FILES, FASTTEXT, OUT, VECTORS = "Files", "fastText's lines", "What goes out", "Files of word vectors"
COLUMNS, LABELS, TEXTS = "Columns", "Labels", "Texts"
HONEST, ESTIMATOR, OPTIONS = "Equal texts and honest scores", "The estimator", "Options"
AREAS = (COLUMNS, HONEST, FILES, LABELS, TEXTS, OUT, ESTIMATOR, OPTIONS, FASTTEXT, VECTORS)


@dataclass(frozen=True)
class Case:
    area: str
    kind: str
    example: str
    run: Callable[[Path], str]  # in an empty folder, which is the current one
    happens: str


def put(name: str, content: str | bytes) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)


def told(run: Callable[[], str]) -> str:
    try:
        return run()
    except BywordsError as error:
        return f"error: {error}"


def documents(corpus: Any, part: slice | None = None) -> str:
    """Texts and labels, and what is said."""
    names = corpus.names().tolist()
    labels = [" ".join(name) if isinstance(name, tuple) else name for name in names]
    rows = [f"{text or '(empty)'} → {label or '(none)'}" for text, label in zip(corpus.texts, labels, strict=True)]
    said = [f"Note: {note}." for note in corpus.notes]
    if corpus.n_skipped:
        said.append(f"Skipped {corpus.n_skipped}: {corpus.first_skipped}")
    return " ".join([" · ".join(rows[part or slice(None)]), *said])


def reading(
    files: dict[str, str | bytes], data: Any = None, part: slice | None = None, **options: Any
) -> Callable[[Path], str]:
    """Read labelled documents: `data`, or the only file; a part of them is shown."""

    def run(_: Path) -> str:
        for name, content in files.items():
            put(name, content)
        return told(lambda: documents(read_files(data or next(iter(files)), **options), part))

    return run


def as_options(named: dict[str, Any]) -> str:
    """The same as options of a command."""
    named = {"exclude-label" if name == "exclude_labels" else name: value for name, value in named.items()}
    return " ".join(
        f"--{name.replace('_', '-')} {value if isinstance(value, str) else ' '.join(value)}"
        for name, value in named.items()
    )


def read(
    kind: str, name: str, content: str | bytes, happens: str, *, example: str | None = None, **options: Any
) -> Case:
    """A case of one file that is read."""
    shown = example or f"{name}: {content if isinstance(content, str) else content.decode('latin-1')}"
    return Case(
        FILES, kind, f"{shown.strip()} {as_options(options)}".strip(), reading({name: content}, **options), happens
    )


def several(
    kind: str, example: str, files: dict[str, str | bytes], happens: str, data: Any = None, **options: Any
) -> Case:
    return Case(FILES, kind, example, reading(files, data, **options), happens)


def command(*arguments: str, stdin: bytes = b"") -> str:
    """Standard output of a command, then what it says aside."""
    out, error = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    before, sys.argv = (sys.argv, sys.stdin), ["bywords", *arguments]
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error), contextlib.suppress(SystemExit):
            cli.main()
    finally:
        sys.argv, sys.stdin = before
    shown, said = (file.buffer.getvalue().decode().strip() for file in (out, error))
    return " ".join(filter(None, [shown, said]))


def predicting(
    arguments: tuple[str, ...],
    files: dict[str, str | bytes],
    after: Callable[[], str] | None = None,
    stdin: bytes = b"",
) -> Callable[[Path], str]:
    """`bywords predict MODEL …`, and then what is written, by `after`."""

    def run(_: Path) -> str:
        for name, content in files.items():
            put(name, content)
        model_of(Path.home()).save("model")
        said = command("predict", "model", *arguments, stdin=stdin)
        return " ".join(filter(None, [after() if after is not None else "", said]))

    return run


def predicted(
    kind: str, example: str, arguments: tuple[str, ...], files: dict[str, str | bytes], happens: str, after: Any = None,
    **more: Any,
) -> Case:  # fmt: skip
    return Case(OUT, kind, example, predicting(arguments, files, after, **more), happens)


def first_columns(name: str, n: int) -> Callable[[], str]:
    """The first characters of a file as they are."""
    return lambda: repr(Path(name).read_bytes()[:n])


def sheet_of(name: str) -> Callable[[], str]:
    """The cells of a spreadsheet, as it has them."""

    def cells() -> str:
        import fastexcel

        frame = fastexcel.read_excel(name).load_sheet(0).to_polars()
        return " · ".join(" ".join(map(str, row)) for row in [frame.columns[:2], *(row[:2] for row in frame.rows())])

    return cells


def _from_stdin(content: bytes) -> str:
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(content))
    try:
        return documents(read_files("-"))
    finally:
        sys.stdin = before


def _tested(options: dict[str, Any]) -> str:
    put("x.csv", TABLE)
    put("t.csv", "text,label\nfine,pos\nso so,mixed\n")
    return told(lambda: documents(load_dataset("x.csv", test="t.csv", **options).test))


def _mode(name: str) -> str:
    return oct(stat.S_IMODE(Path(name).stat().st_mode))


def _private(_: Path) -> str:
    put("x.txt", "moon\n")
    Path("x.txt").chmod(0o600)
    put("old.txt", "")
    Path("old.txt").chmod(0o640)
    model_of(Path.home()).save("model")
    command("predict", "model", "x.txt", "--out", "new.txt")
    command("predict", "model", "x.txt", "--out", "old.txt")
    return f"new.txt {_mode('new.txt')}, old.txt {_mode('old.txt')}"


def _overwriting(*arguments: str) -> Callable[[Path], str]:
    """A command whose output is its input, which stays as it is."""

    def run(_: Path) -> str:
        lines = '{"text": "good film", "label": "pos"}\n'
        files = {"x.csv": TABLE, "label-errors.csv": TABLE, "x.jsonl": lines, "run.json": lines, "curve.json": lines}
        for name, content in files.items():
            put(name, content)
        model_of(Path.home()).save("model")
        said = command(*arguments)
        return said if all(Path(name).read_text() == content for name, content in files.items()) else "overwritten"

    return run


def fasttext(kind: str, content: str, happens: str, **options: Any) -> Case:
    return Case(
        FASTTEXT,
        kind,
        f"{content.strip()} {as_options(options)}".strip(),
        reading({"x.txt": content}, **options),
        happens,
    )


def top(kind: str, arguments: str, happens: str) -> Case:
    """The labels that `predict` lists for `moon`."""

    def run(_: Path) -> str:
        model = model_of(Path.home())
        model.save("model")
        out = command("predict", "model", "moon", *arguments.split())
        if not out.startswith("{"):
            return out
        found, _ = json.JSONDecoder().raw_decode(out)
        return " ".join(found.get("labels", [found["label"]])) or "(none)"

    return Case(FASTTEXT, kind, f"predict MODEL moon {arguments}", run, happens)


def vectors(kind: str, name: str, content: bytes | dict[str, bytes], happens: str, *, example: str) -> Case:
    def run(_: Path) -> str:
        for path, data in ({name: content} if isinstance(content, bytes) else content).items():
            put(path, data)

        def loaded() -> str:
            found = load_vectors(name)
            return " · ".join(f"{word} → {row.tolist()}" for word, row in zip(found.words, found.matrix, strict=True))

        return told(loaded)

    return Case(VECTORS, kind, example, run, happens)


def zipped(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: dict[str, str], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()


def sheets(**rows: list[list[Any]]) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        for name, cells in rows.items():
            sheet = book.add_worksheet(name)
            if name.startswith("_"):
                sheet.hide()
            else:
                sheet.activate()
            for row, values in enumerate(cells):
                for column, value in enumerate(values):
                    if value is not None:
                        sheet.write(row, column, value)
    return buffer.getvalue()


def sheet_with_merged_labels() -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet("a")
        sheet.write_column(0, 0, ["text", "good film", "fine film"])
        sheet.write(0, 1, "label")
        sheet.merge_range(1, 1, 2, 1, "pos")
    return buffer.getvalue()


def sheet_with_unseen() -> bytes:
    """A sheet with a hidden row and column, an error, a formula without its value and merged cells."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet("a")
        for row, values in enumerate([*SHEET, ["fine film", "pos"], ["poor film", "neg"]]):
            sheet.write_row(row, 0, values)
        sheet.write_row(0, 2, ["day", "note"])
        sheet.set_row(2, None, None, {"hidden": True})
        sheet.set_column(2, 2, None, None, {"hidden": True})
        sheet.write_formula(1, 2, "=NA()", value="#N/A")
        sheet.write_formula(2, 2, "=A1", value="")
        sheet.write_formula(3, 2, "=A1", value="seen")
        sheet.merge_range(3, 3, 4, 3, "both")
    return buffer.getvalue()


def sheet_of_errors() -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        book.add_worksheet("a").write_formula(0, 0, "=NA()", value="#N/A")
    return buffer.getvalue()


def parquet() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"text": ["good film", "bad film"], "label": ["pos", "neg"]}).write_parquet(buffer)
    return buffer.getvalue()


TABLE = "text,label\ngood film,pos\nbad film,neg\n"
SHEET = [["text", "label"], ["good film", "pos"], ["bad film", "neg"]]
BOTH = "good film → pos · bad film → neg"
FOLDERS = {"films/neg/1.txt": "bad film", "films/pos/2.txt": "good film"}
IMDB = {f"aclImdb/{part}/{name}": text for part in ("train", "test") for name, text in {"neg/1.txt": "bad film", "pos/2.txt": "good film", "unsup/3.txt": "a film"}.items()}  # fmt: skip
GLOVE = b"good 1 2\nbad 3 4\n"
GLOVE_READ = "good → [1.0, 2.0] · bad → [3.0, 4.0]"


def word2vec(words: list[bytes], end: bytes) -> bytes:
    rows = [word + b" " + np.array([n + 0.1, n + 0.2], dtype="<f4").tobytes() + end for n, word in enumerate(words)]
    return f"{len(words)} 2\n".encode() + b"".join(rows)


def safetensors(**tensors: np.ndarray) -> bytes:
    from safetensors.numpy import save

    return save(tensors)


def _npy(matrix: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, matrix)
    return buffer.getvalue()


MATRIX = np.array([[1, 2], [3, 4]], dtype=np.float32)
OLD_FASTTEXT = struct.pack("<12i", 100, 5, 5, 5, 5, 1, 1, 2, 2000000, 3, 6, 100) + struct.pack("<d", 1e-4) + b"\0" * 40

CASES: list[Case] = [
    *(
        read(f"compressed: {ending}", f"x.csv{ending}", compress(TABLE.encode()), BOTH, example=f"x.csv{ending}")
        for ending, compress in ((".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress))
    ),
    read(
        "compressed, and its name does not say so",
        "x.csv",
        gzip.compress(TABLE.encode()),
        "good film → pos · bad film → neg",
        example="x.csv that is gzip",
    ),
    read(
        "bz2 that is cut off",
        "x.csv.bz2",
        bz2.compress(TABLE.encode())[:-9],
        "error: x.csv.bz2: the compressed data is damaged or cut off (Compressed file ended before the end-of-stream marker was reached). Expected a whole .bz2 file: copy or download it again.",
        example="x.csv.bz2 without its end",
    ),
    read(
        "a zip of one file",
        "x.zip",
        zipped({"a.csv": TABLE}),
        "good film → pos · bad film → neg",
        example="x.zip with a.csv",
    ),
    read(
        "a zip with what a Mac puts beside",
        "x.zip",
        zipped({"a.csv": TABLE, "__MACOSX/._a.csv": b"\0\5"}),
        "good film → pos · bad film → neg",
        example="x.zip with a.csv and __MACOSX/._a.csv",
    ),
    read(
        "a zip of several files",
        "x.zip",
        zipped({"a.csv": TABLE, "b.csv": TABLE}),
        "error: x.zip: the archive has 2 files. Say which one after a colon, as in x.zip:a.csv. There are: a.csv, b.csv.",
        example="x.zip with a.csv and b.csv",
    ),
    several(
        "one file of a zip",
        "x.zip:b.csv",
        {"x.zip": zipped({"a.csv": "text\nno\n", "b.csv": TABLE})},
        "good film → pos · bad film → neg",
        "x.zip:b.csv",
    ),
    several(
        "some files of a zip",
        "x.zip:*.csv",
        {"x.zip": zipped({"a.csv": TABLE, "b.csv": "text,label\nfine,pos\n", "readme.md": "hello"})},
        "good film → pos · bad film → neg · fine → pos",
        "x.zip:*.csv",
    ),
    several(
        "a file that a zip does not have",
        "x.zip:c.csv",
        {"x.zip": zipped({"a.csv": TABLE, "b.csv": TABLE})},
        "error: x.zip: the archive has no file 'c.csv'. Say which one after a colon, as in x.zip:a.csv. There are: a.csv, b.csv.",
        "x.zip:c.csv",
    ),
    read(
        "a zip of class folders",
        "x.zip",
        zipped({"films/neg/1.txt": "bad film", "films/pos/2.txt": "good film"}),
        "bad film → neg · good film → pos",
        example="x.zip with films/neg/1.txt and films/pos/2.txt",
    ),
    read(
        "a zip that is cut off",
        "x.zip",
        zipped({"a.csv": TABLE})[:-30],
        "error: x.zip: the compressed data is damaged or cut off (File is not a zip file). Expected a whole .zip file: copy or download it again.",
        example="x.zip without its end",
    ),
    read(
        "a tar.gz of class folders",
        "x.tar.gz",
        tarred(FOLDERS),
        "bad film → neg · good film → pos",
        example="x.tar.gz with films/neg/1.txt and films/pos/2.txt",
    ),
    read(
        "a tar.bz2 of one table",
        "x.tar.bz2",
        tarred({"./a.csv": TABLE}, "w:bz2"),
        "good film → pos · bad film → neg",
        example="x.tar.bz2 with ./a.csv",
    ),
    several(
        "a folder of a tar, as of aclImdb",
        "aclImdb.tar.gz:aclImdb/train",
        {"aclImdb.tar.gz": tarred(IMDB)},
        "bad film → neg · good film → pos · a film → unsup Note: the folder 'unsup' is taken for a class: if its documents have none, say --exclude-label unsup.",
        "aclImdb.tar.gz:aclImdb/train",
    ),
    several(
        "the same without unsup",
        "aclImdb.tar.gz:aclImdb/train --exclude-label unsup",
        {"aclImdb.tar.gz": tarred(IMDB)},
        "bad film → neg · good film → pos",
        "aclImdb.tar.gz:aclImdb/train",
        exclude_labels=["unsup"],
    ),
    read(
        "a tar of parts and classes",
        "x.tar.xz",
        tarred(IMDB, "w:xz"),
        "error: x.tar.xz: the archive has 6 files. Say which one after a colon, as in x.tar.xz:aclImdb/train/neg/1.txt. There are: aclImdb/train/neg/1.txt, aclImdb/train/pos/2.txt, aclImdb/train/unsup/3.txt, aclImdb/test/neg/1.txt, aclImdb/test/pos/2.txt, aclImdb/test/unsup/3.txt.",
        example="x.tar.xz with aclImdb/train/pos/2.txt, aclImdb/test/pos/2.txt",
    ),
    read("Excel", "x.xlsx", sheets(a=SHEET), "good film → pos · bad film → neg", example="x.xlsx"),
    read(
        "Excel with a title above, and blank rows",
        "x.xlsx",
        sheets(a=[["Tickets of May"], [], [None, *SHEET[0]], [None, *SHEET[1]], [], [None, *SHEET[2]]]),
        "good film → pos · bad film → neg Note: 1 row of one field is left out above the names of the columns. Note: row 5 is empty, and 1 of the 2 rows is below it: read by the same names of columns. Note: 1 column without a name and without content is left out.",
        example="x.xlsx: Tickets of May, a blank row, then text and label in B and C",
    ),
    read(
        "Excel with several sheets",
        "x.xlsx",
        sheets(empty=[], tickets=SHEET, other=SHEET[:2]),
        "good film → pos · bad film → neg Note: the sheet 'tickets' is read, of 3: x.xlsx:NAME reads another.",
        example="x.xlsx with sheets empty, tickets, other",
    ),
    read(
        "Excel with a hidden sheet before the others",
        "x.xlsx",
        sheets(_hidden=SHEET[:2], tickets=SHEET),
        "good film → pos · bad film → neg Note: the sheet 'tickets' is read, of 2: x.xlsx:NAME reads another.",
        example="x.xlsx with the sheets _hidden, which is, and tickets",
    ),
    read(
        "Excel with a hidden row and column, an error, a formula that was not calculated, merged cells",
        "x.xlsx",
        sheet_with_unseen(),
        "good film → pos · bad film → neg · fine film → pos · poor film → neg Note: 1 row is hidden of 4, as by a filter, row 3 the first, and read as the others: to leave them out, copy those that are seen to another sheet. Note: columns are hidden, in 1 place, and read as the others. Note: 1 cell is read as empty, C2 the first: an error is in it. Note: 1 formula is read as empty, C3 the first: no value of it was saved. Open the file in a spreadsheet program and save it. Note: cells are merged in 1 place, D4:D5 the first: the first of them has what they hold, and the others are empty.",
        example="x.xlsx with a filter on",
    ),
    read(
        "Excel with one merged label of several rows",
        "x.xlsx",
        sheet_with_merged_labels(),
        "error: x.xlsx, row 3: the label (column 'label') is missing. Cells are merged in 1 place, B2:B3 the first: the first of them has what they hold, and the others are empty. Give each document a label, or take the row out. Or leave such rows out: --bad-rows skip.",
        example="x.xlsx with pos over two rows",
    ),
    read(
        "Excel of nothing but an error",
        "x.xlsx",
        sheet_of_errors(),
        "error: x.xlsx is empty: expected a first row with the names of the columns, then one a document.",
        example="x.xlsx with #N/A",
    ),
    several(
        "another sheet",
        "x.xlsx:other",
        {"x.xlsx": sheets(tickets=SHEET, other=SHEET[:2])},
        "good film → pos",
        "x.xlsx:other",
    ),
    several(
        "a sheet that is not there",
        "x.xlsx:others",
        {"x.xlsx": sheets(tickets=SHEET, other=SHEET[:2])},
        "error: x.xlsx: there is no sheet 'others'. Its sheets: 'tickets', 'other'.",
        "x.xlsx:others",
    ),
    read(
        "numbers, dates and truth values in Excel",
        "x.xlsx",
        sheets(a=[["text", "label"], ["a", 1], ["b", 2.5], ["c", True]]),
        "a → 1 · b → 2.5 · c → true",
        example="x.xlsx with labels 1, 2.5, TRUE",
    ),
    read(
        "Excel called .csv",
        "x.csv",
        sheets(a=SHEET),
        "good film → pos · bad film → neg Note: x.csv is read as a spreadsheet, by its content.",
        example="x.csv that is .xlsx",
    ),
    read(
        "a text called .xls",
        "x.xls",
        "text\tlabel\ngood film\tpos\nbad film\tneg\n",
        "good film → pos · bad film → neg Note: x.xls is read as a table in columns (tabs between them), by its content.",
    ),
    read(
        "a damaged Excel file",
        "x.xlsx",
        b"PK\3\4 and so on",
        "error: x.xlsx: the compressed data is damaged or cut off (File is not a zip file). Expected a whole .xlsx file: copy or download it again.",
        example="x.xlsx: PK␃␄ and so on",
    ),
    read(
        "a label that is missing in Excel",
        "x.xlsx",
        sheets(a=[*SHEET, ["a film", None]]),
        "error: x.xlsx, row 4: the label (column 'label') is missing. Give each document a label, or take the row out. Or leave such rows out: --bad-rows skip.",
        example="x.xlsx without a label in row 4",
    ),
    read(
        "JSON: an array",
        "x.json",
        '[{"text": "good film", "label": "pos"}, {"text": "bad film", "label": 0}]',
        "good film → pos · bad film → 0",
    ),
    read(
        "JSON lines called .json",
        "x.json",
        '{"text": "good film", "label": "pos"}\n{"text": "bad film", "label": "neg"}\n',
        "good film → pos · bad film → neg",
    ),
    read(
        "JSON: an array called .jsonl",
        "x.jsonl",
        '[\n{"text": "good film", "label": "pos"},\n{"text": "bad film", "label": "neg"}\n]',
        "good film → pos · bad film → neg",
    ),
    read(
        "JSON: an object with an array",
        "x.json",
        '{"version": 1, "data": [{"text": "good film", "label": "pos"}]}',
        "good film → pos Note: the documents are those under 'data'.",
    ),
    read(
        "JSON: columns",
        "x.json",
        '{"text": ["good film", "bad film"], "label": ["pos", "neg"]}',
        "good film → pos · bad film → neg Note: each of 'text', 'label' is taken for a column.",
    ),
    read(
        "JSON as pandas writes it",
        "x.json",
        '{"text": {"0": "good film", "1": "bad film"}, "label": {"0": "pos", "1": "neg"}}',
        "good film → pos · bad film → neg Note: each of 'text', 'label' is taken for a column.",
    ),
    read(
        "JSON: an array with something else in it",
        "x.json",
        '[{"text": "good film", "label": "pos"}, 7]',
        "error: x.json, item 1: expected an object, found a number. Or leave such rows out: --bad-rows skip.",
    ),
    read(
        "JSON with something else in it, skipped",
        "x.json",
        '[{"text": "good film", "label": "pos"}, 7]',
        "good film → pos Skipped 1: item 1: expected an object, found a number.",
        bad_rows="skip",
    ),
    read(
        "a key of JSON that stands twice",
        "x.jsonl",
        '{"text": "a", "label": "b", "of": {"text": "c"}}\n{"text": "a", "label": "b", "label" : "c"}\n',
        "error: x.jsonl, line 2: the key 'label' stands twice in the object. Give each its own name. Or leave such rows out: --bad-rows skip.",
    ),
    read(
        "JSON that is cut off",
        "x.json",
        '[{"text": "good film", "label": "pos"}, {"text',
        'error: x.json: this is not JSON (Unterminated string starting at: line 1 column 42 (char 41)). Expected an array of objects, as in [{"text": "...", "label": "..."}], or one object a line.',
    ),
    read(
        "unknown ending: tabs, as SMSSpamCollection",
        "SMSSpamCollection",
        "ham\tGo until jurong point, crazy\nspam\tFree entry in 2 a wkly comp\nham\tOk lar joking wif u oni\nspam\tFree prize in a draw now\n",
        "Go until jurong point, crazy → ham · Free entry in 2 a wkly comp → spam · Ok lar joking wif u oni → ham · Free prize in a draw now → spam Note: SMSSpamCollection is read as a table in columns (tabs between them), by its content. Note: the first line is taken for a document, and the columns are called 'column_1', 'column_2'.",
    ),
    read(
        "unknown ending: commas",
        "x.data",
        TABLE,
        "good film → pos · bad film → neg Note: x.data is read as a table in columns (csv), by its content.",
    ),
    read(
        "no ending: JSON lines",
        "tickets",
        '{"text": "good film", "label": "pos"}\n',
        "good film → pos Note: tickets is read as JSON lines, by its content.",
    ),
    read(
        "no ending: Parquet",
        "tickets",
        parquet(),
        "good film → pos · bad film → neg Note: tickets is read as Parquet, by its content.",
        example="tickets that is Parquet",
    ),
    read(
        ".txt with tabs",
        "x.txt",
        "text\tlabel\ngood film\tpos\nbad film\tneg\n",
        "good film → pos · bad film → neg Note: x.txt is read as a table in columns (tabs between them), by its content.",
    ),
    read(
        ".txt with semicolons",
        "x.txt",
        "text;label\ngood film;pos\nbad film;neg\n",
        "good film → pos · bad film → neg Note: x.txt is read as a table in columns (csv), by its content.",
    ),
    read(
        ".txt with a comma in its sentences",
        "x.txt",
        "a fine, good film\nbad\n",
        "error: x.txt: this is not a format with labels that can be read. Expected .csv, .tsv, .jsonl, .json, .parquet, .xlsx, lines that start with __label__, or a folder with one folder a class. If its labels start in another way than __label__, say --label-prefix.",
    ),
    several(
        "several files",
        "a.csv b.jsonl",
        {"a.csv": TABLE, "b.jsonl": '{"text": "fine", "label": "pos"}\n'},
        "good film → pos · bad film → neg · fine → pos",
        "a.csv b.jsonl",
    ),
    several(
        "several files, one with a blank in its name",
        "['a b.csv', 'c.csv']",
        {"a b.csv": TABLE, "c.csv": "text,label\nfine,pos\n"},
        "good film → pos · bad film → neg · fine → pos",
        ["a b.csv", "c.csv"],
    ),
    several(
        "a pattern",
        "part-*.csv",
        {"part-2.csv": "text,label\nfine,pos\n", "part-1.csv": TABLE, "other.csv": "no"},
        "good film → pos · bad film → neg · fine → pos",
        "part-*.csv",
    ),
    several(
        "a pattern that no file has",
        "parts-*.csv",
        {"part-1.csv": TABLE},
        "error: parts-*.csv: no file has a name like this. Check the pattern, and the folder you start from.",
        "parts-*.csv",
    ),
    Case(
        FILES,
        "standard input",
        "bywords train - < x.csv",
        lambda _: told(lambda: _from_stdin(TABLE.encode())),
        "good film → pos · bad film → neg Note: standard input is read as a table in columns (csv), by its content.",
    ),
    Case(
        FILES,
        "standard input: JSON",
        "bywords train - < x.json",
        lambda _: told(lambda: _from_stdin(b'[{"text": "good film", "label": "pos"}]')),
        "good film → pos Note: standard input is read as JSON, by its content.",
    ),
    read(
        "UTF-8 with a byte order mark",
        "x.csv",
        b"\xef\xbb\xbf" + TABLE.encode(),
        "good film → pos · bad film → neg",
        example="x.csv that starts with EF BB BF",
    ),
    read(
        "UTF-16",
        "x.csv",
        TABLE.replace("good", "gœd").encode("utf-16"),
        "gœd film → pos · bad film → neg Note: x.csv is read as UTF-16, by its first bytes.",
        example="x.csv as Excel's Unicode text",
    ),
    read(
        "UTF-16, big end first",
        "x.csv",
        b"\xfe\xff" + TABLE.encode("utf-16-be"),
        "good film → pos · bad film → neg Note: x.csv is read as UTF-16, by its first bytes.",
        example="x.csv that starts with FE FF",
    ),
    read(
        "UTF-16 without its mark",
        "x.csv",
        TABLE.encode("utf-16-le"),
        "good film → pos · bad film → neg Note: x.csv is read as UTF-16-LE, by its first bytes.",
        example="x.csv: t␀e␀x␀t␀…",
    ),
    read(
        "UTF-16 that ends within a character",
        "x.csv",
        TABLE.encode("utf-16")[:-1],
        "error: x.csv: this is not in the encoding utf-16 (truncated data). Copy the file again, or say another --encoding.",
        example="x.csv, one byte short",
    ),
    read(
        "Western Europe's, not said",
        "x.csv",
        "text,label\ndéjà vu à la crème brûlée,pos\nfeuille d’été,neg\n".encode("cp1252"),
        "error: x.csv, line 2: the byte 0xe9 at offset 12 is not UTF-8. It is likeliest cp1252, in which this reads 'déjà': say --encoding cp1252, or save the file as UTF-8. Or leave such rows out: --bad-rows skip.",
        example="x.csv in cp1252: déjà vu à la crème brûlée",
    ),
    read(
        "Western Europe's, said",
        "x.csv",
        "text,label\ncafé crème – très bon,pos\n".encode("cp1252"),
        "café crème – très bon → pos",
        example="x.csv in cp1252",
        encoding="cp1252",
    ),
    read(
        "Western Europe's by its other name, said",
        "x.csv",
        "text,label\ncafé crème,pos\n".encode("latin-1"),
        "café crème → pos",
        example="x.csv in latin-1",
        encoding="latin-1",
    ),
    read(
        "Japanese, not said",
        "x.csv",
        "text,label\nこの映画はとても面白かったです,pos\nつまらない映画でした,neg\n".encode("cp932"),
        "error: x.csv, line 2: the byte 0x82 at offset 11 is not UTF-8. It is likeliest cp932, in which this reads 'この映画はとても面白': say --encoding cp932, or save the file as UTF-8. Or leave such rows out: --bad-rows skip.",
        example="x.csv in Shift-JIS",
    ),
    read(
        "Japanese, said",
        "x.csv",
        "text,label\n面白い映画,pos\n".encode("cp932"),
        "面白い映画 → pos",
        example="x.csv in Shift-JIS",
        encoding="shift_jis",
    ),
    read(
        "Russian, not said",
        "x.csv",
        "text,label\nОчень хороший фильм для всей семьи,pos\nПлохой и скучный фильм,neg\n".encode("cp1251"),
        "error: x.csv, line 2: the byte 0xce at offset 11 is not UTF-8. It is likeliest cp1251, in which this reads 'Очень': say --encoding cp1251, or save the file as UTF-8. Or leave such rows out: --bad-rows skip.",
        example="x.csv in cp1251",
    ),
    read(
        "Chinese, said",
        "x.csv",
        "text,label\n很好的电影,pos\n".encode("gb18030"),
        "很好的电影 → pos",
        example="x.csv in GB 18030",
        encoding="gb18030",
    ),
    read(
        "the wrong encoding said",
        "x.csv",
        "text,label\nkaf\xff\xfe,pos\n".encode("latin-1"),
        "error: x.csv, line 2: the byte 0xff is not shift_jis: say another --encoding. Or leave such rows out: --bad-rows skip.",
        example="x.csv with FF FE",
        encoding="shift_jis",
    ),
    read(
        "an encoding that there is not",
        "x.csv",
        TABLE,
        "error: there is no encoding 'cp1525'. Did you mean 'cp1257'? Say one as cp1252, latin-1, utf-16, shift_jis or gb18030.",
        encoding="cp1525",
    ),
    read(
        "an encoding that is none of text",
        "x.csv",
        TABLE,
        "error: 'base64' is no encoding of text. Say one as cp1252, latin-1, utf-16 or shift_jis.",
        encoding="base64",
    ),
    read(
        "a byte that is not UTF-8, skipped",
        "x.csv",
        b"text,label\ngood film,pos\ncaf\xe9,neg\n",
        "good film → pos Skipped 1: line 3: the byte 0xe9 is not UTF-8.",
        bad_rows="skip",
    ),
    read(
        "sep=;",
        "x.csv",
        "sep=;\ntext;label\ngood, fine film;pos\nbad film;neg\n",
        "good, fine film → pos · bad film → neg",
    ),
    read("sep=|, with a byte order mark", "x.csv", "\ufeffsep=|\r\ntext|label\r\ngood film|pos\r\n", "good film → pos"),
    read(
        "an error below sep=;",
        "x.csv",
        "sep=;\ntext;label\ngood film;pos;1\n",
        "error: x.csv, line 3: expected 2 fields as in the first line, found 3. Put a field with ';' or a new line in it into double quotes. Or leave such rows out: --bad-rows skip.",
    ),
    read(
        "semicolons and no header, commas in the texts",
        "x.csv",
        "a fine, good film;pos\na bad film;neg\nthe best film, ever;pos\nboring, boring, long film;neg\n",
        "a fine, good film → pos · a bad film → neg · the best film, ever → pos · boring, boring, long film → neg Note: the first line is taken for a document, and the columns are called 'column_1', 'column_2'.",
    ),
    read("signs | between", "x.csv", "text|label\ngood film|pos\nbad film|neg\n", "good film → pos · bad film → neg"),
    read("tabs in a .csv", "x.csv", "text\tlabel\ngood, fine film\tpos\n", "good, fine film → pos"),
    read(
        "columns without name and content, as Kaggle's spam.csv",
        "x.csv",
        "v1,v2,,,\nham,see you at home tonight,,,\nspam,win a free prize right now,,,\nham,are you there already,,,\nspam,free entry to win cash now,,,\n",
        "see you at home tonight → ham · win a free prize right now → spam · are you there already → ham · free entry to win cash now → spam Note: the first line is taken for the names of the columns: 'v1', 'v2'. Note: 3 columns without names and content are left out.",
    ),
    read(
        "an index without a name, as pandas writes it",
        "x.csv",
        ",text,label\n0,good film,pos\n1,bad film,neg\n",
        "good film → pos · bad film → neg",
    ),
    read(
        "a column without a name that has something later",
        "x.csv",
        "text,label,\ngood film,pos,\nbad film,neg,x\n",
        "good film → pos · bad film → neg",
    ),
    read(
        "two columns of one name",
        "x.csv",
        "text,label,label\ngood film,pos,1\n",
        "error: x.csv, line 1: two columns are called 'label'. Give each column its own name.",
    ),
    read(
        "the names of the columns again, as cat writes of several files",
        "x.csv",
        "text,label\ngood film,pos\n\ufefftext,label\nbad film,neg\n",
        "error: x.csv, line 3: the names of the columns stand here again, as where files were put together. Take it out. Or leave such rows out: --bad-rows skip.",
    ),
    read(
        "the names of the columns again, skipped",
        "x.csv",
        "text,label\ngood film,pos\n\ntext,label\nbad film,neg\n",
        "good film → pos · bad film → neg Skipped 1: line 4: the names of the columns stand here again, as where files were put together. Take it out.",
        bad_rows="skip",
    ),
    read(
        "the names of the columns again in Excel",
        "x.xlsx",
        sheets(a=[SHEET[0], SHEET[1], [], SHEET[0], SHEET[2]]),
        "error: x.xlsx, row 4: the names of the columns stand here again, as where files were put together. Take it out. Or leave such rows out: --bad-rows skip.",
        example="x.xlsx with them in row 4 too",
    ),
    read(
        '\\" in quotes',
        "x.csv",
        'text,label\n"a \\"good\\", fine film",pos\nbad film,neg\n',
        'a "good", fine film → pos · bad film → neg',
    ),
    read('\\" at the end of quotes', "x.csv", 'text,label\n"he said \\"no\\"",neg\n', 'he said "no" → neg'),
    read(
        "a backslash that escapes nothing",
        "x.csv",
        'text,label\n"see C:\\new, and ""more""",pos\n',
        'see C:\\new, and "more" → pos',
    ),
    read(
        "a blank after the comma",
        "x.csv",
        'text, label\n"good, fine film", "pos"\n"bad film", "neg"\n',
        "good, fine film → pos · bad film → neg",
    ),
    read(
        "a blank after the comma, before a quote with a comma",
        "x.csv",
        'label, text\npos, "good, fine film"\nneg, "bad film"\n',
        "good, fine film → pos · bad film → neg",
    ),
    read(
        'a blank after the comma, and \\" in quotes',
        "x.csv",
        'label, text\npos, "a \\"good\\", fine film"\n',
        'a "good", fine film → pos',
    ),
    read(
        "no header: two texts",
        "x.csv",
        "a good film,pos\na bad film,neg\n",
        "a good film → pos · a bad film → neg Note: the first line is taken for a document, and the columns are called 'column_1', 'column_2'.",
        text="column_1",
        label="column_2",
    ),
    read(
        "no header: each label twice",
        "x.csv",
        "a really good film,pos\na really bad film,neg\nthe best film so far,pos\nthe worst film so far,neg\n",
        "a really good film → pos · a really bad film → neg · the best film so far → pos · the worst film so far → neg Note: the first line is taken for a document, and the columns are called 'column_1', 'column_2'.",
    ),
    read(
        "no header: stars",
        "x.csv",
        "what a good film it was,5\nwhat a bad film it was,1\nwhat a fine film it was,5\nnot my kind of film,1\n",
        "what a good film it was → 5 · what a bad film it was → 1 · what a fine film it was → 5 · not my kind of film → 1 Note: the first line is taken for a document, and the columns are called 'column_1', 'column_2'.",
    ),
    read(
        "a header of unknown names",
        "x.csv",
        "utt,kind\nwhat a good film it was,pos\nwhat a bad film it was,neg\nwhat a fine film it was,pos\nnot my kind of film at all,neg\n",
        "what a good film it was → pos · what a bad film it was → neg · what a fine film it was → pos · not my kind of film at all → neg Note: the first line is taken for the names of the columns: 'utt', 'kind'.",
    ),
    read(
        "a header of several words",
        "x.csv",
        "Customer words,Mood\nwhat a good film it was,pos\nwhat a bad film it was,neg\nwhat a fine film it was,pos\nnot my kind of film at all,neg\n",
        "error: x.csv: cannot tell which column is the text and which the label. Its columns: 'Customer words', 'Mood' (if its first line is a document, add one above it with their names). Say --text NAME --label NAME.",
    ),
    read(
        "a header of several words, named",
        "x.csv",
        "Customer words,Mood\nwhat a good film it was,pos\nnot my kind of film at all,neg\n",
        "what a good film it was → pos · not my kind of film at all → neg",
        text="Customer words",
        label="Mood",
    ),
    read(
        "no header, and the first label is the only one of its kind",
        "x.csv",
        "it was all right,neu\nwhat a good film it was,pos\nwhat a bad film it was,neg\nwhat a fine film it was,pos\nnot my kind of film at all,neg\n",
        "error: x.csv: cannot tell which column is the text and which the label. Its columns: 'it was all right', 'neu' (if its first line is a document, add one above it with their names). Say --text NAME --label NAME.",
    ),
    read(
        "a header of numbers, as pandas writes it",
        "x.csv",
        "0,1\nwhat a good film it was,pos\nwhat a bad film it was,neg\nwhat a fine film it was,pos\nnot my kind of film at all,neg\n",
        "what a good film it was → pos · what a bad film it was → neg · what a fine film it was → pos · not my kind of film at all → neg Note: the first line is taken for the names of the columns: '0', '1'.",
    ),
    read(
        "a row with too many fields",
        "x.csv",
        "text,label\ngood, fine film,pos\nbad film,neg\n",
        "error: x.csv, line 2: expected 2 fields as in the first line, found 3. Put a field with ',' or a new line in it into double quotes. Or leave such rows out: --bad-rows skip.",
    ),
    read(
        "too many fields, skipped",
        "x.csv",
        "text,label\ngood, fine film,pos\nbad film,neg\n",
        "bad film → neg Skipped 1: line 2: expected 2 fields as in the first line, found 3. Put a field with ',' or a new line in it into double quotes.",
        bad_rows="skip",
    ),
    Case(
        FILES,
        "a test label that training lacks",
        "--test t.csv: text,label⏎so so,mixed",
        lambda _: _tested({}),
        "error: t.csv, row 1 (counted from 0): the label 'mixed' does not occur in training. The labels there are: 'neg', 'pos'. Correct the label, take the row out, or add such documents to training. Or leave such rows out: --bad-rows skip.",
    ),
    Case(
        FILES,
        "a test label that training lacks, skipped",
        "--test t.csv --bad-rows skip",
        lambda _: _tested({"bad_rows": "skip"}),
        "fine → pos Skipped 1: row 1 (counted from 0): the label 'mixed' does not occur in training.",
    ),
    read(
        "documents of a label left out",
        "x.csv",
        TABLE + "a film,unknown\n",
        "good film → pos · bad film → neg",
        exclude_labels=["unknown"],
    ),
    read(
        "a label to leave out that is not there",
        "x.csv",
        TABLE,
        "error: --exclude-label negg: no document of x.csv has this label. Did you mean 'neg'? The labels: 'neg', 'pos'.",
        exclude_labels=["negg"],
    ),
    read(
        "a label left out where there are several",
        "x.csv",
        "text,label\na,x|y\nb,y\nc,x\n",
        "a → x · b → (none) · c → x",
        label_separator="|",
        exclude_labels=["y"],
    ),
    several(
        "the folder unsup, as of aclImdb",
        "train with neg, pos and unsup",
        {name: text for name, text in IMDB.items() if "train" in name},
        "bad film → neg · good film → pos · a film → unsup Note: the folder 'unsup' is taken for a class: if its documents have none, say --exclude-label unsup.",
        "aclImdb/train",
    ),
    several(
        "a class folder compressed file by file",
        "films/neg/1.txt.gz",
        {"films/neg/1.txt.gz": gzip.compress(b"bad film"), "films/pos/2.txt": "good film"},
        "bad film → neg · good film → pos",
        "films",
    ),
    # fastText's lines
    fasttext(
        "a label a line", "__label__pos a good film\n__label__neg a bad film\n", "a good film → pos · a bad film → neg"
    ),
    fasttext(
        "a line without a label",
        "__label__pos a good film\na film\n__label__neg a bad film\n",
        "a good film → pos · a bad film → neg Skipped 1: line 2: there is no label in it.",
    ),
    Case(
        FASTTEXT,
        "a line without a label among 200",
        "200 lines with __label__pos, and one without",
        reading(
            {"x.txt": "__label__pos good\n" * 99 + "no label here\n" + "__label__neg bad\n" * 101}, part=slice(98, 101)
        ),
        "good → pos · bad → neg · bad → neg Skipped 1: line 100: there is no label in it.",
    ),
    fasttext(
        "several lines without a label, and blank ones",
        "a film\n\n__label__pos a good film\n__label__neg bad\nno label\n",
        "a good film → pos · bad → neg Skipped 2: line 1: there is no label in it.",
    ),
    fasttext(
        "several labels, and none",
        "__label__pos __label__long a good film\na film\n__label__neg a bad film\n",
        "a good film → long pos · a film → (none) · a bad film → neg",
    ),
    fasttext(
        "another prefix",
        "#pos a good film\n#neg a bad film\n",
        "a good film → pos · a bad film → neg",
        label_prefix="#",
    ),
    fasttext(
        "another prefix, as in LABEL:topic",
        "LABEL:pos a good film\nLABEL:neg a bad film\n",
        "a good film → pos · a bad film → neg",
        label_prefix="LABEL:",
    ),
    fasttext(
        "another prefix, not said",
        "#pos a good film\n#neg a bad film\n",
        "error: x.txt: this is not a format with labels that can be read. Expected .csv, .tsv, .jsonl, .json, .parquet, .xlsx, lines that start with __label__, or a folder with one folder a class. If its labels start in another way than __label__, say --label-prefix.",
    ),
    fasttext(
        "a prefix with a blank",
        "# pos a good film\n",
        "error: the label prefix is '# ', expected signs without blanks, as in '__label__'.",
        label_prefix="# ",
    ),
    fasttext(
        "a label without a name",
        "__label__ a good film\n__label__neg bad\n",
        "error: x.txt, line 1: expected a label, as in '__label__pos a fine film', found none. Or leave such rows out: --bad-rows skip.",
    ),
    fasttext(
        "a label of the lines left out",
        "__label__pos good\n__label__neg bad\n__label__odd odd\n",
        "good → pos · bad → neg",
        exclude_labels=["odd"],
    ),
    top("all labels", "--top-k -1", "space sport motor"),
    top("more labels than there are", "--top-k 9", "space sport motor"),
    top("the likeliest, and none below a probability", "--top-k -1 --min-confidence 0.2", "space"),
    top("no label is so likely", "--top-k 2 --min-confidence 0.999999", "(none)"),
    top("no labels asked for", "--top-k 0", "error: --top-k is 0, expected 1 or more, or -1 for all labels."),
    # What goes out
    predicted(
        "semicolons stay",
        "x.csv: text;n⏎moon;1",
        ("x.csv", "--out", "o.csv"),
        {"x.csv": "text;n\nmoon;1\n"},
        "b'text;n;label;probability;in' text: text · not read: n",
        first_columns("o.csv", 27),
    ),
    predicted(
        "a byte order mark and CR LF stay",
        "x.csv as Excel saves it",
        ("x.csv", "--out", "o.csv"),
        {"x.csv": "\ufefftext,n\r\nmoon,1\r\n"},
        "b'\\xef\\xbb\\xbftext,n,labe'b'alse\\r\\n' text: text · not read: n",
        lambda: repr(Path("o.csv").read_bytes()[:14]) + repr(Path("o.csv").read_bytes()[-6:]),
    ),
    predicted(
        "tabs in a .csv stay",
        "x.csv: text⇥n⏎moon⇥1",
        ("x.csv", "--out", "o.csv"),
        {"x.csv": "text\tn\nmoon\t1\n"},
        "b'text\\tn\\tlabel' text: text · not read: n",
        first_columns("o.csv", 12),
    ),
    predicted(
        "a .tsv written as .csv",
        "x.tsv --out o.csv",
        ("x.tsv", "--out", "o.csv"),
        {"x.tsv": "text\tn\nmoon\t1\n"},
        "b'text,n,label' text: text · not read: n",
        first_columns("o.csv", 12),
    ),
    predicted(
        "semicolons written as .tsv",
        "x.csv --out o.tsv",
        ("x.csv", "--out", "o.tsv"),
        {"x.csv": "text;n\nmoon;1\n"},
        "b'text\\tn\\tlabel' text: text · not read: n",
        first_columns("o.tsv", 12),
    ),
    predicted(
        "another encoding is written as UTF-8",
        "x.csv in cp1252 --encoding cp1252",
        ("x.csv", "--encoding", "cp1252", "--out", "o.csv"),
        {"x.csv": "text,n\nmoon é,1\n".encode("cp1252")},
        "'moon é,1' text: text · not read: n",
        lambda: repr(Path("o.csv").read_text(encoding="utf-8").split("\n")[1][:8]),
    ),
    predicted(
        "written over what is read",
        "predict MODEL x.csv --out x.csv",
        ("x.csv", "--out", "x.csv"),
        {"x.csv": "text\nmoon\n"},
        "b'text\\nmoon\\n' error: x.csv: is what is read, and would be overwritten. Write to another path.",
        first_columns("x.csv", 12),
    ),
    predicted(
        "the same by another name",
        "predict MODEL x.csv --out ./a/../x.csv",
        ("x.csv", "--out", "./a/../x.csv"),
        {"x.csv": "text\nmoon\n", "a/b": ""},
        "b'text\\nmoon\\n' error: a/../x.csv: is what is read, and would be overwritten. Write to another path.",
        first_columns("x.csv", 12),
    ),
    Case(
        OUT,
        "vectors written over what is read",
        "vectors train x.csv --out x.csv",
        _overwriting("vectors", "train", "x.csv", "--out", "x.csv"),
        "error: x.csv: expected a file name that ends in .npy.",
    ),
    Case(
        OUT,
        "a picture written over what is read",
        "vocab x.csv --out x.csv",
        _overwriting("vocab", "x.csv", "--out", "x.csv"),
        "error: x.csv: is what is read, and would be overwritten. Write to another path.",
    ),
    Case(
        OUT,
        "explanations written over what is read",
        "explain MODEL x.jsonl --out x.jsonl",
        _overwriting("explain", "model", "x.jsonl", "--out", "x.jsonl"),
        "error: x.jsonl: is what is read, and would be overwritten. Write to another path.",
    ),
    Case(
        OUT,
        "the labels of an audit written over what is read",
        "audit label-errors.csv --out .",
        _overwriting("audit", "label-errors.csv", "--out", "."),
        "error: label-errors.csv: is what is read, and would be overwritten. Write to another path.",
    ),
    Case(
        OUT,
        "the labels of an audit, of several files, written over what is read",
        "audit x.csv label-errors.csv --out .",
        _overwriting("audit", "x.csv", "label-errors.csv", "--out", "."),
        "error: label-errors.csv: is what is read, and would be overwritten. Write to another path.",
    ),
    Case(
        OUT,
        "the labels of an audit, of a pattern of files, written over what is read",
        "audit *.csv --out .",
        _overwriting("audit", "*.csv", "--out", "."),
        "error: label-errors.csv: is what is read, and would be overwritten. Write to another path.",
    ),
    Case(
        OUT,
        "a comparison written over what is read",
        "compare run.json --out .",
        _overwriting("compare", "run.json", "--out", "."),
        "error: run.json: is what is read, and would be overwritten. Write to another path.",
    ),
    Case(
        OUT,
        "a curve written over what is read",
        "curve curve.json --out .",
        _overwriting("curve", "curve.json", "--out", "."),
        "error: curve.json: is what is read, and would be overwritten. Write to another path.",
    ),
    Case(
        OUT,
        "a model of a test file written over what is read",
        "train label-errors.csv --test x.csv --out x.csv",
        _overwriting("train", "label-errors.csv", "--test", "x.csv", "--out", "x.csv"),
        "error: x.csv: there is something already, and it is not a model. Choose another folder.",
    ),
    Case(
        OUT,
        "a model written over what is read",
        "train x.csv --out x.csv",
        _overwriting("train", "x.csv", "--out", "x.csv"),
        "error: x.csv: there is something already, and it is not a model. Choose another folder.",
    ),
    predicted(
        "written over another file",
        "predict MODEL x.txt --out o.txt, which is there",
        ("x.txt", "--out", "o.txt"),
        {"x.txt": "moon\n", "o.txt": "old"},
        "space\n o.txt is there already: it stays until a new one is ready to take its place.",
        lambda: Path("o.txt").read_text(),
    ),
    Case(
        OUT,
        "what is private stays so",
        "x.txt may be read by its owner alone; old.txt by its group too",
        _private,
        "new.txt 0o600, old.txt 0o640",
    ),
    predicted(
        "a text",
        'predict MODEL "moon rocket"',
        ("moon rocket",),
        {},
        '{"label":"space","probability":0.935887,"in_vocabulary_share":1.0,"all_out_of_vocabulary":false,"out_of_distribution":false}',
    ),
    predicted(
        "a pattern of files",
        "predict MODEL part-*.csv",
        ("part-*.csv", "--out", "o.txt"),
        {"part-2.csv": "text\ncar\n", "part-1.csv": "text\nmoon\n"},
        "space motor text: text",
        lambda: Path("o.txt").read_text().replace("\n", " ").strip(),
    ),
    predicted(
        "a text that reads like a pattern",
        "predict MODEL moon?",
        ("moon?", "--out", "o.txt"),
        {"part-2.csv": "text\ncar\n"},
        "space",
        lambda: Path("o.txt").read_text().strip(),
    ),
    predicted(
        "an empty text",
        'predict MODEL ""',
        ("", "--out", "o.jsonl"),
        {},
        '{"label":"motor","probability":0.347996,"in_vocabulary_share":0.0,"all_out_of_vocabulary":true,"out_of_distribution":true}',
        lambda: Path("o.jsonl").read_text().strip(),
    ),
    predicted(
        "lines with a tab in each",
        "x.txt: 1⇥moon rocket⏎2⇥car engine",
        ("x.txt", "--out", "o.txt"),
        {"x.txt": "1\tmoon rocket\n2\tcar engine\n"},
        "error: x.txt: cannot tell which column is the text. Its columns: 'column_1', 'column_2' (if its first line is a document, add one above it with their names). Say --text NAME. If each line is a text: --format lines.",
    ),
    predicted(
        "the same as lines",
        "--format lines",
        ("x.txt", "--format", "lines", "--out", "o.txt"),
        {"x.txt": "1\tmoon rocket\n2\tcar engine\n"},
        "space motor",
        lambda: Path("o.txt").read_text().replace("\n", " ").strip(),
    ),
    predicted(
        "plain lines in UTF-16",
        "x.txt in UTF-16",
        ("x.txt", "--out", "o.txt"),
        {"x.txt": "moon\ncar\n".encode("utf-16")},
        "space motor Note: x.txt is read as UTF-16, by its first bytes.",
        lambda: Path("o.txt").read_text().replace("\n", " ").strip(),
    ),
    predicted(
        "a text of one word",
        "predict MODEL moon",
        ("moon",),
        {},
        '{"label":"space","probability":0.857042,"in_vocabulary_share":1.0,"all_out_of_vocabulary":false,"out_of_distribution":false}',
    ),
    predicted(
        "a file that is not there is no text",
        "predict MODEL moon.csv",
        ("moon.csv",),
        {},
        "error: moon.csv: there is no such file. Check the path, or give a text of more than one word.",
    ),
    predicted(
        "a file that is not there, in a folder that is, is no text",
        "predict MODEL model/moon",
        ("model/moon",),
        {},
        "error: model/moon: there is no such file. Check the path, or give a text of more than one word.",
    ),
    predicted(
        "a text of one word with a slash",
        "predict MODEL moon/rocket",
        ("moon/rocket",),
        {},
        '{"label":"space","probability":0.935887,"in_vocabulary_share":1.0,"all_out_of_vocabulary":false,"out_of_distribution":false}',
    ),
    predicted(
        "lines of which the first is the name of a column",
        "predict MODEL x.txt",
        ("x.txt",),
        {"x.txt": "Text\nmoon\n"},
        '{"label":"motor","probability":0.347996,"in_vocabulary_share":0.0,"all_out_of_vocabulary":true,"out_of_distribution":true}\n{"label":"space","probability":0.857042,"in_vocabulary_share":1.0,"all_out_of_vocabulary":false,"out_of_distribution":false} Note: the first line, \'Text\', is read as a text: take it out if it names a column.',
    ),
    predicted(
        "a text and a column",
        'predict MODEL "moon rocket" --text t',
        ("moon rocket", "--text", "t"),
        {},
        "error: 'moon rocket' is no file, so it is a text: leave out --text, --format and --encoding.",
    ),
    predicted(
        "cells that a spreadsheet runs",
        'x.csv: text⏎"=HYPERLINK(…)"⏎-moon⏎-5',
        ("x.csv", "--out", "o.csv"),
        {"x.csv": 'text,n\n"=HYPERLINK(""http://x"")",1\n-moon,1\n-5,1\n'},
        "text: text · not read: n\nIn o.csv 2 cells start with =, +, - or @, which a spreadsheet that opens it takes for a formula. Write --out NAME.xlsx to open it in one: there they are text.",
    ),
    predicted(
        "the same cells in Excel",
        "x.csv --out o.xlsx",
        ("x.csv", "--out", "o.xlsx"),
        {"x.csv": "text,n\n=1+1,1\n-moon,1\n"},
        "text n · =1+1 1 · -moon 1 text: text · not read: n",
        sheet_of("o.xlsx"),
    ),
    predicted(
        "Excel in, Excel out: numbers stay numbers",
        "x.xlsx --out o.xlsx",
        ("x.xlsx", "--out", "o.xlsx"),
        {"x.xlsx": sheets(a=[["n", "text"], [1, "moon"], [2, "car"]])},
        "n text · 1.0 moon · 2.0 car text: text · not read: n",
        sheet_of("o.xlsx"),
    ),
    predicted(
        "more characters than a cell takes",
        "x.txt --out o.xlsx",
        ("x.jsonl", "--out", "o.xlsx"),
        {"x.jsonl": json.dumps({"text": "moon " * 8000})},
        "text: text\nerror: x.jsonl, line 1: 'text' has 40,000 characters, and a cell of a spreadsheet takes 32,767. Write .csv or .parquet.",
    ),
    predicted(
        "a table from standard input",
        "predict MODEL - < x.jsonl",
        ("-",),
        {},
        '{"text": "moon", "n": 1, "label":"space","probability":0.857042,"in_vocabulary_share":1.0,"all_out_of_vocabulary":false,"out_of_distribution":false} text: text · not read: n\nNote: standard input is read as JSON lines, by its content.',
        stdin=b'{"text": "moon", "n": 1}\n',
    ),
    # Files of word vectors
    *(
        vectors(f"compressed: {ending}", f"x.txt{ending}", compress(GLOVE), GLOVE_READ, example=f"x.txt{ending}")
        for ending, compress in ((".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress))
    ),
    vectors(
        "in a tar.gz",
        "x.tar.gz",
        tarred({"glove/x.txt": GLOVE.decode()}),
        "good → [1.0, 2.0] · bad → [3.0, 4.0]",
        example="x.tar.gz with glove/x.txt",
    ),
    vectors(
        "GloVe's -write-header, which does not count <unk>",
        "x.txt",
        b"2 2\n" + GLOVE + b"<unk> 5 6\n",
        "good → [1.0, 2.0] · bad → [3.0, 4.0] · <unk> → [5.0, 6.0]",
        example="2 2⏎good 1 2⏎bad 3 4⏎<unk> 5 6",
    ),
    vectors(
        "a header that counts one too few",
        "x.txt",
        b"1 2\n" + GLOVE,
        "error: x.txt, line 3: the header promises 1 words, found 2. The file may be cut off or put together from several: compare its size with the source.",
        example="1 2⏎good 1 2⏎bad 3 4",
    ),
    vectors(
        "a header that counts one too many",
        "x.txt",
        b"3 2\n" + GLOVE,
        "error: x.txt, line 3: the header promises 3 words, found 2. The file may be cut off or put together from several: compare its size with the source.",
        example="3 2⏎good 1 2⏎bad 3 4",
    ),
    vectors(
        "a byte order mark",
        "x.txt",
        b"\xef\xbb\xbf" + GLOVE,
        "good → [1.0, 2.0] · bad → [3.0, 4.0]",
        example="EF BB BF, then good 1 2",
    ),
    vectors(
        "a byte order mark before a header",
        "x.vec",
        b"\xef\xbb\xbf2 2\n" + GLOVE,
        "good → [1.0, 2.0] · bad → [3.0, 4.0]",
        example="EF BB BF, then 2 2⏎good 1 2",
    ),
    vectors(
        "UTF-16",
        "x.txt",
        GLOVE.decode().encode("utf-16"),
        "error: x.txt: a text in UTF-16, expected UTF-8. Save it as UTF-8.",
        example="FF FE, then good 1 2",
    ),
    vectors(
        "nan in the first row",
        "x.txt",
        b"good 1 nan 2\nbad 3 4 5\n",
        "error: x.txt, line 1: expected 3 finite numbers after the word, found 'nan'. The file may be damaged: fetch it again.",
        example="good 1 nan 2⏎bad 3 4 5",
    ),
    vectors(
        "nan at the end of the first row",
        "x.txt",
        b"good 1 2 nan\nbad 3 4 5\n",
        "error: x.txt, line 1: expected 3 finite numbers after the word, found 'nan'. The file may be damaged: fetch it again.",
        example="good 1 2 nan⏎bad 3 4 5",
    ),
    vectors(
        "inf in a later row",
        "x.txt",
        b"good 1 2\nbad -inf 4\n",
        "error: x.txt, line 2: expected 2 finite numbers after the word, found '-inf'. The file may be damaged: fetch it again.",
        example="good 1 2⏎bad -inf 4",
    ),
    vectors(
        "nan is a word too",
        "x.txt",
        b"nan 1 2\ninf 3 4\n",
        "nan → [1.0, 2.0] · inf → [3.0, 4.0]",
        example="nan 1 2⏎inf 3 4",
    ),
    vectors(
        "words and counts",
        "x.txt",
        b"good 120\nbad 7\n",
        "error: x.txt: a file of words and how often they occur, expected words and their vectors.",
        example="good 120⏎bad 7",
    ),
    vectors(
        "fastText's own .bin, cut off",
        "x.bin",
        b"\xba\x16\x4f\x2f\x0c\0\0\0" + b"\0" * 20,
        "error: x.bin, byte 8: the file ends before the settings. It may be cut off: compare its size with the source.",
        example="the first 28 bytes of fastText's x.bin",
    ),
    vectors(
        "fastText's own .bin of before 2017",
        "x.bin",
        OLD_FASTTEXT,
        "error: x.bin: a model in fastText's own format of before 2017, expected word vectors. Take its .vec file.",
        example="x.bin of fastText 0.1",
    ),
    vectors(
        "a pickle",
        "x.model",
        pickle.dumps({"good": [1.0]}),
        "error: x.model: a pickle, which could run code when it is read. Write the vectors with gensim's save_word2vec_format and read that file.",
        example="x.model of gensim",
    ),
    vectors(
        "an old pickle",
        "x.pkl",
        pickle.dumps({"good": [1.0]}, protocol=0),
        "error: x.pkl: a pickle, which could run code when it is read. Write the vectors with gensim's save_word2vec_format and read that file.",
        example="x.pkl by protocol 0",
    ),
    vectors(
        "safetensors, its words beside it",
        "x.safetensors",
        {"x.safetensors": safetensors(embedding=MATRIX), "x.vocab": b"good\nbad\n"},
        "good → [1.0, 2.0] · bad → [3.0, 4.0]",
        example="x.safetensors and x.vocab",
    ),
    vectors(
        "safetensors of several matrices",
        "x.safetensors",
        {"x.safetensors": safetensors(a=MATRIX, b=MATRIX), "x.vocab": b"good\nbad\n"},
        "error: x.safetensors: expected one matrix of floats (V, D), found 2 among 'a', 'b'.",
        example="x.safetensors with a and b",
    ),
    vectors(
        "safetensors without words",
        "x.safetensors",
        safetensors(embedding=MATRIX),
        "error: x.safetensors: its words are missing. Expected one of x.vocab, x.txt, x.parquet.",
        example="x.safetensors alone",
    ),
    vectors(
        "floret's table",
        "x.floret",
        b"2 2 3 6 1 0 < >\n0 1 2\n1 3 4\n",
        "error: x.floret: a table of floret, whose rows are hashes of n-grams and not words. Write vectors of words with floret's print-word-vectors.",
        example="2 2 3 6 1 0 < >⏎0 1 2⏎1 3 4",
    ),
    vectors(
        "a blank in a word of word2vec's binary",
        "x.bin",
        word2vec([b"New York", b"good"], b"\n"),
        "New York → [0.10000000149011612, 0.20000000298023224] · good → [1.100000023841858, 1.2000000476837158]",
        example="x.bin with New York, a new line behind each row",
    ),
    vectors(
        "the same without new lines",
        "x.bin",
        word2vec([b"good", b"New York", b"bad"], b""),
        "error: x.bin: the numbers of the word 'New' are none of a vector. A word before it may have a blank, for which this format has no sign where rows do not end in a new line; or the file is damaged. Write the vectors as text.",
        example="x.bin with New York, no new lines",
    ),
    vectors(
        "nan in a matrix",
        "x.npy",
        {"x.npy": _npy(np.array([[1, 2], [np.nan, 4]], dtype=np.float32)), "x.vocab": b"good\nbad\n"},
        "error: x.npy: the numbers of the word 'bad' are not all finite. The file may be damaged: fetch it again.",
        example="x.npy with nan, and x.vocab",
    ),
    vectors(
        "Parquet",
        "x.parquet",
        parquet(),
        "error: x.parquet: a Parquet file, expected word vectors. Write them as text or .npy.",
        example="x.parquet",
    ),
    vectors(
        "HDF5",
        "x.h5",
        b"\x89HDF\r\n\x1a\n" + b"\0" * 20,
        "error: x.h5: an HDF5 file, expected word vectors. Write them as text or .npy.",
        example="x.h5",
    ),
]
