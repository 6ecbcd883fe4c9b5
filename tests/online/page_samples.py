"""Small results made by hand, with generated images, for the tests of the result page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

import cv2
import numpy as np

from engine.types import (
    BoolArray,
    CategoryScores,
    Contour,
    Cutout,
    Description,
    Embedding,
    Hit,
    MatteQuality,
    Record,
    Results,
    RGBImage,
    Route,
)
from online import page

EMPTY = np.zeros((128, 128), np.bool_)
NASTY = "</title><script>alert(1)</script>\"' onerror=x {{ 7*7 }} &lt; \u202e ä 箱 \x00"
VOID_TAGS = {"meta", "link", "img", "path", "use", "image", "circle"}
APART = {"dd", "dt", "li", "p", "span", "td", "th"}  # a reader sees a gap after these


def disc(radius: float, side: int = 128) -> BoolArray:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return np.asarray(x**2 + y**2 <= radius**2, np.bool_)


def made_image(seed: int, height: int = 300, width: int = 400, uri: str = "photo.jpg") -> RGBImage:
    """Soft random colours, about as hard to compress as a photo."""
    coarse = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    pixels = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    return RGBImage(pixels.astype(np.uint8), uri)


def cutout() -> Cutout:
    return Cutout(made_image(7, 224, 224).pixels, np.ones((224, 224), np.float32), (0, 0, 224, 224))


def description(mask: BoolArray | None = None, quality: MatteQuality | None = None) -> Description:
    contour = Contour.from_mask(disc(40) if mask is None else mask)
    return Description(
        CategoryScores.certain("jar"),
        Embedding(np.ones(4, np.float32)),
        contour,
        contour,
        quality or MatteQuality(),
    )


def hit(
    rank: int = 1,
    *,
    product_id: str = "jar-1",
    category: str = "jar",
    labelled: bool = True,
    uri: str = "catalogue/jar-1.png",
    attributes: Mapping[str, str] | None = None,
    described: Description | None = None,
    iou: float | None = 0.875,
    why: str = "",
    views: int = 1,
) -> Hit:
    record = Record(
        id=rank,
        sha256="0" * 64,
        product_id=product_id,
        category=category,
        labelled=labelled,
        uri=uri,
        attributes=attributes or {},
        description=described or description(disc(30)),
    )
    return Hit(record, rank, 0.9 - 0.01 * rank, 0.25 * rank, iou, why, views)


def results(
    hits: Sequence[Hit],
    *,
    query: Description | None = None,
    route: Route | None = None,
    timings: Mapping[str, float] | None = None,
) -> Results:
    return Results(
        hits=tuple(hits),
        route=route or Route(("jar", "cap"), (0.75, 0.205), False, "they hold 0.95"),
        query=query or description(),
        timings={"segment": 0.25, "embed": 0.0315} if timings is None else timings,
        fingerprint="0123456789abcdef" * 4,
    )


def rendered(
    answer: Results, *, title: str = page.DEFAULT_TITLE, photo_uri: str = "photo.jpg"
) -> str:
    """The page of an answer all of whose images can be loaded."""
    photo = made_image(1, uri=photo_uri)
    return page.render(answer, photo, cutout(), title=title, thumbnails=lambda uri: made_image(2))


@dataclass
class Element:
    """One element of a parsed page: its text includes that of its children."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    classes: set[str] = field(default_factory=set)


class ParsedPage(HTMLParser):
    """Every element in document order; open and close tags must match."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {[element.tag for element in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        assert len(attributes) == len(attrs), f"attribute given twice: {attrs}"
        element = Element(tag, attributes, classes=set(attributes.get("class", "").split()))
        self.elements.append(element)
        if tag not in VOID_TAGS:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID_TAGS:  # browsers write </path>
            return
        assert self._open.pop().tag == tag
        if tag in APART:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, css_class: str | None = None) -> list[Element]:
        found = [element for element in self.elements if element.tag == tag]
        return [element for element in found if css_class is None or css_class in element.classes]

    @property
    def words(self) -> str:
        """All text of the body, white space squeezed."""
        return " ".join(self.all("body")[0].text.split())

    @property
    def structure(self) -> list[tuple[str, tuple[str, ...]]]:
        """Tags with their attributes' names: what no user text may change."""
        return [(element.tag, tuple(element.attributes)) for element in self.elements]
