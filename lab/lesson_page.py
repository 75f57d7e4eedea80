"""A notebook that was run in, one HTML page out that needs nothing but itself: no network, no script."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from latex2mathml.converter import convert
from lessons import LAB, Lesson
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

MATH = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$(?!\s)([^$\n]+?)(?<!\s)\$(?![\w$])", re.DOTALL)
CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)


def page(notebook: Any, lesson: Lesson, lessons: list[Lesson], about: str) -> str:
    """The page of a notebook of nbformat with its outputs; `about` stands at its foot.

    Formulas become MathML, links to notebooks links to pages. `notebook` is changed.
    """
    formulas: list[str] = []

    def formula(match: re.Match[str]) -> str:
        block, inline = match.groups()
        formulas.append(convert(block or inline, display="block" if block else "inline"))
        return f"formula-{len(formulas) - 1}-here"  # Markdown would see stars and lines in MathML

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _outside_code(cell.source, lambda text: _to_pages(MATH.sub(formula, text)))
    pages = [{"file": f"{other.name}.html", "title": other.title} for other in lessons]
    shown = {"title": lesson.title, "file": f"{lesson.name}.html", "pages": pages, "about": about, "style": _style()}
    exporter = HTMLExporter(template_name="page", extra_template_basedirs=[str(LAB)])
    html, _ = exporter.from_notebook_node(notebook, resources={"page": shown})
    return re.sub(r"formula-(\d+)-here", lambda match: formulas[int(match[1])], html)


def _outside_code(source: str, change: Callable[[str], str]) -> str:
    """`source` with `change` applied to what is not code."""
    return "".join(part if number % 2 else change(part) for number, part in enumerate(CODE.split(source)))


def _to_pages(text: str) -> str:
    return re.sub(r"\]\(([0-9]-[\w-]+)\.md(#[\w-]*)?\)", r"](\1.html\2)", text)


def _style() -> str:
    """The reports' style, that of a lesson, and the colours of code in light and dark."""
    report = (LAB.parent / "bywords" / "report" / "page.css").read_text(encoding="utf-8")
    lesson = (LAB / "page" / "lesson.css").read_text(encoding="utf-8")
    light, dark = (HtmlFormatter(style=name).get_style_defs(".code .highlight") for name in ("friendly", "monokai"))
    plain = ".code .highlight { background: none; }"
    return "\n".join([report, lesson, light, f"@media screen and (prefers-color-scheme: dark) {{ {dark} }}", plain])
