"""A template and values → one HTML page that needs nothing but itself: no network, no second file.

Every page of the report room extends `page.html`, which brings style, script and a policy that lets nothing else run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any

from bywords.report import formats
from bywords.terminal import printable, shorten

OWN = "bywords.report"
_FILTERS = (
    "percent", "points", "interval", "point_interval", "p_value", "count", "decimal", "signed", "seconds", "size",
    "breakable", "in_sentence",
)  # fmt: skip


def render(
    template: str, *, package: str = OWN, styles: Sequence[str] = (), scripts: Sequence[str] = (), **values: Any
) -> str:
    """The page as a string, all values printable and, but for Markup, escaped. The same values give the same page.

    `template`, and the `styles` and `scripts` that stand behind those of all pages, are files of `package`.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(one, ".") for one in dict.fromkeys([package, OWN])]), autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_printable,
    )  # fmt: skip
    for name in _FILTERS:
        environment.filters[name] = getattr(formats, name)
    environment.filters["shorten"] = shorten
    script = "\n".join([_part(OWN, "page.js"), *(_part(package, name) for name in scripts)])
    style = "\n".join([_part(OWN, "page.css"), *(_part(package, name) for name in styles)])
    return environment.get_template(template).render(
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **values,
    )


def _printable(value: Any) -> Any:
    return printable(value) if type(value) is str else value


def _part(package: str, name: str) -> str:
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")
