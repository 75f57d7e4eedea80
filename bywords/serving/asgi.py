"""Requests → answers of an application, in ASGI: who may ask, bodies within limits, errors as JSON, logs without texts.

What every server of this package does, whatever it serves.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bywords.serving.requests import Limits, RequestError
from bywords.version import __version__

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Give = Callable[[int, Headers, bytes], None]  # status, headers and content of an answer
JSON, HTML, PLAIN = b"application/json", b"text/html; charset=utf-8", b"text/plain; version=0.0.4; charset=utf-8"
LATE = "the body was not there after {:g} seconds."
TOO_LONG = "the body is longer than {:,} bytes, expected at most as many."
LOCAL = ("127.0.0.1", "localhost", "[::1]")
SAFE: Headers = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


def page_policy(**sources: str) -> tuple[bytes, bytes]:
    """The header by which a page takes nothing from elsewhere: `sources` says where its scripts, styles, ... are."""
    allowed = "".join(f" {kind.replace('_', '-')} {source};" for kind, source in sources.items())
    rest = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return b"content-security-policy", f"default-src 'none';{allowed} connect-src 'self'; {rest}".encode()


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may ask."""

    token: str | None = None  # that all but open addresses want, as "Authorization: Bearer TOKEN"
    hosts: tuple[str, ...] | None = LOCAL  # names in the header Host; None for any
    log: Callable[[dict[str, Any]], None] = field(default=lambda record: None)


class Site:
    """An ASGI application. One of its kind says what there is, and has `answer`."""

    methods: ClassVar[Mapping[str, str]]  # address → GET or POST
    open: ClassVar[tuple[str, ...]]  # addresses that need no token
    policy: ClassVar[tuple[bytes, bytes]]  # of its pages

    def __init__(self, limits: Limits | None, access: Access | None) -> None:
        self.limits, self.access = limits or Limits(), access or Access()

    async def answer(self, path: str, scope: Message, receive: Receive) -> tuple[bytes, bytes]:
        """The kind and the content of an answer. Raises RequestError."""
        raise NotImplementedError

    async def started(self) -> None:
        """Called once before the first request."""

    async def stopped(self) -> None:
        """Called once after the last one."""

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Called after each request."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or start and stop."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        path = scope["path"] if scope["path"] in self.methods else "other"
        try:
            self.check(path, scope["method"], dict(scope["headers"]))
            kind, content = await self.answer(path, scope, receive)
            status, more = 200, [*SAFE, self.policy] if kind is HTML else SAFE
        except _GoneError:
            return
        except Exception as error:
            kind, (status, more, content) = JSON, self.refusal(error)
        await send({"type": "http.response.start", "status": status, "headers": headers_of(kind, content, more)})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})
        self.done(path, status, began)

    def at_once(self, scope: Message, body: bytes, give: Give) -> bool:
        """Answer a request that is there as a whole, now or a little later, by `give`; or say False, and it is called.

        So a server saves the task and the messages of a short request.
        """
        return False

    def refusal(self, error: Exception) -> tuple[int, Headers, bytes]:
        """Status, headers and content that say what is wrong: with a request, or with this program."""
        if isinstance(error, RequestError):
            content = json_bytes({"error": {"message": error.message, "field": error.field}})
            return error.status, [*SAFE, *error.headers], content
        frames = traceback.extract_tb(error.__traceback__)  # without its message, which may have a text in it
        where = [f"{frame.filename}:{frame.lineno}" for frame in frames]
        self.access.log({"event": "fault", "kind": str(type(error)), "where": where})
        said = f"this is a fault of bywords {__version__}."
        return 500, SAFE, json_bytes({"error": {"message": said, "field": None}})

    def done(self, path: str, status: int, began: float) -> None:
        """Count and log a request that is answered."""
        seconds = time.perf_counter() - began
        self.answered(path, status, seconds)
        self.access.log({"event": "request", "path": path, "status": status, "seconds": round(seconds, 6)})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.started()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.stopped()
                self.access.log({"event": "stop"})
                await send({"type": "lifespan.shutdown.complete"})
                return

    def check(self, path: str, method: str, headers: dict[bytes, bytes]) -> None:
        """Raise RequestError for who may not ask, and for what there is not."""
        host = headers.get(b"host", b"").decode("latin-1").lower()
        hosts = self.access.hosts
        if hosts is not None and host not in hosts and host.rpartition(":")[0] not in hosts:
            raise RequestError(421, f"the header Host names {host!r:.100}, expected {', '.join(hosts)}.", "Host")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and origin.partition("://")[2].lower() != host:
            raise RequestError(403, "a page of another address asks, which may not use this server.", "Origin")
        if path == "other":
            raise RequestError(404, f"there is no such address, expected one of {', '.join(self.methods)}.")
        wanted = self.methods[path]
        if method != wanted and not (method == "HEAD" and wanted == "GET"):
            raise RequestError(405, f"{path} takes {wanted}.", headers=[(b"allow", wanted.encode())])
        if self.access.token is not None and path not in self.open:
            bearer = b"Bearer " + self.access.token.encode()
            if not hmac.compare_digest(headers.get(b"authorization", b""), bearer):
                said, asked_for = (
                    "expected the header 'Authorization: Bearer TOKEN'.",
                    [(b"www-authenticate", b"Bearer")],
                )
                raise RequestError(401, said, "Authorization", asked_for)

    def check_head(self, scope: Message, headers: dict[bytes, bytes]) -> None:
        """Raise RequestError for a body that is no JSON by its header, or too long."""
        if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != JSON:
            raise RequestError(415, "expected the header 'Content-Type: application/json'.", "Content-Type")
        if encoding := headers.get(b"content-encoding", b"").decode("latin-1"):
            said = f"the header Content-Encoding names {encoding!r:.40}: send the body as it is."
            raise RequestError(415, said, "Content-Encoding")
        if scope["query_string"]:
            raise RequestError(400, "there are words behind ? in the address: put all into the body, as JSON.")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 18 or int(length) > self.limits.body_bytes:
            raise RequestError(413, TOO_LONG.format(self.limits.body_bytes))

    async def body(self, scope: Message, receive: Receive) -> bytes:
        """The whole body. Raises RequestError for one that is too long, too slow, or no JSON by its header."""
        self.check_head(scope, dict(scope["headers"]))
        most = self.limits.body_bytes
        parts: list[bytes] = []
        n_bytes, more, task = 0, True, asyncio.current_task()
        assert task is not None
        late = asyncio.get_running_loop().call_later(self.limits.seconds, task.cancel, LATE)  # less than a `timeout`
        try:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _GoneError
                parts.append(message.get("body", b""))
                more = message.get("more_body", False)
                if (n_bytes := n_bytes + len(parts[-1])) > most:
                    raise RequestError(413, TOO_LONG.format(most))
        except asyncio.CancelledError as cancelled:
            if cancelled.args != (LATE,) or task.uncancel():
                raise
            raise RequestError(408, LATE.format(self.limits.seconds)) from None
        finally:
            late.cancel()
        return b"".join(parts)


class _GoneError(Exception):
    """Who asked has left."""


def headers_of(kind: bytes, content: bytes, more: Headers) -> Headers:
    """The headers of an answer."""
    return [(b"content-type", kind), (b"content-length", str(len(content)).encode()), *more]


def json_bytes(value: Any) -> bytes:
    """A value as JSON in bytes."""
    return json.dumps(value, allow_nan=False).encode()
