"""What a person's marks make of a mask: a box, then rounds of strokes, on exact mattes.

    python benchmarks/mask_repair.py [--data packbench-tiny] [--limit 4] [--from-stored]

A simulated curator draws the true box and 3 % around it; a round is one disc in the largest missed
and one in the largest wrong piece of the mask, where there is one, half as wide as the piece is
deep. The masks are those of POST /v1/images/{id}/mask:refine: the same function, which starts anew
from the box and all strokes each time. IoU is of the mask at 0.5 with the exact matte, at the
image's reduced size; CPU seconds are of one thread, a call. ``--from-stored`` starts from the mask
that GrabCut finds by itself, and draws no box.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from mattes.images import sample, true_alpha

from engine.errors import PacksightError
from engine.images import load
from engine.types import BoolArray, RGBImage
from offline.datasets import DatasetImage, open_dataset
from offline.metrics.masks import iou
from stages.assemble import assemble_cutting
from stages.mask_repair import Marks, Stroke, reduced, repaired
from stages.profiles import read_profile

SPLITS = ("test", "queries")
ROUNDS = 3
MARGIN = 0.03  # of the box's sides
MOST_RADIUS = 0.05  # of the image's longer side, as large as a brush for repairs is
CORRECT = 0.9


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        dataset = open_dataset(args.data)
        images = [one for split in SPLITS for one in sample(dataset, split, args.limit)]
        rows = [_repair(image, stored) for image, stored in _starts(images, args.from_stored)]
    except PacksightError as error:
        print(f"mask_repair: {error}", file=sys.stderr)
        return 1
    first = "stored mask" if args.from_stored else "box"
    names = [first, *(f"+ {n} round{'s' * (n > 1)}" for n in range(1, ROUNDS + 1))]
    print(f"{len(rows)} images of {dataset.name}\n")
    print("| step | IoU mean / median | under 0.9 | CPU ms median (p95) |")
    print("|---|--:|--:|--:|")
    for step, name in enumerate(names):
        scores = np.array([row[step][0] for row in rows])
        times = np.array([row[step][1] for row in rows]) * 1000
        print(
            f"| {name} | {scores.mean():.3f} / {np.median(scores):.3f} "
            f"| {np.mean(scores < CORRECT):.0%} "
            f"| {np.median(times):.0f} ({np.percentile(times, 95):.0f}) |"
        )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="packbench-tiny", metavar="DATASET")
    parser.add_argument("--limit", type=int, metavar="N", help="images of a category (all)")
    parser.add_argument("--from-stored", action="store_true")
    return parser


def _starts(
    images: Sequence[DatasetImage], stored: bool
) -> list[tuple[DatasetImage, BoolArray | None]]:
    if not stored:
        return [(image, None) for image in images]
    cutting = assemble_cutting(read_profile("classic")).cutting
    found = []
    for image in images:
        (matte,) = cutting.masks([load(image.path)])
        found.append((image, np.asarray(matte.alpha >= 0.5)))
    return found


def _repair(image: DatasetImage, stored: BoolArray | None) -> list[tuple[float, float]]:
    """IoU and CPU seconds of every step."""
    loaded: RGBImage = load(image.path)
    pixels = reduced(loaded.pixels)
    truth = _resized(true_alpha(image) >= 0.5, pixels.shape[:2])
    start = None if stored is None else _resized(stored, pixels.shape[:2])
    marks = Marks() if stored is not None else Marks(_box(truth))
    steps = []
    mask = start
    for step in range(ROUNDS + 1):
        began = time.thread_time()
        if step or mask is None:
            mask = repaired(pixels, marks, start)
        steps.append((_iou(mask, truth), time.thread_time() - began))
        strokes = [*marks.strokes, *_round(mask, truth)]
        marks = replace(marks, strokes=strokes)
    return steps


def _iou(mask: BoolArray, truth: BoolArray) -> float:
    return iou(mask.astype(np.float32), truth.astype(np.float32))


def _resized(mask: BoolArray, size: tuple[int, ...]) -> BoolArray:
    height, width = size
    smaller = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(smaller >= 0.5)


def _box(truth: BoolArray) -> tuple[float, float, float, float]:
    height, width = truth.shape
    rows, columns = np.flatnonzero(truth.any(axis=1)), np.flatnonzero(truth.any(axis=0))
    x1, x2 = columns[0] / width, (columns[-1] + 1) / width
    y1, y2 = rows[0] / height, (rows[-1] + 1) / height
    by_x, by_y = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
    box = (x1 - by_x, y1 - by_y, x2 + by_x, y2 + by_y)
    return tuple(float(min(max(value, 0), 1)) for value in box)  # type: ignore[return-value]


def _round(mask: BoolArray, truth: BoolArray) -> list[Stroke]:
    missed, extra = _disc(truth & ~mask, remove=False), _disc(mask & ~truth, remove=True)
    return [stroke for stroke in (missed, extra) if stroke is not None]


def _disc(piece: BoolArray, *, remove: bool) -> Stroke | None:
    """In the deepest place of the largest piece; None where it is less than a pixel deep."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(piece.view(np.uint8), connectivity=8)
    if len(stats) < 2:
        return None
    largest = np.pad(labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA]), 1)
    depth = cv2.distanceTransform(largest.astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(np.argmax(depth)), depth.shape)
    if depth[y, x] < 1:
        return None
    height, width = piece.shape
    radius = min(float(depth[y, x]) / 2, MOST_RADIUS * max(height, width))
    point = ((float(x) + 0.5) / width, (float(y) + 0.5) / height)
    return Stroke((point,), 2 * radius / max(height, width), remove)


if __name__ == "__main__":
    sys.exit(main())
