"""A gallery of made-up vectors and silhouettes: categories hold products, products hold views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engine.contours import aligned_contour, frame_contour
from engine.galleries import open_gallery
from engine.keypoints import Keypoints
from engine.manifest import Manifest
from engine.protocols import WritableGallery
from engine.types import (
    CategoryScores,
    Contour,
    Description,
    Embedding,
    Entry,
    FloatArray,
    Matte,
    MatteQuality,
)
from support.images import CATEGORIES, VIEWS

# Lengths of the steps from the origin to a category, to a product, to a view: products of one
# category have a cosine near 0.55, views of one product near 0.92, as backbones give on packages.
STEPS = (1.0, 0.85, 0.4)
BESIDE = 0.1  # of a step, in any direction
SHAPES = 64  # different silhouettes
BATCH = 500


@dataclass(frozen=True)
class Vectors:
    """Catalogue and queries of one draw; rows are L2-normalised."""

    gallery: FloatArray  # (N, D)
    categories: tuple[str, ...]  # (N,)
    products: tuple[str, ...]  # (N,)
    queries: FloatArray  # (Q, D): new views of products that are in the gallery
    first: int = 0  # the number of the first image


def draw_vectors(
    images: int,
    queries: int,
    *,
    dimension: int,
    seed: int,
    first: int = 0,
    categories: Sequence[str] = CATEGORIES,
    latent: int | None = None,
) -> Vectors:
    """The images from the ``first`` on, a multiple of the views of a product: a large catalogue is
    drawn in parts.

    Steps go in any direction or, with ``latent``, in those of a space of so many dimensions, and by
    a little in any: vectors of trained networks lie near a surface of few dimensions.
    """
    random = np.random.default_rng(seed)
    basis = None
    if latent is not None:
        drawn = np.random.default_rng(seed + 1).standard_normal((dimension, latent))
        basis = np.linalg.qr(drawn)[0].T.astype(np.float32)

    def steps(count: int, length: float) -> FloatArray:
        drawn = random.standard_normal((count, latent or dimension), np.float32)
        steps = length * drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        if basis is None:
            return steps
        beside = random.standard_normal((count, dimension), np.float32)
        return steps @ basis + BESIDE * length / dimension**0.5 * beside

    kinds = steps(len(categories), STEPS[0])
    if first:
        random = np.random.default_rng((seed, first))
    count = -(-images // VIEWS)
    numbers = first // VIEWS + np.arange(count)
    centres = kinds[numbers % len(categories)] + steps(count, STEPS[1])
    of_image = np.arange(images) // VIEWS
    of_query = random.integers(0, count, queries)
    return Vectors(
        gallery=_unit(centres[of_image] + steps(images, STEPS[2])),
        categories=tuple(categories[numbers[at] % len(categories)] for at in of_image),
        products=tuple(f"product-{numbers[at]:05}" for at in of_image),
        queries=_unit(centres[of_query] + steps(queries, STEPS[2])),
        first=first,
    )


def fill(
    folder: Path,
    vectors: Vectors,
    *,
    seed: int,
    keypoints: Callable[[int], Keypoints] | None = None,
) -> WritableGallery:
    """A gallery, new or filled with other images, with a labelled record a row, indexes built; the
    caller closes it. ``keypoints``: those of an image, by its number."""
    count, dimension = vectors.gallery.shape
    shapes = _shapes(seed)
    gallery = open_gallery(folder, manifest=Manifest("0" * 64, dimension, normalised=True))
    for start in range(0, count, BATCH):
        rows = range(start, min(start + BATCH, count))
        gallery.add(
            [_entry(vectors, row) for row in rows],
            [
                _description(
                    vectors,
                    row,
                    shapes[row % SHAPES],
                    keypoints and keypoints(vectors.first + row),
                )
                for row in rows
            ],
        )
    gallery.build_indexes()
    return gallery


def _entry(vectors: Vectors, row: int) -> Entry:
    category, product = vectors.categories[row], vectors.products[row]
    uri = f"catalogue/{category}/{product}/{row % VIEWS}.jpg"
    attributes = {"material": "PET", "volume": f"{10 * (row % 40)} ml"}
    number = vectors.first + row
    return Entry(uri, f"{number:064x}", 100_000 + number, number, product, category, attributes)


def _description(
    vectors: Vectors, row: int, shape: tuple[Contour, Contour], keypoints: Keypoints | None
) -> Description:
    return Description(
        CategoryScores.certain(vectors.categories[row]),
        Embedding(vectors.gallery[row].copy()),
        *shape,
        MatteQuality(),
        keypoints=keypoints,
    )


def _shapes(seed: int) -> list[tuple[Contour, Contour]]:
    """Ellipses on boxes, in the frame and aligned."""
    random = np.random.default_rng(seed)
    made: list[tuple[Contour, Contour]] = []
    for _ in range(SHAPES):
        plane = np.zeros((192, 144), np.float32)
        half = random.integers(20, 50)
        cv2.rectangle(plane, (72 - int(half), 80), (72 + int(half), 170), 1.0, -1)
        cv2.ellipse(plane, (72, 80), (int(half), int(random.integers(10, 60))), 0, 0, 360, 1.0, -1)
        matte = Matte(plane)
        made.append((frame_contour(matte), aligned_contour(matte)))
    return made


def _unit(rows: FloatArray) -> FloatArray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
