"""Requests in, answers out, as an ASGI application: what the server does, without the server.

The way of /predict is short: bytes are parsed and checked here, the small questions that came at the same time are
answered by one look at the model, and only large ones go to a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import islice, repeat
from typing import Any, NamedTuple

from bywords.errors import BywordsError
from bywords.explain.explanation import explain
from bywords.extras import needed
from bywords.serving.asgi import (
    HTML,
    JSON,
    PLAIN,
    SAFE,
    Access,
    Give,
    Message,
    Receive,
    Site,
    headers_of,
    json_bytes,
    page_policy,
)
from bywords.serving.metrics import Metrics
from bywords.serving.openapi import openapi
from bywords.serving.requests import Limits, Question, RequestError, question
from bywords.serving.served import Loaded, ServedModel
from bywords.version import __version__

METHODS = {"/": "GET", "/docs": "GET", "/openapi.json": "GET", "/health": "GET", "/ready": "GET", "/info": "GET",
           "/metrics": "GET", "/predict": "POST"}  # fmt: skip
OPEN = ("/", "/docs", "/openapi.json", "/health", "/ready")  # that need no token: they say nothing of the model
FEW_BYTES = 20_000  # of a body, or of some together, that are answered at once, in about a millisecond
LOOK_SECONDS = 1.0  # between two looks at the folder


class _Asked(NamedTuple):
    """A question, the model that answers it, and what takes the answer."""

    loaded: Loaded
    asked: Question
    give: Callable[[bytes | Exception], None]


class Application(Site):
    """An ASGI application around a served model."""

    methods, open = METHODS, OPEN
    policy = page_policy(style_src="'unsafe-inline'", script_src="'unsafe-inline'", img_src="data:")

    def __init__(self, served: ServedModel, *, limits: Limits | None = None, access: Access | None = None) -> None:
        super().__init__(limits, access)
        self.served = served
        self.metrics = Metrics()
        self.metrics.loads.inc()
        self._orjson = needed("orjson", what="`bywords serve`")
        self._n_waiting = 0
        self._asked: list[_Asked] = []  # since the last turn of the loop
        self._pages = {name: _page(f"{name}.html") for name in ("page", "api")}

    async def started(self) -> None:
        """Look at the folder from now on."""
        self._watching = asyncio.create_task(self._watch())
        self.access.log({"event": "start", "model": self.served.current.digest, "version": __version__})

    async def stopped(self) -> None:
        """Look no more."""
        self._watching.cancel()

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        self.metrics.answered(path, status)
        if path == "/predict":
            self.metrics.seconds.observe(seconds)

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

    async def answer(self, path: str, scope: Message, receive: Receive) -> tuple[bytes, bytes]:
        """What an address has. Raises RequestError for what is wrong with a body."""
        if path == "/predict":
            return JSON, await self._predict(await self.body(scope, receive))
        if path in ("/", "/docs"):
            return HTML, self._pages["page" if path == "/" else "api"]
        if path == "/metrics":
            return PLAIN, await asyncio.to_thread(self.metrics.text)
        if path == "/openapi.json":
            return JSON, json_bytes(openapi(self.limits, has_token=self.access.token is not None))
        return JSON, json_bytes(self._info() if path == "/info" else self._state(path))

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
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def give(found: bytes | Exception) -> None:
            if answer.cancelled():  # who asked has left
                return
            if isinstance(found, Exception):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        self._ask(_Asked(loaded, asked, give))
        return await answer

    def at_once(self, scope: Message, body: bytes, give: Give) -> bool:
        """Answer a short question together with the others of this turn of the loop; all else has to be called."""
        began, loaded = time.perf_counter(), self.served.current
        if scope["path"] != "/predict" or len(body) > FEW_BYTES or not loaded.answers_together:
            return False
        headers = dict(scope["headers"])
        try:
            self.check("/predict", scope["method"], headers)
            self.check_head(scope, headers)
            asked = question(body, loaded.classifier.record.columns, self.limits)
        except Exception:  # which is raised again, and said, where it is called
            return False
        if asked.explain:
            return False

        def answer(found: bytes | Exception) -> None:
            status, more, content = self.refusal(found) if isinstance(found, Exception) else (200, SAFE, found)
            give(status, headers_of(JSON, content, more), content)
            self.done("/predict", status, began)

        self._ask(_Asked(loaded, asked, answer))
        return True

    def _ask(self, one: _Asked) -> None:
        if not self._asked:
            asyncio.get_running_loop().call_soon(self._answer_together)
        self._asked.append(one)

    def _answer_together(self) -> None:
        """Answer what was asked in this turn of the loop: of questions of a kind some at a time, by one look."""
        waiting, self._asked = self._asked, []
        for some in _alike(waiting):
            answers: list[bytes | Exception]
            loaded, asked = some[0].loaded, some[0].asked
            try:
                rows = iter(self._rows(loaded, asked, [text for one in some for text in one.asked.texts]))
                answers = [self._json_of(loaded, list(islice(rows, len(one.asked.texts)))) for one in some]
            except Exception:  # of one of them: each gets its own
                answers = [self._answer_or_error(one) for one in some]
            for one, answer in zip(some, answers, strict=True):
                one.give(answer)

    def _answer_or_error(self, one: _Asked) -> bytes | Exception:
        try:
            return self._answered(one.loaded, one.asked)
        except Exception as error:
            return error

    async def _aside(self, work: Callable[[], bytes]) -> bytes:
        """Work in a thread. Raises RequestError where too many wait already."""
        if self._n_waiting >= self.limits.waiting:
            said = f"{self._n_waiting} large requests are being answered: come again in a second."
            raise RequestError(429, said, headers=[(b"retry-after", b"1")])
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
        found = answerer.found(texts)
        columns = answerer.columns(found)
        listed = {name: one if isinstance(one, list) else one.tolist() for name, one in columns.items()}
        self.metrics.labelled(loaded.classifier, found, listed)
        return list(map(dict, map(zip, repeat(tuple(listed)), zip(*listed.values(), strict=True))))

    def _json_of(self, loaded: Loaded, rows: list[dict[str, Any]]) -> bytes:
        value = {"model": loaded.digest, "predictions": rows}
        try:
            return bytes(self._orjson.dumps(value))
        except TypeError:  # a label has half of a character
            return json_bytes(value)

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
            "system": classifier.record.card.system or classifier.record.config.description,
            "labels": classifier.classes.tolist(),
            "is_multilabel": classifier.is_multilabel,
            "fields": {} if columns is None or columns.is_one_text else columns.kinds,
            "limits": vars(self.limits),
            "refused": self.served.refused,
        }


def _page(name: str) -> bytes:
    """A page with the look of reports, and the script by which exported pages read a csv."""
    page = files("bywords.serving").joinpath(name).read_bytes()
    for package, part in (("bywords.report", "page.css"), ("bywords.exporting", "csv.js")):
        page = page.replace(f"/* {part} */".encode(), files(package).joinpath(part).read_bytes())
    return page


def _alike(waiting: list[_Asked]) -> Iterator[list[_Asked]]:
    """What waits, by the model and what is asked for beside the texts, of FEW_BYTES characters at most and one more."""
    parts: dict[Any, list[_Asked]] = {}
    n_characters: dict[Any, int] = {}
    for one in waiting:
        key = one.loaded, one.asked.top_k, one.asked.min_confidence
        parts.setdefault(key, []).append(one)
        n_characters[key] = n_characters.get(key, 0) + one.asked.n_characters
        if n_characters[key] > FEW_BYTES:
            yield parts.pop(key)
            del n_characters[key]
    yield from parts.values()
