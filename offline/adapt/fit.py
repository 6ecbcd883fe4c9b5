"""What a catalogue teaches about its vectors, part by part; a part is taken where it gains.

Products are dealt into folds. A part is judged by the queries of each fold, among the images of
that fold, after a fit to the other folds; taken is what gains beyond noise, fitted again to all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    number_of,
)
from offline.adapt.scatter import scatter_of_groups
from offline.adapt.whitening import RANK_TOLERANCE, fit_learned, fit_pca
from stages.embed.joined import Descriptor

FOLDS = 3
# The axes of most variance that projections are fitted in: the rest is noise, and the time that
# a fit takes grows with their cube.
AXES = 384
DIMENSIONS = (64, 128, 256)
SHRINKAGES = (0.05, 0.2, 0.5, 0.9)
# Of one of several descriptors beside the others; 0: without it.
DESCRIPTOR_WEIGHTS = (0, 0.5, 1, 2)
# A mean of n photos is drawn towards that of the catalogue as by this many of its images.
PRIOR_PHOTOS = 3
LEAST_PHOTOS = 10


@dataclass(frozen=True, eq=False)
class Space:
    """How vectors are compared: (x - mean of its domain) scale projection. None: as described."""

    catalogue_mean: FloatArray
    photo_mean: FloatArray
    projection: FloatArray | None = None
    scale: FloatArray | None = None  # (D,)

    def centred(self, vectors: Vectors) -> FloatArray:
        """(N, D)."""
        means = np.where(vectors.photos[:, None], self.photo_mean, self.catalogue_mean)
        return np.asarray(vectors.rows - means, np.float32)

    def compared(self, vectors: Vectors) -> Vectors:
        """Not brought to length 1."""
        rows = self.centred(vectors)
        if self.scale is not None:
            rows = rows * self.scale
        found = rows if self.projection is None else rows @ self.projection
        return replace(vectors, rows=np.asarray(found, np.float32))


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Products that ``space`` was fitted without: ``queries`` by their places among all, that
    search ``images``, places in the gallery."""

    queries: Products
    images: Products
    space: Space | None


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

    @property
    def settings(self) -> dict[str, float]:
        own = {} if self.shrinkage is None else {"shrinkage": self.shrinkage}
        return {"dimension": self.dimension, **own}


@dataclass(frozen=True, eq=False)
class Fitted:
    """``space`` is None where nothing gains. ``before``, ``after``: (Q,) average precisions."""

    space: Space | None
    parts: tuple[Part, ...]
    before: Float64Array = field(default_factory=lambda: np.empty(0))
    after: Float64Array = field(default_factory=lambda: np.empty(0))
    held_out: tuple[HeldOut, ...] = ()  # empty where nothing could be judged
    # The same where photos alone were left out, their products not; empty without photos.
    photos_held_out: tuple[HeldOut, ...] = ()
    photographed: float = 0.0  # fraction of the gallery's products


@dataclass(frozen=True, eq=False)
class _Fold:
    """Products that are left out of a fit: their queries search their images alone.

    Images of fitted products among them would be farther than others, for having been fitted.
    """

    left_out: BoolArray  # (P,)
    places: Products  # (n,) of the queries among all
    images: Products  # places in the gallery
    queries: Queries
    gallery: Vectors

    def precisions(self, space: Space | None) -> Float64Array:
        """(n,)."""
        if space is None:
            return average_precisions(self.queries, self.queries.vectors.rows, self.gallery)
        rows = space.compared(self.queries.vectors).rows
        return average_precisions(self.queries, rows, space.compared(self.gallery))


@dataclass(frozen=True, eq=False)
class _Judged:
    """Average precisions (Q,) of queries whose products were left out of a fit, and of photos
    that alone were left out, their products not; ``share``: how much the second count."""

    unseen: Float64Array
    seen: Float64Array
    share: float

    @classmethod
    def empty(cls, count: int, share: float) -> _Judged:
        return cls(np.zeros(count), np.zeros(count), share)

    @property
    def values(self) -> Float64Array:
        return self.share * self.seen + (1 - self.share) * self.unseen

    def copy(self) -> _Judged:
        return replace(self, unseen=self.unseen.copy(), seen=self.seen.copy())

    def take(self, places: Products, other: _Judged) -> None:
        """The values of these queries."""
        self.unseen[places], self.seen[places] = other.unseen[places], other.seen[places]


@dataclass(frozen=True, eq=False)
class Fit:
    """``photos``: of users, beside those that the gallery holds, of whatever products; ``queries``:
    what parts are judged by; ``learned``: whether the photos stand for what was searched for;
    ``descriptors``: where a vector joins several; ``scale`` (D,): by which projections are fitted.
    """

    gallery: Vectors
    photos: Vectors | None
    queries: Queries
    seed: int = 0
    learned: bool = False
    descriptors: Sequence[Descriptor] = ()
    scale: FloatArray | None = None

    def run(self) -> Fitted:
        """Fit every part in turn."""
        thin = self._too_thin()
        if thin:
            centring = self._centred_unjudged(thin)
            projection = Part(name="projection", taken=False, why=thin)
            return Fitted(self._means if centring.taken else None, (centring, projection))
        before, centred = self._judged(None), self._judged(self._means)
        centring = self._part("centring", centred.values, before.values, self._centred_words)
        if not (centring.taken or self.queries.are_photos):
            centring = self._with_unlabelled_photos(centring)
        base, space = (centred, self._means) if centring.taken else (before, None)
        weights, base, scale = self._weights(base, space)
        if scale is not None:
            space = replace(space or self._uncentred, scale=scale)
        held_out = [HeldOut(fold.places, fold.images, space) for fold in self._folds]
        photos = [HeldOut(fold.places, fold.images, space) for fold, _ in self._photo_folds]
        scaled = replace(self, scale=scale)
        projection, projected, chosen = scaled._projection(base)
        if projection.taken:
            base = projected
            space, *spaces = scaled._chosen_spaces(chosen)
            held_out = [replace(one, space=own) for one, own in zip(held_out, spaces, strict=True)]
            photos = scaled._photo_spaces(photos, chosen[0])
        parts = (centring, *weights, projection)
        return Fitted(
            space,
            parts,
            before.values,
            base.values,
            tuple(held_out),
            tuple(photos),
            self._photographed,
        )

    def judged(self, name: str, words: str, space_of: Callable[[BoolArray], Space]) -> Part:
        """How much better vectors find their products than as described, by what ``space_of`` fits
        without the products (P,) that are left out."""
        thin = self._too_thin()
        if thin:
            return Part(name=name, taken=False, why=thin)
        after = np.empty(len(self.queries))
        for fold in self._folds:
            after[fold.places] = fold.precisions(space_of(fold.left_out))
        return self._part(name, after, self._judged(None).unseen, words)

    def without(self, settings: Mapping[str, float], left_out: Sequence[BoolArray]) -> list[Space]:
        """A projection with the settings of its part, fitted without some products (P,) each.
        ConfigError where no product with several images is left."""
        candidate = Candidate(int(settings["dimension"]), settings.get("shrinkage"))
        kept = [self._without_products(products) for products in left_out]
        return [next(self._projections(rows, [candidate])) for rows in kept]

    @cached_property
    def _photos(self) -> Vectors:
        """All of them."""
        held = self.gallery.chosen(self.gallery.photos)
        return held if self.photos is None else held.beside(self.photos)

    @property
    def _labelled(self) -> Vectors:
        """The photos that are given with their products."""
        assert self.photos is not None
        return self.photos.chosen(self.photos.products >= 0)

    @cached_property
    def _product_count(self) -> int:
        both = (self.gallery.products, self._photos.products)
        return int(max(products.max(initial=-1) for products in both)) + 1

    @property
    def _centred_words(self) -> str:
        if not len(self._photos):
            return "on the catalogue's mean"
        by = " queries" if self.learned else ""
        return f"each side on its own mean, that of photos by {len(self._photos)}{by}"

    def _too_thin(self) -> str:
        """Why nothing can be judged; empty where it can."""
        products = len(np.unique(self.queries.vectors.products))
        what = (
            "photographed products" if self.queries.are_photos else "products with several images"
        )
        if not np.ptp(self.gallery.rows, axis=0).any():
            return "all images have the same vector"
        if products < LEAST_PRODUCTS:
            return f"{products} {what}, and judging needs {LEAST_PRODUCTS}"
        return ""

    def _centred_unjudged(self, thin: str) -> Part:
        """By unlabelled photos alone: taken unless one product comes first more often than before.

        What differs between the sides is then no longer mistaken for the likeness of one product.
        """
        alike = not np.ptp(self.gallery.rows, axis=0).any()
        # Photos that the gallery holds would find themselves first.
        photos = self.photos
        if alike or photos is None or len(photos) < LEAST_PHOTOS:
            return Part(name="centring", taken=False, why=thin)
        if len(np.unique(self.gallery.products)) < 2:
            return Part(name="centring", taken=False, why="all images are of one product")
        if not np.ptp(photos.rows, axis=0).any():
            return Part(name="centring", taken=False, why="all photos have the same vector")
        products = self.gallery.products
        before = most_frequent_first(photos.rows, self.gallery.rows, products)
        after = most_frequent_first(
            self._means.compared(photos).rows, self._means.compared(self.gallery).rows, products
        )
        of = "their means" if self.learned else "the photos"
        words = (
            f"{self._centred_words}; one product came first for {before:.0%} of {of}, "
            f"with it for {after:.0%}"
        )
        return Part(name="centring", taken=after <= before, why=words)

    def _with_unlabelled_photos(self, judged: Part) -> Part:
        """Images of the catalogue cannot tell what the photos' mean brings, only that centring does
        no harm among themselves."""
        unjudged = self._centred_unjudged(judged.why)
        if unjudged.taken and judged.high is not None and judged.high >= 0:
            return judged.model_copy(update={"taken": True, "why": unjudged.why})
        return judged

    @cached_property
    def _means(self) -> Space:
        """Of all images, for no label takes part; every product counts alike."""
        images = self.gallery.chosen(~self.gallery.photos)
        catalogue = _mean_over_products(images if len(images) else self.gallery)
        if not len(self._photos):
            return Space(catalogue, catalogue)
        weight = len(self._photos) / (len(self._photos) + PRIOR_PHOTOS)
        mixed = weight * self._photos.rows.mean(axis=0) + (1 - weight) * catalogue
        return Space(catalogue, mixed.astype(np.float32))

    @property
    def _scaled(self) -> Space:
        return replace(self._means, scale=self.scale)

    @cached_property
    def _uncentred(self) -> Space:
        zero = np.zeros(self.gallery.rows.shape[1], np.float32)
        return Space(zero, zero)

    def _weights(
        self, base: _Judged, space: Space | None
    ) -> tuple[list[Part], _Judged, FloatArray | None]:
        """What each descriptor brings, and whether one counts more or less, or not at all."""
        if not self.descriptors:
            return [], base, None
        sizes = [descriptor.size for descriptor in self.descriptors]
        single = [
            (at, weight) for at in range(len(sizes)) for weight in DESCRIPTOR_WEIGHTS if weight != 1
        ]
        tried = [np.ones(len(sizes)), *(_with_one(len(sizes), *one) for one in single)]
        scales = [np.repeat(one, sizes).astype(np.float32) for one in tried]
        unscaled = space or self._uncentred
        judged = [base, *(self._judged(replace(unscaled, scale=one)) for one in scales[1:])]
        values = np.stack([one.values for one in judged])
        parts = [
            self._part(
                f"descriptor {descriptor.name}",
                base.values,
                values[1 + single.index((at, 0))],
                descriptor.cost,
            )
            for at, descriptor in enumerate(self.descriptors)
        ]
        best = int(values.mean(axis=1).argmax())
        honest = base.copy()
        for fold in self._folds:
            others = np.delete(values, fold.places, axis=1)
            honest.take(fold.places, judged[int(others.mean(axis=1).argmax())])
        words = ", ".join(
            f"{weight:g} {one.name}"
            for weight, one in zip(tried[best], self.descriptors, strict=True)
        )
        weighed = self._part("weights of descriptors", honest.values, base.values, words)
        dropped = [part.model_copy(update={"taken": True}) for part in parts]
        if not weighed.taken:
            return [*dropped, weighed], base, None
        kept = [
            part.model_copy(update={"taken": bool(weight)})
            for part, weight in zip(parts, tried[best], strict=True)
        ]
        return [*kept, weighed], honest, scales[best]

    @cached_property
    def _axes(self) -> Float64Array:
        """(D, A) of most variance, of all images and photos: no label takes part."""
        everything = self.gallery if self.photos is None else self.gallery.beside(self.photos)
        rows = self._scaled.compared(everything).rows
        if len(rows) < rows.shape[1]:
            return _axes_of_few(rows)
        fitted = fit_pca(rows).projection[:, :AXES]
        return np.asarray(fitted / np.linalg.norm(fitted, axis=0))

    @cached_property
    def _centred(self) -> Vectors:
        """Along these axes: all images, and the photos whose products are known."""
        known = self.gallery if self.photos is None else self.gallery.beside(self._labelled)
        centred = self._scaled.compared(known)
        return replace(centred, rows=np.asarray(centred.rows @ self._axes, np.float32))

    def _projections(self, kept: BoolArray, candidates: Sequence[Candidate]) -> Iterator[Space]:
        """One a candidate, fitted to the kept of ``_centred``. ConfigError where no product has
        several images among them."""
        rows, products = self._centred.rows[kept], self._centred.products[kept]
        scatter = scatter_of_groups(rows, products)
        whole: dict[float | None, Float64Array] = {None: np.eye(rows.shape[1])}
        for candidate in candidates:
            if candidate.shrinkage is not None and candidate.shrinkage not in whole:
                fitted = fit_learned(rows, scatter, None, candidate.shrinkage)
                whole[candidate.shrinkage] = fitted.projection
            inner = whole[candidate.shrinkage][:, : candidate.dimension]
            projection = np.ascontiguousarray(self._axes @ inner, np.float32)
            yield replace(self._scaled, projection=projection)

    def _projection(self, base: _Judged) -> tuple[Part, _Judged, Sequence[Candidate]]:
        """The best candidate, then the one of each fold: what is best for the other folds."""
        candidates = self._candidates()
        try:
            judged = self._judged_projections(candidates)
        except ConfigError as error:
            return Part(name="projection", taken=False, why=error.message), base, ()
        everywhere = np.arange(len(self.queries))
        best = self._best(judged, base, everywhere)
        chosen, honest = [candidates[best]], base.copy()
        for fold in self._folds:
            best = self._best(judged, base, np.setdiff1d(everywhere, fold.places))
            chosen.append(candidates[best])
            honest.take(fold.places, judged[best])
        return self._projection_part(honest, base, chosen[0]), honest, chosen

    def _best(self, judged: Sequence[_Judged], base: _Judged, places: Products) -> int:
        """By these queries; the first of those that harm no product whose photos they have not
        seen, where there is one."""
        values = np.array([one.values[places].mean() for one in judged])
        order = np.argsort(-values, kind="stable").tolist()
        if not self._photographed:
            return int(order[0])
        harmless = (at for at in order if not self._harms(judged[at], base, places))
        return int(next(harmless, order[0]))

    def _harms(self, after: _Judged, before: _Judged, places: Products) -> bool:
        """Whether products that were left out lose beyond noise."""
        queries = self.queries.chosen(places)
        return gain(after.unseen[places], before.unseen[places], queries, self.seed).high < 0

    def _projection_part(self, after: _Judged, before: _Judged, chosen: Candidate) -> Part:
        """A projection that saw photos of a product must not harm the others."""
        part = self._part("projection", after.values, before.values, chosen.words)
        part = part.model_copy(update={"settings": chosen.settings})
        if not self._photographed:
            return part
        others = float((after.unseen - before.unseen).mean())
        harms = self._harms(after, before, np.arange(len(self.queries)))
        why = f"{chosen.words}; for products whose photos it has not seen {others:+.3f}"
        return part.model_copy(update={"taken": part.taken and not harms, "why": why})

    def _chosen_spaces(self, chosen: Sequence[Candidate]) -> list[Space]:
        """The first fitted to all, the others without the products of a fold each."""
        everything = np.ones(len(self._centred), np.bool_)
        kept = [everything, *(self._without_products(fold.left_out) for fold in self._folds)]
        return [
            next(self._projections(rows, [candidate]))
            for rows, candidate in zip(kept, chosen, strict=True)
        ]

    def _photo_spaces(self, photos: Sequence[HeldOut], chosen: Candidate) -> list[HeldOut]:
        """Fitted without their photos."""
        return [
            replace(one, space=next(self._projections(kept, [chosen])))
            for one, (_, kept) in zip(photos, self._photo_folds, strict=True)
        ]

    def _candidates(self) -> list[Candidate]:
        # What a fold leaves spans less than all.
        span = int(self._axes.shape[1] * (FOLDS - 1) / FOLDS)
        dimensions = [one for one in DIMENSIONS if one <= span] or [max(1, span)]
        return [
            Candidate(dimension, shrinkage)
            for dimension in dimensions
            for shrinkage in (*SHRINKAGES, None)
        ]

    def _judged_projections(self, candidates: Sequence[Candidate]) -> list[_Judged]:
        judged = [_Judged.empty(len(self.queries), self._photographed) for _ in candidates]
        for fold in self._folds:
            kept = self._without_products(fold.left_out)
            for one, space in zip(judged, self._projections(kept, candidates), strict=True):
                one.unseen[fold.places] = fold.precisions(space)
        for fold, kept in self._photo_folds:
            for one, space in zip(judged, self._projections(kept, candidates), strict=True):
                one.seen[fold.places] = fold.precisions(space)
        return judged

    def _judged(self, space: Space | None) -> _Judged:
        """A space that no label took part in."""
        judged = _Judged.empty(len(self.queries), self._photographed)
        for fold in self._folds:
            judged.unseen[fold.places] = fold.precisions(space)
        for fold, _ in self._photo_folds:
            judged.seen[fold.places] = fold.precisions(space)
        return judged

    @cached_property
    def _photographed(self) -> float:
        """The fraction of products that photos show whose products are known: what is fitted has
        seen them, but not the photo that comes. 0 where catalogue images are the queries."""
        if not self.queries.are_photos:
            return 0.0
        shown = self._centred.products[self._centred.photos]
        held = np.unique(self.gallery.products)
        return float(np.isin(held, shown).mean())

    @cached_property
    def _photo_folds(self) -> list[tuple[_Fold, BoolArray]]:
        """Photos of every product that are left out of a fit, and what of ``_centred`` is kept.

        They search the whole gallery, but for the left-out photos that it holds. By their vectors:
        copies of a photo are left out together.
        """
        if not self._photographed:
            return []
        none = np.zeros(self._product_count, np.bool_)
        known = self.gallery if self.photos is None else self.gallery.beside(self._labelled)
        numbers = np.where(known.photos, number_of(known.rows, FOLDS), -1)
        held, queries = numbers[: len(self.gallery)], number_of(self.queries.vectors.rows, FOLDS)
        return [
            (
                self._fold(none, np.flatnonzero(queries == number), np.flatnonzero(held != number)),
                np.asarray(numbers != number, np.bool_),
            )
            for number in range(FOLDS)
        ]

    @cached_property
    def _folds(self) -> list[_Fold]:
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
                np.flatnonzero(fold[self.queries.vectors.products] == number),
                np.flatnonzero(fold[self.gallery.products] == number),
            )
            for number in range(FOLDS)
        ]

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

    def _fold(self, left_out: BoolArray, places: Products, images: Products) -> _Fold:
        """These queries among these images of the gallery."""
        place = np.full(len(self.gallery), -1, np.int64)
        place[images] = np.arange(len(images))
        queries = self.queries.chosen(places)
        own = np.where(queries.own >= 0, place[queries.own], -1)
        queries = replace(queries, own=own)
        return _Fold(left_out, places, images, queries, self.gallery.chosen(images))

    def _without_products(self, left_out: BoolArray) -> BoolArray:
        """What of ``_centred`` is of other products; photos of none that is known stay."""
        products = self._centred.products
        return np.asarray((products < 0) | ~left_out[np.maximum(products, 0)], np.bool_)

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


def _with_one(count: int, at: int, weight: float) -> Float64Array:
    """(count,) weights of 1, but for one."""
    found = np.ones(count)
    found[at] = weight
    return found


def _axes_of_few(rows: FloatArray) -> Float64Array:
    """As those of ``fit_pca``, by the inner products of fewer rows than dimensions."""
    centred = np.asarray(rows - rows.mean(axis=0), np.float64)
    spread, axes = np.linalg.eigh(centred @ centred.T)
    kept = np.flatnonzero(spread > RANK_TOLERANCE * spread[-1])[::-1][:AXES]
    found = centred.T @ (axes[:, kept] / np.sqrt(spread[kept]))
    return np.asarray(found * np.sign(found[np.abs(found).argmax(axis=0), np.arange(len(kept))]))


def _mean_over_products(vectors: Vectors) -> FloatArray:
    _, members, counts = np.unique(vectors.products, return_inverse=True, return_counts=True)
    weights = 1 / counts[members]
    mean = (weights[:, None] * vectors.rows).sum(axis=0) / weights.sum()
    return np.asarray(mean, np.float32)
