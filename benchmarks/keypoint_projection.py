"""Fit the projection of SIFT descriptors that [keypoints] compares by.

    python benchmarks/keypoint_projection.py --out FILE.npz DATA=SPLIT [DATA=SPLIT ...]

100 descriptors of every image of these splits, drawn by a seed. Prints the fraction of the energy
that the numbers keep.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from engine.errors import ImageError
from engine.images import load
from engine.types import FloatArray
from offline.datasets import open_dataset
from stages.keypoints._projection import fit_projection
from stages.keypoints._sift import rooted
from stages.keypoints.sift import Options, detected_in

EACH = 100
DIMENSION = 64


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("splits", nargs="+", metavar="DATA=SPLIT")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    random = np.random.default_rng(args.seed)
    rows = np.concatenate([_some(found, random) for found in _descriptors(args.splits)])
    projection = fit_projection(rows, DIMENSION)
    kept = (rows - projection.mean) @ projection.components
    energy = (kept**2).sum() / ((rows - projection.mean) ** 2).sum()
    projection.write(args.out, f"{len(rows)} descriptors of {', '.join(args.splits)}")
    print(f"{len(rows)} descriptors; {DIMENSION} numbers keep {energy:.3f} of their energy")
    return 0


def _descriptors(splits: Sequence[str]) -> Iterator[FloatArray]:
    for one in splits:
        folder, _, split = one.partition("=")
        for image in open_dataset(folder).images(split):
            try:
                pixels = load(image.path)
            except ImageError as error:
                print(error, file=sys.stderr)
                continue
            yield rooted(detected_in(pixels, None, Options())[1])


def _some(rows: FloatArray, random: np.random.Generator) -> FloatArray:
    chosen = random.permutation(len(rows))[:EACH]
    return rows[chosen]


if __name__ == "__main__":
    sys.exit(main())
