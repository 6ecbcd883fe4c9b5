"""Queries dealt into folds: what they judge is fitted without their products, or without them.

Products that are left out search among themselves: images of fitted products among them would be
farther than others, for having been fitted. A photo that is left out while its product is not
searches the whole gallery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from engine.types import BoolArray, Float64Array
from offline.adapt.judging import (
    LEAST_PRODUCTS,
    Products,
    Queries,
    Vectors,
    average_precisions,
    number_of,
)
from offline.adapt.spaces import Space

FOLDS = 3


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Products that ``space`` was fitted without: ``queries`` by their places among all, that
    search ``images``, places in the gallery."""

    queries: Products
    images: Products
    space: Space | None


@dataclass(frozen=True, eq=False)
class Fold:
    """``left_out`` (P,) products, of which a fit knows nothing; ``kept``: what it may see of
    ``Folds.known``; ``places`` of the queries that judge it and of the ``images`` that they search,
    among all."""

    left_out: BoolArray
    kept: BoolArray
    places: Products
    images: Products
    queries: Queries
    gallery: Vectors

    def precisions(self, space: Space | None) -> Float64Array:
        """(n,)."""
        if space is None:
            return average_precisions(self.queries, self.queries.vectors.rows, self.gallery)
        rows = space.compared(self.queries.vectors).rows
        return average_precisions(self.queries, rows, space.compared(self.gallery))

    def held_out(self, space: Space | None) -> HeldOut:
        return HeldOut(self.places, self.images, space)


@dataclass(frozen=True, eq=False)
class Judged:
    """Average precisions (Q,) of queries whose products were left out of a fit, and of photos
    that alone were left out, their products not; ``share``: how much the second count."""

    unseen: Float64Array
    seen: Float64Array
    share: float

    @classmethod
    def empty(cls, count: int, share: float) -> Judged:
        return cls(np.zeros(count), np.zeros(count), share)

    @property
    def values(self) -> Float64Array:
        return self.share * self.seen + (1 - self.share) * self.unseen

    def copy(self) -> Judged:
        return replace(self, unseen=self.unseen.copy(), seen=self.seen.copy())

    def take(self, places: Products, other: Judged) -> None:
        """The values of these queries."""
        self.unseen[places], self.seen[places] = other.unseen[places], other.seen[places]


@dataclass(frozen=True, eq=False)
class Folds:
    """``photos``: of users, beside those that the gallery holds."""

    gallery: Vectors
    photos: Vectors | None
    queries: Queries
    seed: int = 0

    @cached_property
    def known(self) -> Vectors:
        """What a fit may see: all images, and the photos whose products are known."""
        if self.photos is None:
            return self.gallery
        return self.gallery.beside(self.photos.chosen(self.photos.products >= 0))

    @cached_property
    def photographed(self) -> float:
        """The fraction of products that photos show whose products are known: what is fitted has
        seen them, but not the photo that comes. 0 where catalogue images are the queries."""
        if not self.queries.are_photos:
            return 0.0
        shown = self.known.products[self.known.photos]
        return float(np.isin(np.unique(self.gallery.products), shown).mean())

    def judged(self, space: Space | None) -> Judged:
        """A space that no label took part in."""
        (found,) = self.judged_by(lambda fold: [space], 1)
        return found

    def judged_by(
        self, spaces_of: Callable[[Fold], Iterable[Space | None]], count: int
    ) -> list[Judged]:
        """So many spaces, each fitted anew to what a fold keeps."""
        judged = [Judged.empty(len(self.queries), self.photographed) for _ in range(count)]
        for fold in self.by_product:
            for one, space in zip(judged, spaces_of(fold), strict=True):
                one.unseen[fold.places] = fold.precisions(space)
        for fold in self.by_photo:
            for one, space in zip(judged, spaces_of(fold), strict=True):
                one.seen[fold.places] = fold.precisions(space)
        return judged

    def chosen_elsewhere(
        self, judged: list[Judged], best: Callable[[Products], int]
    ) -> tuple[list[int], Judged]:
        """The best for the queries of the other folds, a fold each, and every query judged by it:
        what was chosen best of many looks better than it is to the queries that chose it."""
        everywhere = np.arange(len(self.queries))
        chosen, honest = [], judged[0].copy()
        for fold in self.by_product:
            chosen.append(best(np.setdiff1d(everywhere, fold.places)))
            honest.take(fold.places, judged[chosen[-1]])
        return chosen, honest

    def without(self, left_out: BoolArray) -> BoolArray:
        """What of ``known`` is of other products; photos of none that is known stay."""
        products = self.known.products
        return np.asarray((products < 0) | ~left_out[np.maximum(products, 0)], np.bool_)

    @cached_property
    def by_product(self) -> list[Fold]:
        random = np.random.default_rng(self.seed)
        family = self._families
        # Families with queries are dealt first, so that every fold has as many of them.
        judging = np.unique(family[self.queries.vectors.products])
        others = np.setdiff1d(family, judging)
        dealt = np.concatenate([random.permutation(judging), random.permutation(others)])
        of_family = np.empty(family.max() + 1, np.int64)
        of_family[dealt] = np.arange(len(dealt)) % FOLDS
        fold = of_family[family]
        return [
            self._fold(
                fold == number,
                self.without(fold == number),
                np.flatnonzero(fold[self.queries.vectors.products] == number),
                np.flatnonzero(fold[self.gallery.products] == number),
            )
            for number in range(FOLDS)
        ]

    @cached_property
    def by_photo(self) -> list[Fold]:
        """Photos of every product, which search the whole gallery, but for the left-out photos that
        it holds. By their vectors: copies of a photo are left out together."""
        if not self.photographed:
            return []
        none = np.zeros(self._product_count, np.bool_)
        numbers = np.where(self.known.photos, number_of(self.known.rows, FOLDS), -1)
        held, queries = numbers[: len(self.gallery)], number_of(self.queries.vectors.rows, FOLDS)
        return [
            self._fold(
                none,
                np.asarray(numbers != number, np.bool_),
                np.flatnonzero(queries == number),
                np.flatnonzero(held != number),
            )
            for number in range(FOLDS)
        ]

    def _fold(
        self, left_out: BoolArray, kept: BoolArray, places: Products, images: Products
    ) -> Fold:
        """These queries among these images of the gallery."""
        place = np.full(len(self.gallery), -1, np.int64)
        place[images] = np.arange(len(images))
        queries = self.queries.chosen(places)
        queries = replace(queries, own=np.where(queries.own >= 0, place[queries.own], -1))
        return Fold(left_out, kept, places, images, queries, self.gallery.chosen(images))

    @property
    def _families(self) -> Products:
        """(P,) what is held out together: products, where families are too few to judge by."""
        products = np.arange(self._product_count)
        if self.gallery.family is None:
            return products
        family = products + self.gallery.family.max() + 1  # of products that it does not hold
        family[self.gallery.products] = self.gallery.family
        judging = np.unique(family[self.queries.vectors.products])
        return family if len(judging) >= LEAST_PRODUCTS else products

    @cached_property
    def _product_count(self) -> int:
        given = -1 if self.photos is None else self.photos.products.max(initial=-1)
        return int(max(self.gallery.products.max(), given)) + 1
