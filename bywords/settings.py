"""Small frozen settings in, plain JSON values out, and back: nested dataclasses, each with its kind where there is a choice."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from bywords.errors import SettingError


def to_plain(settings: Any) -> dict[str, Any]:
    """A dataclass and those in it → a dict of JSON values, with the name of each class under "kind"."""
    plain: dict[str, Any] = {"kind": type(settings).__name__}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        plain[field.name] = to_plain(value) if dataclasses.is_dataclass(value) else value
    return plain


def from_plain(plain: Mapping[str, Any], kinds: Mapping[str, type], *, where: str) -> Any:
    """What `to_plain` was given. `kinds` are the classes there may be, by name; `where` begins every error.

    Raises: SettingError for a kind or a setting that there is not, with the nearest that there is.
    """
    name = plain.get("kind")
    if name not in kinds:
        raise SettingError(f"{where} has no kind {name!r}.{_nearest(str(name), kinds)}")
    known = {field.name for field in dataclasses.fields(kinds[name])}
    values = {}
    for key, value in plain.items():
        if key == "kind":
            continue
        if key not in known:
            raise SettingError(f"{where} {name} has no setting {key!r}.{_nearest(key, known)}")
        values[key] = from_plain(value, kinds, where=f"{where} {name}.{key}:") if isinstance(value, Mapping) else value
    try:
        return kinds[name](**values)
    except TypeError as error:
        raise SettingError(f"{where} {name} lacks a setting: {error}.") from error


def _nearest(name: str, names: Any) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(sorted(names))}."
