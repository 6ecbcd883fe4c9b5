"""A photo to Results: describe, route, retrieve (twice, if the query expands), rerank, group by
product."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from engine.augmentation import augmenting
from engine.config import QuerySettings, RouteSettings
from engine.describe import Described, Describer
from engine.distances import Metric, score_of
from engine.errors import ConfigError, GalleryError
from engine.expansion import expanded
from engine.match_calibration import MatchCalibration, with_probabilities
from engine.protocols import Gallery, Reranker
from engine.routing import route
from engine.timings import Stopwatch
from engine.types import Cutout, Description, Embedding, Hit, Neighbour, Results, RGBImage, Route

# The first guess at how many images hold k products; doubled until they do.
IMAGES_A_PRODUCT = 4


@dataclass(frozen=True, eq=False)
class Answer:
    """Results with the cutout that the query was described from, for whoever shows it."""

    results: Results
    cutout: Cutout


@dataclass(frozen=True)
class Searcher:
    """Answers photos from one gallery. Describes the query as the gallery was described, but for
    what ``query`` does to its vector; see ``QuerySettings``."""

    describer: Describer
    gallery: Gallery
    reranker: Reranker
    routing: RouteSettings
    normalised: bool  # whether embeddings have length 1, so that scores are cosines
    metric: Metric = "euclidean"
    query: QuerySettings = field(default_factory=QuerySettings)
    identity: str = ""  # of all that decides scores and order; "": calibrations are not applied

    def search(
        self, image: RGBImage, k: int = 10, categories: Sequence[str] | None = None
    ) -> Results:
        """The k best products for one photo, best first, each with its best view.

        ``categories`` overrides the routing. Fewer than k hits when the searched categories
        hold fewer products. Raises ConfigError (k, an unknown category), GalleryError (empty).
        """
        return self.answer(image, k, categories).results

    def answer(
        self,
        image: RGBImage,
        k: int = 10,
        categories: Sequence[str] | None = None,
        watch: Stopwatch | None = None,
    ) -> Answer:
        """As ``search``, with the query's cutout."""
        if k < 1:
            raise ConfigError(f"k = {k}: ask for at least one product.")
        watch = watch or Stopwatch()
        held = self._held(categories)
        described = self.described(image, watch)
        return Answer(self._match(described, k, held, categories, watch), described.cutout)

    def described(self, image: RGBImage, watch: Stopwatch | None = None) -> Described:
        """The photo as it is searched for: by several views of it where queries are augmented."""
        describer = augmenting(self.describer) if self.query.augment else self.describer
        (described,) = describer.describe([image], watch=watch)
        return described

    def match(
        self, described: Described, k: int = 10, categories: Sequence[str] | None = None
    ) -> Results:
        """As ``search`` for a photo that is described already, augmented or not."""
        return self._match(described, k, self._held(categories), categories, Stopwatch())

    def ranked(
        self,
        query: Description,
        k: int = 10,
        categories: Sequence[str] | None = None,
        *,
        without: Collection[int] = (),
    ) -> list[Hit]:
        """The products for a photo, best first, at least k and more where more were retrieved.

        As if the images ``without`` were not in the gallery, but for the vote on the category,
        which was taken when the photo was described. No probabilities.
        """
        watch = Stopwatch()
        with self.gallery.snapshot():
            routed = self._routed(query, self._held(categories), categories)
            hits = self._retrieve(query, k, routed, watch, frozenset(without))
        return group_by_product(self.reranker.rerank(query, hits))

    def _held(self, wanted: Sequence[str] | None) -> Mapping[str, int]:
        """Images a category; refuses an empty gallery and categories it does not hold."""
        held = self.gallery.categories()
        if not held:
            raise GalleryError(
                f"{self.gallery.name}: the gallery is empty.",
                remedy=f"Fill it with: packsight ingest FOLDER --gallery {self.gallery.name}",
            )
        for category in wanted or ():
            if category not in held:
                raise ConfigError(
                    f"unknown category {category!r}. The gallery holds: {', '.join(held)}."
                )
        return held

    def _match(
        self,
        described: Described,
        k: int,
        held: Mapping[str, int],
        categories: Sequence[str] | None,
        watch: Stopwatch,
    ) -> Results:
        query = described.description
        with watch("route"):
            routed = self._routed(query, held, categories)
        with self.gallery.snapshot():
            judge, notes = self._judge(sum(held.values()), categories)
            # The margin of a probability needs a second product.
            hits = self._retrieve(query, k if judge is None else max(k, 2), routed, watch)
        with watch("rerank"):
            ordered = group_by_product(self.reranker.rerank(query, hits))
        if judge is not None:
            ordered = with_probabilities(ordered, judge.model)
        return Results(
            hits=tuple(ordered[:k]),
            route=routed,
            query=query,
            timings=dict(watch.seconds),
            fingerprint=self.gallery.fingerprint,
            mask_trust=described.trust,
            threshold=None if judge is None else judge.threshold,
            notes=notes,
        )

    def _routed(
        self, query: Description, held: Mapping[str, int], categories: Sequence[str] | None
    ) -> Route:
        knows = self.describer.classifier.categories
        return route(query.scores, tuple(held), self.routing, knows=knows, chosen=categories)

    def _judge(
        self, images: int, categories: Sequence[str] | None
    ) -> tuple[MatchCalibration | None, tuple[str, ...]]:
        """The gallery's calibration, if it was made for searches like this one, and a note."""
        try:
            found = self.gallery.calibration()
        except GalleryError as error:
            return None, (f"not calibrated: {error}",)
        if found is None or not self.identity:
            return None, ()
        if found.identity != self.identity:
            return None, ("not calibrated: that was done for other settings of the search",)
        if categories:
            return None, ("not calibrated: that was done for the predicted categories",)
        return found, found.cautions(images)

    def _retrieve(
        self,
        query: Description,
        k: int,
        routed: Route,
        watch: Stopwatch,
        without: Collection[int] = (),
    ) -> list[Hit]:
        """The nearest images, enough of them for k products and for the reranker."""
        hits: list[Hit] = []
        fetch = max(self.reranker.top_n, k * IMAGES_A_PRODUCT)
        asked = query.embedding
        if self.query.expand > 0:
            with watch("expand"):
                asked = self._expanded(asked, routed, without)
        while True:
            with watch("retrieve"):
                found = self._nearest(asked, fetch, routed, without)
            with watch("records"):
                hits += self._hits(found[len(hits) :], first=len(hits) + 1)
            if len(found) < fetch or len({hit.record.product_id for hit in hits}) >= k:
                return hits
            fetch *= 2

    def _nearest(
        self, asked: Embedding, count: int, routed: Route, without: Collection[int]
    ) -> list[Neighbour]:
        found = self.gallery.search(
            asked, count + len(without), routed.categories, metric=self.metric
        )
        return [neighbour for neighbour in found if neighbour.id not in without][:count]

    def _expanded(self, asked: Embedding, routed: Route, without: Collection[int]) -> Embedding:
        """Moved towards the nearest images of the routed categories; see ``engine.expansion``."""
        found = self._nearest(asked, self.query.expand, routed, without)
        if not found:  # the last picture went after the categories were read
            return asked
        records = self.gallery.records([neighbour.id for neighbour in found])
        near = np.stack([record.description.embedding.vector for record in records])
        (vector,) = expanded(
            asked.vector[None], near[None], self.query.expand_alpha, normalised=self.normalised
        )
        return Embedding(vector)

    def _hits(self, found: Sequence[Neighbour], first: int) -> list[Hit]:
        records = self.gallery.records([neighbour.id for neighbour in found])
        return [
            Hit(record, rank, self._score(neighbour), neighbour.distance)
            for rank, (record, neighbour) in enumerate(
                zip(records, found, strict=True), start=first
            )
        ]

    def _score(self, found: Neighbour) -> float:
        return score_of(found.distance, self.metric, normalised=self.normalised)


def group_by_product(hits: Sequence[Hit]) -> list[Hit]:
    """One hit a product: its best-placed view, which counts the others. Order is kept."""
    best: dict[str, Hit] = {}
    views: dict[str, int] = {}
    for hit in hits:
        best.setdefault(hit.record.product_id, hit)
        views[hit.record.product_id] = views.get(hit.record.product_id, 0) + 1
    return [
        replace(hit, rank=rank, views=views[product])
        for rank, (product, hit) in enumerate(best.items(), start=1)
    ]
