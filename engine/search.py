"""A photo to Results: describe, route, retrieve, rerank, group by product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.config import RouteSettings
from engine.describe import Described, Describer
from engine.errors import ConfigError, GalleryError
from engine.protocols import Gallery, Reranker
from engine.routing import route
from engine.timings import Stopwatch
from engine.types import Cutout, Description, Hit, Neighbour, Results, RGBImage, Route

# The first guess at how many images hold k products; doubled until they do.
IMAGES_A_PRODUCT = 4


@dataclass(frozen=True, eq=False)
class Answer:
    """Results with the cutout that the query was described from, for whoever shows it."""

    results: Results
    cutout: Cutout


@dataclass(frozen=True)
class Searcher:
    """Answers photos from one gallery. Describes the query as the gallery was described."""

    describer: Describer
    gallery: Gallery
    reranker: Reranker
    routing: RouteSettings
    normalised: bool  # whether embeddings have length 1, so that scores are cosines

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
        (described,) = self.describer.describe([image], watch=watch)
        return Answer(self._match(described, k, held, categories, watch), described.cutout)

    def match(
        self, described: Described, k: int = 10, categories: Sequence[str] | None = None
    ) -> Results:
        """As ``search`` for a photo that is described already."""
        return self._match(described, k, self._held(categories), categories, Stopwatch())

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
            routed = route(
                query.scores,
                tuple(held),
                self.routing,
                knows=self.describer.classifier.categories,
                chosen=categories,
            )
        with self.gallery.snapshot():
            hits = self._retrieve(query, k, routed, watch)
        with watch("rerank"):
            ordered = self.reranker.rerank(query, hits)
        return Results(
            hits=tuple(group_by_product(ordered)[:k]),
            route=routed,
            query=query,
            timings=dict(watch.seconds),
            fingerprint=self.gallery.fingerprint,
            mask_trust=described.trust,
        )

    def _retrieve(self, query: Description, k: int, routed: Route, watch: Stopwatch) -> list[Hit]:
        """The nearest images, enough of them for k products and for the reranker."""
        hits: list[Hit] = []
        fetch = max(self.reranker.top_n, k * IMAGES_A_PRODUCT)
        while True:
            with watch("retrieve"):
                found = self.gallery.search(query.embedding, fetch, routed.categories)
            with watch("records"):
                hits += self._hits(found[len(hits) :], first=len(hits) + 1)
            if len(found) < fetch or len({hit.record.product_id for hit in hits}) >= k:
                return hits
            fetch *= 2

    def _hits(self, found: Sequence[Neighbour], first: int) -> list[Hit]:
        records = self.gallery.records([neighbour.id for neighbour in found])
        return [
            Hit(record, rank, self._score(neighbour.distance), neighbour.distance)
            for rank, (record, neighbour) in enumerate(
                zip(records, found, strict=True), start=first
            )
        ]

    def _score(self, distance: float) -> float:
        """Cosine similarity of normalised vectors (1 - d²/2), else 1 / (1 + d)."""
        return 1.0 - distance * distance / 2.0 if self.normalised else 1.0 / (1.0 + distance)


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
