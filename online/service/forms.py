"""The body of a request that is a form: files of one name, and `request`, an object in JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import UploadFile

from online.service.problems import RequestError

_FIELD_BYTES = 2**20


@dataclass(frozen=True, eq=False)
class SentForm:
    """``request``: the object, as text."""

    files: Sequence[UploadFile]
    request: str | bytes


@asynccontextmanager
async def read_form(
    request: Request, name: str, most: int, *, or_json: bool = False
) -> AsyncIterator[SentForm]:
    """At most so many files of this name, which can be read inside; ``or_json``: the object alone
    may be the body. RequestError (400, 415)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    example = f"curl -F {name}=@{name}.jpg"
    if or_json and kind == "application/json":
        yield SentForm((), await request.body())
        return
    if kind != "multipart/form-data":
        raise RequestError(
            415,
            f"The body must be multipart/form-data{' or JSON' if or_json else ''}.",
            remedy=f"Send each {name} as a file: {example}",
        )
    async with request.form(max_files=most, max_fields=4, max_part_size=_FIELD_BYTES) as form:
        parts, text = form.getlist(name), form.get("request") or "{}"
        files = [part for part in parts if isinstance(part, UploadFile)]
        if len(files) < len(parts):
            raise RequestError(400, f"{name} must be a file, with a name.", remedy=example)
        if unknown := set(form) - {name, "request"}:
            raise RequestError(
                400,
                f"There is no field {min(unknown)!r}.",
                remedy=f"Send each {name} as `{name}`, all else within `request`, as JSON.",
            )
        if isinstance(text, UploadFile):
            raise RequestError(
                400, "request must be a field, not a file.", remedy="curl -F 'request={…}'"
            )
        yield SentForm(files, text)
