"""The JSON of a comparison, a curve or an audit: its format, and how it is read. Tables and pages are made from it."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

from bywords.errors import DataError

FORMAT = "bywords-run/2"  # of a comparison
CURVE_FORMAT = "bywords-curve/1"
AUDIT_FORMAT = "bywords-audit/1"

Run = dict[str, Any]


def machine() -> dict[str, Any]:
    """What a run is made on: versions, platform, and threads of PyTorch."""
    import torch

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
    }


def read_run(path: Path, *, format_: str = FORMAT) -> Run:
    """A record that was written as JSON. Raises DataError, naming the file, when it is not one of this format."""
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise DataError(f"{path}: expected the JSON of a run, found something else: {error}.") from error
    if not isinstance(run, dict) or run.get("format") != format_:
        raise DataError(f"{path}: expected a run of the format {format_}.")
    return run
