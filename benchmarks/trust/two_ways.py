"""Every image described by its mask and without: a rule of trust only chooses."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.config import Settings, load
from engine.contours import product_box
from engine.describe import Describer
from engine.images import load as load_image
from engine.protocols import MaskTrust, Segmenter
from engine.types import Description, FloatArray, Matte, RGBImage
from offline.datasets import DatasetImage
from offline.datasets.mattes import read_matte
from offline.metrics.masks import iou
from stages.assemble import assemble
from stages.profiles import read_profile
from stages.trust._features import mask_features, row
from trust.kept import KeepingSegmenter

BATCH = 16


@dataclass(frozen=True, eq=False)
class TwoWays:
    """One image by its mask and as a whole, and what is known of the mask."""

    image: DatasetImage
    masked: Description
    whole: Description  # flagged as untrusted
    trust: float  # by the file that is shipped for the segmenter
    evidence: npt.NDArray[np.float64] | None  # (F,); None: nothing was segmented
    iou: float  # with the truth
    boxed: Description | None = None  # by the mask's box, background kept; None: as ``masked``


@dataclass(frozen=True)
class _Given:
    """Mattes that are known already."""

    mattes: Sequence[Matte]

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        return list(self.mattes)


@dataclass(frozen=True)
class _Certain:
    """Every mask, or with 0.0 none, is trusted."""

    value: float
    threshold: float = 0.5

    def trust(
        self, images: Sequence[RGBImage], mattes: Sequence[Matte], segmenter: Segmenter
    ) -> FloatArray:
        return np.full(len(images), self.value, np.float32)

    def instead(self, image: RGBImage, matte: Matte) -> Matte:
        return Matte(np.zeros_like(matte.alpha))


def described_both_ways(
    images: Sequence[DatasetImage], overrides: Sequence[str], mattes: Path, work: Path
) -> list[TwoWays]:
    """In order; kept in ``work`` as a pickle of our own. ``overrides`` over profile classic."""
    settings = load(read_profile("classic"), env={}, flags=[*overrides, "trust.name=calibrated"])
    parts = assemble(settings)
    names = "\n".join(image.id for image in images)
    key = hashlib.sha256(f"{parts.fingerprint}\n{names}".encode()).hexdigest()[:16]
    kept = work / f"two-ways-{key}.pickle"
    if kept.is_file():
        found: list[TwoWays] = pickle.loads(kept.read_bytes())
        return found
    segmenter = KeepingSegmenter(parts.describer.segmenter, _own(mattes, settings))
    describer = replace(parts.describer, segmenter=segmenter)
    cuts_out = settings.cutout.name != "crop"  # which keeps what lies in the mask's box
    found = []
    for start in range(0, len(images), BATCH):
        found += _batch(images[start : start + BATCH], describer, cuts_out)
    work.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part")
    part.write_bytes(pickle.dumps(found))
    part.replace(kept)
    return found


def _batch(entries: Sequence[DatasetImage], describer: Describer, cuts_out: bool) -> list[TwoWays]:
    images = [load_image(entry.path) for entry in entries]
    labels = [str(entry.category) for entry in entries]
    mattes = describer.segmenter.segment(images)
    if describer.trust is None:
        raise ValueError("the settings name no trust")
    trusts = describer.trust.trust(images, mattes, describer.segmenter).tolist()
    masked, whole = (
        [one.description for one in _with(describer, _Certain(v)).describe(images, labels)]
        for v in (1.0, 0.0)
    )
    boxed: list[Description | None] = [None] * len(images)
    if cuts_out:
        by_box = replace(describer, segmenter=_Given([_box(matte) for matte in mattes]), trust=None)
        boxed = [one.description for one in by_box.describe(images, labels)]
    truths = [_truth(*pair) for pair in zip(entries, images, strict=True)]
    overlaps = [iou(m.alpha, t.alpha) for m, t in zip(mattes, truths, strict=True)]
    found = [mask_features(image, matte) for image, matte in zip(images, mattes, strict=True)]
    rows = [None if one is None else row(one) for one in found]
    columns = (entries, masked, whole, trusts, rows, overlaps, boxed)
    return [TwoWays(*values) for values in zip(*columns, strict=True)]


def _truth(entry: DatasetImage, image: RGBImage) -> Matte:
    return read_matte(Path(str(entry.mask)), (image.width, image.height))


def _box(matte: Matte) -> Matte:
    """The whole of the mask's box."""
    alpha = np.zeros_like(matte.alpha)
    box = product_box(matte)
    if box is not None:
        alpha[box[1] : box[3], box[0] : box[2]] = 1.0
    return Matte(alpha)


def _with(describer: Describer, trust: MaskTrust) -> Describer:
    return replace(describer, trust=trust)


def _own(mattes: Path, settings: Settings) -> Path:
    """A folder a segmenter, by its name and weights."""
    weights = str(settings.segment.options.get("weights", ""))
    return mattes / (Path(weights).stem or settings.segment.name)
