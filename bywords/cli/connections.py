"""uvicorn's connections: closed where the head of a request does not come, and answered by one write instead of two;
short requests without a task, where an application can.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

HEAD_SECONDS = 10.0  # from the start of a connection, or the answer before, until a head is there as a whole
HEAD_ENDS = b"\r\n\r\n"


class Connection(HttpToolsProtocol):
    """One that waits for HEAD_SECONDS at most; uvicorn itself has an end for those that were answered once alone."""

    _late: asyncio.TimerHandle | None = None
    _is_reading = False
    _begun: tuple[RequestResponseCycle, Any] | None = None  # by the bytes that are being read

    def connection_made(self, transport: Any) -> None:
        """Wait for the first head."""
        super().connection_made(Joining(transport))  # type: ignore[arg-type]
        self._late = self.loop.call_later(HEAD_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        """Start to answer when all that is there was read."""
        self._is_reading = True
        super().data_received(data)
        self._is_reading = False
        if self._begun is not None:
            begun, self._begun = self._begun, None
            self._start_asgi_task(*begun)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._is_reading:
            self._begun = cycle, app
            return
        is_whole = not (cycle.more_body or cycle.waiting_for_100_continue or self.flow.write_paused)
        if not (is_whole and hasattr(app, "at_once")) or self.transport.is_closing():
            super()._start_asgi_task(cycle, app)
            return

        def give(status: int, headers: list[tuple[bytes, bytes]], content: bytes) -> None:
            cycle.response_started = cycle.response_complete = True
            cycle.on_response = lambda: None
            if not self.transport.is_closing():
                lines = [STATUS_LINE[status], *(b"%b: %b\r\n" % header for header in headers)]
                lines += [b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n", content]
                self.transport.write(b"".join(lines))
                if not cycle.keep_alive:
                    self.transport.close()
                self.on_response_complete()

        if not app.at_once(cycle.scope, bytes(cycle.body), give):
            super()._start_asgi_task(cycle, app)

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
