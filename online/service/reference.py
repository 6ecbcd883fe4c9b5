"""GET /docs: the schema of the API as a page, made by a template of our own, without scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.pages import environment

_Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A parameter or a field."""

    name: str
    type: str
    default: str


@dataclass(frozen=True)
class Table:
    title: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    description: str
    tables: Sequence[Table]
    answers: Sequence[str]


def reference(schema: _Schema, version: str) -> str:
    """HTML; ``version``: of the page's files, among which its style is."""
    operations = [
        _operation(schema, path, method, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    template = environment("online").get_template("reference.html")
    return template.render(schema=schema, operations=operations, version=version)


def _operation(schema: _Schema, path: str, method: str, operation: _Schema) -> Operation:
    tables = []
    if parameters := operation.get("parameters"):
        rows = [_row(schema, one["name"], one["schema"]) for one in parameters]
        tables.append(Table("In the address", rows))
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        tables.append(Table(f"Body, {kind}", list(_fields(schema, content["schema"]))))
    for code, found in sorted(operation["responses"].items()):
        kinds = found.get("content", {}).get("application/json", {}).get("schema", {})
        for one in kinds.get("anyOf", [kinds]) if code.startswith("2") else ():
            tables.append(Table(f"Answer {code}, {_name(one)}", list(_fields(schema, one))))
    answers = [
        " ".join([code, *found.get("content", {})])
        for code, found in sorted(operation["responses"].items())
    ]
    description = operation.get("description") or operation.get("summary", "")
    return Operation(method.upper(), path, description, tables, answers)


def _fields(schema: _Schema, body: _Schema, prefix: str = "") -> Iterator[Row]:
    """Of an object, those of the objects in it too, also in its lists; of each kind there is."""
    for name, field in _resolved(schema, body).get("properties", {}).items():
        yield _row(schema, prefix + name, field)
        inner = _resolved(schema, field)
        while items := inner.get("items"):
            name, inner = f"{name}[]", _resolved(schema, items)
        for one in inner.get("oneOf", [inner]) if prefix.count(".") < 2 else ():
            yield from _fields(schema, one, f"{prefix}{name}.")


def _name(schema: _Schema) -> str:
    """Of a type that is referred to."""
    name: str = schema.get("$ref", "").rpartition("/")[2]
    return name


def _row(schema: _Schema, name: str, field: _Schema) -> Row:
    default = field.get("default")
    return Row(name, _type(schema, field), "" if default is None else json.dumps(default))


def _type(schema: _Schema, field: _Schema) -> str:
    field = _resolved(schema, field)
    if "enum" in field:
        return " | ".join(map(json.dumps, field["enum"]))
    if "const" in field:
        return json.dumps(field["const"])
    if kinds := field.get("anyOf", field.get("oneOf")):
        named = [_type(schema, one) for one in kinds if one.get("type") != "null"]
        return " | ".join(dict.fromkeys(named))
    if field.get("type") == "array":
        if places := field.get("prefixItems"):
            return f"list of {len(places)} × {_resolved(schema, places[0]).get('type', 'any')}"
        inner = field.get("items") or {}
        return f"list of {_type(schema, inner)}" if inner else "list"
    if field.get("format") == "binary":
        return "file"
    bounds = [f"{sign} {field[key]:g}" for key, sign in _BOUNDS if key in field]
    return " ".join([str(field.get("type", "any")), ", ".join(bounds)]).strip()


_BOUNDS = (("minimum", "≥"), ("maximum", "≤"), ("exclusiveMaximum", "<"))


def _resolved(schema: _Schema, field: _Schema) -> _Schema:
    """What is referred to; of what may be null, what else it may be."""
    while "$ref" in field:
        field = schema["components"]["schemas"][field["$ref"].rsplit("/", 1)[1]]
    others = [one for one in field.get("anyOf", ()) if one.get("type") != "null"]
    return _resolved(schema, others[0]) if len(others) == 1 else field
