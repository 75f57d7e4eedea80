"""The course: its notebooks keep their form, its table points to what made the figures, its pages are complete."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import Page, needs_chromium, opened

import bywords

LAB = Path(__file__).parents[1] / "lab"
NOTEBOOKS = sorted(LAB.glob("[0-9]-*.md"))
CELL = re.compile(r"^```\{code-cell\}\n((?::[^\n]*\n)*)(.*?)^```$", re.MULTILINE | re.DOTALL)
HEAD = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

"""
RUFF = shutil.which("ruff", path=Path(sys.executable).parent)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def lab(monkeypatch):
    """The modules of the course, which are beside its notebooks."""
    monkeypatch.syspath_prepend(LAB)


def prose(text):
    """A notebook without its code."""
    return CELL.sub("", text)


def test_there_are_seven_notebooks():
    assert [path.name[0] for path in NOTEBOOKS] == list("1234567")


@each_notebook
def test_notebook_starts_with_what_one_will_know_and_ends_with_questions_and_what_to_remember(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith(HEAD)
    assert re.match(rf"# {path.name[0]}\. .+\n\n\*\*What you will know at the end\.\*\*", text.removeprefix(HEAD))
    headings = re.findall(r"^## (.+)", prose(text), re.MULTILINE)
    assert headings[-3:] == ["Exercises", "Questions, answered by an experiment", "What to remember"]
    if path != NOTEBOOKS[-1]:
        following = NOTEBOOKS[NOTEBOOKS.index(path) + 1].name
        assert f"({following})" in text.rstrip().splitlines()[-1]


@each_notebook
def test_every_exercise_has_a_folded_solution(path):
    text = path.read_text(encoding="utf-8").partition("\n## Exercises\n")[2].partition("\n## ")[0]
    exercises = re.split(r"^\*\*Exercise \d+\.\*\*", text, flags=re.MULTILINE)[1:]
    assert len(exercises) >= 3
    for exercise in exercises:
        solution = re.search(r"\n<details><summary>Solution</summary>\n\n(.*)\n</details>\n", exercise, re.DOTALL)
        options = [match[1] for match in CELL.finditer(solution[1])]
        assert options
        assert all("source_hidden: true" in option for option in options)


@each_notebook
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)#]+)", prose(path.read_text(encoding="utf-8"))):
        assert link.startswith("https://") or (LAB / link).exists(), link


def test_the_course_takes_of_bywords_nothing_but_public_names():
    sources = ["\n\n".join(match[2] for match in CELL.finditer(path.read_text(encoding="utf-8"))) for path in NOTEBOOKS]
    sources += [path.read_text(encoding="utf-8") for path in sorted(LAB.glob("*.py"))]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module.startswith("bywords")]
    modules = [one.name for node in nodes if isinstance(node, ast.Import) for one in node.names]
    assert {node.module for node in imports} == {"bywords"}
    assert not [name for name in modules if name.partition(".")[0] == "bywords"]
    assert {one.name for node in imports for one in node.names} <= set(bywords.__all__)


@each_notebook
@pytest.mark.skipif(RUFF is None, reason="needs ruff")
def test_code_of_a_notebook_has_no_errors_of_style(path):
    code = "\n\n".join(match[2] for match in CELL.finditer(path.read_text(encoding="utf-8")))
    command = [RUFF, "check", "--quiet", "--ignore=E402,B018,D,PT", f"--stdin-filename={path.with_suffix('.py')}", "-"]
    found = subprocess.run(command, input=code, capture_output=True, text=True, check=False)
    assert not found.stdout


def test_each_of_the_26_parts_has_a_figure_and_the_line_that_records_it():
    table = (LAB / "README.md").read_text(encoding="utf-8").partition("| part of the lab |")[2]
    rows = {int(row[0]): row[1] for row in re.findall(r"^\| (\d+) \|(.+)", table, re.MULTILINE)}
    assert list(rows) == list(range(1, 27))
    for part, row in rows.items():
        links = re.findall(r"\[([\w-]+\.md):(\d+)\]\(\1\?plain=1#L\2\)", row)
        assert links
        for name, line in links:
            assert (LAB / name).read_text(encoding="utf-8").splitlines()[int(line) - 1].startswith(
                f"course.ours({part},"
            )  # fmt: skip
    n_recorded = sum(path.read_text(encoding="utf-8").count("\ncourse.ours(") for path in NOTEBOOKS)
    assert n_recorded == sum(row.count("?plain=1#L") for row in rows.values())


def test_figure_that_is_recorded_in_a_loop_is_refused(tmp_path):
    from lessons import Lesson, wrong_figures

    (tmp_path / "8-loop.md").write_text("course.ours(3, 'one')\nfor i in range(2):\n    course.ours(4, 'two')\n")
    lesson = Lesson(tmp_path / "8-loop.md", "8. Loop")
    assert wrong_figures(lesson, [{"part": 3, "figure": "one"}]) is None
    assert "must stand at the start of a line" in wrong_figures(lesson, [{"part": 3}, {"part": 3}])


def executed(folder, cells):
    """A notebook of these cells, run: its error, its page, and its figures where there are any."""
    pytest.importorskip("nbclient", reason="needs the extra lab")
    from lessons import Lesson
    from run import run_lesson

    path = folder / "8-try.md"
    path.write_text(HEAD + "# 8. A <b>try</b>\n\n" + cells, encoding="utf-8")
    lesson = Lesson(path, "8. A <b>try</b>")
    error = run_lesson(lesson, [lesson], folder, small=False, corpus="imdb", on_cell=lambda n_done, n_cells: None)
    figures = folder / "8-try.json"
    return error, (folder / "8-try.html").read_text(encoding="utf-8"), figures.exists() and json.loads(
        figures.read_text(encoding="utf-8")
    )["figures"]  # fmt: skip


CELLS = r"""
Two stars, $a * b * c$, a price of 5 $, and

$$
J = \sum_{i} \frac{1}{2} f(x_i)^2
$$

See [1. Words](1-words-and-counts.md); `$not math$`.

```{code-cell}
import course

course.start()
course.table([{"word": "<i>&", "count": 12345, "share": 0.25}], "A table.")
course.ours(3, "12 < 13 documents")
```

<details><summary>Solution</summary>

```{code-cell}
:jupyter: {source_hidden: true}

import matplotlib.pyplot as plt

figure, axes = plt.subplots()
axes.plot([1, 2])
course.show(figure, "It rises by “one”.")
```

Inside.

</details>

Outside.
"""


@needs_chromium
def test_page_is_complete_in_itself_and_folds_solutions_and_draws_formulas(tmp_path):
    error, page, figures = executed(tmp_path, CELLS)
    assert error is None
    assert figures == [{"part": 3, "figure": "12 < 13 documents"}]
    shown = Page(page)
    assert not shown.named("script")
    assert not [src for image in shown.named("img") if not (src := image["src"]).startswith("data:image/png")]
    assert [image["alt"] for image in shown.named("img")] == ["It rises by “one”."]
    assert len(shown.named("math")) == 2
    assert "$not math$" in shown.text
    assert "a price of 5 $" in shown.text
    assert not shown.named("i")
    assert any(link.get("href") == "1-words-and-counts.html" for link in shown.named("a"))
    metric = """<script>
    const root = document.documentElement;
    root.dataset.folded = document.querySelector("details img").checkVisibility();
    root.dataset.outside = [...document.querySelectorAll("p")].some((p) => p.textContent == "Outside.");
    root.dataset.inside = document.querySelector("details").textContent.includes("Outside");
    root.dataset.formula = document.querySelector("math[display=block]").getBoundingClientRect().width > 40;
    </script>"""
    root = re.search("<html[^>]*>", opened(page, tmp_path, metric))[0]
    assert 'data-folded="false"' in root
    assert 'data-outside="true"' in root
    assert 'data-inside="false"' in root
    assert 'data-formula="true"' in root


def test_page_is_made_again_when_its_notebook_or_the_code_is_newer(tmp_path, monkeypatch):
    pytest.importorskip("nbclient", reason="needs the extra lab")
    import run
    from lessons import Lesson

    lesson = Lesson(tmp_path / "lab" / "8-try.md", "8. Try")
    code, kept = tmp_path / "bywords" / "words.py", tmp_path / "8-try.json"
    monkeypatch.setattr(run, "LAB", lesson.path.parent)
    for age, path in enumerate((kept, code, lesson.path)):
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
        os.utime(path, (1000 - age, 1000 - age))
    assert run.is_fresh(lesson, tmp_path)
    for path in (lesson.path, code):
        os.utime(path, (2000, 2000))
        assert not run.is_fresh(lesson, tmp_path)
        os.utime(path, (500, 500))
    kept.unlink()
    assert not run.is_fresh(lesson, tmp_path)


def test_failed_notebook_names_the_line_and_leaves_a_page_and_no_figures(tmp_path):
    error, page, figures = executed(tmp_path, "```{code-cell}\n2 + 3\n```\n\n```{code-cell}\n1 / 0\n```\n")
    assert error == "lab/8-try.md, the cell of line 19: ZeroDivisionError: division by zero"
    assert "ZeroDivisionError" in page
    assert figures is False


def test_notebook_whose_kernel_dies_is_a_failed_one(tmp_path):
    error, _, figures = executed(tmp_path, "```{code-cell}\nimport os\n\nos._exit(1)\n```\n")
    assert error.startswith("lab/8-try.md: Kernel died")
    assert figures is False
