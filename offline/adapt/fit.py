"""What a catalogue teaches about its vectors, part by part; a part is taken where it gains.

Products are dealt into folds. A part is judged by the queries of each fold, among the images of
that fold, after a fit to the other folds; taken is what gains beyond noise, fitted again to all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from engine.adaptation import Part
from engine.errors import ConfigError
from engine.types import BoolArray, Float64Array, FloatArray
from offline.adapt.folds import Folds, HeldOut, Judged
from offline.adapt.judging import (
    LEAST_PRODUCTS,
    Products,
    Queries,
    Vectors,
    gain,
    most_frequent_first,
)
from offline.adapt.projection import Candidate, Projections
from offline.adapt.spaces import Space, means_of, uncentred
from stages.embed.joined import Descriptor

# Of one of several descriptors beside the others; 0: without it.
DESCRIPTOR_WEIGHTS = (0, 0.5, 1, 2)
LEAST_PHOTOS = 10


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
class Fit:
    """``photos``: of users, beside those that the gallery holds, of whatever products; ``queries``:
    what parts are judged by; ``learned``: whether the photos stand for what was searched for;
    ``descriptors``: where a vector joins several.
    """

    gallery: Vectors
    photos: Vectors | None
    queries: Queries
    seed: int = 0
    learned: bool = False
    descriptors: Sequence[Descriptor] = ()

    def run(self) -> Fitted:
        """Fit every part in turn."""
        thin = self._too_thin()
        if thin:
            centring = self._centred_unjudged(thin)
            projection = Part(name="projection", taken=False, why=thin)
            return Fitted(self._means if centring.taken else None, (centring, projection))
        folds = self._folds
        before, centred = folds.judged(None), folds.judged(self._means)
        centring = self._part("centring", centred.values, before.values, self._centred_words)
        if not (centring.taken or self.queries.are_photos):
            centring = self._with_unlabelled_photos(centring)
        base, space = (centred, self._means) if centring.taken else (before, None)
        weights, base, scale = self._weights(base, space)
        if scale is not None:
            space = replace(space or self._as_described, scale=scale)
        held_out = [fold.held_out(space) for fold in folds.by_product]
        photos = [fold.held_out(space) for fold in folds.by_photo]
        projections = self._projections(scale)
        projection, projected, chosen = self._projection(projections, base)
        if projection.taken:
            base, best = projected, chosen[0]
            space = projections.one(np.ones(len(folds.known), np.bool_), best)
            held_out = [
                fold.held_out(projections.one(fold.kept, own))
                for fold, own in zip(folds.by_product, chosen[1:], strict=True)
            ]
            photos = [fold.held_out(projections.one(fold.kept, best)) for fold in folds.by_photo]
        return Fitted(
            space,
            (centring, *weights, projection),
            before.values,
            base.values,
            tuple(held_out),
            tuple(photos),
            folds.photographed,
        )

    def judged(self, name: str, words: str, space_of: Callable[[BoolArray], Space]) -> Part:
        """How much better vectors find their products than as described, by what ``space_of`` fits
        without the products (P,) that are left out."""
        thin = self._too_thin()
        if thin:
            return Part(name=name, taken=False, why=thin)
        after = np.empty(len(self.queries))
        for fold in self._folds.by_product:
            after[fold.places] = fold.precisions(space_of(fold.left_out))
        return self._part(name, after, self._folds.judged(None).unseen, words)

    def without(
        self,
        settings: Mapping[str, float],
        left_out: Sequence[BoolArray],
        scale: FloatArray | None = None,
    ) -> list[Space]:
        """A projection with the settings of its part, fitted without some products (P,) each.
        ConfigError where no product with several images is left."""
        candidate = Candidate(int(settings["dimension"]), settings.get("shrinkage"))
        projections = self._projections(scale)
        return [projections.one(self._folds.without(products), candidate) for products in left_out]

    @cached_property
    def _folds(self) -> Folds:
        return Folds(self.gallery, self.photos, self.queries, self.seed)

    def _projections(self, scale: FloatArray | None) -> Projections:
        everything = self.gallery if self.photos is None else self.gallery.beside(self.photos)
        return Projections(replace(self._means, scale=scale), self._folds.known, everything)

    @cached_property
    def _photos(self) -> Vectors:
        """All of them."""
        held = self.gallery.chosen(self.gallery.photos)
        return held if self.photos is None else held.beside(self.photos)

    @cached_property
    def _means(self) -> Space:
        return means_of(self.gallery, self._photos)

    @property
    def _as_described(self) -> Space:
        return uncentred(self.gallery.rows.shape[1])

    @property
    def _centred_words(self) -> str:
        if not len(self._photos):
            return "on the catalogue's mean"
        by = " queries" if self.learned else ""
        return f"each side on its own mean, that of photos by {len(self._photos)}{by}"

    def _too_thin(self) -> str:
        """Why nothing can be judged; empty where it can."""
        products = len(np.unique(self.queries.vectors.products))
        one = "product" if products == 1 else "products"
        what = f"photographed {one}" if self.queries.are_photos else f"{one} with several images"
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

    def _weights(
        self, base: Judged, space: Space | None
    ) -> tuple[list[Part], Judged, FloatArray | None]:
        """What each descriptor brings, and whether one counts more or less, or not at all."""
        if not self.descriptors:
            return [], base, None
        sizes = [descriptor.size for descriptor in self.descriptors]
        single = [
            (at, weight) for at in range(len(sizes)) for weight in DESCRIPTOR_WEIGHTS if weight != 1
        ]
        tried = [np.ones(len(sizes)), *(_with_one(len(sizes), *one) for one in single)]
        scales = [np.repeat(one, sizes).astype(np.float32) for one in tried]
        unscaled = space or self._as_described
        judged = [base, *(self._folds.judged(replace(unscaled, scale=one)) for one in scales[1:])]
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
        _, honest = self._folds.chosen_elsewhere(
            judged, lambda places: int(values[:, places].mean(axis=1).argmax())
        )
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

    def _projection(
        self, projections: Projections, base: Judged
    ) -> tuple[Part, Judged, Sequence[Candidate]]:
        """The best candidate, then the one of each fold: what is best for the other folds."""
        candidates = projections.candidates()
        try:
            judged = self._folds.judged_by(
                lambda fold: projections.fitted(fold.kept, candidates), len(candidates)
            )
        except ConfigError as error:
            return Part(name="projection", taken=False, why=error.message), base, ()
        best = self._best(judged, base, np.arange(len(self.queries)))
        others, honest = self._folds.chosen_elsewhere(
            judged, lambda places: self._best(judged, base, places)
        )
        chosen = [candidates[at] for at in (best, *others)]
        return self._projection_part(honest, base, chosen[0]), honest, chosen

    def _best(self, judged: Sequence[Judged], base: Judged, places: Products) -> int:
        """By these queries; the first of those that harm no product whose photos they have not
        seen, where there is one."""
        values = np.array([one.values[places].mean() for one in judged])
        order = np.argsort(-values, kind="stable").tolist()
        if not self._folds.photographed:
            return int(order[0])
        harmless = (at for at in order if not self._harms(judged[at], base, places))
        return int(next(harmless, order[0]))

    def _harms(self, after: Judged, before: Judged, places: Products) -> bool:
        """Whether products that were left out lose beyond noise."""
        queries = self.queries.chosen(places)
        return gain(after.unseen[places], before.unseen[places], queries, self.seed).high < 0

    def _projection_part(self, after: Judged, before: Judged, chosen: Candidate) -> Part:
        """A projection that saw photos of a product must not harm the others."""
        part = self._part("projection", after.values, before.values, chosen.words)
        part = part.model_copy(update={"settings": chosen.settings})
        if not self._folds.photographed:
            return part
        others = float((after.unseen - before.unseen).mean())
        harms = self._harms(after, before, np.arange(len(self.queries)))
        why = f"{chosen.words}; for products whose photos it has not seen {others:+.3f}"
        return part.model_copy(update={"taken": part.taken and not harms, "why": why})

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
