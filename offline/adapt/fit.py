"""What a catalogue teaches about its vectors, part by part; a part is taken where it gains.

Every part is judged on products that it was not fitted to: products are dealt into folds, and the
queries of a fold are judged by what the other folds gave. Taken is what gains beyond noise, fitted
again to all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from engine.adaptation import Part
from engine.errors import ConfigError
from engine.types import BoolArray, Float64Array, FloatArray
from offline.adapt.judging import (
    LEAST_PRODUCTS,
    Products,
    Queries,
    Vectors,
    average_precisions,
    gain,
    most_frequent_first,
)
from offline.adapt.scatter import scatter_of_groups
from offline.adapt.whitening import fit_learned, fit_pca

FOLDS = 4
# The axes of most variance that projections are fitted in: the rest is noise, and the time that
# a fit takes grows with their cube.
AXES = 384
DIMENSIONS = (64, 128, 256)
SHRINKAGES = (0.05, 0.2, 0.5, 0.9)
# A mean of n photos is drawn towards that of the catalogue as by this many of its images.
PRIOR_PHOTOS = 3
LEAST_PHOTOS = 10


@dataclass(frozen=True, eq=False)
class Space:
    """How vectors are compared: (x - mean of its domain) projection. None: as described."""

    catalogue_mean: FloatArray
    photo_mean: FloatArray
    projection: FloatArray | None = None

    def catalogue(self, rows: FloatArray) -> FloatArray:
        return self._projected(rows - self.catalogue_mean)

    def photos(self, rows: FloatArray) -> FloatArray:
        return self._projected(rows - self.photo_mean)

    def _projected(self, centred: FloatArray) -> FloatArray:
        found = centred if self.projection is None else centred @ self.projection
        return np.asarray(found, np.float32)


@dataclass(frozen=True)
class Candidate:
    """A projection that may be fitted: ``shrinkage`` of what varies within products towards the
    same in every direction; None: PCA alone."""

    dimension: int
    shrinkage: float | None

    @property
    def words(self) -> str:
        kind = "PCA" if self.shrinkage is None else f"whitening, shrinkage {self.shrinkage:g}"
        return f"{kind}, {self.dimension} dimensions"


@dataclass(frozen=True, eq=False)
class Fitted:
    """``space`` is None where nothing gains. ``before``, ``after``: (Q,) average precisions."""

    space: Space | None
    parts: tuple[Part, ...]
    before: Float64Array = field(default_factory=lambda: np.empty(0))
    after: Float64Array = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, eq=False)
class Fit:
    """``photos``: of users, of whatever products; ``queries``: what parts are judged by."""

    gallery: Vectors
    photos: Vectors | None
    queries: Queries
    seed: int = 0

    def run(self) -> Fitted:
        """Fit every part in turn."""
        thin = self._too_thin()
        if thin:
            centring = self._centred_unjudged(thin)
            projection = Part(name="projection", taken=False, why=thin)
            space = self._means(self._everything) if centring.taken else None
            return Fitted(space, (centring, projection))
        before = average_precisions(self.queries, self.queries.vectors.rows, self.gallery)
        centred = self._judged(self._means)
        centring = self._part("centring", centred, before, self._centred_words)
        base = centred if centring.taken else before
        projection, projected, chosen = self._projection(base)
        if projection.taken and chosen is not None:
            space = self._with_projection(self._everything, chosen)
            return Fitted(space, (centring, projection), before, projected)
        space = self._means(self._everything) if centring.taken else None
        return Fitted(space, (centring, projection), before, base)

    @cached_property
    def _everything(self) -> BoolArray:
        """No product is left out."""
        return np.zeros(self._product_count, np.bool_)

    @cached_property
    def _product_count(self) -> int:
        both = [self.gallery.products]
        both += [] if self.photos is None else [self.photos.products]
        return int(max(products.max(initial=-1) for products in both)) + 1

    @property
    def _centred_words(self) -> str:
        if self.photos is None or (self.queries.domain == "catalogue" and len(self.photos) == 0):
            return "on the catalogue's mean"
        return f"each side on its own mean, that of photos by {len(self.photos)}"

    def _too_thin(self) -> str:
        """Why nothing can be judged; empty where it can."""
        products = len(np.unique(self.queries.vectors.products))
        what = (
            "photographed products"
            if self.queries.domain == "photo"
            else ("products with several images")
        )
        if products < LEAST_PRODUCTS:
            return f"{products} {what}, and judging needs {LEAST_PRODUCTS}"
        if not np.ptp(self.gallery.rows, axis=0).any():
            return "all images have the same vector"
        return ""

    def _centred_unjudged(self, thin: str) -> Part:
        """By unlabelled photos alone: taken unless one product comes first more often than before.

        What differs between the sides is then no longer mistaken for the likeness of one product.
        """
        if self.photos is None or len(self.photos) < LEAST_PHOTOS:
            return Part(name="centring", taken=False, why=thin)
        if not np.ptp(self.gallery.rows, axis=0).any():
            return Part(name="centring", taken=False, why="all images have the same vector")
        space = self._means(self._everything)
        products = self.gallery.products
        before = most_frequent_first(self.photos.rows, self.gallery.rows, products)
        after = most_frequent_first(
            space.photos(self.photos.rows), space.catalogue(self.gallery.rows), products
        )
        words = (
            f"{self._centred_words}; one product came first for {before:.0%} of the photos, "
            f"with it for {after:.0%}"
        )
        return Part(name="centring", taken=after <= before, why=words)

    def _means(self, left_out: BoolArray) -> Space:
        """Every product counts alike in the catalogue's mean."""
        rows, products = _without(self.gallery, left_out)
        catalogue = _mean_over_products(rows, products)
        if self.photos is None:
            return Space(catalogue, catalogue)
        seen, _ = _without(self.photos, left_out)
        weight = len(seen) / (len(seen) + PRIOR_PHOTOS)
        photos = seen.mean(axis=0) if len(seen) else catalogue
        mixed = weight * photos + (1 - weight) * catalogue
        return Space(catalogue, mixed.astype(np.float32))

    @cached_property
    def _axes(self) -> Float64Array:
        """(D, A) of most variance, of all images and photos: no label takes part."""
        rows = self.gallery.rows - self.gallery.rows.mean(axis=0)
        if self.photos is not None:
            photos = self.photos.rows - self.photos.rows.mean(axis=0)
            rows = np.concatenate([rows, photos])
        fitted = fit_pca(rows).projection[:, :AXES]
        return np.asarray(fitted / np.linalg.norm(fitted, axis=0))

    def _with_projection(self, left_out: BoolArray, candidate: Candidate) -> Space:
        return next(iter(self._projections(left_out, [candidate])))

    def _projections(self, left_out: BoolArray, candidates: Sequence[Candidate]) -> Iterator[Space]:
        """One a candidate."""
        means = self._means(left_out)
        rows, products = _without(self.gallery, left_out)
        centred = rows - means.catalogue_mean
        if self.photos is not None:
            photos, of = _without(self.photos, left_out)
            known = of >= 0
            centred = np.concatenate([centred, photos[known] - means.photo_mean])
            products = np.concatenate([products, of[known]])
        small = centred @ self._axes
        scatter = scatter_of_groups(small, products)
        whole: dict[float | None, Float64Array] = {None: np.eye(small.shape[1])}
        for candidate in candidates:
            if candidate.shrinkage is not None and candidate.shrinkage not in whole:
                fitted = fit_learned(small, scatter, None, candidate.shrinkage)
                whole[candidate.shrinkage] = fitted.projection
            inner = whole[candidate.shrinkage][:, : candidate.dimension]
            projection = np.ascontiguousarray(self._axes @ inner, np.float32)
            yield Space(means.catalogue_mean, means.photo_mean, projection)

    def _projection(self, base: Float64Array) -> tuple[Part, Float64Array, Candidate | None]:
        try:
            candidates = self._candidates()
            judged = self._judged_projections(candidates)
        except ConfigError as error:
            return Part(name="projection", taken=False, why=error.message), base, None
        best = max(range(len(candidates)), key=lambda at: judged[at].mean())
        chosen = candidates[best]
        part = self._part("projection", judged[best], base, chosen.words)
        return part, judged[best], chosen

    def _candidates(self) -> list[Candidate]:
        # What a fold leaves spans less than all.
        span = int(self._axes.shape[1] * (FOLDS - 1) / FOLDS)
        dimensions = [one for one in DIMENSIONS if one <= span] or [max(1, span)]
        return [
            Candidate(dimension, shrinkage)
            for dimension in dimensions
            for shrinkage in (*SHRINKAGES, None)
        ]

    def _judged_projections(self, candidates: Sequence[Candidate]) -> list[Float64Array]:
        found = [np.zeros(len(self.queries)) for _ in candidates]
        for left_out, asked in self._folds():
            spaces = self._projections(left_out, candidates)
            for values, space in zip(found, spaces, strict=True):
                values[asked] = self._precisions(space, asked)
        return found

    def _judged(self, space_without: Callable[[BoolArray], Space]) -> Float64Array:
        found = np.zeros(len(self.queries))
        for left_out, asked in self._folds():
            found[asked] = self._precisions(space_without(left_out), asked)
        return found

    def _folds(self) -> Iterator[tuple[BoolArray, BoolArray]]:
        """Products that are left out, and which queries are of them."""
        random = np.random.default_rng(self.seed)
        asked = np.unique(self.queries.vectors.products)
        fold = np.full(self._product_count, -1, np.int64)
        fold[asked] = random.permutation(len(asked)) % FOLDS
        for number in range(FOLDS):
            left_out = fold == number
            yield left_out, left_out[self.queries.vectors.products]

    def _precisions(self, space: Space, asked: BoolArray) -> Float64Array:
        vectors = self.queries.vectors
        part = Queries(
            Vectors(vectors.rows[asked], vectors.products[asked]),
            self.queries.own[asked],
            self.queries.domain,
        )
        side = space.photos if self.queries.domain == "photo" else space.catalogue
        compared = Vectors(space.catalogue(self.gallery.rows), self.gallery.products)
        return average_precisions(part, side(part.vectors.rows), compared)

    def _part(self, name: str, after: Float64Array, before: Float64Array, words: str) -> Part:
        """Taken where the whole interval of its gain lies above 0."""
        found = gain(after, before, self.queries, self.seed)
        return Part(
            name=name,
            taken=found.low > 0,
            why=words,
            gain=found.mean,
            low=found.low,
            high=found.high,
        )


def _without(vectors: Vectors, left_out: BoolArray) -> tuple[FloatArray, Products]:
    """Less the images of these products; those of none that is known stay."""
    kept = (vectors.products < 0) | ~left_out[np.maximum(vectors.products, 0)]
    return vectors.rows[kept], vectors.products[kept]


def _mean_over_products(rows: FloatArray, products: Products) -> FloatArray:
    _, members, counts = np.unique(products, return_inverse=True, return_counts=True)
    weights = 1 / counts[members]
    mean = (weights[:, None] * rows).sum(axis=0) / weights.sum()
    return np.asarray(mean, np.float32)
