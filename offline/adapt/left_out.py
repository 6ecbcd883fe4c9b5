"""Searches as they would be if a product had never been in the gallery.

What is fitted to the vectors of a product draws it away from the products beside it: without its
images a gallery would still know it. So an answer about an absent product is searched by a
projection that was fitted without it. Of GroceryStore's cartons (895 images of 31 products) an
absent product's first hit reaches a cosine of 0.63 in one case of twenty by the projection of all,
of 0.69 without it (0.65 and 0.73 with joined vectors); by 10 folds of products as by 31.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from engine.errors import ConfigError
from engine.galleries.memory import MemoryGallery
from engine.protocols import Gallery
from engine.search import Searcher
from offline.adapt.fit import Fit
from offline.adapt.judging import Vectors, queries_of
from offline.adapt.vectors import MOST_IMAGES, chunks_of, product_numbers, read_vectors

FOLDS = 10


@dataclass(frozen=True, eq=False)
class Search:
    """``serving``: as a user's photo is searched for. ``folds``: over the same images, each by an
    adaptation that was fitted without some products; ``fold_of``: the fold of a product's id.
    ``seen``: the queries took part in the fit, so that these are for answers about present products
    too: a lower bound, for a gallery knows the products that it has. ``note``: why it could not be
    fitted without them."""

    serving: Searcher
    folds: tuple[Searcher, ...] = ()
    fold_of: Mapping[str, int] = field(default_factory=dict)
    seen: bool = False
    note: str = ""

    def present(self, product: str) -> Searcher:
        """For answers about it as one that the gallery has."""
        return self.without(product) if self.seen else self.serving

    def without(self, product: str) -> Searcher:
        """For answers about it as an absent product."""
        return self.folds[self.fold_of[product]] if product in self.fold_of else self.serving


def search_of(
    serving: Searcher,
    gallery: Gallery,
    seed: int,
    photos: Vectors | None = None,
    folds: int = FOLDS,
) -> Search:
    """``photos`` that the gallery was adapted with, where they are at hand.

    Products take part in a projection alone; a gallery without one is searched as it is, and so is
    one of more than ``MOST_IMAGES``, of which no fit has seen more than a part.
    """
    adaptation = gallery.adaptation()
    if adaptation is None or adaptation.projection is None or len(gallery) > MOST_IMAGES:
        return Search(serving)
    parts = adaptation.report.parts
    settings = next((part.settings for part in parts if part.name == "projection"), {})
    if not settings:  # of before they were kept
        note = "absent products are judged by a projection that has seen them: packsight adapt"
        return Search(serving, note=f"{note} {shlex.quote(gallery.name)}")
    _, vectors, _ = read_vectors(gallery, seed)
    queries = queries_of(vectors, photos, seed)
    fit = Fit(vectors, photos, queries, seed)
    numbers = product_numbers(gallery)
    count = len(set(numbers.values()))
    fold_of = np.random.default_rng(seed).permutation(count) % folds
    try:
        spaces = fit.without(settings, [fold_of == fold for fold in range(folds)], adaptation.scale)
    except ConfigError as error:  # it was fitted to photos that the gallery does not hold
        note = f"the projection has seen the absent products, which flatters: {error.message}"
        return Search(serving, note=note.rstrip("."))
    ids = [source.id for source in gallery.sources()]
    records = [record for chunk in chunks_of(gallery, ids) for record in chunk]
    searchers = []
    for space in spaces:
        memory = MemoryGallery(records, serving.gallery.fingerprint)
        memory.adapt(replace(adaptation, projection=space.projection))
        searchers.append(replace(serving, gallery=memory))
    return Search(
        serving, tuple(searchers), {name: int(fold_of[number]) for name, number in numbers.items()}
    )
