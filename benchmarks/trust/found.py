"""What is found where flagged masks fall back to their box or to the whole image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from engine.config import Settings, load
from engine.describe import Describer
from engine.images import ImageLimits
from engine.images import load as load_image
from engine.protocols import Reranker
from engine.types import Description, Float64Array, Hit, Record, RGBImage
from offline.datasets import DatasetImage, open_dataset
from offline.metrics.statistics import bootstrap
from stages.assemble import assemble

EVERY = "every mask"
FALLBACKS = {
    "flagged, or its box": "box",
    "flagged, or its box without skin": "without_skin",
    "flagged, or whole": "whole",
}
SPLITS = ("iconic", "train", "val")
STUDIO, CHOOSE = ("iconic",), "train"
# Queries and gallery: by the first a rule may be chosen, the others are reported.
SEARCHES = ((CHOOSE, STUDIO), ("val", STUDIO), ("val", ("iconic", "train")))
HEAD = 60  # images that are reranked
BATCH = 16


@dataclass(frozen=True, eq=False)
class Split:
    """The images of a split with their descriptions, one list a rule."""

    products: tuple[str, ...]
    described: Mapping[str, list[Description]]


def search_table(data: Path, settings: Settings, trust: Sequence[str]) -> str:
    """R@1 of every search by every rule, and its difference to every mask, with intervals over
    products; ``trust``: the overrides that switch the trust on."""
    dataset = open_dataset(data)
    splits = {
        name: _described(dataset.images(f"{name}/Packages"), settings, trust) for name in SPLITS
    }
    reranker = assemble(settings).reranker
    lines = ["| search | masks used | R@1 | difference |", "|---|---|--:|--:|"]
    for queries, held in SEARCHES:
        hits = {
            rule: _first(splits[queries], [splits[name] for name in held], rule, reranker)
            for rule in (EVERY, *FALLBACKS)
        }
        for rule, found in hits.items():
            words = _words(found, splits[queries].products)
            gained = _words(found - hits[EVERY], splits[queries].products, "+")
            search = f"{queries} in {' + '.join(held)}"
            lines.append(f"| {search} | {rule} | {words} | {'' if rule == EVERY else gained} |")
    return "\n".join(lines)


def _described(images: Sequence[DatasetImage], settings: Settings, trust: Sequence[str]) -> Split:
    """Only flagged images differ from rule to rule, and are described by each."""
    limits = ImageLimits.of(settings.images)
    describers = {EVERY: assemble(settings).describer}
    for rule, name in FALLBACKS.items():
        flags = [*trust, f"trust.instead={name}"]
        describers[rule] = assemble(load(settings, env={}, flags=flags)).describer
    described: dict[str, list[Description]] = {rule: [] for rule in describers}
    flagging = next(iter(FALLBACKS))
    for start in range(0, len(images), BATCH):
        read = [load_image(image.path, limits=limits) for image in images[start : start + BATCH]]
        first = _descriptions(describers[flagging], read)
        flagged = [at for at, one in enumerate(first) if one.quality.untrusted]
        for rule, describer in describers.items():
            again = (
                [first[at] for at in flagged]
                if rule == flagging
                else _descriptions(describer, [read[at] for at in flagged])
            )
            found = dict(zip(flagged, again, strict=True))
            described[rule] += [found.get(at, one) for at, one in enumerate(first)]
    return Split(tuple(str(image.product) for image in images), described)


def _descriptions(describer: Describer, images: Sequence[RGBImage]) -> list[Description]:
    """Of images whose category is given, so that nothing is classified."""
    return [one.description for one in describer.describe(images, [""] * len(images))]


def _first(queries: Split, held: Sequence[Split], rule: str, reranker: Reranker) -> Float64Array:
    """(Q,) 1 where the first image is of the query's product."""
    described = [one for split in held for one in split.described[rule]]
    products = [name for split in held for name in split.products]
    vectors = np.stack([one.embedding.vector for one in described])
    found = []
    for product, query in zip(queries.products, queries.described[rule], strict=True):
        distances = np.linalg.norm(vectors - query.embedding.vector, axis=1)
        order = np.argsort(distances, kind="stable")[:HEAD].tolist()
        hits = [
            _hit(rank, at, products[at], described[at], float(distances[at]))
            for rank, at in enumerate(order, start=1)
        ]
        found.append(float(reranker.rerank(query, hits)[0].record.product_id == product))
    return np.array(found, np.float64)


def _hit(rank: int, at: int, product: str, described: Description, distance: float) -> Hit:
    record = Record(at, "", product, "", True, "", MappingProxyType({}), described)
    return Hit(record, rank, 1 - distance**2 / 2, distance)


def _words(values: Float64Array, products: Sequence[str], sign: str = "") -> str:
    found = bootstrap(values.tolist(), seed=0, clusters=products)
    return f"{found.mean:{sign}.3f} [{found.low:{sign}.3f}, {found.high:{sign}.3f}]"
