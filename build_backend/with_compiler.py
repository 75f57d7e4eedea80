"""setuptools, which also asks for a C compiler from the package index where the machine has none."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403

Settings = dict[str, Any] | None
COMPILER = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"  # the one that setuptools would call
IS_MISSING = os.name != "nt" and shutil.which(COMPILER.split()[0]) is None

if IS_MISSING:  # ziglang is a package with a whole C compiler, clang
    os.environ["CC"] = f"{sys.executable} -m ziglang cc"
    os.environ["LDSHARED"] = f"{sys.executable} -m ziglang cc -shared"


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """What to install before a wheel is built."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *(["ziglang>=0.13"] if IS_MISSING else [])]


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    """The same for an editable installation."""
    return get_requires_for_build_wheel(config_settings)
