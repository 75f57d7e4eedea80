"""A function with loops → a kernel that runs it in the interpreter while there is little to do, then as machine code.

Importing numba takes some 0.4 seconds and 50 MB, which a single text is not worth. So a kernel estimates the work of
a call, and the first small calls of a process run the plain Python function. Once they add up to what numba costs,
or one call alone is large, every kernel is compiled at its next call and stays so. Results are the same bit for bit.
Source of the rule: Karlin et al. (1988), "Competitive Snoopy Caching" (rent skis until that has cost a pair).
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])
SMALL_CALL = 100_000  # steps of about a microsecond each in the interpreter
SMALL_TOTAL = 300_000  # steps of all small calls together, in this process


class Budget:
    """The steps that are left to the interpreter in this process."""

    def __init__(self) -> None:
        self.left = SMALL_TOTAL

    def allows(self, steps: float) -> bool:
        """Whether to do so many steps without machine code; they are then taken from what is left."""
        if steps > min(SMALL_CALL, self.left):
            self.left = 0
            return False
        self.left -= int(steps)
        return True


budget = Budget()


class Kernel:
    """A function in its two forms, `interpreted` and `compiled`; a call takes the one that is due."""

    def __init__(
        self, function: Callable[..., Any], work: Callable[..., float] | None, fastmath: tuple[str, ...]
    ) -> None:
        functools.update_wrapper(self, function)
        self._function, self._work, self._fastmath = function, work, fastmath
        self._dispatcher: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any) -> Any:
        if self._dispatcher is not None:
            return self._dispatcher(*arguments)
        if self._work is not None and budget.allows(self._work(*arguments)):
            return self.interpreted(*arguments)
        budget.left = 0
        return self.compiled(*arguments)

    def interpreted(self, *arguments: Any) -> Any:
        """Integers overflow and floats divide as in machine code, without a warning; scalars become Python's."""
        with np.errstate(all="ignore"):
            results = self._function(*arguments)
        return tuple(map(_as_python, results)) if isinstance(results, tuple) else _as_python(results)

    def compiled(self, *arguments: Any) -> Any:
        """The same as machine code, for the types of these arguments; the first call compiles or reads the cache."""
        if self._dispatcher is None:
            with _LOCK:
                self._dispatcher = _compiled(self._function, self._fastmath)
        return self._dispatcher(*arguments)


def jit(*, work: Callable[..., float] | None = None, fastmath: tuple[str, ...] = ()) -> Callable[[Function], Function]:
    """Make a kernel of a function. The plain functions that it calls by a global name are compiled with it.

    `work` gets the arguments of a call and says about how many microseconds it takes in the interpreter; a kernel
    without it is always compiled. `fastmath` are the liberties that LLVM may take with floats. For both forms to give
    the same bits there may be none, and a float that is no array has to be numpy's: the interpreter rounds Python's.

    Machine code runs without the interpreter's lock. It is kept beside the sources, or where NUMBA_CACHE_DIR says;
    where no place can be written to, it is compiled again in each process, which takes seconds. With
    NUMBA_BOUNDSCHECK=1 and a NUMBA_CACHE_DIR of its own, it checks every index.
    """
    return lambda function: Kernel(function, work, fastmath)  # type: ignore[return-value]


_LOCK = threading.RLock()


@functools.cache
def _compiled(function: FunctionType, fastmath: tuple[str, ...]) -> Callable[..., Any]:
    """A dispatcher of numba, made from a copy of the function that sees dispatchers where it called plain functions."""
    numba = _numba()
    names = dict(function.__globals__)
    for name in function.__code__.co_names:
        if isinstance(names.get(name), FunctionType):
            names[name] = _compiled(names[name], fastmath)
    copied = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    copied.__qualname__, copied.__doc__ = function.__qualname__, function.__doc__
    compiler = functools.partial(numba.njit, nogil=True, error_model="numpy", fastmath=set(fastmath))
    try:
        return compiler(cache=True)(copied)
    except RuntimeError:  # "cannot cache function: no locator available"
        return compiler()(copied)


@functools.cache
def _numba() -> Any:
    """The package, imported without scipy.linalg: numba would take it in, which takes long, and no kernel needs it."""
    name = "scipy.linalg.cython_blas"
    is_there = name in sys.modules
    if not is_there:
        sys.modules[name] = None  # type: ignore[assignment] # an import of it fails, which numba allows for
    try:
        return importlib.import_module("numba")
    finally:
        if not is_there:
            del sys.modules[name]


def _as_python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
