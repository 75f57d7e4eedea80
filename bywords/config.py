"""Settings → plain JSON values, and back: small frozen dataclasses, nested, each with the name of its kind."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bywords.errors import SettingError, did_you_mean, quoted

PAIR = "tuple[int, int]"  # the annotation of a setting that JSON writes as [3, 5]


def kind_of(settings: type) -> str:
    """The name by which settings are saved: of their class, or of the class around one that is called Config."""
    outer, _, own = settings.__qualname__.rpartition(".")
    return f"{outer.rpartition('.')[2]}Config" if own == "Config" and outer else own


def to_plain(settings: Any) -> dict[str, Any]:
    """A dataclass and those in it → a dict of JSON values, with the name of each class under "kind"."""
    values = {field.name: _plain(getattr(settings, field.name)) for field in dataclasses.fields(settings)}
    return {"kind": kind_of(type(settings)), **values}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_plain(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def from_plain(plain: Mapping[str, Any], kinds: Mapping[str, type], *, where: str) -> Any:
    """What `to_plain` was given. `kinds` are the classes there may be, by name; `where` begins every error.

    Raises: SettingError for an unknown kind or setting, with the nearest known one.
    """
    name = str(plain.get("kind"))
    if name not in kinds:
        raise SettingError(f"{where} has no kind {name!r}.{_near(name, kinds)}")
    known = {field.name for field in dataclasses.fields(kinds[name])}
    values = {}
    for key, value in plain.items():
        if key == "kind":
            continue
        if key not in known:
            raise SettingError(f"{where} {name} has no setting {key!r}.{_near(key, known)}")
        values[key] = _value_of(value, kinds, f"{where} {name}.{key}:")
    try:
        return kinds[name](**values)
    except TypeError as error:
        raise SettingError(f"{where} {name} lacks a setting: {error}.") from error


def _value_of(plain: Any, kinds: Mapping[str, type], where: str) -> Any:
    """JSON has no tuples, and settings no lists."""
    if isinstance(plain, Mapping):
        return from_plain(plain, kinds, where=where)
    return tuple(_value_of(item, kinds, where) for item in plain) if isinstance(plain, list) else plain


def changed(settings: Any, assignments: Sequence[str]) -> Any:
    """The same settings with some values replaced, each written like `training.max_epochs=5`, in JSON or as a word.

    Raises: SettingError for one that is not of this form, names no setting, or gives a value of another type.
    """
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise SettingError(
                f"{assignment!r}: expected a setting, an equals sign and a value: training.max_epochs=5."
            )
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        settings = _changed(settings, path.split("."), value)
    return settings


def _changed(settings: Any, path: Sequence[str], value: Any) -> Any:
    name, *deeper = path
    kind = type(settings).__name__
    if not dataclasses.is_dataclass(settings):
        raise SettingError(f"there is nothing to set below {kind}: {'.'.join(path)!r}.")
    known = [field.name for field in dataclasses.fields(settings)]
    if name not in known:
        raise SettingError(f"{kind} has no setting {name!r}.{_near(name, known)}")
    old = getattr(settings, name)
    if deeper:
        if old is None:
            raise SettingError(f"this system has no {name}, so {'.'.join(path)!r} cannot be set.")
        return dataclasses.replace(settings, **{name: _changed(old, deeper, value)})  # type: ignore[type-var]
    if dataclasses.is_dataclass(old):
        raise SettingError(f"{name!r} is a group of settings. Name one: {name}.{dataclasses.fields(old)[0].name}=….")
    allowed = _types_of(settings, name, old)
    if "float" in allowed and type(value) is int:
        value = float(value)
    if PAIR in allowed and isinstance(value, list) and len(value) == 2 and all(type(number) is int for number in value):
        return dataclasses.replace(settings, **{name: tuple(value)})  # type: ignore[type-var]
    if type(value).__name__.removesuffix("Type") not in allowed:
        raise SettingError(f"{kind}.{name} is {old!r}; expected {' or '.join(sorted(allowed))}, found {value!r}.")
    return dataclasses.replace(settings, **{name: value})  # type: ignore[type-var]


def _types_of(settings: Any, name: str, value: Any) -> set[str]:
    """The names of the types that a setting may have: what its annotation says, else the type that it has now."""
    field = next(field for field in dataclasses.fields(settings) if field.name == name)
    written = {part.strip() for part in str(field.type).split("|")}
    return written if written <= {"int", "float", "bool", "str", "None", PAIR} else {type(value).__name__}


def _near(name: str, names: Iterable[str]) -> str:
    return did_you_mean(name, names) or f" There are: {quoted(sorted(names))}."
