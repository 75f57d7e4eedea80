"""The bytes of an .xlsx file → what of a sheet its values do not show: hidden rows, errors, formulas, merged cells."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Callable, Collection
from xml.etree import ElementTree

_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_HIDDEN, _NUMBER, _PLACE = (re.compile(rb'\b%b"' % one) for one in (b'hidden="(?:1|true)', b'r="(\\d+)', b'r="(\\w+)'))


def unseen_in_sheet(data: bytes, sheet: str, rows: Collection[int]) -> list[str]:
    """What a person should know of how the `rows` of a sheet are read, counted from 1; the first names the columns.

    Nothing is said of files that are no .xlsx, and none of what cannot be found in one.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            content = zipped.read(_path_of(zipped.read, sheet))
    except (zipfile.BadZipFile, KeyError, StopIteration, ElementTree.ParseError):
        return []
    start = re.search(rb"<((?:\w+:)?)worksheet\b", content)
    if start is None:
        return []
    kept, header, of = set(rows), min(rows), start[1]
    columns, _, cells = content.partition(b"<%bsheetData" % of)
    hidden = [number for number in _hidden_rows(cells, of) if number in kept and number != header]
    notes = []
    if hidden:
        notes.append(
            f"{_are(hidden, 'row')} hidden of {len(kept) - 1:,}, as by a filter, row {hidden[0]} the first, and read "
            "as the others: to leave them out, copy those that are seen to another sheet"
        )
    places = re.finditer(rb"<%bcol\b[^>]*>" % of, columns)
    if n_places := sum(_HIDDEN.search(found[0]) is not None for found in places):
        notes.append(f"columns are hidden, in {n_places:,} place{'s'[: n_places > 1]}, and read as the others")
    if errors := [_cell_of(cells, found.start(), of) for found in re.finditer(rb' t="e"', cells)]:
        notes.append(f"{_are(errors, 'cell')} read as empty, {_place(errors[0])} the first: an error is in it")
    if empty := _formulas_without_value(cells, of):
        notes.append(
            f"{_are(empty, 'formula')} read as empty, {_place(empty[0])} the first: no value of it was saved. Open the "
            "file in a spreadsheet program and save it"
        )
    ranges = re.finditer(rb'<%bmergeCell\b[^>]*\bref="([A-Z]+(\d+):\w+)"' % of, cells)
    if merged := [found[1].decode() for found in ranges if int(found[2]) in kept]:
        notes.append(
            f"cells are merged in {len(merged):,} place{'s'[: len(merged) > 1]}, {merged[0]} the first: the first of "
            "them has what they hold, and the others are empty"
        )
    return notes


def _path_of(read: Callable[[str], bytes], sheet: str) -> str:
    """Where in the archive a sheet is. Raises KeyError or StopIteration where that is not to be found."""
    book, relations = (ElementTree.fromstring(read(f"xl/{one}")) for one in ("workbook.xml", "_rels/workbook.xml.rels"))
    of_sheet = next(one.attrib[_RELATION] for one in book.iter() if one.attrib.get("name") == sheet)
    target = next(one.attrib["Target"] for one in relations if one.attrib["Id"] == of_sheet)
    return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")


def _hidden_rows(cells: bytes, of: bytes) -> list[int]:
    """The numbers of rows, which a row may leave out: it is behind the one before then."""
    number, hidden = 0, []
    for found in re.finditer(rb"<%brow\b[^>]*>" % of, cells) if b"hidden=" in cells else ():
        said = _NUMBER.search(found[0])
        number = number + 1 if said is None else int(said[1])
        if _HIDDEN.search(found[0]) is not None:
            hidden.append(number)
    return hidden


def _formulas_without_value(cells: bytes, of: bytes) -> list[bytes]:
    """The cells of formulas that have no value behind them, and none that is an empty text."""
    pattern = rb"<%bf\b[^>]*(?:/>|>[^<]*</%bf>)\s*(<%bv\b[^>]*>[^<])?" % (of, of, of)
    found = [_cell_of(cells, one.start(), of) for one in re.finditer(pattern, cells) if one[1] is None]
    return [cell for cell in found if b' t="str"' not in cell]


def _cell_of(cells: bytes, index: int, of: bytes) -> bytes:
    """The tag of the cell in which a place is."""
    start = cells.rfind(b"<%bc " % of, 0, index)
    return cells[start : cells.find(b">", start)]


def _place(cell: bytes) -> str:
    found = _PLACE.search(cell)
    return "somewhere" if found is None else found[1].decode()


def _are(found: list[int] | list[bytes], what: str) -> str:
    return f"1 {what} is" if len(found) == 1 else f"{len(found):,} {what}s are"
