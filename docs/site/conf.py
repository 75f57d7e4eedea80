"""The manual, the course, the public names and a gallery of reports as one site: `make docs` builds it by Sphinx.

The sources are the repository's own Markdown as it stands; what only a site has is added here while they are read. The
site needs no network: formulas become MathML, and fonts are those of the reader.
"""

from __future__ import annotations

import html
import inspect
import re
import sys
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from docutils.statemachine import StringList
from latex2mathml.converter import convert
from pygments.formatters import HtmlFormatter
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.highlighting import PygmentsBridge

import bywords

sys.path.insert(0, str(Path(__file__).parent))
from gallery import PAGES

ROOT = Path(__file__).parents[2]

project = "bywords"
version = release = bywords.__version__
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/*.md", "lab/*.md"]
exclude_patterns = [".*", ".venv", "build"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_static_path, html_css_files = ["static"], ["site.css"]
html_title = "bywords"
html_copy_source = False
html_show_sphinx = html_show_copyright = False
html_extra_path = [str(ROOT / "build" / "gallery")]
html_math_renderer = "mathml"
add_module_names = False
nitpick_ignore_regex = [("py:class", ".*")]  # of annotations: types of other packages, and aliases
python_maximum_signature_line_length = 88
suppress_warnings = ["myst.header"]  # a notebook's exercises step from ## to bold lines, and a release from # to ###

# The rooms of public names, in the order of their page; a name of another room stands under that room's own name.
ROOMS = {
    "classifier": "The estimator", "document_vectors": "The transformer", "system_config": "Settings",
    "systems": "The table of systems", "training": "Training", "fitted": "What was fitted", "artifact": "Folders",
    "text": "Words", "vectors": "Word vectors", "data": "Labelled documents", "io": "Files and data sets",
    "models": "Models", "pytorch": "PyTorch by hand", "experiments": "Experiments",
    "auditing": "What is wrong with data", "evaluation": "Evaluation", "explain": "Explanations",
    "exporting": "Pages and graphs", "errors": "Errors",
}  # fmt: skip
LINK_TO_FILE = re.compile(r"([\w./-]+\.md)(?::(\d+))?")
TAG = re.compile("<[^>]*>")
COLUMN = re.compile(r"\S {3,}# ")
BEHIND = re.compile(r'(?:<span class="w"> +</span>| +)<span class="c1">(.*)</span>\n')
N_CHARACTERS = 90  # of code, in a line of the page
EXAMPLE = re.compile(r"((?:^>>> .*\n?)(?:^.+\n?)*)", re.MULTILINE)
MANUAL = [
    "install", "label", "train", "predict", "serve", "export", "large-data", "scale", "trust", "explain", "audit",
    "leakage", "label-errors", "compare", "systems", "words", "python", "from-fasttext", "data", "hostile-input",
    "few-labels", "benchmarks",
]  # fmt: skip


def toctrees() -> str:
    """The site's table of contents."""
    course = sorted(path.stem for path in (ROOT / "lab").glob("[0-9]-*.md"))
    parts = {
        "Manual": [f"docs/{name}" for name in MANUAL],
        "Python": ["docs/api"],
        "Reports": ["docs/gallery"],
        "Course": ["lab/README", *(f"lab/{name}" for name in course)],
        "Project": ["CHANGELOG", "CONTRIBUTING", "SECURITY"],
    }
    blocks = (
        f"```{{toctree}}\n:hidden:\n:caption: {title}\n\n" + "\n".join(names) + "\n```"
        for title, names in parts.items()
    )
    return "\n\n" + "\n\n".join(blocks) + "\n"


def add_contents(app: Sphinx, name: str, source: list[str]) -> None:
    """Give the first page the table of contents and the gallery its pages; a line of a notebook is its page."""
    if name == root_doc:
        source[0] += toctrees()
    if name == "docs/gallery":
        source[0] += "\n\n" + "\n\n".join(
            f'## {page.title}\n\n{page.about} <a href="../{page.file}">Look at the page</a>.\n\n'
            f"```sh\n{page.command}\n```\n\n"
            f'<iframe class="gallery" src="../{page.file}" title="{page.title}" loading="lazy" inert></iframe>'
            for page in PAGES
        )
    source[0] = re.sub(r"(\.md)\?plain=1#L\d+\)", r"\1)", source[0])


def name_pages(app: Sphinx, tree: nodes.document, name: str) -> None:
    """Call what a link says by its file, `docs/train.md`, by the title of that page."""
    files = {app.env.doc2path(page, base=False): title.astext() for page, title in app.env.titles.items()}
    for text in tree.findall(nodes.Text):
        if isinstance(text.parent.parent, nodes.reference) and (link := LINK_TO_FILE.fullmatch(text)):
            titles = {title for file, title in files.items() if f"/{file}".endswith(f"/{link[1]}")}
            if len(titles) == 1:
                text.parent.replace(text, nodes.Text(titles.pop() + (f", line {link[2]}" if link[2] else "")))


class Lines(HtmlFormatter):  # type: ignore[misc]
    """Code each of whose lines is an element, so that what is too long for a window goes on indented.

    Of comments that stand in a column, too far to the right for the page, each stands below its line.
    """

    def wrap(self, source: Any) -> Any:
        """The lines of code, wrapped."""
        lines = list(source)
        plain = [html.unescape(TAG.sub("", line)) for _, line in lines]
        if any(map(COLUMN.search, plain)) and max(map(len, plain)) > N_CHARACTERS:
            lines = [(is_line, BEHIND.sub(r'<span class="c1 below">\1\n</span>', line)) for is_line, line in lines]
        lines = [(is_line, f'<span class="line">{line}</span>' if is_line else line) for is_line, line in lines]
        return super().wrap(lines)


class CodeCell(Directive):  # type: ignore[misc]
    """A cell of a notebook, as code; whether its source is folded in Jupyter makes no difference here."""

    has_content = True
    option_spec = {"jupyter": directives.unchanged}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """The literal block."""
        code = "\n".join(self.content)
        return [nodes.literal_block(code, code, language="python")]


class PublicNames(Directive):  # type: ignore[misc]
    """Every name of `bywords.__all__` by its docstring, room by room."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        rooms: dict[str, list[str]] = {room: [] for room in ROOMS}
        for name in sorted(set(bywords.__all__) - {"__version__"}):
            rooms.setdefault(bywords._HOMES[name].partition(".")[0], []).append(name)
        rooms = {room: names for room, names in rooms.items() if names}
        contents = nodes.container(classes=["names"])
        links = [
            f"**{ROOMS.get(room, room)}**: " + ", ".join(f"{{py:obj}}`{name}`" for name in names)
            for room, names in rooms.items()
        ]
        self.state.nested_parse(StringList("\n\n".join(links).splitlines(), "docs/api.md"), 0, contents)
        sections: list[nodes.Node] = [contents]
        for room, names in rooms.items():
            section = nodes.section(ids=[f"room-{room.replace('_', '-')}"])
            section += nodes.title("", ROOMS.get(room, room))
            lines = "\n\n".join(described(name) for name in names).splitlines()
            self.state.nested_parse(StringList(lines, "docs/api.md"), 0, section)
            sections.append(section)
        return sections


def described(name: str) -> str:
    """A public name in Markdown: its signature, its docstring, and its public members with theirs."""
    thing = getattr(bywords, name)
    if name == "SYSTEMS":
        return directive("data", name, markdown(sys.modules["bywords.systems"].__doc__), 3)
    if not inspect.isclass(thing):
        return directive("function", name + signature(thing), markdown(thing.__doc__), 3)
    members = "\n\n".join(filter(None, (member(thing, key) for key in dir(thing) if not key.startswith("_"))))
    shown = name if issubclass(thing, Exception) else name + signature(thing)
    kind = "exception" if issubclass(thing, Exception) else "class"
    return directive(kind, shown, f"{markdown(thing.__doc__)}\n\n{members}", 4)


def member(owner: type, name: str) -> str | None:
    """A method or property that `bywords` gives a class, with its docstring; None for any other."""
    value = inspect.getattr_static(owner, name)
    if isinstance(value, property | cached_property) or type(value).__name__ == "cached_property":
        getter = getattr(value, "fget", None) or getattr(value, "func", None)
        kind, text, shown = "property", getattr(getter, "__doc__", None), name
    else:
        function = getattr(value, "__func__", value)
        if not inspect.isfunction(function) or not (function.__module__ or "").startswith("bywords."):
            return None
        kind = "method" if function is value else "classmethod"
        kind, text, shown = kind, function.__doc__, name + signature(getattr(owner, name), bound=function is value)
    return directive(kind, shown, markdown(text), 3) if text else None


def signature(thing: Any, *, bound: bool = False) -> str:
    """The signature for Sphinx's parser, without `self`, and a class without what it returns."""
    found = inspect.signature(thing)
    parameters = [_shown(one) for one in list(found.parameters.values())[1 if bound else 0 :]]
    returned = found.empty if inspect.isclass(thing) else Bare(found.return_annotation)
    return str(found.replace(parameters=parameters, return_annotation=returned))


def _shown(one: inspect.Parameter) -> inspect.Parameter:
    if one.annotation is not one.empty:
        one = one.replace(annotation=Bare(one.annotation))
    if one.default is one.empty or isinstance(one.default, int | float | str | tuple | None):
        return one
    name = type(one.default).__name__
    return one.replace(default=Bare("..." if name == "function" or name.startswith("_") else f"{name}(...)"))


class Bare:
    """Text that stands in a signature without quotes: an annotation, or a default that is an object."""

    def __init__(self, value: Any):
        self.text = value if isinstance(value, str) else inspect.formatannotation(value)

    def __repr__(self) -> str:
        return self.text


def markdown(docstring: str | None) -> str:
    """A docstring as Markdown: its examples become blocks."""
    text = inspect.cleandoc(docstring or "")
    return EXAMPLE.sub(lambda match: f"```pycon\n{match[1].rstrip()}\n```\n", text + "\n")


def directive(kind: str, argument: str, content: str, n_colons: int) -> str:
    """A block of Sphinx's domain for Python."""
    fence = ":" * n_colons
    return f"{fence}{{py:{kind}}} {argument}\n{content.strip()}\n{fence}"


def visit_math(self: Any, node: nodes.Element) -> None:
    """A formula as MathML."""
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    self.body.append(convert(node.astext(), display=display))
    raise nodes.SkipNode


def check_links(app: Sphinx, error: Exception | None) -> None:
    """Write index.html, and refuse a site in which a link within it leads nowhere; Sphinx looks at Markdown's only."""
    if error is not None:
        return
    out = Path(app.outdir).resolve()
    (out / "index.html").write_text('<meta http-equiv="refresh" content="0; url=README.html">\n', encoding="utf-8")
    pages = {path: path.read_text(encoding="utf-8") for path in out.rglob("*.html")}
    anchors = {path: set(re.findall(r'\b(?:id|name)="([^"]+)"', page)) for path, page in pages.items()}
    broken = []
    for path, page in pages.items():
        for link in re.findall(r'<a\b[^>]*?\bhref="([^"]*)"', page):
            target, _, anchor = unquote(html.unescape(link)).partition("#")
            file = (path.parent / target).resolve() if target else path
            if "://" in link or link.startswith(("mailto:", "data:")):
                continue
            if not file.exists() or (anchor and file in anchors and anchor not in anchors[file]):
                broken.append(f"{path.relative_to(out)} → {link}")
    if broken:
        raise ExtensionError("links of the site lead nowhere: " + "; ".join(sorted(set(broken))))


def setup(app: Sphinx) -> None:
    """What only this site has."""
    app.connect("build-finished", check_links)
    app.connect("source-read", add_contents)
    app.connect("doctree-resolved", name_pages)
    PygmentsBridge.html_formatter = Lines
    app.add_directive("code-cell", CodeCell)
    app.add_directive("public-names", PublicNames)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))
