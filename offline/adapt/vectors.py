"""The vectors of a gallery, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from engine.adaptation import domain_of
from engine.protocols import Gallery
from engine.types import UNCATEGORISED, IntArray, Record, Source
from offline.adapt.head import Categories
from offline.adapt.judging import Vectors, whole_products
from offline.adapt.same_products import same_products

# Beyond this, whole products are drawn: memory and time do not grow with the gallery.
MOST_IMAGES = 20_000
CHUNK = 1024  # records in memory at a time


def product_numbers(gallery: Gallery) -> dict[str, int]:
    """A number a product, from 0 in the order of ids; those that are the same share one."""
    same = same_products(gallery)
    numbers: dict[str, int] = {}
    count = 0
    for source in gallery.sources():
        name = same.get(source.product_id, source.product_id)
        if name not in numbers:
            numbers[name], count = count, count + 1
        numbers.setdefault(source.product_id, numbers[name])
    return numbers


def read_vectors(gallery: Gallery, seed: int) -> tuple[IntArray, Vectors, Categories]:
    """Ids, vectors as they were described, of ``MOST_IMAGES`` at most, and their categories."""
    with gallery.snapshot():
        numbers = product_numbers(gallery)
        families: dict[str | int, int] = {}
        names = {name: number for number, name in enumerate(gallery.categories())}
        of = [
            (
                source.id,
                numbers[source.product_id],
                domain_of(source.attributes) == "photo",
                names[source.category],
                source.labelled and source.category != UNCATEGORISED,
                families.setdefault(_family_of(source, numbers), len(families)),
            )
            for source in gallery.sources()
        ]
        ids, products, photo, category, given, family = np.array(of, np.int64).reshape(-1, 6).T
        if len(ids) > MOST_IMAGES:
            order = whole_products(products, MOST_IMAGES, seed)
            ids, products, photo = ids[order], products[order], photo[order]
            category, given, family = category[order], given[order], family[order]
        chunks = [
            np.stack([record.description.embedding.vector for record in records])
            for records in chunks_of(gallery, ids.tolist())
        ]
        rows = np.concatenate(chunks)
    settings = gallery.manifest.read_settings()
    categories = Categories(tuple(names), category, given.astype(np.bool_), settings)
    return ids, Vectors(rows, products, photo.astype(np.bool_), family), categories


def _family_of(source: Source, numbers: Mapping[str, int]) -> str | int:
    """Products of one family differ little: what is judged on one must not be fitted to another."""
    family = source.attributes.get("family", "")
    return family or numbers[source.product_id]


def chunks_of(gallery: Gallery, ids: Sequence[int]) -> Iterator[list[Record]]:
    for start in range(0, len(ids), CHUNK):
        yield gallery.records(ids[start : start + CHUNK])
