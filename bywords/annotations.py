"""Values → the same, each held against the annotation of what it is given for, or one error that says what that is."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence, Set
from numbers import Integral, Real
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

from bywords.errors import SettingError, check_range, is_among, shown

P = ParamSpec("P")
R = TypeVar("R")

LARGEST = 2**31 - 1  # a whole number of settings: every compiled loop has room for it
LARGEST_INTEGER = 2**63 - 1  # one of any other argument
DATA = re.compile("Texts|Labels|ArrayLike|Paths|Callback")  # annotations of what is checked where it is read


def check_fields(settings: Any) -> None:
    """Raise SettingError for a field of a dataclass whose value is not what its annotation says.

    A whole number is from -LARGEST to LARGEST; NaN, True and False are no numbers. A number of numpy's becomes one of
    Python's, so that it can be saved, and a list a tuple.
    """
    of: Any = type(settings)
    for name, kind in _annotations(of).items():
        value = getattr(settings, name)
        if isinstance(value, Real) and not isinstance(value, bool | int | float):
            value = int(value) if isinstance(value, Integral) else float(value)
        elif isinstance(value, list):
            value = tuple(value)
        object.__setattr__(settings, name, value)
        _check_annotated(name, value, kind)
        if isinstance(value, int):
            check_range(name, value, least=-LARGEST, most=LARGEST)


def check_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """A function that raises SettingError for an argument that is not what its annotation says, before any work.

    What annotations of other kinds than those of settings say is not looked at, nor what DATA, *args and **kwargs hold.
    """
    signature = inspect.signature(function)
    one = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = [name for name, parameter in signature.parameters.items() if parameter.kind in one]

    @functools.wraps(function)
    def checking(*args: P.args, **kwargs: P.kwargs) -> R:
        kinds = _annotations(function)
        given = signature.bind(*args, **kwargs).arguments
        for name in names:
            if name in given and name in kinds:
                _check_annotated(name, given[name], kinds[name])
        return function(*args, **kwargs)

    return checking


@functools.cache
def _annotations(of: Any) -> dict[str, Any]:
    """The annotations of a class and those above it, or of a function; without those whose names are not imported."""
    found = {}
    for one in reversed(of.__mro__) if isinstance(of, type) else [of]:
        names = vars(sys.modules[one.__module__])
        for name, written in getattr(one, "__annotations__", {}).items():
            if isinstance(written, str) and DATA.search(written):
                continue
            with contextlib.suppress(NameError, TypeError):
                found[name] = eval(written, names) if isinstance(written, str) else written
    if isinstance(of, type):
        return {field.name: found[field.name] for field in dataclasses.fields(of) if field.name in found}
    return found


def _check_annotated(name: str, value: Any, kind: Any) -> None:
    if not _is_of(value, kind):
        in_list = f": put it into a list, [{shown(value)}]" if isinstance(value, str) and _is_of([value], kind) else ""
        raise SettingError(f"{name} is {shown(value)}, expected {' or '.join(_expected(kind))}{in_list}.")


def _is_of(value: Any, kind: Any) -> bool:
    """Whether a value is what an annotation says."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, Union):
        return any(_is_of(value, one) for one in inner)
    if origin is Literal:
        return is_among(value, inner)
    if origin is tuple:
        kinds = inner[:1] * len(value) if inner[-1] is ... and isinstance(value, tuple) else inner
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(_is_of, value, kinds))
    if origin is Sequence:
        if isinstance(value, range):
            return inner[0] is int
        is_list = isinstance(value, Sequence | Set | Mapping) and not isinstance(value, str | bytes)
        return is_list and all(_is_of(item, inner[0]) for item in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_is_of(item, inner[1]) for item in value.values())
    if kind in (int, float):
        is_number = isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
        return is_number and abs(value) <= (LARGEST_INTEGER if kind is int else float("inf"))
    kind = origin or kind
    return kind is Any or not isinstance(kind, type) or isinstance(value, kind)


def _expected(kind: Any) -> list[str]:
    """What an annotation says, in the words of an error."""
    if get_origin(kind) in (types.UnionType, Union):
        return [said for one in get_args(kind) for said in _expected(one)]
    if get_origin(kind) is Literal:
        return list(map(repr, get_args(kind)))
    if get_origin(kind) is Callable:
        return ["a function"]
    if get_origin(kind) in (tuple, Sequence):
        return ["several, each " + " or ".join(_expected(get_args(kind)[0]))]
    words = {
        int: f"a whole number of at most {LARGEST_INTEGER}",
        float: "a number",
        bool: "True or False",
        str: "a string",
        type(None): "None",
    }
    example = getattr(kind, "example", None)  # of a class: how one is made
    return [words.get(kind) or f"{getattr(kind, '__name__', kind)}{f', as in {example}' if example else ''}"]
