"""Queries that judge a gallery's order, and their first hits by vectors.

Queries as they come to the adapted gallery: by vectors that were compared without a fit to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.distances import unit_rows
from engine.protocols import Gallery
from engine.types import Description, Embedding, FloatArray, Hit, IntArray, Record
from offline.adapt.fit import Fitted
from offline.adapt.folds import HeldOut
from offline.adapt.judging import Products, Queries, Vectors, sample


@dataclass(frozen=True, eq=False)
class Seen:
    """What the vectors of a fit stand for: images of the gallery by their ``ids`` (N,), and
    ``photos`` that were given, as ``queries.given`` numbers them; empty: their contours and
    print are not known."""

    gallery: Gallery
    ids: IntArray
    vectors: Vectors
    queries: Queries
    photos: Sequence[Description] = ()


def judges(seen: Seen, fitted: Fitted, most: int, seed: int) -> list[HeldOut]:
    """At most so many queries as they come to the adapted gallery: of the products that photos
    show, whose other photos the vectors were fitted to, and of the others, as many as there are of
    either."""
    random = np.random.default_rng(seed)
    chosen = sample(np.arange(len(seen.queries)), most, seed)
    shown = random.random(len(seen.queries)) < fitted.photographed
    everything = np.arange(len(seen.vectors))
    others = [replace(fold, images=everything) for fold in fitted.held_out]
    found = [
        replace(fold, queries=np.intersect1d(fold.queries, chosen[shown[chosen] == known]))
        for known, folds in ((True, fitted.photos_held_out), (False, others))
        for fold in folds
    ]
    return [fold for fold in found if len(fold.queries)]


@dataclass(frozen=True, eq=False)
class FirstHits:
    """Of one query of this ``product``; ``products`` of all images by similarity, the hits' first.
    Vectors are as they are compared; ``centred`` (D,) and ``centred_hits`` (n, D) centred alone."""

    query: Description
    hits: Sequence[Hit]
    product: int
    products: Products
    centred: FloatArray
    centred_hits: FloatArray


def first_hits(seen: Seen, fold: HeldOut, count: int) -> Iterator[FirstHits]:
    """The first ``count`` images of every query of a fold, itself left out."""
    queries, images = seen.queries.chosen(fold.queries), seen.vectors.chosen(fold.images)
    centred = [vectors.rows for vectors in (queries.vectors, images)]
    compared = centred
    if fold.space is not None:
        centred = [fold.space.centred(vectors) for vectors in (queries.vectors, images)]
        compared = [fold.space.compared(vectors).rows for vectors in (queries.vectors, images)]
    asked, rows = (unit_rows(one) for one in compared)
    near = asked @ rows.T  # (q, images)
    near[queries.own[:, None] == fold.images] = -np.inf
    records: dict[int, Record] = {}
    for at, scores in enumerate(near):
        ranking = np.argsort(-scores, kind="stable")
        ranking = ranking[np.isfinite(scores[ranking])]
        head = ranking[:count]
        place = int(queries.own[at])
        _read(seen, fold.images[head].tolist() + [place] * (place >= 0), records)
        hits = [
            _hit(records[int(fold.images[one])], rows[one], float(scores[one]), rank)
            for rank, one in enumerate(head.tolist(), start=1)
        ]
        of = records[place].description if place >= 0 else seen.photos[int(queries.given[at])]
        yield FirstHits(
            replace(of, embedding=Embedding(asked[at].copy())),
            hits,
            int(queries.vectors.products[at]),
            images.products[ranking],
            centred[0][at],
            centred[1][head],
        )


def _read(seen: Seen, places: Sequence[int], records: dict[int, Record]) -> None:
    """Add the records of these places in the gallery."""
    new = [place for place in places if place not in records]
    found = seen.gallery.records(seen.ids[new].tolist()) if new else []
    records |= zip(new, found, strict=True)


def _hit(record: Record, row: FloatArray, score: float, rank: int) -> Hit:
    """With the vector as it is compared."""
    description = replace(record.description, embedding=Embedding(row.copy()))
    distance = float(np.sqrt(max(0.0, 2 - 2 * score)))
    return Hit(replace(record, description=description), rank, score, distance)
