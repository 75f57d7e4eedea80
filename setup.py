"""Builds the kernels in C; everything else is in pyproject.toml."""

from pathlib import Path

from setuptools import Extension, setup

SOURCES = Path("bywords/kernels/c")
FLOATS = ["-ffp-contract=off", "-fno-math-errno"]  # the second: a square root is an instruction, also of vectors
WARNINGS = ["-Wall", "-Wextra", "-Wno-unused-parameter"]

setup(
    ext_modules=[
        Extension(
            "bywords.kernels._native",
            sources=sorted(map(str, SOURCES.glob("*.c"))),
            depends=sorted(map(str, SOURCES.glob("*.h"))),
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            py_limited_api=True,
            extra_compile_args=["-std=gnu11", "-O3", "-g0", *FLOATS, *WARNINGS],
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
