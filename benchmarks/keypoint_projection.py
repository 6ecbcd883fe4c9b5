"""Fit the projection of SIFT descriptors that [keypoints] compares by, or the words of these.

    python benchmarks/keypoint_projection.py --out FILE.npz DATA=SPLIT [DATA=SPLIT ...]
    python benchmarks/keypoint_projection.py --words FILE.npz DATA=SPLIT [DATA=SPLIT ...]

100 descriptors of every image of these splits, drawn by a seed. Prints the fraction of the energy
that the numbers keep. Words are fitted to descriptors as Packsight projects them: fit them anew
with every other projection.
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
from offline.train.codebook.training import cluster
from stages.keypoints._projection import fit_projection, shipped_projection
from stages.keypoints._sift import rooted
from stages.keypoints._vocabulary import HALF, HalvesVocabulary
from stages.keypoints.sift import Options, detected_in

EACH = 100
DIMENSION = 64


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("splits", nargs="+", metavar="DATA=SPLIT")
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--out", type=Path, help="of the projection")
    kind.add_argument("--words", type=Path, help="of the words")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    random = np.random.default_rng(args.seed)
    rows = np.concatenate([_some(found, random) for found in _descriptors(args.splits)])
    data = f"{len(rows)} descriptors of {', '.join(args.splits)}"
    if args.words is not None:
        projected = shipped_projection().project(rows).astype(np.float32)
        halves = np.split(projected, 2, axis=1)
        HalvesVocabulary(*(cluster(half, HALF, args.seed) for half in halves)).write(
            args.words, data
        )
        print(f"{data}; {HALF} x {HALF} words")
        return 0
    projection = fit_projection(rows, DIMENSION)
    kept = (rows - projection.mean) @ projection.components
    energy = (kept**2).sum() / ((rows - projection.mean) ** 2).sum()
    projection.write(args.out, data)
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
