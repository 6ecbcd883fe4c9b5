"""The application: its routes, and errors answered in one way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from engine import __version__
from engine.errors import PacksightError
from engine.names import nearest
from online.api_types import HealthAnswer
from online.service import (
    decisions,
    following,
    masks,
    products,
    query,
    review,
    review_lists,
    writing,
)
from online.service.gate import Gate
from online.service.logs import log_failure, request_id
from online.service.memory import give_back_large_blocks
from online.service.metrics import CONTENT_TYPE_LATEST
from online.service.options import ServiceOptions
from online.service.page import page_router, web_files
from online.service.problems import BUSY_SECONDS, RequestError, problem_of, without_paths
from online.service.reference import reference
from online.service.requests import invalid
from online.service.service import Service, service_of
from online.service.spec import schema_of
from online.service.warming import warm

READING = (query, products)
WRITING = (writing, following)
REVIEW = (masks, decisions, review, review_lists)


def application(options: ServiceOptions) -> FastAPI:
    """Opens no gallery before it runs; ConfigError for options that do not fit together."""
    service = Service(options)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        give_back_large_blocks()
        async with service.running():
            warming = asyncio.create_task(warm(service))
            yield
            warming.cancel()

    # The usual pages of the schema load scripts from elsewhere.
    app = FastAPI(
        title="Packsight",
        version=__version__,
        summary="Find products by photo.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        dependencies=[Depends(known_parameters)],
    )
    app.state.service = service
    app.add_middleware(Gate, options=options.gate(), metrics=service.metrics)
    for module in READING + WRITING + REVIEW:
        app.include_router(module.router)
    app.include_router(page_router())
    app.add_api_route("/v1/health", health, methods=["GET"], response_model=HealthAnswer)
    app.add_api_route("/v1/ready", ready, methods=["GET"], response_model=HealthAnswer)
    app.add_api_route("/metrics", metrics, methods=["GET"], include_in_schema=False)
    for kind in (PacksightError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _refused)
    app.add_api_route("/docs", docs, methods=["GET"], include_in_schema=False)
    app.openapi = lambda: schema_of(app)  # type: ignore[method-assign]
    return app


async def known_parameters(request: Request) -> None:
    """RequestError (422) for one that the route does not have: of a misspelt `gallery` the first
    would be searched without a word."""
    known = [one.alias for one in request.scope["route"].dependant.query_params]
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is None:
        return
    near = nearest(unknown, known)
    hint = f"Did you mean {near!r}? " if near else ""
    names = f"It takes: {', '.join(known)}." if known else "It takes none."
    raise RequestError(
        422,
        f"This address takes no parameter {unknown[:100]!r}.",
        remedy=f"{hint}{names} The page /docs has all fields.",
    )


async def health() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


async def ready(request: Request) -> JSONResponse:
    """Whether every gallery has answered a first query, and can be read now: 503 where not."""
    service = service_of(request)
    if not service.warm:
        raise RequestError(
            503,
            "The galleries are being opened.",
            remedy="Try again; the log names one that cannot be.",
            retry_after=1,
        )
    for name in service.galleries.names:
        try:
            await service.in_time(asyncio.to_thread(service.galleries.require_readable, name))
        except PacksightError as error:
            raise RequestError(
                503,
                f"Gallery {name!r} cannot be read: {without_paths(error.message)}",
                remedy=without_paths(error.remedy),
                retry_after=BUSY_SECONDS,
            ) from None
    return JSONResponse({"status": "ready"})


async def docs(request: Request) -> Response:
    """The schema, to read."""
    return HTMLResponse(reference(request.app.openapi(), web_files().version))


async def metrics(request: Request) -> Response:
    service = service_of(request)
    for state, count in (await service.writers.look(service.writers.counts)).items():
        service.metrics.count_jobs(state, count)
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, RequestValidationError):
        error = invalid(error)
    problem = problem_of(error)
    if problem.is_failure:
        log_failure(error)
    return problem.response(request_id.get())
