"""The schema of the API: bodies that routes read by themselves, answers that are no JSON."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from online.api_types import Refusal
from online.service.changes import MOST_IMAGES, SentProduct
from online.service.examples import EXAMPLES
from online.service.problems import MEDIA_TYPE
from online.service.requests import SentRequest

_REQUEST: dict[str, Any] = SentRequest.model_json_schema(
    ref_template="#/components/schemas/{model}", by_alias=True
)
_DEFINITIONS: dict[str, Any] = _REQUEST.pop("$defs", {})
_DEFINITIONS["Refusal"] = Refusal.model_json_schema()
_FILE = {"type": "string", "format": "binary"}
_EXAMPLE = {"k": 5, "categories": ["jar"], "where": [[{"attribute": "colour", "equals": "red"}]]}


def _body(photo: dict[str, Any], *, alone: bool) -> dict[str, Any]:
    form = {
        "type": "object",
        "properties": {"photo": photo, "request": {**_REQUEST, "example": _EXAMPLE}},
        "required": ["photo"],
        "additionalProperties": False,
    }
    content: dict[str, Any] = {
        "multipart/form-data": {
            "schema": form,
            "encoding": {"request": {"contentType": "application/json"}},
        }
    }
    if alone:
        content["application/json"] = {"schema": _REQUEST, "example": {"image": 1, **_EXAMPLE}}
    return {"requestBody": {"required": True, "content": content}}


QUERY_SPEC = _body(_FILE, alone=True)
MASK_SPEC = _body(_FILE, alone=True)
QUERY_BATCH_SPEC = _body({"type": "array", "items": _FILE, "maxItems": 64}, alone=False)
PRODUCT_SPEC: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "image": {"type": "array", "items": _FILE, "maxItems": MOST_IMAGES},
                        "request": SentProduct.model_json_schema(),
                    },
                    "required": ["image"],
                    "additionalProperties": False,
                },
                "encoding": {"request": {"contentType": "application/json"}},
            }
        },
    }
}

_TEXT: dict[str, Any] = {"schema": {"type": "string"}}
AS_FILES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The hits.", "content": {"text/csv": _TEXT, "text/html": _TEXT}}
}
AS_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`progress` and `end`, each with the job.",
        "content": {"text/event-stream": _TEXT},
    }
}
_BYTES: dict[str, Any] = {"schema": _FILE}
OF_IMAGES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The image.",
        "content": {"image/*": _BYTES, "application/octet-stream": _BYTES},
    },
    304: {"description": "It is that of If-None-Match."},
}


def schema_of(app: FastAPI) -> dict[str, Any]:
    """Made once; every operation may be refused with a problem."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    found = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes
    )
    for methods in found["paths"].values():
        for operation in methods.values():
            operation["responses"].pop("422", None)
            for answer in operation["responses"].values():
                _show_examples(answer.get("content", {}).get("application/json"))
            for codes, words in (("4XX", "The request is refused."), ("5XX", "Try later.")):
                operation["responses"][codes] = _refusal(words)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas.update(_DEFINITIONS)
    app.openapi_schema = found
    return found


def _show_examples(content: dict[str, Any] | None) -> None:
    """One of every type that an answer may be of."""
    if content is None:
        return
    schema = content["schema"]
    names = [one.get("$ref", "").rpartition("/")[2] for one in schema.get("anyOf", [schema])]
    content["examples"] = {name: {"value": EXAMPLES[name]} for name in names if name in EXAMPLES}


def _refusal(words: str) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {"description": words, "content": content}
