"""uvicorn's connections: closed where the head of a request does not come, and answered by one write instead of two."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0  # from the start of a connection, or the answer before, until a head is there as a whole
HEAD_ENDS = b"\r\n\r\n"


class Connection(HttpToolsProtocol):
    """One that waits for HEAD_SECONDS at most; uvicorn itself has an end for those that were answered once alone."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first head."""
        super().connection_made(Joining(transport))  # type: ignore[arg-type]
        self._late = self.loop.call_later(HEAD_SECONDS, transport.close)

    def on_headers_complete(self) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Wait for the next head, where it is not there yet."""
        self.transport.flush()  # type: ignore[attr-defined]
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class Joining:
    """A transport that keeps the head of an answer until there is more, so that both are one write: a third of the time
    of a short answer is the writing.
    """

    def __init__(self, transport: Any) -> None:
        self._kept, self._transport = b"", transport
        for name in ("is_closing", "get_extra_info", "pause_reading", "resume_reading"):
            setattr(self, name, getattr(transport, name))

    def write(self, data: bytes) -> None:
        """Write what there is, but for a head alone."""
        if data.endswith(HEAD_ENDS) and data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100"):
            self._kept = data
            return
        self._transport.write(self._kept + data)
        self._kept = b""

    def flush(self) -> None:
        """Write a head that nothing came after."""
        if self._kept:
            self.write(b"")

    def close(self) -> None:
        """Write what is kept, and close."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
