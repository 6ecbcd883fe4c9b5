"""The schema of bodies that routes read by themselves, for the schema of the API."""

from __future__ import annotations

from typing import Any

from online.service.changes import MOST_IMAGES, SentProduct
from online.service.requests import SentRequest

_REQUEST: dict[str, Any] = SentRequest.model_json_schema(
    ref_template="#/components/schemas/{model}", by_alias=True
)
DEFINITIONS: dict[str, Any] = _REQUEST.pop("$defs", {})
_FILE = {"type": "string", "format": "binary"}
_EXAMPLE = {"k": 5, "categories": ["jar"], "where": [[{"attribute": "colour", "equals": "red"}]]}


def _body(photo: dict[str, Any], *, alone: bool) -> dict[str, Any]:
    form = {
        "type": "object",
        "properties": {"photo": photo, "request": _REQUEST},
        "required": ["photo"],
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
                },
                "encoding": {"request": {"contentType": "application/json"}},
            }
        },
    }
}
