"""A function in, its machine code out, compiled at its first call and kept on disk where there is a place for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def jit(function: Function, **options: Any) -> Function:
    """Compile for the types of the first call; without the interpreter's lock.

    The machine code is kept beside the sources, or where NUMBA_CACHE_DIR says. Where no place can be written to, it is
    compiled again in each process, which takes some seconds.
    """
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
    except RuntimeError:  # "cannot cache function: no locator available"
        return numba.njit(nogil=True, error_model="numpy", **options)(function)
