"""Draw the least and the most trusted masks of real photos, whose truth is not known.

    python benchmarks/mask_trust_sheet.py PHOTOS --out sheet.jpg --set segment.name=grabcut

PHOTOS is a folder, searched with all below it. The first rows are the masks that are trusted
least, from the lowest trust on; the last ones those that are trusted most, up to the highest.
What lies outside of a mask is darkened; the frame is red below the threshold and green above.
Prints how many masks were trusted, and the tenths of their trust.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from trust.kept import KeepingSegmenter

from engine.config import Settings, load
from engine.errors import ConfigError, PacksightError
from engine.images import SUPPORTED_SUFFIXES
from engine.images import load as load_image
from engine.types import Matte, RGBImage, UInt8Array
from stages.assemble import assemble_cutting
from stages.profiles import read_profile

TILE = 128  # px
COLUMNS = 8
ROWS = 3  # of each kind
BATCH = 16
RED, GREEN = (220, 30, 30), (30, 160, 60)


@dataclass(frozen=True, eq=False)
class Judged:
    """One photo, its mask and the mask's trust."""

    image: RGBImage
    matte: Matte
    trust: float


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    try:
        settings = load(
            read_profile("classic"), env={}, flags=["trust.name=calibrated", *args.overrides]
        )
        judged, threshold = judge(_photos(args.photos, args.limit), settings, args.mattes)
    except PacksightError as error:
        print(f"mask_trust_sheet: {error}", file=sys.stderr)
        return 1
    judged.sort(key=lambda one: one.trust)
    pixels = sheet(judged, threshold)
    cv2.imwrite(str(args.out), pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    trusts = np.array([one.trust for one in judged])
    tenths = " ".join(f"{value:.2f}" for value in np.quantile(trusts, np.linspace(0, 1, 11)))
    print(f"{len(judged)} photos, believed {np.mean(trusts >= threshold):.3f}; tenths {tenths}")
    return 0


def judge(
    photos: Sequence[Path], settings: Settings, mattes: Path | None
) -> tuple[list[Judged], float]:
    """Every photo with its mask and trust, and the threshold of the trust."""
    cutting = assemble_cutting(settings).cutting
    if cutting.trust is None:
        raise ConfigError("[trust] is none: nothing to draw.", remedy="Leave out trust.name.")
    segmenter = cutting.segmenter
    if mattes is not None:
        segmenter = KeepingSegmenter(segmenter, mattes)
    judged: list[Judged] = []
    for start in range(0, len(photos), BATCH):
        images = [load_image(path) for path in photos[start : start + BATCH]]
        found = segmenter.segment(images)
        trusts = cutting.trust.trust(images, found, segmenter).tolist()
        judged += [Judged(*row) for row in zip(images, found, trusts, strict=True)]
    return judged, cutting.trust.threshold


def sheet(judged: Sequence[Judged], threshold: float) -> UInt8Array:
    """(H, W, 3): the least and the most trusted of masks in the order of their trust."""
    shown = COLUMNS * ROWS
    chosen = judged if len(judged) <= 2 * shown else [*judged[:shown], *judged[-shown:]]
    tiles = [_tile(one, GREEN if one.trust >= threshold else RED) for one in chosen]
    blank = np.full((TILE, TILE, 3), 255, np.uint8)
    tiles += [blank] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[n : n + COLUMNS]) for n in range(0, len(tiles), COLUMNS)]
    return np.asarray(np.vstack(rows), np.uint8)


def _tile(one: Judged, colour: tuple[int, int, int]) -> UInt8Array:
    inside = (one.matte.alpha >= 0.5)[:, :, None]
    shaded = np.where(inside, one.image.pixels, one.image.pixels // 4).astype(np.uint8)
    side = TILE - 6
    scale = side / max(shaded.shape[:2])
    size = max(1, round(shaded.shape[1] * scale)), max(1, round(shaded.shape[0] * scale))
    tile = np.full((TILE, TILE, 3), colour, np.uint8)
    tile[3:-3, 3:-3] = 255
    top, left = (TILE - size[1]) // 2, (TILE - size[0]) // 2
    small = cv2.resize(shaded, size, interpolation=cv2.INTER_AREA)
    tile[top : top + size[1], left : left + size[0]] = small
    cv2.rectangle(tile, (3, 3), (39, 17), (255, 255, 255), -1)
    cv2.putText(tile, f"{one.trust:.2f}", (5, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1)
    return tile


def _photos(folder: Path, limit: int | None) -> list[Path]:
    """All images, or ``limit`` of them spread evenly over their paths."""
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUPPORTED_SUFFIXES)
    if not found:
        raise ConfigError(f"{folder}: holds no images.", remedy="Give a folder with photos.")
    if limit is None or limit >= len(found):
        return found
    return [found[n] for n in np.linspace(0, len(found) - 1, limit).round().astype(int)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jpg")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="overrides",
        metavar="SECTION.KEY=VALUE",
        help="over profile classic",
    )
    parser.add_argument("--limit", type=int, metavar="N")
    parser.add_argument("--mattes", type=Path, metavar="DIR", help="kept mattes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
