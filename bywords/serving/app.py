"""Requests in, answers out, as an ASGI application: what the server does, without the server.

The way of /predict is short: bytes are parsed and checked here, the small questions that came at the same time are
answered by one look at the model, and only large ones go to a thread.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import islice
from typing import Any

from bywords.errors import BywordsError
from bywords.explain.explanation import explain
from bywords.extras import needed
from bywords.serving.metrics import Metrics
from bywords.serving.openapi import openapi
from bywords.serving.requests import Limits, Question, RequestError, question
from bywords.serving.served import Loaded, ServedModel
from bywords.version import __version__

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
JSON, HTML, PLAIN = b"application/json", b"text/html; charset=utf-8", b"text/plain; version=0.0.4; charset=utf-8"
METHODS = {"/": "GET", "/docs": "GET", "/openapi.json": "GET", "/health": "GET", "/ready": "GET", "/info": "GET",
           "/metrics": "GET", "/predict": "POST"}  # fmt: skip
OPEN = ("/", "/docs", "/openapi.json", "/health", "/ready")  # that need no token: they say nothing of the model
FEW_BYTES = 20_000  # of a body, or of some together, that are answered at once, in about a millisecond
LOOK_SECONDS = 1.0  # between two looks at the folder
LOCAL = ("127.0.0.1", "localhost", "[::1]")
SAFE = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
     b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may ask."""

    token: str | None = None  # that /predict, /info and /metrics want, as "Authorization: Bearer TOKEN"
    hosts: tuple[str, ...] | None = LOCAL  # names in the header Host; None for any
    log: Callable[[dict[str, Any]], None] = field(default=lambda record: None)


class Application:
    """An ASGI application around a served model."""

    def __init__(self, served: ServedModel, *, limits: Limits | None = None, access: Access | None = None) -> None:
        self.served, self.limits, self.access = served, limits or Limits(), access or Access()
        self.metrics = Metrics()
        self.metrics.loads.inc()
        self._orjson = needed("orjson", what="`bywords serve`")
        self._n_waiting = 0
        self._asked: list[tuple[Loaded, Question, asyncio.Future[bytes]]] = []  # since the last turn of the loop
        self._pages = {name: files("bywords.serving").joinpath(f"{name}.html").read_bytes() for name in ("page", "api")}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or start and stop."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        path = scope["path"] if scope["path"] in METHODS else "other"
        status, kind, more = 200, JSON, SAFE
        try:
            kind, content = await self._answer(path, scope, receive)
        except _GoneError:
            return
        except RequestError as error:
            status, more = error.status, [*SAFE, *error.headers]
            content = _json({"error": {"message": error.message, "field": error.field}})
        except Exception:
            status = 500
            content = _json({"error": {"message": f"this is a fault of bywords {__version__}.", "field": None}})
            frames = traceback.extract_tb(sys.exc_info()[2])  # without its message, which may have a text in it
            where = [f"{frame.filename}:{frame.lineno}" for frame in frames]
            self.access.log({"event": "fault", "kind": str(sys.exc_info()[0]), "where": where})
        length = str(len(content)).encode()
        headers = [(b"content-type", kind), (b"content-length", length), *more]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})
        took = time.perf_counter() - started
        self.metrics.answered(path, status)
        if path == "/predict":
            self.metrics.seconds.observe(took)
        self.access.log({"event": "request", "path": path, "status": status, "seconds": round(took, 6)})

    async def _live(self, receive: Receive, send: Send) -> None:
        watching: asyncio.Task[None] | None = None
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                watching = asyncio.create_task(self._watch())
                self.access.log({"event": "start", "model": self.served.current.digest, "version": __version__})
                await send({"type": "lifespan.startup.complete"})
            else:
                if watching is not None:
                    watching.cancel()
                self.access.log({"event": "stop"})
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Exchange the model where its folder has changed, and say so."""
        try:
            found = await asyncio.to_thread(self.served.look)
        except Exception as error:  # a fault while loading leaves the old one
            self.served.refused, found = f"a fault of bywords: {type(error).__name__}", "refused"
        if found == "loaded":
            self.metrics.loads.inc()
            self.access.log({"event": "loaded", "model": self.served.current.digest})
        elif found == "refused":
            self.access.log({"event": "refused", "why": self.served.refused, "model": self.served.current.digest})
        if found is not None:
            self.metrics.refused.set(self.served.refused is not None)

    async def _answer(self, path: str, scope: Message, receive: Receive) -> tuple[bytes, bytes]:
        headers = dict(scope["headers"])
        self._check(path, scope["method"], headers)
        if path == "/predict":
            if scope["query_string"]:
                raise RequestError(400, "there are words behind ? in the address: put all into the body, as JSON.")
            return JSON, await self._predict(await self._body(headers, receive))
        if path in ("/", "/docs"):
            return HTML, self._pages["page" if path == "/" else "api"]
        if path == "/metrics":
            return PLAIN, self.metrics.text()
        if path == "/openapi.json":
            return JSON, _json(openapi(self.limits, has_token=self.access.token is not None))
        return JSON, _json(self._info() if path == "/info" else self._state(path))

    def _check(self, path: str, method: str, headers: dict[bytes, bytes]) -> None:
        """Raise RequestError for who may not ask, and for what there is not."""
        host = headers.get(b"host", b"").decode("latin-1")
        hosts = self.access.hosts
        if hosts is not None and host not in hosts and host.rpartition(":")[0] not in hosts:
            raise RequestError(421, f"the header Host names {host!r:.100}, expected {', '.join(hosts)}.", "Host")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and origin.partition("://")[2] != host:
            raise RequestError(403, "a page of another address asks, which may not use this server.", "Origin")
        if path == "other":
            raise RequestError(404, f"there is no such address, expected one of {', '.join(METHODS)}.")
        if method != METHODS[path] and not (method == "HEAD" and METHODS[path] == "GET"):
            error = RequestError(405, f"{path} takes {METHODS[path]}.")
            error.headers = [(b"allow", METHODS[path].encode())]
            raise error
        if self.access.token is not None and path not in OPEN:
            wanted = b"Bearer " + self.access.token.encode()
            if not hmac.compare_digest(headers.get(b"authorization", b""), wanted):
                error = RequestError(401, "expected the header 'Authorization: Bearer TOKEN'.", "Authorization")
                error.headers = [(b"www-authenticate", b"Bearer")]
                raise error

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """The whole body. Raises RequestError for one that is too long, too slow, or no JSON by its header."""
        if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != JSON:
            raise RequestError(415, "expected the header 'Content-Type: application/json'.", "Content-Type")
        most = self.limits.body_bytes
        said = "the body is longer than {:,} bytes, expected at most as many."
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 18 or int(length) > most:
            raise RequestError(413, said.format(most))
        parts: list[bytes] = []
        n_bytes, more = 0, True
        try:
            async with asyncio.timeout(self.limits.seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _GoneError
                    parts.append(message.get("body", b""))
                    more = message.get("more_body", False)
                    if (n_bytes := n_bytes + len(parts[-1])) > most:
                        raise RequestError(413, said.format(most))
        except TimeoutError:
            seconds = self.limits.seconds
            raise RequestError(408, f"the body was not there after {seconds:g} seconds.") from None
        return b"".join(parts)

    async def _predict(self, body: bytes) -> bytes:
        loaded = self.served.current  # one model answers the whole request
        columns = loaded.classifier.record.columns
        if len(body) > FEW_BYTES:
            return await self._aside(lambda: self._answered(loaded, question(body, columns, self.limits)))
        asked = question(body, columns, self.limits)
        if asked.explain:
            return await self._aside(lambda: self._answered(loaded, asked))
        if not loaded.answers_together:
            return self._answered(loaded, asked)
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._answer_together)
        answer: asyncio.Future[bytes] = loop.create_future()
        self._asked.append((loaded, asked, answer))
        return await answer

    def _answer_together(self) -> None:
        """Answer what was asked in this turn of the loop: of questions of a kind some at a time, by one look."""
        waiting, self._asked = self._asked, []
        for loaded, some in _alike(waiting):
            try:
                rows = iter(self._rows(loaded, some[0][0], [text for asked, _ in some for text in asked.texts]))
                answers = [self._json_of(loaded, list(islice(rows, len(asked.texts)))) for asked, _ in some]
            except Exception:  # of one of them: each gets its own
                answers = []
            for index, (asked, answer) in enumerate(some):
                if answer.cancelled():  # who asked has left
                    continue
                try:
                    answer.set_result(answers[index] if answers else self._answered(loaded, asked))
                except Exception as error:
                    answer.set_exception(error)

    async def _aside(self, work: Callable[[], bytes]) -> bytes:
        """Work in a thread. Raises RequestError where too many wait already."""
        if self._n_waiting >= self.limits.waiting:
            error = RequestError(429, f"{self._n_waiting} large requests are being answered: come again in a second.")
            error.headers = [(b"retry-after", b"1")]
            raise error
        self._n_waiting += 1
        try:
            return await asyncio.to_thread(work)
        finally:
            self._n_waiting -= 1

    def _answered(self, loaded: Loaded, asked: Question) -> bytes:
        """The answers as JSON. Raises RequestError for what the model cannot do."""
        try:
            rows = self._rows(loaded, asked, asked.texts)
            if asked.explain:
                for row, text in zip(rows, loaded.classifier.texts_of(asked.texts), strict=True):
                    row["explanation"] = explain(loaded.classifier, text).plain()
        except BywordsError as error:
            raise RequestError(422, str(error)) from error
        return self._json_of(loaded, rows)

    def _rows(self, loaded: Loaded, asked: Question, texts: list[Any]) -> list[dict[str, Any]]:
        """What `predict` has for each of N texts, asked for as in a question. Raises BywordsError."""
        answerer = loaded.answerer(asked.top_k, asked.min_confidence)
        columns = answerer.columns(answerer.found(texts))
        listed = {name: one if isinstance(one, list) else one.tolist() for name, one in columns.items()}
        self.metrics.labelled(listed)
        return [dict(zip(listed, values, strict=True)) for values in zip(*listed.values(), strict=True)]

    def _json_of(self, loaded: Loaded, rows: list[dict[str, Any]]) -> bytes:
        value = {"model": loaded.digest, "predictions": rows}
        try:
            return bytes(self._orjson.dumps(value))
        except TypeError:  # a label has half of a character
            return _json(value)

    def _state(self, path: str) -> dict[str, Any]:
        if path == "/health":
            return {"healthy": True}
        return {"ready": True, "is_newest": self.served.refused is None, "refused": bool(self.served.refused)}

    def _info(self) -> dict[str, Any]:
        """What the model is, and why a newer one was refused."""
        loaded = self.served.current
        classifier, columns = loaded.classifier, loaded.classifier.record.columns
        return {
            "model": loaded.digest,
            "bywords": __version__,
            "system": str(classifier.record.card.system or classifier.record.system)[:200],
            "labels": classifier.classes.tolist(),
            "is_multilabel": classifier.is_multilabel,
            "fields": [] if columns is None or columns.is_one_text else list(columns.inputs),
            "limits": vars(self.limits),
            "refused": self.served.refused,
        }


class _GoneError(Exception):
    """Who asked has left."""


def _alike(
    waiting: list[tuple[Loaded, Question, asyncio.Future[bytes]]],
) -> Iterator[tuple[Loaded, list[tuple[Question, asyncio.Future[bytes]]]]]:
    """What waits, by the model and what is asked for beside the texts, of FEW_BYTES characters at most and one more."""
    parts: dict[Any, list[tuple[Question, asyncio.Future[bytes]]]] = {}
    n_characters: dict[Any, int] = {}
    for loaded, asked, answer in waiting:
        key = loaded, asked.top_k, asked.min_confidence
        parts.setdefault(key, []).append((asked, answer))
        n_characters[key] = n_characters.get(key, 0) + asked.n_characters
        if n_characters[key] > FEW_BYTES:
            yield loaded, parts.pop(key)
            del n_characters[key]
    for (loaded, *_), some in parts.items():
        yield loaded, some


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False).encode()
