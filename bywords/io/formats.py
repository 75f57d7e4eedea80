"""A file → its format: by what its bytes say where they are clear, else by its name, else by its first lines."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Collection
from pathlib import Path

from bywords.io.archives import ZIP_STARTS, split_member
from bywords.io.read_options import LABEL_PREFIX
from bywords.io.streams import COMPRESSIONS, Input

SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
TABLE_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", *SPREADSHEETS)
PROJECT, SQLITE_START = ".bywords", b"SQLite format 3\0"  # of `bywords label`
LINES = ""  # the format of files without columns: plain lines, or fastText's
NAMES = {
    ".csv": "a table in columns (csv)",
    ".tsv": "a table in columns (tabs between them)",
    ".jsonl": "JSON lines",
    ".json": "JSON",
    ".parquet": "Parquet",
    ".xlsx": "a spreadsheet",
    PROJECT: "a labelling project",
}
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_SEPARATORS = (",", ";", "\t", "|")
_HEAD_LINES = 30


def format_ending(path: Path) -> str:
    """The ending that names the format, in lower case, without that of a compression: `.csv` for `a.CSV.gz`."""
    archive, member = split_member(path)
    if member is not None and archive.suffix.lower() not in SPREADSHEETS:
        path = Path(member)
    endings = [ending.lower() for ending in (archive if member and path == archive else path).suffixes]
    if endings and endings[-1] in COMPRESSIONS:
        endings.pop()
    return endings[-1] if endings else ""


def format_of(
    file: Input, known: Collection[str], *, ending: str | None = None, prefix: str = LABEL_PREFIX, labelled: bool
) -> str:
    """One of .csv .tsv .jsonl .json .parquet .xlsx .bywords, or LINES.

    `ending` is that of a format that was asked for, `known` are names of columns in lower case, `prefix` starts
    fastText's labels. Where documents are `labelled`, a file of unknown ending is a table wherever it can be one.
    """
    start = file.peek()
    if start.startswith(b"PAR1"):
        return ".parquet"
    if start.startswith(SQLITE_START):
        return PROJECT
    if start.startswith((*ZIP_STARTS, _OLD_EXCEL)):
        return ".xlsx"
    ending = ending or format_ending(Path(file.name))
    if ending in (".json", ".jsonl", ".ndjson"):
        return ".json" if _is_json_document(start, ending) else ".jsonl"
    if ending in (".csv", ".tsv", ".parquet", ".ft"):
        return LINES if ending == ".ft" else ending
    found = _format_of_text(start, known, prefix, labelled=labelled)
    return ".xlsx" if ending in SPREADSHEETS and found == LINES else found


def guess_separator(content: str) -> str:
    """What separates the fields of a CSV: what gives all its first rows as many, else what its first line has."""
    rows = _first_lines(content)
    for sign in _SEPARATORS:
        if _width(rows, sign) > 1:
            return sign
    first = rows[0] if rows else ""
    return next((sign for sign in _SEPARATORS if sign in first), ",")


def _format_of_text(start: bytes, known: Collection[str], prefix: str, *, labelled: bool) -> str:
    content = start.decode("utf-8", "replace").removeprefix("\ufeff")
    rows = _first_lines(content)
    if not rows or any(row.lstrip().startswith(prefix) for row in rows):
        return LINES
    if _is_json_document(start, ".json") and re.match(r"\s*\[\s*\{", content):
        return ".json"
    if all(_is_json_object(row) for row in rows):
        return ".jsonl"
    if re.fullmatch(r"sep=.", rows[0].strip(), re.IGNORECASE):
        return ".csv"
    header = {sign: {field.strip(' "').casefold() for field in rows[0].split(sign)} for sign in _SEPARATORS}
    named = [sign for sign in _SEPARATORS if len(header[sign]) > 1 and header[sign] & set(known)]
    if "\t" in named or (len(rows) > 1 and len({row.count("\t") for row in rows}) == 1 and "\t" in rows[0]):
        return ".tsv"
    if named or (labelled and len(rows) > 1 and any(_width(rows, sign) > 1 for sign in _SEPARATORS)):
        return ".csv"
    return LINES


def _first_lines(content: str) -> list[str]:
    """Some lines that are not blank; without the last where the content was cut there."""
    lines = content.split("\n", _HEAD_LINES + 1)
    if len(lines) > 2 and lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines[:_HEAD_LINES] if line.strip()]


def _width(rows: list[str], separator: str) -> int:
    """How many fields all rows have; 0 where they differ."""
    try:
        widths = {len(record) for record in csv.reader(rows, delimiter=separator, skipinitialspace=True) if record}
    except csv.Error:
        return 0
    return widths.pop() if len(widths) == 1 else 0


def _is_json_object(line: str) -> bool:
    try:
        return line.lstrip().startswith("{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _is_json_document(start: bytes, ending: str) -> bool:
    """Whether it is one value over several lines; else it is an object a line."""
    content = start.decode("utf-8", "replace").removeprefix("\ufeff").lstrip()
    if ending == ".json":
        return not _is_json_object(content.partition("\n")[0]) or not content.partition("\n")[2].strip()
    return re.match(r"\[\s*[{\]]", content) is not None
