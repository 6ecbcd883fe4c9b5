"""As much of JSON Schema as pydantic writes, checked plainly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "null": (type(None),),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
}
_KNOWN = {
    "$defs",
    "$ref",
    "$schema",
    "additionalProperties",
    "anyOf",
    "const",
    "default",
    "description",
    "discriminator",
    "enum",
    "format",
    "items",
    "maxItems",
    "minItems",
    "oneOf",
    "prefixItems",
    "properties",
    "required",
    "title",
    "type",
}


def fits(value: object, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    """Raises KeyError for a keyword that is not understood, so that nothing passes unchecked."""
    if unknown := set(schema) - _KNOWN:
        raise KeyError(f"keywords {unknown}")
    if "$ref" in schema:
        return fits(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices and not any(fits(value, choice, root) for choice in choices):
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "type" in schema:
        right = isinstance(value, _TYPES[schema["type"]])
        if not right or (isinstance(value, bool) and schema["type"] != "boolean"):
            return False
    if isinstance(value, dict):
        return _object_fits(value, schema, root)
    return _array_fits(value, schema, root) if isinstance(value, list) else True


def _object_fits(
    value: dict[str, object], schema: Mapping[str, Any], root: Mapping[str, Any]
) -> bool:
    own, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    if not set(schema.get("required", ())) <= value.keys():
        return False
    for name, part in value.items():
        below = own.get(name, more)
        if below is False or (isinstance(below, dict) and not fits(part, below, root)):
            return False
    return True


def _array_fits(value: list[object], schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return False
    first = schema.get("prefixItems", [])
    parts = [*first, *[schema.get("items", {})] * max(0, len(value) - len(first))]
    return all(fits(part, below, root) for part, below in zip(value, parts, strict=False))
