"""The standard streams while a command runs: whatever is written is visible, and what cannot be is one error."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from bywords.terminal import escape_unencodable, visible, visible_line

_UNENCODABLE = "bywords.terminal"


class OutputLostError(Exception):
    """Standard output takes no more. `reason` says why."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(f"standard output cannot be written: {reason.strerror or reason}.")
        self.reason = reason


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Within the block whatever writes text to standard output or error writes what a terminal can show, and no more.

    Escape codes of rich pass: it is given text that is visible already. Raises: OutputLostError where standard output
    cannot be written; what standard error does not take is dropped.
    """
    before = sys.stdin, sys.stdout, sys.stderr, warnings.formatwarning
    _open_closed()
    codecs.register_error(_UNENCODABLE, escape_unencodable)
    streams: list[Any] = [_whole(sys.stdout), _whole(sys.stderr)]
    sys.stdout, sys.stderr = (_Visible(stream, is_needed=stream is streams[0]) for stream in streams)
    warnings.formatwarning = lambda message, category, *_, **__: f"{category.__name__}: {visible_line(str(message))}\n"
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr, warnings.formatwarning = before


def _whole(stream: Any) -> Any:
    """A stream that writes all of a text. Without a buffer, by PYTHONUNBUFFERED, Python drops what one step leaves."""
    if isinstance(getattr(stream, "buffer", None), io.RawIOBase):
        return open(stream.fileno(), "w", 1, stream.encoding, _UNENCODABLE, closefd=False)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=_UNENCODABLE)
    return stream


class _Guarded:
    """A stream of text or bytes whose failures are OutputLostError, or nothing where it is not needed."""

    def __init__(self, stream: Any, *, is_needed: bool) -> None:
        self._stream, self._is_needed = stream, is_needed

    def write(self, content: Any) -> int:
        self._tried(self._stream.write, content)
        return len(content)

    def flush(self) -> None:
        self._tried(self._stream.flush)

    @property
    def buffer(self) -> _Guarded:
        return _Guarded(self._stream.buffer, is_needed=self._is_needed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _tried(self, step: Callable[..., Any], *arguments: Any) -> None:
        try:
            step(*arguments)
        except OSError as reason:
            with contextlib.suppress(OSError):  # else what is left of it would fail again when Python ends
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)
            if self._is_needed:
                raise OutputLostError(reason) from reason


class _Visible(_Guarded):
    """A stream of text that escapes what a terminal would obey or not show."""

    def write(self, content: str) -> int:
        super().write(visible(content))
        return len(content)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    @property
    def rich_proxied_file(self) -> _Guarded:
        """What rich writes to instead."""
        return _Guarded(self._stream, is_needed=self._is_needed)


def _open_closed() -> None:
    """Open the standard streams that are closed: else the next file would have their number, and get what is printed.

    Input cannot be read then and output cannot be written; what goes to standard error is dropped.
    """
    for number, (name, way) in enumerate((("stdin", os.O_WRONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, way)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - until Python ends
