"""The smallest parts that describe: the vector is the mean colour, the class its brightness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.describe import Describer
from engine.types import CategoryScores, Cutout, Description, FloatArray, Hit, Matte, RGBImage


class WholeSegmenter:
    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        return [Matte(np.ones(image.pixels.shape[:2], np.float32)) for image in images]


class CornerCutter:
    def cut(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Cutout]:
        return [
            Cutout(i.pixels[:4, :4].copy(), m.alpha[:4, :4].copy(), (0, 0, 4, 4))
            for i, m in zip(images, mattes, strict=True)
        ]


class MeanColour:
    dimension = 3
    normalised = False

    def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
        rows = [cutout.pixels.reshape(-1, 3).mean(0) for cutout in cutouts]
        return np.array(rows, np.float32).reshape(-1, 3)


class ByBrightness:
    """Counts the images it classifies, so that a test can see which ones."""

    categories = ("dark", "light")

    def __init__(self) -> None:
        self.asked = 0

    def classify(self, cutouts: Sequence[Cutout], embeddings: FloatArray) -> list[CategoryScores]:
        self.asked += len(cutouts)
        fractions = [float(row.mean()) / 255 for row in embeddings]
        return [
            CategoryScores(self.categories, np.array([1 - s, s], np.float32)) for s in fractions
        ]


class Reversed:
    """Turns its first ``top_n`` hits around."""

    def __init__(self, top_n: int) -> None:
        self.top_n = top_n

    def rerank(self, query: Description, hits: Sequence[Hit]) -> list[Hit]:
        turned = [*reversed(hits[: self.top_n]), *hits[self.top_n :]]
        return [hit.at(rank) for rank, hit in enumerate(turned, start=1)]


def fake_describer() -> Describer:
    return Describer(WholeSegmenter(), CornerCutter(), MeanColour(), ByBrightness())


def plain_image(red: int, green: int = 0, blue: int = 0, uri: str = "<memory>") -> RGBImage:
    return RGBImage(np.full((8, 8, 3), (red, green, blue), np.uint8), uri)
