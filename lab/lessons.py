"""The notebooks by number and title, and what they recorded: the table of README.md."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from parts import PARTS

LAB = Path(__file__).parent
README = LAB / "README.md"
BEGIN, END = "<!-- made by lab/run.py --table -->", "<!-- end of the table -->"
OURS = re.compile(r"^course\.ours\((\d+),", re.MULTILINE)

Figures = list[dict[str, Any]]  # of a notebook, in order: `part`, `figure`


class Lesson(NamedTuple):
    """A notebook."""

    path: Path
    title: str  # its first heading

    @property
    def name(self) -> str:
        """Its file name without the ending."""
        return self.path.stem

    def text(self) -> str:
        """The file."""
        return self.path.read_text(encoding="utf-8")

    def recorded_parts(self) -> list[tuple[int, int]]:
        """Part and line, from 1, of each call of `course.ours`, in order."""
        text = self.text()
        return [(int(match[1]), line_of(text, match.start())) for match in OURS.finditer(text)]


def all_lessons() -> list[Lesson]:
    """The notebooks in order."""
    paths = sorted(LAB.glob("[0-9]-*.md"))
    return [Lesson(path, re.findall(r"^# (.+)", path.read_text(encoding="utf-8"), re.MULTILINE)[0]) for path in paths]


def line_of(text: str, index: int) -> int:
    """The line, from 1, that a place in a text is on."""
    return text.count("\n", 0, index) + 1


def wrong_figures(lesson: Lesson, figures: Figures) -> str | None:
    """What is wrong where the lines that record figures are not those that were run, in order."""
    written = [part for part, _ in lesson.recorded_parts()]
    recorded = [row["part"] for row in figures]
    if written == recorded:
        return None
    return (
        f"lab/{lesson.path.name}: course.ours must stand at the start of a line and run once; there are lines for "
        f"parts {written}, and {recorded} were recorded"
    )


def write_whole(path: Path, text: str) -> None:
    """Write a file so that after a crash the old one, or none, is there."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def write_table(lessons: list[Lesson], figures: dict[str, Figures]) -> None:
    """Write the table of README.md: each part, what was published, what was seen, and the line that made it."""
    found: dict[int, list[tuple[str, str]]] = {number: [] for number in PARTS}
    for lesson in lessons:
        for (number, line), row in zip(lesson.recorded_parts(), figures[lesson.name], strict=True):
            file = lesson.path.name
            found[number].append((row["figure"].replace("|", "/"), f"[{file}:{line}]({file}?plain=1#L{line})"))
    lines = ["", "| | part of the lab | published | here | made in |", "|---|---|---|---|---|"]
    for number, part in PARTS.items():
        seen, links = ("<br>".join(column) for column in zip(*found[number], strict=True))
        lines.append(f"| {number} | {part.name} | {part.published} | {seen} | {links} |")
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    write_whole(README, "\n".join([before + BEGIN, *lines, "", END + after]))


def read_figures(lessons: list[Lesson], folder: Path) -> tuple[dict[str, Figures], set[str]]:
    """What each notebook recorded when it was last run, and the corpora that they were run on."""
    kept = {lesson.name: json.loads((folder / f"{lesson.name}.json").read_text(encoding="utf-8")) for lesson in lessons}
    return {name: content["figures"] for name, content in kept.items()}, {row["corpus"] for row in kept.values()}
