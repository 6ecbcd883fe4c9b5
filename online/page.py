"""The result page: one self-contained HTML file that makes no network request."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
from PIL import Image

from engine.attributes import bounded
from engine.errors import PacksightError
from engine.files import write_whole
from engine.pages import environment, jpeg_uri, presentable
from engine.types import Cutout, Hit, MatteQuality, Results, RGBImage, UInt8Array
from engine.verification import other_reasons
from online.match_drawing import MatchDrawing, match_drawing
from online.overlay import VIEW_SIDE, Overlay, svg_path

DEFAULT_TITLE = "Packsight: search by photo"

# Longer sides in pixels. With JPEG quality 80 a hit costs about 15 KiB, ten hits stay far below
# 1 MB, and the photo is still sharp at the width at which the page shows it.
HIT_SIDE = 256
PHOTO_SIDE = 512
_JPEG_QUALITY = 80

_SHORT_FINGERPRINT = 12

_FLAG_SENTENCES = {
    "empty": "no product was found in it",
    "touches_border": "the product touches the border",
    "several_objects": "it shows several objects",
    "nearly_everything": "the mask covers nearly the whole image",
    "untrusted": "the mask is not trusted: its contour was not used "
    "(it may hold a hand, a part of the product or its neighbours)",
    "shadow": "the mask looks like a shadow",
}


@dataclass(frozen=True, eq=False)
class Card:
    """One hit as the page shows it."""

    hit: Hit
    image: str | None  # data URI; None when the file cannot be shown
    aligned: Overlay
    frame: Overlay
    match: MatchDrawing | None
    why: str  # but for the matching places, where these are drawn


@dataclass(frozen=True, eq=False)
class Page:
    """The values of the template."""

    title: str
    results: Results
    photo_uri: str
    photo: str  # data URI
    cutout: str  # data URI
    cards: tuple[Card, ...]
    uris: bool
    view_side: int = VIEW_SIDE

    @property
    def route_rows(self) -> list[tuple[str, float]]:
        """(category, probability), likeliest first."""
        route = self.results.route
        pairs = zip(route.categories, route.probabilities, strict=True)
        return sorted(pairs, key=lambda pair: -pair[1])

    @property
    def draws_matches(self) -> bool:
        return any(card.match is not None for card in self.cards)


def render(
    results: Results,
    photo: RGBImage,
    cutout: Cutout,
    *,
    title: str = DEFAULT_TITLE,
    thumbnails: Callable[[str], RGBImage | None],
    uris: bool = True,
) -> str:
    """The whole page as HTML, hits in the order of ``results``.

    ``thumbnails`` loads the image of a hit by its uri, or returns None if that is impossible:
    the page then shows the uri in its place. ``uris`` of hits are paths of this machine: false
    shows none.
    """
    page = Page(
        title=title,
        results=results,
        photo_uri=photo.uri,
        photo=_jpeg_uri(photo.pixels, PHOTO_SIDE),
        cutout=_jpeg_uri(cutout.pixels, PHOTO_SIDE),
        cards=_cards(results, photo, thumbnails),
        uris=uris,
    )
    return presentable(_environment().get_template("result.html").render(page=page))


def write(path: Path, html: str) -> None:
    """Write the whole page or nothing; an older page stays whole until then.

    Raises PacksightError when the folder is missing or cannot be written to.
    """
    try:
        write_whole(_target(path), html)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that point at each other
        reason = getattr(error, "strerror", None) or error
        raise PacksightError(
            f"{path}: the page cannot be written: {reason}.",
            remedy="Check the name, the folder's permissions and the free space.",
        ) from error


def _cards(
    results: Results, photo: RGBImage, thumbnails: Callable[[str], RGBImage | None]
) -> tuple[Card, ...]:
    query = results.query
    aligned, frame = svg_path(query.aligned), svg_path(query.contour)
    cards = []
    for hit in results.hits:
        image = thumbnails(hit.record.uri)
        description = hit.record.description
        drawing = None if image is None else match_drawing(hit.match, photo, image)
        cards.append(
            Card(
                hit=hit,
                image=None if image is None else _jpeg_uri(image.pixels, HIT_SIDE),
                aligned=Overlay(aligned, svg_path(description.aligned)),
                frame=Overlay(frame, svg_path(description.contour)),
                match=drawing,
                why=hit.why if drawing is None else other_reasons(hit),
            )
        )
    return tuple(cards)


def _jpeg_uri(pixels: UInt8Array, side: int) -> str:
    """(H, W, 3) as a data URI, its longer side at most ``side`` pixels."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return jpeg_uri(buffer.getvalue())


@cache
def _environment() -> jinja2.Environment:
    templates = environment("online")
    templates.filters["duration"] = _duration
    templates.filters["percent"] = _percent
    templates.filters["bounded"] = bounded
    templates.filters["concerns"] = _concerns
    templates.filters["short"] = _short
    return templates


def _duration(seconds: float) -> str:
    """Three digits or so, in milliseconds below a second."""
    if seconds >= 1.0:
        return f"{seconds:.2f} s"
    milliseconds = seconds * 1000.0
    digits = 0 if milliseconds >= 100.0 else 1 if milliseconds >= 10.0 else 2
    return f"{milliseconds:.{digits}f} ms"


def _percent(fraction: float) -> str:
    """Tiny fractions are not rounded to nothing, nor large ones to certainty."""
    if 0.0 < fraction < 0.001:
        return "< 0.1 %"
    if 0.999 < fraction < 1.0:
        return "> 99.9 %"
    return f"{fraction * 100.0:.1f} %"


def _concerns(quality: MatteQuality) -> list[str]:
    return [_FLAG_SENTENCES.get(flag, flag) for flag in quality.doubts]


def _short(fingerprint: str) -> str:
    return fingerprint[:_SHORT_FINGERPRINT]


def _target(path: Path) -> Path:
    """The file to replace: a link stays a link, a device stays a device."""
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise PacksightError(
            f"{path}: the page cannot be written there: it is not a regular file.",
            remedy="Name a file that ends in .html.",
        )
    if not target.parent.is_dir():
        raise PacksightError(
            f"{path}: the page cannot be written: there is no folder {target.parent}.",
            remedy=f"Create it (mkdir -p '{target.parent}') or name another file.",
        )
    return target
