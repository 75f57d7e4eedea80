"""Settings → plain JSON values, and back: small frozen dataclasses, nested, each with the name of its kind.

Whatever else is read from JSON becomes values of the types that it is annotated with by `typed`.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from collections import abc
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy as np

from bywords.annotations import LARGEST
from bywords.errors import SettingError, did_you_mean, quoted

T = TypeVar("T")
PAIR = "tuple[int, int]"  # the annotation of a setting that JSON writes as [3, 5]
NUMBERS = "tuple[int, ...]"  # the same of any number of them
NAMES = "tuple[str, ...]"  # of one that JSON writes as ["a", "b"]


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
    if callable(value):
        return import_path(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def import_path(function: Any) -> str:
    """By what name a function can be imported, module:name. One that cannot has < or ( in it: a lambda, a bound method.

    A local function is as f.<locals>.g, a method of an object as Class().method, an object as Class().
    """
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, type | types.ModuleType):
        return f"{type(owner).__module__}:{type(owner).__qualname__}().{function.__name__}"
    module = getattr(function, "__module__", None) or getattr(function, "__objclass__", type(function)).__module__
    name = getattr(function, "__qualname__", None)
    return f"{module}:{name}" if name else f"{type(function).__module__}:{type(function).__qualname__}()"


def from_plain(plain: Any, kinds: Mapping[str, type], *, where: str) -> Any:
    """What `to_plain` was given. `kinds` are the classes there may be, by name; `where` begins every error.

    Raises: SettingError for an unknown kind or setting, with the nearest known one, and for a value of another type.
    """
    if not isinstance(plain, Mapping):
        raise _unexpected("settings", plain, where)
    name = str(plain.get("kind"))
    if name not in kinds:
        raise SettingError(f"{where} has no kind {name!r}.{_near(name, kinds)}")
    fields, values = _fields(kinds[name]), {}
    for key, value in plain.items():
        if key == "kind":
            continue
        if key not in fields:
            raise SettingError(f"{where} {name} has no setting {key!r}.{_near(key, fields)}")
        inside = f"{where} {name}.{key}"
        is_any = fields[key] is Any
        values[key] = _value_of(value, kinds, inside) if is_any else _typed(fields[key], value, inside, kinds)
    try:
        return kinds[name](**values)
    except TypeError as error:
        raise SettingError(f"{where} {name} lacks a setting: {error}.") from error


def _value_of(plain: Any, kinds: Mapping[str, type], where: str) -> Any:
    """JSON has no tuples, and settings no lists."""
    if isinstance(plain, Mapping):
        return from_plain(plain, kinds, where=where)
    return tuple(_value_of(item, kinds, where) for item in plain) if isinstance(plain, list) else plain


def typed(kind: type[T], value: Any, *, where: str, kinds: Mapping[str, type] | None = None) -> T:
    """JSON values as a value of this type: a dataclass, list, dict, pair, number, … Of a field `from_` the key is from.

    Settings in it are read by `from_plain`, with the classes `kinds`.
    Raises: SettingError, beginning with `where` and naming the key, where a value is missing, unknown or of another
    type.
    """
    return typing.cast(T, _typed(kind, value, where, kinds or {}))


def _typed(kind: Any, value: Any, where: str, kinds: Mapping[str, type]) -> Any:
    if _is_plain(kind, value):
        return value
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _one_of(arguments, value, where, kinds)
    if origin is typing.Annotated:  # a mapping whose values some reader asks for: those are checked
        return _typed(arguments[1], value, where, kinds)
    is_dataclass, is_dict = dataclasses.is_dataclass(kind), typing.is_typeddict(kind)
    if isinstance(kind, type) and not is_dict and any(issubclass(one, kind) for one in kinds.values()):
        settings = from_plain(value, kinds, where=where)
        if isinstance(settings, kind):
            return settings
        raise _unexpected(kind_of(kind), value, where)
    if (is_dataclass or is_dict) and isinstance(value, dict):
        return _dataclass(kind, value, where, kinds) if is_dataclass else _dict(kind, value, where, kinds)
    if origin in (dict, abc.Mapping) and isinstance(value, dict):
        of_key, of_value = arguments
        if of_key is str and all(_is_plain(of_value, part) for part in value.values()):
            return dict(value)
        return {
            _typed(of_key, key, where, kinds): _typed(of_value, value[key], f"{where}.{key}", kinds) for key in value
        }
    is_list = isinstance(value, list | tuple)
    if origin in (list, abc.Sequence) and is_list and all(_is_plain(arguments[0], part) for part in value):
        return list(value)
    if origin is tuple and is_list and len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_typed(arguments[0], part, f"{where}[{index}]", kinds) for index, part in enumerate(value))
    if origin in (list, abc.Sequence) and is_list:
        return [_typed(arguments[0], part, f"{where}[{index}]", kinds) for index, part in enumerate(value)]
    if origin is tuple and is_list and len(value) == len(arguments):
        return tuple(_typed(of_part, part, where, kinds) for of_part, part in zip(arguments, value, strict=True))
    is_choice = origin is Literal and any(type(value) is type(one) and value == one for one in arguments)
    is_foreign = isinstance(kind, type) and kind.__module__ != "builtins" and not (is_dataclass or is_dict)
    if kind is Any or is_choice or is_foreign:
        return value
    raise _unexpected(" or ".join(map(repr, arguments)) if origin is Literal else kind, value, where)


def _one_of(kinds_there: Sequence[Any], value: Any, where: str, kinds: Mapping[str, type]) -> Any:
    """Of several types; where None is one, a number that is not finite is unknown as well."""
    if type(None) in kinds_there and (value is None or (isinstance(value, float) and not math.isfinite(value))):
        return None
    *others, last = (one for one in kinds_there if one is not type(None))
    for one in others:
        try:
            return _typed(one, value, where, kinds)
        except SettingError:
            continue
    return _typed(last, value, where, kinds)


def _dataclass(kind: Any, found: Mapping[str, Any], where: str, kinds: Mapping[str, type]) -> Any:
    fields, values = _fields(kind), {}
    for key, value in found.items():
        name = key if key in fields else f"{key}_"
        if name not in fields:
            raise SettingError(f"{where.rstrip(':')} has a key {key!r} that is unknown.{did_you_mean(key, fields)}")
        values[name] = _typed(fields[name], value, _inside(where, key), kinds)
    for each in dataclasses.fields(kind):
        is_required = each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
        if is_required and each.name not in values:
            raise SettingError(f"{where.rstrip(':')} lacks {each.name.rstrip('_')!r}.")
    return kind(**values)


def _dict(kind: Any, found: Mapping[str, Any], where: str, kinds: Mapping[str, type]) -> Any:
    """The same mapping; the keys that its type names have values of their types, and others any."""
    hints, required = _keys(kind)
    if lacking := sorted(required - found.keys()):
        raise SettingError(f"{where.rstrip(':')} lacks {lacking[0]!r}.")
    checked = {
        key: _typed(kind, found[key], _inside(where, key), kinds)
        for key, kind in hints.items()
        if key in found and not _is_plain(kind, found[key])
    }
    return {**found, **checked}


def _is_plain(kind: Any, value: Any) -> bool:
    """Whether it is a value of a type that JSON has itself: what most are, and soon seen."""
    if kind is float:
        return type(value) in (float, int) and math.isfinite(value)
    return type(value) is kind


def _inside(where: str, key: str) -> str:
    return f"{where} {key}" if where.endswith(":") else f"{where}.{key}".lstrip(".")


@functools.cache
def _keys(kind: Any) -> tuple[dict[str, Any], set[str]]:
    """The type of each key of a TypedDict by its name, and which there have to be."""
    written = typing.get_type_hints(kind, include_extras=True)
    required = {key for key, one in written.items() if kind.__total__ or typing.get_origin(one) is typing.Required}
    return typing.get_type_hints(kind), required


@functools.cache
def _fields(kind: type) -> dict[str, Any]:
    """The type of each field by its name; Any where its annotation cannot be read outside of where it was written."""
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except (NameError, TypeError, AttributeError):
        hints = {}
    return {each.name: _readable(hints.get(each.name, Any)) for each in dataclasses.fields(kind)}


def _readable(kind: Any) -> Any:
    """A type that JSON values can be held against, else Any."""
    arguments = [one for one in typing.get_args(kind) if one is not Ellipsis]
    origin = typing.get_origin(kind)
    if origin in (Literal, typing.Annotated, abc.Callable):
        return kind
    if origin is None:
        is_plain = kind in _PLAIN
        return kind if is_plain or (isinstance(kind, type) and kind.__module__ != "builtins") else Any
    return kind if all(_readable(one) is one for one in arguments) else Any


def _unexpected(kind: Any, value: Any, where: str) -> SettingError:
    kind = list if Ellipsis in typing.get_args(kind) else typing.get_origin(kind) or kind
    expected = kind if isinstance(kind, str) else _NAMES.get(kind, "an object")
    return SettingError(f"{where.rstrip(':')}: expected {expected}, found {json.dumps(value, default=str):.60}.")


_PLAIN = {int, float, str, bool, list, dict, type(None)}
_NAMES = {
    float: "a number", int: "a whole number", str: "a text", bool: "true or false", list: "a list", tuple: "a pair",
    abc.Sequence: "a list", type(None): "null",
}  # fmt: skip


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
        except (ValueError, RecursionError):
            value = text
        settings = _changed(settings, path.split("."), value)
    return settings


def nested_settings(settings: Any) -> dict[str, Any]:
    """The settings inside of each other, by names such as `training__max_epochs`; groups of them by theirs too."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            found |= {f"{field.name}__{name}": inner for name, inner in _leaves(value).items()}
    return found


def _leaves(settings: Any) -> dict[str, Any]:
    """The settings of a group that are none themselves, and those of its groups."""
    names = (field.name for field in dataclasses.fields(settings))
    own = {name: getattr(settings, name) for name in names if not dataclasses.is_dataclass(getattr(settings, name))}
    return own | nested_settings(settings)


def with_setting(settings: T, name: str, value: Any) -> T:
    """The same settings with the one of a name such as `training__max_epochs` replaced. Raises as `changed`."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, tuple) and not any(map(dataclasses.is_dataclass, value)):
        value = list(value)  # as JSON has it
    return typing.cast(T, _changed(settings, name.split("__"), value))


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
    if "float" in allowed and "int" not in allowed and type(value) is int and abs(value) <= LARGEST:
        value = float(value)
    if PAIR in allowed and isinstance(value, list) and len(value) == 2 and all(type(number) is int for number in value):
        return dataclasses.replace(settings, **{name: tuple(value)})  # type: ignore[type-var]
    items = {type(item) for item in value} if isinstance(value, list) else None
    if items is not None and ((NAMES in allowed and items <= {str}) or (NUMBERS in allowed and items <= {int})):
        return dataclasses.replace(settings, **{name: tuple(value)})  # type: ignore[type-var]
    if type(value).__name__.removesuffix("Type") not in allowed:
        raise SettingError(f"{kind}.{name} is {old!r}; expected {' or '.join(sorted(allowed))}, found {value!r:.100}.")
    return dataclasses.replace(settings, **{name: value})  # type: ignore[type-var]


def _types_of(settings: Any, name: str, value: Any) -> set[str]:
    """The names of the types that a setting may have: what its annotation says, else the type that it has now."""
    field = next(field for field in dataclasses.fields(settings) if field.name == name)
    written = {part.strip() for part in str(field.type).split("|")}
    known = written & {"int", "float", "bool", "str", "None", PAIR, NAMES, NUMBERS}
    return known if known == written else known | {type(value).__name__}


def _near(name: str, names: Iterable[str]) -> str:
    return did_you_mean(name, names) or f" There are: {quoted(sorted(names))}."
