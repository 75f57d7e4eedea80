"""A file and how much memory may be used → whether it is looked at as a whole, and the sentence that says why not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bywords.io.archives import is_pattern

if TYPE_CHECKING:
    from bywords.io.read_options import ReadOptions

COMPRESSED, TIMES_AS_LARGE = (".gz", ".zst", ".bz2", ".xz", ".parquet"), 4  # as the file, are its texts


def memory_of(asked: str | None) -> int:
    """The bytes that may be used: those asked for, or what is free. Raises SettingError for what is no size."""
    from bywords.artifact.compression import parse_size
    from bywords.memory import free_bytes

    return free_bytes() if asked is None else parse_size(asked, "--memory")


def bytes_of_texts(data: str) -> int | None:
    """About how many bytes the texts of a file have; None for what is no one file."""
    from bywords.io import stores

    path = stores.copy_of(data) if stores.is_url(data) and not is_pattern(data) else Path(data)
    if stores.url_of(path) is None and not path.is_file():
        return None
    return stores.size_of(path) * (TIMES_AS_LARGE if path.suffix in COMPRESSED else 1)


def too_large(data: str, options: ReadOptions, n_bytes: int, *, per_byte: int, what: str) -> str | None:
    """Why a file is not looked at as a whole, with so many bytes of memory; None where it is, or is no one file.

    `what` is done to all of its texts at once takes `per_byte` bytes for each of theirs.
    """
    size = bytes_of_texts(data)
    if size is None or len(options.texts) > 1 or size * per_byte <= n_bytes:
        return None
    return (
        f"{data}: to {what} all of its texts at once takes about {in_words(size * per_byte)} of memory, and "
        f"{in_words(n_bytes)} may be used"
    )


def too_little(n_bytes: int, least: float) -> list[str]:
    """A sentence where less may be used than work a part at a time takes."""
    if least <= n_bytes:
        return []
    return [
        f"a part at a time it may take {in_words(least)} of memory all the same, and {in_words(n_bytes)} may be used"
    ]


def in_words(n_bytes: float) -> str:
    """As GB, MB of few, or bytes of very few."""
    if n_bytes < 1e5:
        return f"{n_bytes:,.0f} byte{'s'[: n_bytes != 1]}"
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:,.1f} MB"
