"""A small application behind the gate, as tests of the gate use it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, File, Form, Request, UploadFile
from starlette.responses import Response

from engine.errors import GalleryError, ImageError
from online.service.gate import Gate, GateOptions
from online.service.metrics import Metrics


def gated(metrics: Metrics | None = None, **options: Any) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.add_middleware(
        Gate, options=GateOptions(**options), metrics=Metrics() if metrics is None else metrics
    )

    @app.get("/")
    @app.get("/v1/health")
    @app.get("/v1/galleries")
    @app.get("/v1/review/masks")
    @app.get("/metrics")
    async def small(request: Request) -> dict[str, str]:
        return {"id": request.state.request_id}

    @app.get("/v1/products/{product:path}")
    async def product(product: str) -> dict[str, str]:
        return {"product": product}

    @app.put("/v1/products/{product:path}")
    @app.post("/v1/query")
    @app.post("/v1/query:batch")
    @app.post("/v1/mask")
    @app.post("/v1/judgements")
    async def count(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.post("/v1/form")
    async def form(photo: UploadFile = File(), note: str = Form("")) -> dict[str, int]:  # noqa: B008
        return {"bytes": len(await photo.read())}

    @app.get("/v1/fails/{how}")
    async def fails(how: str) -> Response:
        if how == "image":
            raise ImageError("/srv/photos/a.jpg", "is truncated.")
        if how == "gallery":
            raise GalleryError("/srv/gallery: is damaged.")
        raise RuntimeError("psk_secretsecret in /srv/gallery")

    @app.get("/v1/own")
    async def own() -> Response:
        headers = {"cache-control": "max-age=60", "set-cookie": "a=b"}
        return Response(b"x", headers=headers)

    return app
