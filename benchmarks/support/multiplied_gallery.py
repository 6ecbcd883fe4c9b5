"""A large gallery from the descriptions of a small one: its rows again and again, with noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.distances import unit_rows
from engine.galleries import open_gallery
from engine.keypoints import Keypoints
from engine.protocols import WritableGallery
from engine.types import Description, Embedding, Entry, FloatArray, Record

# Steps from an image's vector to its copy's, in deviations of every number over the gallery: one
# that all images of a copied product share, one of each image.
PRODUCT, VIEW = 0.5, 0.1
DESCRIPTOR = 5.0  # deviation of a number of a keypoint's descriptor, as of one seen twice
BATCH = 500


def multiply(small: Path, folder: Path, count: int, *, seed: int) -> WritableGallery:
    """A new gallery of ``count`` images, indexed; the caller closes it.

    The first are those of the gallery ``small`` as they are. Every further round of them shows
    products of their own in the same categories: vectors and descriptors of keypoints are noisy;
    contours, trust and places of keypoints are the original's.
    """
    with open_gallery(small) as held:
        ids = [source.id for source in held.sources()]
        records = held.records(ids)
        gallery = open_gallery(folder, manifest=held.manifest)
    spread = np.stack([one.description.embedding.vector for one in records]).std(0)
    for start in range(0, count, BATCH):
        rows = range(start, min(start + BATCH, count))
        made = [_copied(records, row, spread, seed) for row in rows]
        gallery.add([entry for entry, _ in made], [description for _, description in made])
    gallery.build_indexes()
    return gallery


def _copied(
    records: list[Record], row: int, spread: FloatArray, seed: int
) -> tuple[Entry, Description]:
    turn, at = divmod(row, len(records))
    record = records[at]
    category = record.category if record.labelled else None
    uri, product = f"{turn:04}/{record.uri}", f"{turn:04}/{record.product_id}"
    entry = Entry(uri, f"{row:064x}", 100_000, row, product, category, record.attributes)
    if turn == 0:
        return entry, record.description
    own = np.random.default_rng((seed, row))
    of_product = np.random.default_rng((seed, turn, *record.product_id.encode()))
    step = PRODUCT * of_product.standard_normal(len(spread), np.float32)
    step += VIEW * own.standard_normal(len(spread), np.float32)
    return entry, _moved(record.description, spread * step, own)


def _moved(described: Description, step: FloatArray, random: np.random.Generator) -> Description:
    vector = described.embedding.vector
    moved = np.linalg.norm(vector) * unit_rows((vector + step)[None])[0]
    keypoints = described.keypoints
    if keypoints is not None:
        noise = DESCRIPTOR * random.standard_normal(keypoints.descriptors.shape, np.float32)
        descriptors = np.rint(np.clip(keypoints.descriptors + noise, -127, 127)).astype(np.int8)
        keypoints = Keypoints(keypoints.geometry.copy(), descriptors)
    embedding = Embedding(moved.astype(np.float32))
    return replace(described, embedding=embedding, keypoints=keypoints)
