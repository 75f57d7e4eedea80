"""The notebooks in, each run from its first cell to its last, one HTML page each out, and the figures for README.md.

`python lab/run.py` runs all in full, `--small` with a share of the data, two at a time; `3-averages` runs that one
only. With --resume, pages that are newer than all that they are made from are not made again. With --table, the table
of README.md is written from the figures of the pages, which must be full ones on 20 Newsgroups.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import jupytext
from lesson_page import page
from lessons import LAB, Lesson, all_lessons, line_of, read_figures, write_table, write_whole, wrong_figures
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from parts import CORPUS, INSTEAD
from rich.console import Console
from rich.progress import Progress
from traitlets.config import Config

from bywords import DataError, __version__, load_dataset

BUILD = LAB.parent / "build"
CELL_SECONDS = 1800  # after which a cell is given up
QUIET = ["--IPKernelApp.log_level=40"]  # errors only: a kernel warns of its port, which is this machine's own

OnCell = Callable[[int, int], None]  # cells done, cells in all


def main() -> int:
    """Run what is asked for; 0 when every cell of every notebook ran."""
    arguments = _parse()
    lessons = all_lessons()
    names = [lesson.name for lesson in lessons]
    if unknown := set(arguments.names) - set(names):
        print(f"There is no notebook {', '.join(sorted(unknown))}; there are {', '.join(names)}.")
        return 2
    asked = [lesson for lesson in lessons if not arguments.names or lesson.name in arguments.names]
    out = BUILD / ("lab-small" if arguments.small else "lab")
    out.mkdir(parents=True, exist_ok=True)
    corpus = _prepare(small=arguments.small)
    to_run = [lesson for lesson in asked if not (arguments.resume and is_fresh(lesson, out))]
    if _run_all(to_run, lessons, out, small=arguments.small, corpus=corpus):
        return 1
    print(f"Look at the pages: {os.path.relpath(out / asked[0].name)}.html")
    if arguments.table:
        figures, corpora = read_figures(lessons, out)
        if corpora != {CORPUS}:
            print(f"README.md is left as it is: its figures are of {CORPUS}, and these of {', '.join(corpora)}.")
            return 1
        write_table(lessons, figures)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NOTEBOOK", help="such as 3-averages; without, all of them")
    parser.add_argument("--small", action="store_true", help="a share of the data: some minutes for all of them")
    parser.add_argument("--resume", action="store_true", help="go on with the pages that are missing or out of date")
    parser.add_argument("--table", action="store_true", help="write the table of README.md from the figures")
    arguments = parser.parse_args()
    if arguments.table and (arguments.small or arguments.names):
        parser.error("the table has the figures of all notebooks in full: --table without --small and names")
    return arguments


def _prepare(*, small: bool) -> str:
    """Settings for the kernels, and 20 Newsgroups fetched once, before several of them ask for it.

    Returns: the corpus that the pages are about.
    """
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # see bywords/cli/main.py
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy's threads wait for each other by spinning, and the steps are small
    os.environ.pop("LAB", None)
    if small:
        os.environ["LAB"] = "small"
        os.environ["OMP_NUM_THREADS"] = "1"  # of each of two kernels
    try:
        load_dataset(CORPUS)
    except DataError as error:
        print(f"The pages are about film reviews instead of 20 Newsgroups. {error}", flush=True)
        return INSTEAD
    return CORPUS


def is_fresh(lesson: Lesson, out: Path) -> bool:
    """Whether the page is there, whole, and newer than the notebook and the code."""
    figures = out / f"{lesson.name}.json"  # written after the page
    if not figures.exists():
        return False
    folders, endings = (LAB.parent / "bywords", LAB), ("*.py", "*.j2", "*.css")
    sources = [path for folder in folders for ending in endings for path in folder.rglob(ending)]
    return all(figures.stat().st_mtime > path.stat().st_mtime for path in [lesson.path, *sources])


def _run_all(asked: list[Lesson], lessons: list[Lesson], out: Path, *, small: bool, corpus: str) -> bool:
    """Run notebooks and write their pages: a line for each that is done, a bar on a terminal. Whether any failed."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("cells", total=None)
        counts: dict[str, tuple[int, int]] = {}

        def one(lesson: Lesson) -> bool:
            def on_cell(n_done: int, n_cells: int) -> None:
                counts[lesson.name] = (n_done, n_cells)
                done, total = (sum(column) for column in zip(*counts.values(), strict=True))
                share = len(counts) / len(asked)  # the others are taken to be as long
                progress.update(bar, completed=done, total=total / share, description=lesson.title)

            started = time.perf_counter()
            error = run_lesson(lesson, lessons, out, small=small, corpus=corpus, on_cell=on_cell)
            print(f"{lesson.name:22} {error or f'{time.perf_counter() - started:5.0f} s'}", flush=True)
            return error is not None

        pool = ThreadPoolExecutor(2 if small else 1)
        try:
            # The last notebook is the longest of the small form, and would be left to one of the two.
            futures = [pool.submit(one, lesson) for lesson in (reversed(asked) if small else asked)]
            while wait(futures, timeout=1).not_done:  # a wait without end would not be interrupted
                pass
            return any(future.result() for future in futures)
        except KeyboardInterrupt:
            progress.stop()
            print(
                "Interrupted. The pages that are done stay, and --resume (which `make lab` gives) goes on.", flush=True
            )
            os._exit(130)  # else the threads would run all notebooks to their end; the kernels end with this process


def run_lesson(
    lesson: Lesson, lessons: list[Lesson], out: Path, *, small: bool, corpus: str, on_cell: OnCell
) -> str | None:
    """Run a notebook and write its page, that of a failed one too. Returns: the error, None if there was none."""
    kept = out / f"{lesson.name}.json"
    kept.unlink(missing_ok=True)
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
        with tempfile.TemporaryDirectory(prefix="lab-") as folder:
            client.config = _own_sockets(Path(folder))
            client.execute(env={**os.environ, "LAB_FIGURES": str(recorded.resolve())})
    except CellExecutionError as raised:
        error = f"lab/{lesson.path.name}, {_index(notebook, lesson)}: {raised.ename}: {raised.evalue}"
    except (CellTimeoutError, DeadKernelError) as raised:
        error = f"lab/{lesson.path.name}: {raised}"
    about = f"bywords {__version__}, {'small form: ' if small else ''}made from lab/{lesson.path.name} by lab/run.py."
    write_whole(out / f"{lesson.name}.html", page(notebook, lesson, lessons, about))
    figures = [json.loads(line) for line in recorded.read_text(encoding="utf-8").splitlines()]
    recorded.unlink()
    error = error or wrong_figures(lesson, figures)
    if error is None:
        content = {"corpus": corpus, "figures": figures}
        write_whole(kept, json.dumps(content, indent=1, ensure_ascii=False))
    return error


def _own_sockets(folder: Path) -> Config:
    """Settings of a kernel: it is spoken to by sockets in a folder of its own, where there are such.

    A port is looked for before the kernel takes it, and another process may be there first.
    """
    if not hasattr(socket, "AF_UNIX"):
        return Config()
    return Config(KernelManager={"transport": "ipc", "connection_file": str(folder / "kernel.json")})


def _index(notebook: Any, lesson: Lesson) -> str:
    """Where the cell that raised an error starts in the file."""
    failed = (cell for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "error")
    text = lesson.text()
    return f"the cell of line {line_of(text, text.index(next(failed).source))}"


if __name__ == "__main__":
    sys.exit(main())
