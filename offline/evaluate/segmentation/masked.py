"""Pictures with their true masks, as the stages see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.config import Settings
from engine.errors import ImageError
from engine.images import ImageLimits, load
from engine.parallel import each
from engine.types import Matte, RGBImage
from offline.datasets import Picture
from offline.true_mattes import read_matte


@dataclass(frozen=True, eq=False)
class Masked:
    """``truth`` has the image's size: a larger mask was averaged down to it."""

    picture: Picture
    image: RGBImage
    truth: Matte


def read_masked(
    pictures: Sequence[Picture], settings: Settings, threads: int = 1
) -> list[Masked | str]:
    """Aligned with the pictures, each of which has a mask; a sentence in place of one that
    cannot be read. A query's ``crop`` does not count: masks are of whole pictures."""
    limits = ImageLimits.of(settings.images)

    def read(picture: Picture) -> Masked | str:
        try:
            image = load(picture.path, limits=limits)
            truth = read_matte(Path(str(picture.mask)), (image.width, image.height))
        except ImageError as error:
            return f"{error.uri}: left out, {error.reason}"
        return Masked(picture, image, truth)

    return each(read, pictures, threads=threads)
