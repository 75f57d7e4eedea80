"""The notebooks in, each run from its first cell to its last, one HTML page each out, and the figures for README.md.

`python lab/run.py` runs all in full, `--small` with a share of the data, two at a time; `3-averages` runs that one
only. With --resume, pages that are newer than all that they are made from are not made again. With --table, the table
of README.md is written from the figures of the pages, which must be full ones on 20 Newsgroups.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jupytext
from latex2mathml.converter import convert
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from parts import PARTS
from pygments.formatters import HtmlFormatter
from rich.console import Console
from rich.progress import Progress

from bywords.datasets import is_available, load
from bywords.errors import DataError
from bywords.files import write_whole
from bywords.version import __version__

LAB = Path(__file__).parent
SOURCES = (LAB.parent / "bywords", LAB)
README = LAB / "README.md"
BEGIN, END = "<!-- made by lab/run.py --table -->", "<!-- end of the table -->"
CORPUS = "20newsgroups-6"
QUIET = ["--IPKernelApp.log_level=40"]  # errors only: a kernel warns of its port, which is this machine's own
CELL_SECONDS = 1800  # after which a cell is given up
MATH = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$(?!\s)([^$\n]+?)(?<!\s)\$(?![\w$])", re.DOTALL)
CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
OURS = re.compile(r"^course\.ours\((\d+),", re.MULTILINE)

OnCell = Callable[[int, int], None]  # cells done, cells in all


class Lesson(NamedTuple):
    """A notebook."""

    path: Path
    title: str  # its first heading

    @property
    def name(self) -> str:
        """Its file name without the ending."""
        return self.path.stem


def main() -> int:
    """Run what is asked for; 0 when every cell of every notebook ran."""
    arguments = parse()
    lessons = all_lessons()
    asked = [lesson for lesson in lessons if not arguments.names or lesson.name in arguments.names]
    if unknown := set(arguments.names) - {lesson.name for lesson in asked}:
        print(f"no notebook is called {', '.join(sorted(unknown))}: {', '.join(lesson.name for lesson in lessons)}")
        return 2
    out = LAB.parent / "build" / ("lab-small" if arguments.small else "lab")
    out.mkdir(parents=True, exist_ok=True)
    prepare(small=arguments.small)
    missing = [lesson for lesson in asked if not (arguments.resume and is_fresh(lesson, out))]
    failed = run_all(missing, lessons, out, n_at_once=2 if arguments.small else 1, small=arguments.small)
    if failed:
        return 1
    print(f"Look at the pages: {os.path.relpath(out / asked[0].name)}.html")
    return write_table(lessons, out) if arguments.table else 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NOTEBOOK", help="such as 3-averages; without, all of them")
    parser.add_argument("--small", action="store_true", help="a share of the data: some minutes for all of them")
    parser.add_argument("--resume", action="store_true", help="go on with the pages that are missing or out of date")
    parser.add_argument("--table", action="store_true", help="write the table of README.md from the figures")
    arguments = parser.parse_args()
    if arguments.table and arguments.small:
        parser.error("the table has figures of the full form: --table without --small")
    return arguments


def all_lessons() -> list[Lesson]:
    """The notebooks in order."""
    paths = sorted(LAB.glob("[0-9]-*.md"))
    return [Lesson(path, re.findall(r"^# (.+)", path.read_text(encoding="utf-8"), re.MULTILINE)[0]) for path in paths]


def prepare(*, small: bool) -> None:
    """Settings for the kernels, and 20 Newsgroups fetched once, before several of them ask for it."""
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # see bywords/cli/main.py
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # of a debugger that nobody asked for
    os.environ.pop("LAB", None)
    if small:
        os.environ["LAB"] = "small"
        os.environ["OMP_NUM_THREADS"] = "1"  # of each of two kernels
    if not is_available(CORPUS):
        try:
            load(CORPUS)
        except DataError as error:
            print(f"The pages are about film reviews instead of 20 Newsgroups. {error}")


def is_fresh(lesson: Lesson, out: Path) -> bool:
    """Whether the page is there, whole, and newer than the notebook and the code."""
    figures = out / f"{lesson.name}.json"  # written after the page
    if not figures.exists():
        return False
    code = [path for folder in SOURCES for ending in ("*.py", "*.j2", "*.css") for path in folder.rglob(ending)]
    return all(figures.stat().st_mtime > path.stat().st_mtime for path in [lesson.path, *code])


def run_all(asked: list[Lesson], lessons: list[Lesson], out: Path, *, n_at_once: int, small: bool) -> list[str]:
    """Run notebooks and write their pages; a line for each that is done, a bar on a terminal. Returns: what failed."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("cells", total=None)
        counts: dict[str, tuple[int, int]] = {}

        def one(lesson: Lesson) -> str | None:
            def on_cell(n_done: int, n_cells: int) -> None:
                counts[lesson.name] = (n_done, n_cells)
                done, total = (sum(column) for column in zip(*counts.values(), strict=True))
                share = len(counts) / len(asked)  # the others are taken to be as long
                progress.update(bar, completed=done, total=total / share, description=lesson.title)

            started = time.perf_counter()
            error = run_lesson(lesson, lessons, out, small=small, on_cell=on_cell)
            said = f"failed: {error}" if error else f"{time.perf_counter() - started:5.0f} s"
            print(f"{lesson.name:22} {said}", flush=True)
            return lesson.name if error else None

        with ThreadPoolExecutor(n_at_once) as pool:
            return [name for name in pool.map(one, asked) if name]


def run_lesson(lesson: Lesson, lessons: list[Lesson], out: Path, *, small: bool, on_cell: OnCell) -> str | None:
    """Run a notebook and write its page, that of a failed one too. Returns: the error, None if there was none."""
    figures = out / f"{lesson.name}.json"
    figures.unlink(missing_ok=True)
    recorded = out / f".{lesson.name}.figures"
    recorded.write_text("")
    notebook = jupytext.read(lesson.path)
    n_cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    n_done = 0

    def executed(**_: Any) -> None:
        nonlocal n_done
        n_done += 1
        on_cell(n_done, n_cells)

    client = NotebookClient(
        notebook, timeout=CELL_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(LAB)}},
        on_cell_executed=executed, extra_arguments=QUIET,
    )  # fmt: skip
    error = None
    try:
        client.execute(env={**os.environ, "LAB_FIGURES": str(recorded.resolve())})
    except CellExecutionError as raised:
        error = f"lab/{lesson.path.name}, {place_of(notebook, lesson)}: {raised.ename}: {raised.evalue}"
    about = f"bywords {__version__}, {'small form: ' if small else ''}made from lab/{lesson.path.name} by lab/run.py."
    write_whole(out / f"{lesson.name}.html", page(notebook, lesson, lessons, about).encode())
    rows = [json.loads(line) for line in recorded.read_text(encoding="utf-8").splitlines()]
    recorded.unlink()
    if error is None:
        error = wrong_figures(lesson, rows)
    if error is None:
        content = {"corpus": CORPUS if is_available(CORPUS) else "imdb", "figures": rows}
        write_whole(figures, json.dumps(content, indent=1, ensure_ascii=False).encode())
    return error


def place_of(notebook: Any, lesson: Lesson) -> str:
    """Where the cell that raised an error starts in the file."""
    failed = (cell for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "error")
    text = lesson.path.read_text(encoding="utf-8")
    return f"the cell of line {text.count(chr(10), 0, text.index(next(failed).source)) + 1}"


def wrong_figures(lesson: Lesson, rows: list[dict[str, Any]]) -> str | None:
    """What is wrong where the lines that record figures are not those that were run, in order."""
    written = [int(part) for part in OURS.findall(lesson.path.read_text(encoding="utf-8"))]
    recorded = [row["part"] for row in rows]
    if written == recorded:
        return None
    return f"course.ours must stand at the start of a line and run once: lines for {written}, recorded {recorded}"


def page(notebook: Any, lesson: Lesson, lessons: list[Lesson], about: str) -> str:
    """A notebook with its outputs as a page that is complete in itself; formulas become MathML."""
    formulas: list[str] = []

    def formula(match: re.Match[str]) -> str:
        block, inline = match.groups()
        formulas.append(convert(block or inline, display="block" if block else "inline"))
        return f"formula-{len(formulas) - 1}-here"  # Markdown would see stars and lines in MathML

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = outside_code(cell.source, lambda text: to_pages(MATH.sub(formula, text)))
    pages = [{"file": f"{other.name}.html", "title": other.title} for other in lessons]
    shown = {"title": lesson.title, "file": f"{lesson.name}.html", "pages": pages, "about": about, "style": style()}
    exporter = HTMLExporter(template_name="page", extra_template_basedirs=[str(LAB)])
    html, _ = exporter.from_notebook_node(notebook, resources={"page": shown})
    return re.sub(r"formula-(\d+)-here", lambda match: formulas[int(match[1])], html)


def outside_code(source: str, change: Callable[[str], str]) -> str:
    """`source` with `change` applied to what is not code."""
    return "".join(part if number % 2 else change(part) for number, part in enumerate(CODE.split(source)))


def to_pages(text: str) -> str:
    """Links to other notebooks become links to their pages."""
    return re.sub(r"\]\(([0-9]-[\w-]+)\.md(#[\w-]*)?\)", r"](\1.html\2)", text)


def style() -> str:
    """The reports' style, that of a lesson, and the colours of code in light and dark."""
    report = (LAB.parent / "bywords" / "report" / "page.css").read_text(encoding="utf-8")
    lesson = (LAB / "page" / "lesson.css").read_text(encoding="utf-8")
    light, dark = (HtmlFormatter(style=name).get_style_defs(".code .highlight") for name in ("friendly", "monokai"))
    plain = ".code .highlight { background: none; }"
    return "\n".join([report, lesson, light, f"@media screen and (prefers-color-scheme: dark) {{ {dark} }}", plain])


def write_table(lessons: list[Lesson], out: Path) -> int:
    """Write the table of README.md: each part, what was published, what was seen here, and the line that made it."""
    rows: list[tuple[int, str, str]] = []
    for lesson in lessons:
        content = json.loads((out / f"{lesson.name}.json").read_text(encoding="utf-8"))
        if content["corpus"] != CORPUS:
            print(f"README.md is left as it is: {lesson.name} was run on {content['corpus']}, not on {CORPUS}.")
            return 1
        text = lesson.path.read_text(encoding="utf-8")
        lines = [text.count("\n", 0, match.start()) + 1 for match in OURS.finditer(text)]
        for line, row in zip(lines, content["figures"], strict=True):
            link = f"[{lesson.path.name}:{line}]({lesson.path.name}?plain=1#L{line})"
            rows.append((row["part"], row["figure"], link))
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    table = ["| | part of the lab | published | here | made in |", "|---|---|---|---|---|"]
    for number, part in PARTS.items():
        found = [(figure, link) for row, figure, link in rows if row == number]
        figures, links = ("<br>".join(column) for column in zip(*found, strict=True)) if found else ("missing", "")
        table.append(f"| {number} | {part.name} | {part.published} | {figures.replace('|', '/')} | {links} |")
    write_whole(README, "\n".join([before + BEGIN, *table, END + after]).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
