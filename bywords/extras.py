"""The name of a package that only some commands need → the package, or the error that says which extra brings it."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from bywords.errors import SettingError

EXTRAS = {  # the first part of a module's name → the extra of this package that installs it
    "captum": "explain",
    "fastexcel": "excel",
    "fsspec": "stores",
    "gensim": "vectors",
    "huggingface_hub": "static",
    "lightning_fabric": "neural",
    "matplotlib": "report",
    "onnx": "onnx",
    "optuna": "search",
    "orjson": "serve",
    "prometheus_client": "serve",
    "ray": "ray",
    "scipy": "report",
    "sklearn": "sklearn",
    "tokenizers": "static",
    "torch": "neural",
    "transformers": "distill",
    "uvicorn": "serve",
    "xlsxwriter": "excel",
    "zstandard": "zstd",
}


def needed(module: str, *, what: str) -> Any:
    """Import a module. `what` needs it, the start of a sentence: "the system 'lstm'".

    Raises: SettingError, naming the extra to install, where the package is missing.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise named_extra(error, what=what) from error


def check_installed(package: str, *, what: str) -> None:
    """Raise the same error without importing the package: before a long run whose last step needs it."""
    if importlib.util.find_spec(package) is None:
        raise named_extra(ModuleNotFoundError(name=package), what=what)


def named_extra(error: ModuleNotFoundError, *, what: str) -> SettingError | ModuleNotFoundError:
    """The error that names the extra which brings the missing package; the given one where no extra does."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return error
    return SettingError(
        f"{what} needs the package {package}, which is not installed: pip install 'bywords[{EXTRAS[package]}]'"
    )
