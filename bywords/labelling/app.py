"""Requests of the labelling page → what a project answers, as an ASGI application.

Every POST names the project it is for: a page that was left open never writes into another one. An answer has a token
of the page, so that one sent again after a lost connection counts once.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, ClassVar

import numpy as np

from bywords.errors import DataError, SettingError, did_you_mean, quoted
from bywords.labelling.agreement import agreement
from bywords.labelling.project import LEASE_SECONDS, Item, Project
from bywords.labelling.review import review_items
from bywords.serving.asgi import HTML, JSON, Access, Message, Receive, Site, json_bytes, page_policy
from bywords.serving.requests import Limits, RequestError
from bywords.validation import parsed_json

ASSETS = {
    "/": ("bywords.labelling", "label.html", HTML),
    "/label.css": ("bywords.labelling", "label.css", b"text/css; charset=utf-8"),
    "/page.css": ("bywords.report", "page.css", b"text/css; charset=utf-8"),
    "/label.js": ("bywords.labelling", "label.js", b"text/javascript; charset=utf-8"),
}
LISTED = 500  # texts of a review at a time
MOST_HELD = 100  # texts that a page may have at a time
_FIELDS: dict[str, dict[str, tuple[type, Any]]] = {  # of a POST: field → kind and default, None where it is needed
    "/api/next": {"skip": (list, []), "page": (str, "")},
    "/api/answers": {
        "id": (int, None), "labels": (list, []), "kind": (str, "label"), "note": (str, ""), "token": (str, None),
        "settles": (bool, False), "skip": (list, []), "page": (str, ""),
    },
    "/api/undo": {"page": (str, "")},
    "/api/labels": {"add": (str, ""), "rename": (str, ""), "to": (str, ""), "merge": (list, []), "into": (str, "")},
    "/api/review": {"of": (str, None), "label": (str, "")},
    "/api/item": {"id": (int, None)},
}  # fmt: skip


class LabellingSite(Site):
    """The page of a project and its requests. `annotators` are the people who may answer: none, one without a name."""

    methods: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys([*ASSETS, "/api/state"], "GET"),
        **dict.fromkeys(_FIELDS, "POST"),
    }
    open = tuple(ASSETS)  # they say nothing of the texts
    policy = page_policy(
        style_src="'self'", script_src="'self'", img_src="data:", require_trusted_types_for="'script'",
        trusted_types="'none'",
    )  # fmt: skip

    def __init__(
        self,
        project: Project,
        *,
        annotators: Sequence[str] = (),
        access: Access | None = None,
        trouble: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`trouble` says what has stopped the learning, if something has."""
        super().__init__(Limits(body_bytes=1_000_000), access)
        self.project, self.annotators, self.trouble = project, tuple(annotators), trouble
        ends = [str(project.path.resolve()), str(project.n_texts), *project.texts([0, project.n_texts - 1])]
        self.name = hashlib.sha256("\0".join(ends).encode(errors="replace")).hexdigest()[:16]
        self._is_test = np.zeros(project.n_texts, dtype=bool)
        self._is_test[project.test_order] = True
        self._is_review = bool(project.doubts())
        self._pages: dict[tuple[str, int], tuple[str, float]] = {}  # of whom, with which text: which, and since when
        self._assets = {path: files(room).joinpath(name).read_bytes() for path, (room, name, _) in ASSETS.items()}
        self._actions: dict[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {
            "/api/next": self._next, "/api/answers": self._answers, "/api/undo": self._undo,
            "/api/labels": self._labels, "/api/review": self._review, "/api/item": self._item,
        }  # fmt: skip

    async def answer(self, path: str, scope: Message, receive: Receive) -> tuple[bytes, bytes]:
        """What an address has. Raises RequestError for what a project refuses."""
        if path in ASSETS:
            return ASSETS[path][2], self._assets[path]
        body = await self.body(scope, receive) if path in _FIELDS else None
        return JSON, await asyncio.to_thread(self._answered, path, body)  # a disk may be slow

    def _answered(self, path: str, body: bytes | None) -> bytes:
        try:
            if body is None:
                return json_bytes(self._state())
            asked = _fields(body, _FIELDS[path])
            if asked.pop("project") != self.name:
                raise RequestError(409, "another project is open here now: load the page again.", "project")
            annotator = asked.pop("annotator")
            if annotator not in (self.annotators or ("",)):
                raise RequestError(
                    403, f"{annotator!r:.100} does not label here, expected {quoted(self.annotators)}.", "annotator"
                )
            return json_bytes(self._actions[path](asked, annotator))
        except SettingError as error:
            raise RequestError(422, str(error)) from error
        except DataError as error:  # of the file: what is asked may be possible later
            raise RequestError(503, str(error)) from error

    def _state(self) -> dict[str, Any]:
        """What the page shows beside a text."""
        is_done = [item.is_done for item in review_items(self.project)] if self._is_review else []
        n_reviewed = sum(is_done)
        n_doubts = len(is_done) - n_reviewed
        return {
            "project": self.name,
            "file": self.project.path.name,
            "several": self.project.record.is_multilabel,
            "annotators": self.annotators,
            "n_doubts": n_doubts,
            "n_reviewed": n_reviewed,
            "labels": [dataclasses.asdict(row) for row in self.project.labels()],
            "status": dataclasses.asdict(self.project.status()),
            "trouble": self.trouble(),
        }

    def _shown(self, item: Item | None) -> dict[str, Any] | None:
        """A text as the page gets it. One to test on has no suggestion, by which the model would look better."""
        if item is None:
            return None
        is_test = bool(self._is_test[item.id])
        shown = dataclasses.replace(item, suggestion=[], words=[]) if is_test else item
        return {**dataclasses.asdict(shown), "is_test": is_test}

    def _next(self, asked: dict[str, Any], annotator: str) -> dict[str, Any]:
        skip = asked["skip"]
        if len(skip) > MOST_HELD or not all(type(number) is int for number in skip):
            raise RequestError(422, f"'skip' has to be a list of at most {MOST_HELD} numbers of texts.", "skip")
        page, fresh = asked["page"], time.monotonic() - LEASE_SECONDS
        elsewhere = {  # before the same person, in another window
            number
            for (person, number), (other, since) in list(self._pages.items())
            if person == annotator and other != page and since > fresh
        }
        item = self.project.next_text(annotator, skip=elsewhere.union(skip))
        if item is None and elsewhere:  # which may be closed
            item = self.project.next_text(annotator, skip=skip)
        return {"item": self._before(page, annotator, item), **self._state()}

    def _before(self, page: str, annotator: str, item: Item | None) -> dict[str, Any] | None:
        """A text as the page gets it, which has it from now on."""
        if item is not None:
            self._pages[annotator, item.id] = (page, time.monotonic())
        return self._shown(item)

    def _answers(self, asked: dict[str, Any], annotator: str) -> dict[str, Any]:
        labels = _names(asked, "labels")
        if not 8 <= len(asked["token"]) <= 100:
            raise RequestError(422, "'token' has to be 8 to 100 characters, other ones for each answer.", "token")
        self.project.answer(
            asked["id"], labels, annotator, kind=asked["kind"], note=asked["note"], token=asked["token"],
            source="settled" if asked["settles"] else "asked",
        )  # fmt: skip
        self._pages.pop((annotator, asked["id"]), None)
        return self._next(asked, annotator)

    def _undo(self, asked: dict[str, Any], annotator: str) -> dict[str, Any]:
        return {"item": self._before(asked["page"], annotator, self.project.undo(annotator)), **self._state()}

    def _labels(self, asked: dict[str, Any], annotator: str) -> dict[str, Any]:
        """One of: add a label, rename one, merge some."""
        merged = _names(asked, "merge")
        if asked["add"]:
            self.project.add_label(asked["add"])
        elif asked["rename"]:
            self.project.rename_label(asked["rename"], asked["to"])
        elif merged:
            self.project.merge_labels(merged, asked["into"])
        else:
            raise RequestError(422, "expected 'add', 'rename' and 'to', or 'merge' and 'into'.", "add")
        return self._state()

    def _review(self, asked: dict[str, Any], annotator: str) -> dict[str, Any]:
        """Texts to look at again, of a label or of an audit, in dispute or set aside, with who said what."""
        agreed = None
        if asked["of"] == "audit":
            doubts = [dataclasses.asdict(item) for item in review_items(self.project) if not item.is_done]
            return {"n": len(doubts), "texts": [{"id": one.pop("number"), **one} for one in doubts[:LISTED]]}
        if asked["of"] == "disagreements":
            numbers, agreed = self.project.disagreements(), agreement(self.project)
        elif asked["of"] == "set aside":
            numbers = self.project.set_aside()
        elif asked["of"] == "label":
            numbers = self.project.texts_of(asked["label"])
        else:
            raise RequestError(422, "'of' has to be 'disagreements', 'set aside', 'label' or 'audit'.", "of")
        texts = [
            {"id": number, "said": [one._asdict() for one in self.project.answers(number)]}
            for number in numbers[:LISTED]
        ]
        return {"n": len(numbers), "texts": texts, "agreement": agreed and dataclasses.asdict(agreed)}

    def _item(self, asked: dict[str, Any], annotator: str) -> dict[str, Any]:
        return {"item": self._shown(self.project.item(asked["id"]))}


def _fields(body: bytes, expected: Mapping[str, tuple[type, Any]]) -> dict[str, Any]:
    """The fields of a body, each of its kind. Raises RequestError, naming the one at fault."""
    try:
        asked = parsed_json(body)
    except SettingError as error:
        raise RequestError(400, f"the body cannot be read: {error}.") from error
    expected = {"project": (str, None), "annotator": (str, ""), **expected}
    for name in asked:
        if name not in expected:
            near = did_you_mean(name, list(expected))
            raise RequestError(422, f"there is no field {name!r:.100}.{near}", name[:100])
    found = {}
    for name, (kind, default) in expected.items():
        value = found[name] = asked.get(name, default)
        if type(value) is not kind:
            raise RequestError(422, f"{name!r} is missing or no {kind.__name__}.", name)
    return found


def _names(asked: Mapping[str, Any], field: str) -> list[str]:
    names: list[str] = asked[field]
    if not all(isinstance(name, str) for name in names):
        raise RequestError(422, f"{field!r} has to be a list of labels.", field)
    return names
