"""What /openapi.json says: the addresses of the server, what they take and give."""

from __future__ import annotations

from typing import Any

from bywords.serving.requests import Limits
from bywords.version import __version__

_TEXT = {"oneOf": [{"type": "string"}, {"type": "object", "description": "a row, of a model that reads columns"}]}
_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"message": {"type": "string"}, "field": {"type": ["string", "null"]}},
            "required": ["message", "field"],
        }
    },
}
_STATUS = {
    "400": "no JSON", "401": "no or another token", "408": "the body came too slowly", "413": "too large",
    "415": "not application/json", "421": "another Host", "422": "a field is not as expected",
    "429": "too many large requests at a time",
}  # fmt: skip
_GETS = {
    "/health": "200 while the process answers", "/ready": "Whether a model is loaded, and the newest one",
    "/info": "Labels, fields, limits, and why a newer model was refused",
    "/metrics": "Counts, as Prometheus reads them",
}  # fmt: skip


def openapi(limits: Limits, *, has_token: bool) -> dict[str, Any]:
    """The document, by the limits of this server."""
    body = {
        "type": "object",
        "additionalProperties": False,
        "oneOf": [{"required": ["text"]}, {"required": ["texts"]}],
        "properties": {
            "text": {**_TEXT, "maxLength": limits.characters},
            "texts": {"type": "array", "items": _TEXT, "maxItems": limits.texts},
            "top_k": {"type": ["integer", "null"], "description": "1 or more, or -1 for all labels"},
            "min_confidence": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
            "explain": {"type": "boolean", "default": False, "description": f"of at most {limits.explained} texts"},
        },
    }
    prediction = {"type": "object", "description": "a line of `bywords predict`, and explanation where asked for"}
    answer = {
        "type": "object",
        "properties": {"model": {"type": "string"}, "predictions": {"type": "array", "items": prediction}},
    }
    responses = {"200": {"description": "an answer for each text", "content": _content(answer)}}
    responses |= {code: {"description": said, "content": _content(_ERROR)} for code, said in _STATUS.items()}
    post: dict[str, Any] = {"summary": "Label one text or many", "requestBody": {"required": True}}
    post["requestBody"]["content"] = _content(body)
    paths: dict[str, Any] = {"/predict": {"post": {**post, "responses": responses}}}
    paths |= {
        path: {"get": {"summary": said, "responses": {"200": {"description": said}}}} for path, said in _GETS.items()
    }
    document = {"openapi": "3.1.0", "info": {"title": "bywords", "version": __version__}, "paths": paths}
    if not has_token:
        return document
    for path, method in (("/predict", "post"), ("/info", "get"), ("/metrics", "get")):
        paths[path][method]["security"] = [{"token": []}]
    return {**document, "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
