"""Compiled from `c/`; `c/module.c` has the signatures, and the modules beside this file say what each function does."""

from collections.abc import Callable
from typing import Any

def __getattr__(name: str) -> Callable[..., Any]: ...
