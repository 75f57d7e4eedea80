"""README and docs: short where it has to be, links that lead somewhere, commands with the options that there are."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from bywords import SYSTEMS, TextClassifier
from bywords.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(bywords [a-z]+ [^`]*)`")
COMMAND = typer.main.get_command(app)


def command_lines(page):
    """What the page has to be typed after `bywords`, on one line each; those of a pipe too."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in SHELL.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    found = [line.rpartition("| ")[2] if "| bywords " in line else line for line in lines] + INLINE.findall(
        text.replace("\\|", "|").replace("\n", " ")
    )
    return [line.removeprefix("bywords ") for line in found if line.startswith("bywords ")]


MANUAL = [page for page in PAGES if page.name not in ("CONTRIBUTING.md", "CHANGELOG.md")]
LINES = [(page, line) for page in MANUAL for line in command_lines(page)]


def test_the_readme_is_a_door_of_at_most_150_lines():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_to_files(page):
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_of_the_docs_is_reached_from_the_readme():
    reached, left = set(), [ROOT / "README.md"]
    while left:
        page = left.pop()
        reached.add(page)
        links = [page.parent / link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
        left += [link.resolve() for link in links if link.suffix == ".md" and link.resolve() not in reached]
    assert [page.name for page in PAGES if page not in reached] == []


@pytest.mark.parametrize(("page", "line"), LINES, ids=[f"{page.name}: {line}" for page, line in LINES])
def test_a_command_of_a_page_has_only_arguments_and_options_that_exist(page, line):
    words = shlex.split(line, comments=True)
    command, context = COMMAND, None
    while hasattr(command, "commands"):
        context = typer.Context(command, parent=context, info_name="bywords")
        command = command.commands[words.pop(0)]
    if "…" not in line:  # which stands for other arguments
        command.make_context("bywords", words, parent=context)


def test_the_pages_have_commands():
    assert len(LINES) > 60


BLOCKS = [
    (page, block)
    for page in MANUAL
    if page.stem != "from-fasttext"
    for block in PYTHON.findall(page.read_text(encoding="utf-8"))
    if "pyspark" not in block  # which wants Java: benchmarks/spark.py has the same lines
]


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=[page.name for page, _ in BLOCKS])
def test_python_of_a_page_runs_with_texts_and_labels_at_hand(page, block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = set(SYSTEMS)
    names = {"texts": ["the printer is on fire", "a flat tyre"] * 10, "labels": ["office", "garage"] * 10}
    numbered = [f"{text} {number},{names['labels'][number]}" for number, text in enumerate(names["texts"])]
    (tmp_path / "tickets.csv").write_text("\n".join(["text,label", *numbered]), encoding="utf-8")
    names["classifier"] = TextClassifier("tfidf-nb").fit(names["texts"], names["labels"])
    try:
        exec(compile(block, page.name, "exec"), names)
    finally:  # what a page adds to the table
        for name in set(SYSTEMS) - known:
            del SYSTEMS[name]
