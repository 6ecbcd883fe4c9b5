"""A small service that answers by the contract with drawn images, for the page's browser tests.

It keeps what it was sent, so that tests compare what a person did with what was requested.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI
from PIL import Image, ImageDraw
from starlette.datastructures import MutableHeaders, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from online.service.exchange import CONTENT_SECURITY_POLICY
from online.service.page import page_router

SHAPES = ("jar", "bottle", "carton", "tube", "can", "pouch", "stick", "cap")
COLOURS = ("#b3123f", "#0b57c4", "#00704f", "#7a5200", "#8a1c7c", "#4d6600")
PRODUCTS = 30
# Half the width and height of a shape about the middle, in fractions of the image.
SIZES = ((0.3, 0.22), (0.13, 0.38), (0.26, 0.34), (0.11, 0.36), (0.17, 0.28), (0.25, 0.33),
         (0.07, 0.38), (0.2, 0.11))  # fmt: skip


def drawn(number: int, width: int = 480, height: int = 360, photo: bool = False) -> Image.Image:
    """Product ``number`` on white, or as a photo on a table."""
    kind = number % len(SHAPES)
    noise = np.random.default_rng(number).normal(0, 6, (height, width, 1))
    background = np.array([196, 180, 160] if photo else [252, 252, 252], np.float64)
    image = Image.fromarray(np.clip(background + noise * photo, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    half_width, half_height = SIZES[kind]
    box = [
        width * 0.5 - height * half_width,
        height * (0.5 - half_height),
        width * 0.5 + height * half_width,
        height * (0.5 + half_height),
    ]
    draw.rounded_rectangle(box, 24, fill=COLOURS[number % len(COLOURS)])
    label = [box[0] + 8, height * 0.45, box[2] - 8, height * 0.6]
    draw.rectangle(label, fill="#f4ecd8")
    return image


def contour(number: int, aligned: bool = False) -> str:
    """The path of a product in a square of 100."""
    half_width, half_height = SIZES[number % len(SHAPES)]
    # An image is centred on its square; aligned, the longer side is always the same.
    scale = 0.4375 / max(half_width, half_height) if aligned else (1, 0.8333, 0.8333)[number % 3]
    w, h = half_width * scale, half_height * scale
    corners = ((-w, -h), (w, -h), (w, h), (-w, h))
    return "M" + "L".join(f"{50 + 100 * x:.1f} {50 + 100 * y:.1f}" for x, y in corners) + "Z"


def jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def photo(number: int = 0, width: int = 800, height: int = 600) -> bytes:
    return jpeg(drawn(number, width, height, photo=True))


@dataclass
class FakeService:
    """``key``: the one that is wanted; "" for none. ``absent``: nothing matches. ``empty``: no
    product is found in the photo."""

    key: str = ""
    absent: bool = False
    empty: bool = False
    calibrated: bool = True
    busy: int = 0  # answers of 503 before the next
    generation: str = "1"
    seconds: float = 0.0  # that a query takes
    requests: list[dict[str, Any]] = field(default_factory=list)
    photos: list[bytes] = field(default_factory=list)
    masks: list[dict[str, Any]] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)

    def application(self) -> ASGIApp:
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.include_router(page_router())
        app.add_route("/v1/galleries", self.galleries)
        app.add_route("/v1/categories", self.categories)
        app.add_route("/v1/attributes", self.attributes)
        app.add_route("/v1/mask", self.mask, methods=["POST"])
        app.add_route("/v1/query", self.query, methods=["POST"])
        app.add_route("/v1/review/masks", self.no_masks)
        app.add_route("/v1/images/{id:int}", self.image)
        app.add_route("/v1/images/{id:int}/thumbnail", self.image)

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            async def strict(message: Message) -> None:
                if message["type"] == "http.response.start":
                    headers = MutableHeaders(scope=message)
                    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
                await send(message)

            is_api = scope["type"] == "http" and "/v1/" in scope["path"]
            refusal = self.refusal(Request(scope)) if is_api else None
            await (refusal or app)(scope, receive, strict)

        return guarded

    def refusal(self, request: Request) -> Response | None:
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return problem(401, "A key is needed.", "Make one: packsight keys add.")
        if self.busy and request.url.path.endswith("query"):
            self.busy -= 1
            response = problem(503, "Too many requests.", "Try again.")
            response.headers["Retry-After"] = "0"
            return response
        return None

    async def galleries(self, _: Request) -> Response:
        one = {
            "name": "catalogue",
            "images": PRODUCTS * 2,
            "products": PRODUCTS,
            "generation": "1",
            "calibrated": self.calibrated,
            "parts": {"shape": True, "print": True},
            "attributes": ["colour", "size"],
        }
        return JSONResponse({"galleries": [one]})

    async def categories(self, _: Request) -> Response:
        return JSONResponse({"categories": [{"name": name, "images": 8} for name in SHAPES]})

    async def attributes(self, _: Request) -> Response:
        sizes = [f"{50 + number} ml" for number in range(PRODUCTS)]
        held = {"colour": COLOURS, "size": sizes}
        found = [
            {"name": name, "values": [{"value": value, "images": 2} for value in values]}
            for name, values in held.items()
        ]
        return JSONResponse({"attributes": found})

    async def mask(self, request: Request) -> Response:
        wanted, _, size = await self.read(request)
        self.masks.append(wanted)
        box = wanted.get("box") or [0, 0, *size]
        matte = Image.new("L", (256, round(256 * (box[3] - box[1]) / (box[2] - box[0]))))
        ImageDraw.Draw(matte).ellipse([60, 20, 196, matte.height - 20], fill=255)
        buffer = io.BytesIO()
        matte.save(buffer, "PNG")
        png = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
        found = {**self.mask_of(wanted), "png": png}
        return JSONResponse(
            {"photo": photo_of(size, box), "mask": found, "categories": routed(wanted)}
        )

    def mask_of(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "used": wanted.get("mask", True),
            "trust": 0.91,
            "flags": ["empty" if self.empty else "touches_border"],
            "fraction": 0.31,
            "contour": contour(0),
            "aligned": contour(0, aligned=True),
        }

    async def query(self, request: Request) -> Response:
        wanted, sent, size = await self.read(request)
        self.requests.append(wanted)
        self.photos.append(sent)
        kind = request.query_params.get("format", "json")
        self.formats.append(kind)
        await asyncio.sleep(self.seconds)
        if wanted.get("generation", self.generation) != self.generation:
            return problem(409, "Other models answer since.", "Begin again.")
        if kind != "json":
            return Response(f"rank;product\n1;{kind}\n", media_type=f"text/{kind}")
        return JSONResponse(self.answer(wanted, size))

    def answer(self, wanted: Mapping[str, Any], size: tuple[int, int]) -> dict[str, Any]:
        hits = [self.hit(number) for number in range(PRODUCTS)]
        if "categories" in wanted:
            hits = [hit for hit in hits if hit["category"] in wanted["categories"]]
        if "weights" in wanted:
            weights = wanted["weights"]
            hits.sort(key=lambda hit: -sum(weights[p] * (hit["parts"][p] or 0) for p in weights))
        offset, k = wanted.get("offset", 0), wanted.get("k", 10)
        shown = hits[offset : offset + k]
        for rank, hit in enumerate(shown, start=offset + 1):
            hit["rank"] = rank
        return {
            "hits": shown,
            "no_match": self.absent,
            "calibrated": self.calibrated,
            "threshold": 0.5 if self.calibrated else None,
            "verdict": "not in this catalogue" if self.absent else "likely",
            "absent_below": 0.2 if self.calibrated else None,
            "guesses": self.empty,
            "notes": ["no product was found in the photo"] if self.empty else [],
            "route": {
                "categories": routed(wanted),
                "unsure": False,
                "unknown": False,
                "why": "0.95",
            },
            "quality": [],
            "mask_trust": 0.91,
            "timings_ms": {"segment": 31.5, "embed": 12.25},
            "fingerprint": "0123456789abcdef" * 4,
            "generation": self.generation,
            "as_of": "2026-11-30T12:00:00.000Z",
            "k": k,
            "offset": offset,
            "more": offset + k < len(hits),
            "photo": None
            if "image" in wanted
            else photo_of(size, wanted.get("box") or [0, 0, *size]),
            "mask": self.mask_of(wanted),
        }

    def hit(self, number: int) -> dict[str, Any]:
        kind = SHAPES[number % len(SHAPES)]
        look = 0.97 - 0.02 * number
        shape = round(0.3 + 0.7 * ((number * 7) % PRODUCTS) / PRODUCTS, 4)
        points = [[0.3, 0.3, 0.4, 0.3], [0.6, 0.4, 0.55, 0.4], [0.5, 0.6, 0.5, 0.5]]
        likely = 0.15 if self.absent else 0.98
        has_probability = self.calibrated and not self.empty
        return {
            "product": f"{kind}-{number:02}",
            "category": kind,
            "score": look,
            "distance": round(1 - look, 4),
            "iou": shape,
            "why": "contour IoU 0.9",
            "match": {"places": 23, "points": points} if number < 2 else None,
            "probability": round(likely * 0.8**number, 4) if has_probability else None,
            "views": 1 + number % 3,
            "attributes": {"colour": COLOURS[number % len(COLOURS)], "size": f"{50 + number} ml"},
            "id": number + 1,
            "sha256": f"{number:064}",
            "parts": {"look": look, "shape": shape, "print": 0.4 if number < 2 else None},
            "image_url": f"v1/images/{number + 1}?gallery=catalogue&v=0",
            "thumbnail_url": f"v1/images/{number + 1}/thumbnail?gallery=catalogue&v=0",
            "contour": contour(number),
            "aligned": contour(number, aligned=True),
        }

    async def no_masks(self, request: Request) -> Response:
        """Nothing waits for a review."""
        return JSONResponse({"images": [], "after": None, "counts": {"reviewed": 0, "left": 0}})

    async def image(self, request: Request) -> Response:
        number = request.path_params["id"] - 1
        return Response(
            jpeg(drawn(number, 360, 300 if number % 3 else 360)), media_type="image/jpeg"
        )

    async def read(self, request: Request) -> tuple[dict[str, Any], bytes, tuple[int, int]]:
        """(request object, photo, its size)."""
        if request.headers["content-type"].startswith("application/json"):
            return await request.json(), b"", (480, 360)
        form = await request.form()
        upload, wanted = form["photo"], form["request"]
        assert isinstance(upload, UploadFile) and isinstance(wanted, str)
        sent = await upload.read()
        return json.loads(wanted), sent, Image.open(io.BytesIO(sent)).size


def photo_of(size: tuple[int, int], box: list[int]) -> dict[str, Any]:
    return {"width": size[0], "height": size[1], "box": box}


def routed(wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "categories" in wanted:
        return [{"name": name, "probability": 1.0} for name in wanted["categories"]]
    return [{"name": "jar", "probability": 0.75}, {"name": "carton", "probability": 0.2}]


def problem(status: int, detail: str, remedy: str) -> JSONResponse:
    body = {"title": "refused", "status": status, "detail": detail, "remedy": remedy}
    return JSONResponse({**body, "request_id": "r1"}, status, media_type="application/problem+json")


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """The address of a server in a thread, with a slash at its end."""
    config = uvicorn.Config(app, port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
        assert thread.is_alive(), "the server ended before it started"
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join(10)
