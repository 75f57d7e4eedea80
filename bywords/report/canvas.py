"""A drawing function → one SVG string for the page: colours as CSS variables, text as text, no global state.

matplotlib is imported when something is drawn, so that starting the program does not pay for it.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree

from bywords.extras import needed
from bywords.terminal import printable

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The page gives each colour a light and a dark value; a picture on its own keeps these. The series are from
# Okabe and Ito's palette, which colour-blind readers can tell apart; shape or dashes say the same a second time.
INK, MUTED, RULE, PAPER = "#1b1f24", "#59626c", "#dde1e6", "#ffffff"
BLUE, ORANGE = "#0072b2", "#c75000"
_VARIABLES = {INK: "ink", MUTED: "muted", RULE: "rule", PAPER: "card", BLUE: "blue", ORANGE: "orange"}

FIRST: dict[str, Any] = {"color": BLUE, "linestyle": "-", "marker": "o", "markersize": 4}  # of two lines
SECOND: dict[str, Any] = {"color": ORANGE, "linestyle": "--", "marker": "s", "markersize": 4}

_POINTERS = ("href", "clip-path")  # where matplotlib's SVG refers to an id
_REFERENCE = re.compile(r"#([\w.-]+)")

LEAST_LETTER = 9.5  # pixels, of a letter's height on a narrow page

_STYLE = {
    "svg.fonttype": "none",  # letters stay letters: searchable, small, in the reader's font
    "text.parse_math": False,  # a label may be "$100_000"
    "axes.unicode_minus": False,
    "font.size": 11,
    "axes.labelsize": 11,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
}


def picture(draw: Callable[..., None], *parts: Any, width: float, height: float, finding: str) -> Markup:
    """What `draw` puts on axes of `width` x `height` pixels, as an SVG element for a page.

    `draw` is called with the axes and `parts`. `finding` says in words what the picture shows, for those who do not see
    it. The same drawing gives the same string.
    """
    from markupsafe import Markup

    finding = printable(finding)
    with drawing(width, height, salt=f"{draw.__name__} {finding}") as figure:
        figure.patch.set_visible(False)
        draw(figure.add_subplot(), *parts)
        return Markup(_for_page(_svg(figure), finding))


def picture_file(draw: Callable[[Figure], None], *, width: float, height: float, finding: str, ending: str) -> bytes:
    """What `draw` puts on a figure, on white, as the content of a file of its own: ending "svg" or "png"."""
    with drawing(width, height, salt=printable(finding)) as figure:
        draw(figure)
        if ending == "png":
            content = io.BytesIO()
            figure.savefig(content, format="png", dpi=200, metadata={"Description": finding})
            return content.getvalue()
        return _alone(_svg(figure), finding)


@contextmanager
def drawing(width: float, height: float, *, salt: str) -> Iterator[Figure]:
    """An empty figure, one unit a pixel, in the house style; whatever the reader set in matplotlib is kept out.

    Ids are shared by the whole page: matplotlib makes them of `salt`, which no other picture has, and what they name.
    """
    matplotlib = needed("matplotlib", what="a picture")
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        # The reader's own fonts draw the letters; that matplotlib's font lacks some only makes its sizes rough.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support", category=UserWarning)
        matplotlib.rcdefaults()
        settings: Any = matplotlib.rcParams  # its key type lists the names of one release
        settings.update(_STYLE | {"svg.hashsalt": salt})
        yield Figure(figsize=(width / 72, height / 72), dpi=72, layout="constrained")


def plain_ticks(axes: Axes, *, x: str, y: str, grid: Literal["both", "y"] = "both") -> None:
    """Give axes a grid, and numbers as people write them; "count" is 12,000, "percent" is 85 %, "plain" 0.5 or 20."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    forms = {
        "count": lambda value, _: f"{value:,.0f}",
        "percent": lambda value, _: f"{100 * value:.4g} %",
        "plain": lambda value, _: f"{value:,g}",
    }
    for axis, form in ((axes.xaxis, x), (axes.yaxis, y)):
        axis.set_major_formatter(FuncFormatter(forms[form]))
        axis.set_minor_locator(NullLocator())
    axes.grid(True, axis=grid)


def _svg(figure: Figure) -> str:
    content = io.StringIO()
    figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None})
    return content.getvalue()


def _for_page(svg: str, finding: str) -> str:
    root = _bare(svg)
    width = root.attrib["viewBox"].split()[2]
    del root.attrib["width"], root.attrib["height"], root.attrib["version"]
    root.attrib.update(
        {
            "class": "picture",
            "role": "img",
            "aria-label": finding,
            "style": f"{_least_width(root, width)}max-width: {width}px",
        }
    )
    for element in root.iter():
        if "style" in element.attrib and element is not root:
            style = re.sub(r" ?font-family: [^;]*;?", "", element.attrib["style"])
            element.set("style", re.sub(r"(fill|stroke): (#[0-9a-f]{6})", _as_variable, style))
    return ElementTree.tostring(root, encoding="unicode")


def _least_width(root: ElementTree.Element, width: str) -> str:
    """At which width the smallest letters can still be read; below it the frame scrolls."""
    styles = (element.get("style", "") for element in root.iter("text"))
    sizes = [float(size[1]) for style in styles if (size := re.search(r"(?:font-size|font): *([\d.]+)px", style))]
    return f"min-width: min({width}px, {LEAST_LETTER / min(sizes) * float(width):.0f}px); " if sizes else ""


def _alone(svg: str, finding: str) -> bytes:
    root = _bare(svg)
    root.attrib.update({"xmlns": "http://www.w3.org/2000/svg", "role": "img"})
    title = ElementTree.Element("title")
    title.text = finding
    root.insert(0, title)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _bare(svg: str) -> ElementTree.Element:
    """The elements without name spaces, metadata, style sheet, and the ids that nothing refers to."""
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.tail = None
        for name in [name for name in element.attrib if "}" in name]:
            element.set(name.rpartition("}")[2], element.attrib.pop(name))
        if "d" in element.attrib:
            element.set("d", _short_path(element.attrib["d"]))
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in ("metadata", "style") or (child.tag in ("defs", "g") and not len(child)):
                parent.remove(child)
            elif not (child.text or "").strip():
                child.text = None
    root.text = None
    root.set("stroke-linejoin", "round")
    referred = {name for each in root.iter() for key in _POINTERS for name in _REFERENCE.findall(each.get(key, ""))}
    for element in root.iter():
        if element.get("id") not in referred:
            element.attrib.pop("id", None)
    return root


def _short_path(path: str) -> str:
    """The same path, rounded to a hundredth of a pixel."""
    return re.sub(
        r"-?\d+\.\d+", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), " ".join(path.split())
    )


def _as_variable(match: re.Match[str]) -> str:
    name = _VARIABLES.get(match[2])
    return f"{match[1]}: var(--{name}, {match[2]})" if name else match[0]
