"""Drawn packages with exact masks, and a segmenter whose faults are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.cutting import Cutting
from engine.protocols import MaskTrust, Matting, Segmenter
from engine.types import FloatArray, Matte, RGBImage, UInt8Array
from offline.datasets import DatasetImage
from stages.assemble import CuttingParts, assemble_cutting
from tests.drawn_catalogue import package, save
from tests.offline.evaluate.counting_parts import quick_settings

GROUND = 250


def masked_image(folder: Path, category: str, product: int, look: str = "studio") -> DatasetImage:
    """A drawn package on an even background with the mask of all that is not background."""
    name, pixels = f"{category}/p{product}-{look}", package(category, product)
    return DatasetImage(
        f"{name}.png",
        save(folder / f"{name}.png", pixels),
        category=category,
        product=f"{category}-{product}",
        look=look,
        mask=save(folder / f"{name}-mask.png", drawn(pixels).astype(np.uint8) * 255),
    )


def some(folder: Path, looks: Sequence[str] = ("studio", "phone")) -> list[DatasetImage]:
    return [
        masked_image(folder, category, product, look)
        for category in ("bottle", "jar")
        for product, look in enumerate(looks)
    ]


def drawn(pixels: UInt8Array) -> FloatArray:
    """1 where a package was drawn, its white label too."""
    return ((pixels != GROUND).any(axis=2)).astype(np.float32)


@dataclass
class GroundSegmenter:
    """Correct, but for the ``lost`` upper rows, which it misses; counts images."""

    lost: int = 0
    seen: int = 0

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        self.seen += len(images)
        mattes = [drawn(image.pixels) for image in images]
        for matte in mattes:
            matte[: self.lost] = 0.0
        return [Matte(matte) for matte in mattes]


class FadingMatting:
    """Everything at four fifths."""

    def refine(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Matte]:
        return [Matte(matte.alpha * np.float32(0.8)) for matte in mattes]


class HalfTrust:
    """Trusts the first of every batch alone."""

    threshold = 0.5

    def trust(
        self, images: Sequence[RGBImage], mattes: Sequence[Matte], segmenter: Segmenter
    ) -> FloatArray:
        return np.array([0.9, *[0.1] * (len(images) - 1)], np.float32)

    def instead(self, image: RGBImage, matte: Matte) -> Matte:
        return Matte(np.zeros_like(matte.alpha))


def cutting_parts(
    segmenter: Segmenter, matting: Matting | None = None, trust: MaskTrust | None = None
) -> CuttingParts:
    real = assemble_cutting(quick_settings())
    cutting = Cutting(segmenter, real.cutting.cutter, matting, trust)
    return replace(real, cutting=cutting, threads=1)
