"""This process → whether it was forked, and what its parent had begun that does not go on here.

Threads do not survive a fork. The pools of polars and of PyTorch wait for theirs for ever, so what needs polars is
refused in such a child, and PyTorch gets by with one thread. Nothing else here has a pool or a lock that outlives a
call: what a linear or averaging model does with a list of texts needs neither.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from bywords.errors import SettingError

SECONDS_TO_ANSWER = 3.0  # that polars gets in a forked child; it takes some milliseconds, if it answers at all
Value = TypeVar("Value")
_inherited: set[str] = set()  # modules that the parent had imported, and that nothing here has used yet
_silent: set[str] = set()  # those that do not answer


def _begin_child() -> None:
    _inherited.update({"polars", "torch"} & sys.modules.keys())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_child)


def polars_answers() -> bool:
    """Whether polars can be used in this process: not in a forked child whose parent had used it."""
    if "polars" in _inherited:
        from polars import Series

        asked = threading.Thread(target=Series([None, 1]).fill_null, args=(0,), daemon=True)
        asked.start()
        asked.join(SECONDS_TO_ANSWER)
        _inherited.discard("polars")
        if asked.is_alive():
            _silent.add("polars")
    return "polars" not in _silent


def check_polars(*, what: str) -> None:
    """Raise SettingError where polars cannot be used; `what` needs it, the start of a sentence."""
    if not polars_answers():
        raise SettingError(
            f"{what} needs polars, which its parent had used before this process was forked: its threads did not come "
            "along. Start processes by multiprocessing's 'spawn' or 'forkserver', or fork before polars is used."
        )


def use_torch() -> None:
    """Let PyTorch be used in this process: in a forked child with one thread, since it would wait for others."""
    if "torch" in _inherited:
        import torch

        torch.set_num_threads(1)
        _inherited.discard("torch")


class cached_property(Generic[Value]):  # noqa: N801 (that of functools, but without a lock that a fork could copy locked)
    """A property that is worked out once; by two threads at the same time, perhaps twice."""

    def __init__(self, function: Callable[[Any], Value]) -> None:
        self.function, self.__doc__ = function, function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> cached_property[Value]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...
    def __get__(self, instance: object | None, owner: type) -> cached_property[Value] | Value:
        if instance is None:
            return self
        value: Value = self.function(instance)
        return instance.__dict__.setdefault(self.name, value)
