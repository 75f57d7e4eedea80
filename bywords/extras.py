"""The name of a package that only some commands need → the package, or the error that says which extra brings it."""

from __future__ import annotations

import importlib
from typing import Any

from bywords.errors import SettingError

EXTRAS = {  # the first part of a module's name → the extra of this package that installs it
    "captum": "explain",
    "gensim": "vectors",
    "lightning_fabric": "neural",
    "torch": "neural",
}


def needed(module: str, *, what: str) -> Any:
    """Import a module. `what` is what needs it, the beginning of a sentence: "the system 'lstm'".

    Raises: SettingError, naming the extra to install, where the package is not there.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise SettingError(
            f"{what} needs the package {package}, which is not installed: pip install 'bywords[{EXTRAS[package]}]'"
        ) from error
