"""A segmenter that cannot err: what would perfect masks bring?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import ImageError
from engine.protocols import Segmenter
from engine.types import Matte, RGBImage
from offline.datasets import DatasetImage
from offline.datasets.mattes import read_matte
from stages.assemble import CuttingParts, Parts


@dataclass(frozen=True)
class TrueMasks:
    """Gives the data set's masks; of an image that has none, or none that can be read, and of
    one that was cropped, what ``otherwise`` gives. ``masks`` are by the images' uris."""

    masks: Mapping[str, Path]
    otherwise: Segmenter

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        found = [self._true(image) for image in images]
        missing = [image for image, matte in zip(images, found, strict=True) if matte is None]
        rest = iter(self.otherwise.segment(missing) if missing else [])
        return [next(rest) if matte is None else matte for matte in found]

    def _true(self, image: RGBImage) -> Matte | None:
        mask = self.masks.get(image.uri)
        if mask is None:
            return None
        try:
            return read_matte(mask, (image.width, image.height))
        except ImageError:
            return None


def with_true_masks(parts: Parts, images: Sequence[DatasetImage]) -> Parts:
    """The same parts, segmenting by the true masks of these images and trusting them; their
    fingerprints differ, so that nothing kept is taken for their work."""
    true = TrueMasks(_masks(images), parts.describer.segmenter)
    return replace(
        parts,
        describer=replace(parts.describer, segmenter=true, matting=None, trust=None, alpha=False),
        fingerprint=_marked(parts.fingerprint),
        cutting_fingerprint=_marked(parts.cutting_fingerprint),
    )


def cutting_by_true_masks(parts: CuttingParts, images: Sequence[DatasetImage]) -> CuttingParts:
    """The same of the stages that cut, for training."""
    true = TrueMasks(_masks(images), parts.cutting.segmenter)
    cutting = replace(parts.cutting, segmenter=true, matting=None, trust=None, alpha=False)
    return replace(parts, cutting=cutting, fingerprint=_marked(parts.fingerprint))


def _masks(images: Sequence[DatasetImage]) -> dict[str, Path]:
    return {
        str(image.path): image.mask
        for image in images
        if image.mask is not None and image.crop is None
    }


def _marked(fingerprint: str) -> str:
    return hashlib.sha256(f"{fingerprint} with true masks".encode()).hexdigest()
