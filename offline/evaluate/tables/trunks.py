"""Trunks compared as the eyeglass study compares them: by cosine, over the first ten hits.

The study sets ResNet-50 and MobileNetV2 side by side: how long a feature takes, how similar the
first hit is (right or wrong), and how many of the first ten are of the query's product.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.images import ImageLimits
from engine.types import Cutout
from offline.evaluate.tables.answers import Answered, answered, opened
from offline.evaluate.tables.layout import Request, Variant
from offline.store.cutouts import CutoutCache
from offline.store.images import HashedPicture, hash_pictures

# Names in the study, by our measures; R@10 is the share of the relevant pictures that is found.
METRICS = {"AP@10": "AP@10", "P@10": "P@10", "recall@10": "R@10", "F1@10": "F1", "MRR": "RR"}
TIME, SIMILARITY = "feature time", "top-1 similarity"
COLUMNS = (TIME, SIMILARITY, *METRICS.values())
NOTES = (
    "feature time: one cutout through the embedder on the clock, the trunks in turn; "
    "top-1 similarity: cosine of a query and its first hit, right or wrong",
    "R@10 is the share of the relevant pictures among the first 10 (recall@10), F1 the harmonic "
    "mean of it and P@10, RR 1 / rank of the first relevant picture; ranked by cosine",
)


def compared(request: Request) -> list[Answered]:
    """Every variant's answers to the same queries."""
    dataset, protocol = opened(request)
    variants = [_by_cosine(variant) for variant in request.variants]
    return [answered(one, dataset, [protocol], list(METRICS), request) for one in variants]


def feature_times(
    trunks: Sequence[Answered], places: Sequence[int], request: Request
) -> npt.NDArray[np.float64]:
    """(trunks, places) milliseconds of the queries at these places, after one to warm up.

    In turn, so that what else the machine does falls on all alike.
    """
    cutouts = [_cutouts(one, places, request) for one in trunks]
    for one, own in zip(trunks, cutouts, strict=True):
        one.parts.embedder.embed(own[:1])
    taken = [
        [_milliseconds(one, own[at]) for one, own in zip(trunks, cutouts, strict=True)]
        for at in range(len(places))
    ]
    return np.asarray(taken, np.float64).reshape(len(places), len(trunks)).T


def _by_cosine(variant: Variant) -> Variant:
    search = variant.settings.search.model_copy(update={"metric": "cosine"})
    return Variant(variant.name, variant.settings.model_copy(update={"search": search}))


def _cutouts(trunk: Answered, places: Sequence[int], request: Request) -> list[Cutout]:
    """Of readable queries: their cutouts were made when they were embedded."""
    parts = trunk.parts
    pictures = [trunk.result.queries[place] for place in places]
    hashed = [one for one in hash_pictures(pictures) if isinstance(one, HashedPicture)]
    store = CutoutCache(
        request.cache, parts.cutting_fingerprint, ImageLimits.of(parts.settings.images)
    )
    kept, _ = store.fill(hashed, parts.cutting, parts.threads)
    return [kept.cutout(row) for row in kept.positions(hashed)]


def _milliseconds(trunk: Answered, cutout: Cutout) -> float:
    start = time.perf_counter()
    trunk.parts.embedder.embed([cutout])
    return (time.perf_counter() - start) * 1000
