"""GET jobs, and the events of one: how far changes of a catalogue are."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse

from online.api_types import JobAnswer, JobsAnswer
from online.service.job import Job, State
from online.service.problems import RequestError
from online.service.service import Service, service_of
from online.service.spec import AS_EVENTS
from online.service.writer import Writer

router = APIRouter()
_LOOK_SECONDS = 0.25
_BEAT_SECONDS = 15.0  # of silence until a line that keeps the connection open
_LONGEST_SECONDS = 3600.0  # of a stream; clients open another


@router.get("/v1/jobs", response_model=JobsAnswer)
async def jobs(
    request: Request,
    gallery: str | None = None,
    state: State | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> JSONResponse:
    """The last to be submitted first, and how many there are of every state."""
    writers = service_of(request).writers
    table = writers.of(gallery).jobs
    found = await writers.look(lambda: table.latest(state, limit))
    counts = await writers.look(table.counts)
    return JSONResponse({"jobs": [one.document() for one in found], "counts": counts})


@router.get("/v1/jobs/{job}", response_model=JobAnswer)
async def job(request: Request, job: str, gallery: str | None = None) -> JSONResponse:
    """How far it is."""
    service = service_of(request)
    found = await _found(service, service.writers.of(gallery), job)
    return JSONResponse(found.document())


@router.get("/v1/jobs/{job}/events", response_class=StreamingResponse, responses=AS_EVENTS)
async def events(request: Request, job: str, gallery: str | None = None) -> StreamingResponse:
    """Server-sent events: `progress` with the job whenever it is further, then `end`."""
    service = service_of(request)
    writer = service.writers.of(gallery)
    first = await _found(service, writer, job)
    return StreamingResponse(
        _events(request, service, writer, first), media_type="text/event-stream"
    )


async def _events(
    request: Request, service: Service, writer: Writer, job: Job
) -> AsyncIterator[str]:
    shown: Job | None = None
    began = beat = time.monotonic()
    while not await request.is_disconnected() and time.monotonic() - began < _LONGEST_SECONDS:
        if job != shown:
            shown, beat = job, time.monotonic()
            name = "end" if job.ended else "progress"
            yield f"event: {name}\ndata: {json.dumps(job.document())}\n\n"
        elif time.monotonic() - beat > _BEAT_SECONDS:
            beat = time.monotonic()
            yield ": it goes on\n\n"
        if job.ended or service.writers.leaving:
            return
        await asyncio.sleep(_LOOK_SECONDS)
        job = await _found(service, writer, job.id)


async def _found(service: Service, writer: Writer, identity: str) -> Job:
    found = await service.writers.look(lambda: writer.jobs.find(identity))
    if found is None:
        raise RequestError(
            404,
            f"Gallery {writer.name!r} has no job {identity[:100]!r}.",
            remedy="GET v1/jobs lists the last ones; of another gallery with ?gallery=NAME.",
        )
    return found
