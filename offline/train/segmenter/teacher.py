"""Masks of a teacher: images that have none get those of a segmenter that is trusted to be correct.

What is written is a data set of images and masks (``readers/mask_pairs.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from engine.config import Settings, StageSettings
from engine.cutting import Cut, Cutting
from engine.errors import ConfigError, ImageError
from engine.files import replacing
from engine.images import ImageLimits, load
from engine.types import Progress, RGBImage
from offline.datasets import DatasetImage
from offline.store.run_folder import unwritable
from stages.assemble import assemble_cutting

BATCH = 8
QUALITY = 95  # of the JPEG files
# A saliency network leaves a haze around the product and on it; what is outside of this range
# counts as background and as product.
HAZE = (0.1, 0.9)


@dataclass(frozen=True)
class Taught:
    """``flagged``: masks that are not trusted; ``left_out``: a sentence for each unreadable image.
    Neither is in the data set."""

    written: int
    flagged: int
    left_out: tuple[str, ...]


def write_teacher_masks(
    entries: Sequence[DatasetImage], settings: Settings, out: Path, progress: Progress
) -> Taught:
    """Segment every image and write those whose masks are trusted, as images/CATEGORY/PRODUCT/x.jpg
    and masks/CATEGORY/PRODUCT/x.png; what lies there already is kept.

    The images are written as they were decoded, so that their masks fit. Raises ConfigError for
    two images of one name and a folder that cannot be written, WeightsError as assembling does.
    """
    named = _named(entries)
    teacher = assemble_cutting(_masks_only(settings)).cutting
    limits = ImageLimits.of(settings.images)
    missing = [name for name in named if not (out / "masks" / f"{name}.png").is_file()]
    written, flagged, left_out = len(named) - len(missing), 0, list[str]()
    for start in range(0, len(missing), BATCH):
        names = missing[start : start + BATCH]
        for name, image, cut in _cut(teacher, names, named, limits, left_out):
            if not cut.trusted:
                flagged += 1
                continue
            _write(out, name, image, cut)
            written += 1
        progress(min(start + BATCH, len(missing)), len(missing))
    return Taught(written, flagged, tuple(left_out))


def _masks_only(settings: Settings) -> Settings:
    """Without matting, which would only draw finer what may be incorrect."""
    return settings.model_copy(update={"matting": StageSettings(name="none")})


def _named(entries: Sequence[DatasetImage]) -> dict[str, DatasetImage]:
    named: dict[str, DatasetImage] = {}
    for entry in entries:
        folders = [part.replace("/", "-") for part in (entry.category, entry.product) if part]
        name = PurePosixPath(*folders, PurePosixPath(entry.id).stem).as_posix()
        if name in named:
            raise ConfigError(
                f"{entry.path}: of the same category, product and name as {named[name].path}.",
                remedy="Rename one of the two.",
            )
        named[name] = entry
    return named


def _cut(
    teacher: Cutting,
    names: Sequence[str],
    named: dict[str, DatasetImage],
    limits: ImageLimits,
    left_out: list[str],
) -> Iterator[tuple[str, RGBImage, Cut]]:
    read = []
    for name in names:
        try:
            read.append((name, load(named[name].path, limits=limits)))
        except ImageError as error:
            left_out.append(str(error))
    cuts = teacher.cut([image for _, image in read])
    for (name, image), cut in zip(read, cuts, strict=True):
        yield name, image, cut


def _write(out: Path, name: str, image: RGBImage, cut: Cut) -> None:
    """The mask last: where it lies, both do."""
    low, high = HAZE
    firm = np.clip((cut.matte.alpha - low) / (high - low), 0.0, 1.0)
    alpha = np.rint(firm * 255.0).astype(np.uint8)
    for path, pixels in (
        (out / "images" / f"{name}.jpg", image.pixels),
        (out / "masks" / f"{name}.png", alpha),
    ):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as part:
                Image.fromarray(pixels).save(part, quality=QUALITY)  # PNG ignores it
        except OSError as error:
            raise unwritable(path, error) from error
