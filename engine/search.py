"""A photo to Results: describe, route, retrieve, rerank, group by product."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from shlex import quote
from types import MappingProxyType

import numpy as np

from engine.adaptation import Adaptation, Domain, adapt, domain_of
from engine.augmentation import augmenting
from engine.config import QuerySettings, RouteSettings
from engine.describe import Described, Describer
from engine.distances import Metric, score_of
from engine.errors import ConfigError, DisconnectedError, EmptyGalleryError, GalleryError
from engine.exhaustive import PrintSearch, joined, require_keypoints, with_print_first
from engine.keypoints import TentativeMatch
from engine.match_calibration import MatchCalibration, with_probabilities
from engine.names import nearest, same_name
from engine.protocols import KeypointMatcher, Reranker, Searchable
from engine.request import Request
from engine.retrieval import Expansion, GalleryIndex, Ranking, Scope, expand, nearest_products
from engine.routing import route
from engine.timings import Stopwatch
from engine.types import (
    Cutout,
    Description,
    Embedding,
    FloatArray,
    Hit,
    IntArray,
    Matte,
    MatteQuality,
    Parts,
    Record,
    Results,
    RGBImage,
    Route,
)
from engine.verification import verified, weight_of


@dataclass(frozen=True, eq=False)
class Answer:
    """Results with the cutout that the query was described from, for display."""

    results: Results
    cutout: Cutout


@dataclass(frozen=True, eq=False)
class Ranked:
    """``retrieved``: the images that the reranker saw, by distance; ``images``: the same, best
    first; ``products``: one hit per product, best first, of which there may be more than were
    requested."""

    route: Route
    retrieved: Sequence[Hit]
    images: Sequence[Hit]
    products: Sequence[Hit]


@dataclass(frozen=True)
class Searcher:
    """Answers photos from one gallery. Describes the query as the gallery was described, but for
    what ``query`` does to its vector; see ``QuerySettings``."""

    describer: Describer
    gallery: Searchable
    reranker: Reranker
    routing: RouteSettings
    normalised: bool  # whether embeddings have length 1, so that scores are cosines
    metric: Metric = "euclidean"
    query: QuerySettings = field(default_factory=QuerySettings)
    identity: str = ""  # of all that decides scores and order; "": calibrations are not applied
    learn: Callable[[Description], None] | None = None  # called with every query that is answered
    # The reranker of an adaptation with a fusion, in place of ``reranker`` and of vectors as they
    # are stored, by what compares print; None: not there, or not to be used.
    fusing: Callable[[Adaptation, KeypointMatcher | None], Reranker | None] = lambda *_: None

    def __post_init__(self) -> None:
        if self.query.exhaustive:
            require_keypoints(self.describer.keypoints, self.gallery.name)

    @property
    def expansion(self) -> Expansion:
        return Expansion(self.query.expand, self.query.expand_alpha, self.unit)

    @property
    def unit(self) -> bool:
        """Whether vectors are compared at length 1."""
        return self.normalised or self.gallery.adaptation() is not None

    def answering(self) -> str:
        """Identity of all that decides scores and order, the gallery's adaptation included."""
        adaptation = self.gallery.adaptation()
        return self.identity if adaptation is None else f"{self.identity}-{adaptation.identity}"

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
        request = self.checked(Request(k, categories=categories))  # refused before describing
        watch = watch or Stopwatch()
        described = self.describe(image, watch)
        results = self.results(described.description, request, watch)
        return Answer(results, described.cutout)

    def checked(self, request: Request) -> Request:
        """With the gallery's own names of its categories. ConfigError for an unknown one,
        EmptyGalleryError where there is nothing to search."""
        return replace(request, categories=_named(request.categories, self._held()))

    def describe(
        self, image: RGBImage, watch: Stopwatch | None = None, matte: Matte | None = None
    ) -> Described:
        """The photo as it is searched for: by several views of it where queries are augmented;
        cut out by the ``matte``, where one is given."""
        (described,) = self.query_describer.describe([image], watch=watch, mattes=[matte])
        return described

    @property
    def query_describer(self) -> Describer:
        """By which photos are described, several at once or one."""
        return augmenting(self.describer) if self.query.augment else self.describer

    def results(
        self, query: Description, request: Request, watch: Stopwatch | None = None
    ) -> Results:
        """What a described photo finds, or an image of the catalogue; ``request`` as ``checked``.

        Probabilities hold for photos alone, and for the order that they were fitted in: there are
        none where the request has weights or chosen categories.
        """
        watch = watch or Stopwatch()
        try:
            found = self._results(query, request, watch)
        except DisconnectedError:  # the server was started anew, or another one answers
            found = self._results(query, request, watch)
        if self.learn is not None and request.domain == "photo":
            self.learn(query)
        return found

    def route(self, query: Description, categories: Sequence[str] | None = None) -> Route:
        """The categories that a described photo is searched in."""
        held = self._held()
        return self._route(query, held, _named(categories, held))

    def rank(
        self,
        query: Description,
        k: int = 10,
        categories: Sequence[str] | None = None,
        *,
        without: Collection[int] = (),
        all_matches: bool = False,
    ) -> Ranked:
        """The products for a described photo, at least k where the searched categories hold them.

        As if the images ``without`` were not in the gallery, but for the vote on the category,
        which took place when the photo was described. No probabilities; ``all_matches``: as of
        ``engine.verification.verified``, for what probabilities are made of.
        """
        routed = self.route(query, categories)
        request = Request(k, without=without)
        with self.gallery.snapshot():
            return self._rank(query, request, routed, Stopwatch(), all_matches)

    def hits(self, ranking: Ranking, records: Sequence[Record]) -> list[Hit]:
        """Retrieved images with their scores, in the order of the ranking."""
        unit = self.unit
        return [
            Hit(
                record,
                rank,
                score_of(distance, self.metric, normalised=unit),
                distance,
            )
            for rank, (record, distance) in enumerate(
                zip(records, ranking.distances.tolist(), strict=True), start=1
            )
        ]

    def _held(self) -> Mapping[str, int]:
        """Number of images by category; refuses an empty gallery."""
        held = self.gallery.categories()
        if not held:
            raise EmptyGalleryError(
                f"{self.gallery.name}: the gallery is empty.",
                remedy="Fill it with: packsight ingest FOLDER --gallery "
                f"{quote(self.gallery.name)}",
            )
        return held

    def _results(self, query: Description, request: Request, watch: Stopwatch) -> Results:
        held = self._held()
        with watch("route"):
            routed = self._route(query, held, request.categories)
        with self.gallery.snapshot():
            calibration, notes = self._calibration(sum(held.values()), request)
            # The margin of a probability needs a second product.
            wanted = replace(request, k=request.k if calibration is None else max(request.k, 2))
            of_print = calibration is not None and calibration.model.weighs_print
            products = self._rank(query, wanted, routed, watch, all_matches=of_print).products
        if request.where and not products:
            named = ", ".join(sorted(request.where.attributes()))
            notes = (*notes, f"no image of the searched categories passes the filter on {named}")
        elif request.without and not products:
            notes = (*notes, "the searched categories hold no other product")
        if calibration is not None and not query.quality.no_product:
            products = with_probabilities(products, calibration.model)
        threshold, given = None, request.threshold
        if calibration is not None:
            threshold = calibration.threshold if given is None else given
        return Results(
            hits=tuple(map(self._with_parts, products[: request.k])),
            route=routed,
            query=query,
            timings=dict(watch.seconds),
            fingerprint=self.gallery.fingerprint,
            mask_trust=query.trust,
            threshold=threshold,
            absent_below=None if calibration is None else calibration.absent_below,
            refuses=given is not None or calibration is None or not calibration.automatic,
            notes=(*photo_notes(query.quality, products), *notes),
        )

    def _route(
        self, query: Description, held: Mapping[str, int], categories: Sequence[str] | None
    ) -> Route:
        knows = self.describer.classifier.categories
        return route(
            query.scores,
            tuple(held),
            self.routing,
            knows=knows,
            chosen=categories,
            colourless=query.colourless,
            exhaustive=self.query.exhaustive,
        )

    def _rank(
        self,
        query: Description,
        request: Request,
        routed: Route,
        watch: Stopwatch,
        all_matches: bool = False,
    ) -> Ranked:
        scope = Scope(routed.categories, request.without)
        if request.where:
            with watch("filter"):
                among = self.gallery.matching(request.where, routed.categories)
            scope = replace(scope, among=among)
        alike = self.alike(query, scope, watch)
        retrieved = self._retrieve(query, request, scope, watch, alike)
        weights = request.weights
        reranked = self.reranked(
            query,
            retrieved,
            watch,
            alike,
            all_matches=all_matches or weights is not None,
            domain=request.domain,
        )
        if weights is not None:
            reranked = weights.sorted(list(map(self._with_parts, reranked)))
        return Ranked(routed, retrieved, reranked, group_by_product(reranked))

    def _with_parts(self, hit: Hit) -> Hit:
        print_part, matcher = None, self.describer.keypoints
        if hit.match is not None and matcher is not None:
            print_part = max(0.0, 1 - matcher.least / max(hit.match.inliers, 1))
        look = min(max(hit.score, 0.0), 1.0)
        return replace(hit, parts=Parts(look, hit.iou, print_part))

    def reranked(
        self,
        query: Description,
        hits: Sequence[Hit],
        watch: Stopwatch | None = None,
        alike: Mapping[int, TentativeMatch] = MappingProxyType({}),
        *,
        all_matches: bool = False,
        domain: Domain = "photo",
    ) -> list[Hit]:
        """In the order of all evidence: by the gallery's fusion, where it has one, else by this
        searcher's reranker; then by print, unless the fusion has weighed it. Images ``alike`` in
        print, by id, take part in both, however far their vectors lie."""
        watch = watch or Stopwatch()
        with watch("rerank"):
            matcher = self.describer.keypoints
            if matcher is not None:
                hits = with_print_first(hits, alike, matcher.checked)
            found = self._by_reranker(query, hits, domain)
        if matcher is None or any(hit.match is not None for hit in found):
            return found
        with watch("verify"):
            weight = weight_of(matcher, self.gallery.adaptation())
            return verified(query, found, matcher, alike, all_matches=all_matches, weight=weight)

    def _by_reranker(self, query: Description, hits: Sequence[Hit], domain: Domain) -> list[Hit]:
        """The reranker sees vectors as they are compared, the fusion as they are stored."""
        adaptation, reranker = self.gallery.adaptation(), self.ranks_by
        if adaptation is None or reranker is not self.reranker:
            return reranker.rerank(query, hits)
        head = list(hits[: reranker.top_n])
        vectors = [hit.record.description.embedding.vector for hit in head]
        if head:
            domains = [domain_of(hit.record.attributes) for hit in head]
            rows = adaptation.adapted(np.stack(vectors), domains)
            head = [_compared(hit, row) for hit, row in zip(head, rows, strict=True)]
        embedding = adapt(adaptation, query.embedding, domain)
        query = replace(query, embedding=embedding)
        own = {hit.record.id: hit.record for hit in hits}
        reranked = reranker.rerank(query, [*head, *hits[len(head) :]])
        return [replace(hit, record=own[hit.record.id]) for hit in reranked]

    @property
    def ranks_by(self) -> Reranker:
        """Its reranker, or the gallery's fusion, which is given vectors as they are stored."""
        adaptation = self.gallery.adaptation()
        if adaptation is None or adaptation.fusion is None:
            return self.reranker
        return self.fusing(adaptation, self.describer.keypoints) or self.reranker

    @property
    def images_needed(self) -> int:
        """By the reranker and by the comparison of keypoints."""
        matcher = self.describer.keypoints
        return max(self.ranks_by.top_n, 0 if matcher is None else matcher.checked)

    def _calibration(
        self, images: int, request: Request
    ) -> tuple[MatchCalibration | None, tuple[str, ...]]:
        """The gallery's calibration, if it was made for searches like this one, and notes."""
        try:
            found = self.gallery.calibration()
        except GalleryError as error:
            return None, (f"not calibrated: {error}",)
        if found is None or not self.identity:
            unused = "not calibrated: the threshold was not used; fit one with: packsight calibrate"
            return None, () if request.threshold is None else (unused,)
        if found.identity != (answering := self.answering()):
            settings, _, adaptation = answering.partition("-")
            if found.identity.partition("-")[0] == settings:
                outdated = found.outdated(adaptation, self.gallery.name)
                return None, (f"not calibrated: {outdated}",)
            return None, (
                "not calibrated: that was done for other settings of the search or an earlier "
                "version; do it anew with: packsight calibrate",
            )
        if request.categories:
            return None, ("not calibrated: that was done for the predicted categories",)
        if request.weights is not None:
            return None, ("not calibrated: that was done for the gallery's own order",)
        if request.domain != "photo":
            return None, ("not calibrated: that was done for photos",)
        return found, found.cautions(images)

    def alike(
        self, query: Description, scope: Scope, watch: Stopwatch | None = None
    ) -> Mapping[int, TentativeMatch]:
        """The images that share print with a query, by id, where it is exhaustive."""
        if not self.query.exhaustive:
            return {}
        watch = watch or Stopwatch()
        with watch("print"):
            matcher = require_keypoints(self.describer.keypoints, self.gallery.name)
            return PrintSearch(self.gallery, matcher).alike(query.keypoints, scope)

    def _retrieve(
        self,
        query: Description,
        request: Request,
        scope: Scope,
        watch: Stopwatch,
        also: Collection[int] = (),
    ) -> list[Hit]:
        """The nearest images, enough of them for k products and for the reranker; and these."""
        index = GalleryIndex(self.gallery, self.metric)
        adaptation = self.gallery.adaptation()
        vector = adapt(adaptation, query.embedding, request.domain).vector[None]
        if self.query.expand > 0:
            with watch("expand"):
                vector = expand(index, vector, [scope], self.expansion)
        records: list[Record] = []

        def nearest(count: int) -> Ranking:
            with watch("retrieve"):
                (ranking,) = index.nearest(vector, count, [scope])
            return ranking

        def products(ids: IntArray) -> list[str]:
            with watch("records"):
                records.extend(self.gallery.records(ids[len(records) :].tolist()))
            return [record.product_id for record in records]

        ranking = nearest_products(nearest, products, request.k, self.images_needed)
        if also:
            with watch("records"):
                ranking = joined(index, vector[0], ranking, set(also))
                records = self.gallery.records(ranking.ids.tolist())
        return self.hits(ranking, records)


def _compared(hit: Hit, vector: FloatArray) -> Hit:
    """With this vector in place of the stored one."""
    description = replace(hit.record.description, embedding=Embedding(vector.copy()))
    return replace(hit, record=replace(hit.record, description=description))


def photo_notes(quality: MatteQuality, hits: Sequence[Hit]) -> tuple[str, ...]:
    """What a user should know of the photo, and do about it; a sentence each. That the mask covers
    it is none where those of the hits cover their images, too."""
    found = []
    if quality.empty:
        found.append(
            "no product was found in the photo; the whole photo was compared, and these are "
            "guesses: photograph it before a background that it differs from"
        )
    if quality.shadow:
        found.append(
            "only a shadow was found in the photo, no product; these are guesses: photograph it "
            "before a background that it differs from"
        )
    cut_out = [h for h in hits if not h.record.description.quality.nearly_everything]
    if quality.nearly_everything and cut_out:
        found.append(
            "no product was told apart from its background; the whole photo was compared: crop it "
            "to the product, or photograph it before a background that it differs from"
        )
    if quality.several_objects:
        found.append("several products are in the photo: crop it to one")
    return tuple(found)


def group_by_product(hits: Sequence[Hit]) -> list[Hit]:
    """One hit per product: its best-placed view, which counts the others. Order is kept."""
    best: dict[str, Hit] = {}
    views: dict[str, int] = {}
    for hit in hits:
        best.setdefault(hit.record.product_id, hit)
        views[hit.record.product_id] = views.get(hit.record.product_id, 0) + 1
    return [
        replace(hit, rank=rank, views=views[product])
        for rank, (product, hit) in enumerate(best.items(), start=1)
    ]


def _named(wanted: Sequence[str] | None, held: Collection[str]) -> list[str] | None:
    """The categories of these names, in whatever Unicode form; ConfigError for an unknown one."""
    if wanted is None:
        return None
    found: list[str] = []
    for category in wanted:
        same = same_name(category, held)
        if not same:
            near = nearest(category, held)
            hint = f" Did you mean {near!r}?" if near else ""
            raise ConfigError(
                f"unknown category {category!r}.{hint} The gallery holds: {', '.join(held)}."
            )
        found += same
    return found
