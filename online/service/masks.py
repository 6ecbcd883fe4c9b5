"""The mask of one catalogue image: shown, repaired by marks, and drawn anew by a person."""

from __future__ import annotations

import base64
import io
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import cv2
import numpy as np
from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response
from PIL import Image

from engine.decisions import MOST_SIDE, Mask, MaskDecision
from engine.errors import ImageError
from engine.images import load
from engine.types import BoolArray, Source, UInt8Array
from online.api_types import DraftMask, SavedMask
from online.service.job import Job
from online.service.problems import RequestError
from online.service.products import Version, image_bytes, source_of
from online.service.review_requests import SentMarks
from online.service.served import OpenGallery
from online.service.service import service_of
from stages.mask_repair import SIDE, reduced, repaired

router = APIRouter()
EMPTY = "0" * 64  # the version of a mask without a product
_EDGE = cv2.BORDER_REPLICATE
_SKEW = 0.02  # of the proportions of a mask that was drawn elsewhere
_DESCRIBING = 3.0  # seconds that a saved mask's answer waits for the image to be described

ImageInPath = Annotated[int, Path(ge=0, lt=2**63)]
_PNG: dict[str, Any] = {
    "description": "A grey PNG; white is the product.",
    "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
}


@dataclass(frozen=True, eq=False)
class InForce:
    """``bits``: (h, w) bool; ``mask``: the same as decisions keep it, None for one without a
    product. ``drawn``: by a person, in the image's frame; else that is centred on a square."""

    bits: BoolArray
    mask: Mask | None
    drawn: bool

    @property
    def version(self) -> str:
        return EMPTY if self.mask is None else self.mask.digest

    def of_size(self, width: int, height: int) -> BoolArray:
        """(height, width) bool, in the image's own frame."""
        if self.drawn:
            return resized(self.bits, width, height)
        side = self.bits.shape[0]
        scale = side / max(width, height)
        inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
        left, top = (side - inner_width) // 2, (side - inner_height) // 2
        inner = self.bits[top : top + inner_height, left : left + inner_width]
        # Else the edge has the steps of its coarse cells.
        smooth = cv2.GaussianBlur(inner.astype(np.float32), (0, 0), 0.8, borderType=_EDGE)
        larger = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(larger >= 0.5)


def in_force(opened: OpenGallery, source: Source) -> InForce:
    """What a person drew, else what the image was cut out by, as coarse as that is kept."""
    drawn = opened.curation.mask_of(source.sha256)
    if drawn is not None:
        return InForce(drawn.bits(), drawn, True)
    (contour,) = opened.gallery.contours([source.id])
    bits = contour.mask()
    return InForce(bits, Mask.from_bits(bits) if contour.area else None, False)


@router.get("/v1/images/{image}/mask", response_class=Response, responses={200: _PNG})
async def mask(
    request: Request, image: ImageInPath, gallery: str | None = None, v: Version = None
) -> Response:
    """The mask in force as a grey PNG in the image's proportions, white is the product; its ETag is
    the version that changes are made to."""
    service = service_of(request)
    opened = await service.gallery(gallery)

    def found() -> Response:
        source = source_of(opened, image)
        now = in_force(opened, source)
        height, width = _small(opened, source).shape[:2]
        bits = now.bits if now.drawn else now.of_size(width, height)
        headers = {"ETag": f'"{now.version}"', "Cache-Control": "no-cache"}
        return Response(png(bits), media_type="image/png", headers=headers)

    return await service.review(found)


@router.post("/v1/images/{image}/mask:refine", response_model=DraftMask)
async def refine(
    request: Request, image: ImageInPath, sent: SentMarks, gallery: str | None = None
) -> dict[str, Any]:
    """A mask by a box and strokes, which are kept to; nothing is stored."""
    service = service_of(request)
    opened = await service.gallery(gallery)

    def cut() -> BoolArray:
        source = source_of(opened, image)
        pixels = _small(opened, source)
        height, width = pixels.shape[:2]
        start = None
        if sent.start == "stored":
            start = in_force(opened, source).of_size(width, height)
        return repaired(pixels, sent.marks(), start)

    with service.describing.admitted(1):
        found = await service.in_time(service.review(cut))
    return {
        "sequence": sent.sequence,
        "width": found.shape[1],
        "height": found.shape[0],
        "png": f"data:image/png;base64,{base64.b64encode(png(found)).decode()}",
    }


@router.put(
    "/v1/images/{image}/mask",
    response_model=SavedMask,
    openapi_extra={
        "requestBody": {"required": True, **_PNG},
        "parameters": [
            {"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}}
        ],
    },
)
async def draw(request: Request, image: ImageInPath, gallery: str | None = None) -> JSONResponse:
    """Keep a mask that a person drew (PNG, white is the product) in place of the one of the version
    in If-Match, and describe the image by it. The mask is kept before the answer; where its job is
    not done within 3 s, ``described`` is false."""
    service = service_of(request)
    expected = request.headers.get("if-match", "").removeprefix("W/").strip().strip('"')
    if not expected:
        raise RequestError(
            428, "If-Match is missing.", remedy="Send the ETag of GET v1/images/ID/mask."
        )
    body = await request.body()
    opened = await service.gallery(gallery)
    writer = service.writers.of(opened.name)
    who = getattr(request.state, "key", "")

    def keep() -> tuple[str, str, Job | None]:
        source = source_of(opened, image)
        drawn = _read(body, _small(opened, source), opened.limits.max_pixels)
        with opened.curation.deciding():
            version = in_force(opened, source).version
            if expected not in (version, "*"):
                raise RequestError(
                    412, "The mask was changed since it was loaded.", remedy="Load it again."
                )
            (made,) = opened.curation.decide([MaskDecision(source.sha256, drawn)], who)
        return drawn.digest, made.id, writer.curate([source.sha256])

    def described(version: str) -> dict[str, object]:
        with opened.gallery.snapshot():
            source = opened.gallery.source(image)
            if source is None or source.mask != version:
                return {"described": False, "trust": None, "flags": []}
            (record,) = opened.gallery.records([image])
        trust, quality = record.description.trust, record.description.quality
        trust = None if trust is None else round(trust, 4)
        return {"described": True, "trust": trust, "flags": list(quality.flags)}

    version, decision, job = await service.review(keep)
    if job is not None:
        job = await service.writers.until_ended(writer, job, _DESCRIBING)
    answer = {"decision": decision, "version": version, "job": None if job is None else job.id}
    shown = await service.review(lambda: described(version))
    return JSONResponse(answer | shown, headers={"ETag": f'"{version}"'})


def resized(bits: BoolArray, width: int, height: int) -> BoolArray:
    """(height, width) bool."""
    if bits.shape == (height, width):
        return bits
    shrinks = height <= bits.shape[0] and width <= bits.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    scaled = cv2.resize(bits.astype(np.float32), (max(1, width), max(1, height)), interpolation=how)
    return np.asarray(scaled >= 0.5)


def png(bits: BoolArray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(bits.astype(np.uint8) * 255).save(out, "PNG")
    return out.getvalue()


def _read(body: bytes, pixels: UInt8Array, most: int) -> Mask:
    """RequestError (415, 413, 422) for what is no mask of this image."""
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(body), formats=["PNG"]) as sent:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            width, height = sent.size
            if width * height > most:
                raise RequestError(
                    413, "The mask has too many pixels.", remedy=f"Send {MOST_SIDE} a side."
                )
            grey = np.asarray(sent.convert("L"), np.uint8)
    except RequestError:
        raise
    except Exception as error:  # whatever Pillow raises for a broken file
        raise RequestError(
            415,
            "The mask is no PNG that can be read.",
            remedy="Send a grey PNG; white is the product.",
        ) from error
    own = pixels.shape[1] / pixels.shape[0]
    # A mask of few cells has proportions no finer than a cell.
    if abs(width / height / own - 1) > _SKEW + 1 / min(width, height):
        raise RequestError(
            422,
            f"The mask has other proportions than the image: {width} x {height}.",
            remedy="Send it in the proportions of GET v1/images/ID/mask.",
        )
    scale = min(1.0, MOST_SIDE / max(width, height))
    bits = resized(grey >= 128, max(1, round(width * scale)), max(1, round(height * scale)))
    if not bits.any():
        raise RequestError(
            422, "The mask holds no product.", remedy="Exclude an image that shows none."
        )
    return Mask.from_bits(bits)


def _small(opened: OpenGallery, source: Source) -> UInt8Array:
    """(h, w, 3), the longer side 256 at most. RequestError (404) where it cannot be read."""
    return _decoded(opened, source.id, source.uri, source.sha256)


@lru_cache(maxsize=64)  # 12 MB: of an image several masks are made in a row
def _decoded(opened: OpenGallery, image: int, uri: str, sha256: str) -> UInt8Array:
    try:
        data = image_bytes(opened, source_of(opened, image))
        return reduced(load(data, uri="the image", limits=opened.limits).pixels, SIDE)
    except ImageError:
        raise RequestError(404, "The image cannot be read.", remedy="Ingest it again.") from None
