"""Each input of the tables in `data_cases.py` and `meaning_cases.py` is read, or refused, as docs/data.md says.

`python tests/test_data.py` writes docs/data.md.
"""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from data_cases import AREAS, CASES, SHEET, sheets
from meaning_cases import MEANING_CASES

from bywords.errors import SettingError
from bywords.io.datasets import read_files
from bywords.io.writers import Writer

ALL = [*CASES, *MEANING_CASES]
DOCUMENT = Path(__file__).parents[1] / "docs" / "data.md"


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.area}: {case.kind}: {case.example[:40]}")
def test_each_input_is_read_or_refused_as_the_document_says(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert case.run(tmp_path) == case.happens


def test_the_document_is_up_to_date():
    assert DOCUMENT.read_text(encoding="utf-8") == written(), "run python tests/test_data.py"


def test_no_case_stands_twice():
    names = [(case.area, case.kind) for case in ALL]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("package", "run"),
    [("fastexcel", lambda path: read_files(str(path))), ("xlsxwriter", lambda path: Writer.of(path, ()))],
)
def test_without_the_extra_for_spreadsheets_the_error_names_it(package, run, tmp_path, monkeypatch):
    path = tmp_path / "x.xlsx"
    path.write_bytes(sheets(a=SHEET))
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=rf"{package}, which is not installed: pip install 'bywords\[excel\]'"):
        run(path)


def written() -> str:
    """The document."""
    parts = [
        "# What is read, and what happens\n",
        "What `bywords` does with inputs of every kind. `tests/test_data.py` asserts this table row by row, and",
        "`python tests/test_data.py` writes it. `good film → pos` is a text and its label, a Note is said on standard",
        "error, and ⏎ ends a line. Damaged and odd input is in [hostile-input.md](hostile-input.md).",
        f"There are {len(ALL)} inputs here.",
    ]
    for area in AREAS:
        rows = [case for case in ALL if case.area == area]
        if rows:
            parts += [f"\n## {area}\n", "| kind | the smallest example | what happens |", "|---|---|---|"]
            parts += [f"| {_cell(case.kind)} | {_cell(case.example)} | {_cell(case.happens)} |" for case in rows]
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    shown = text.strip("\n").replace("\r\n", "␍⏎").replace("\n", "⏎").replace("\t", "⇥").replace("\ufeff", "[BOM]")
    seen = "".join(sign if sign.isprintable() or sign == "\u3000" else f"[U+{ord(sign):04X}]" for sign in shown)
    return re.sub(r"([|*<>_`\\])", r"\\\1", seen.replace("&", "&amp;"))


if __name__ == "__main__":
    DOCUMENT.write_text(written(), encoding="utf-8")
