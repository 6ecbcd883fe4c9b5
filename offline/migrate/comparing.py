"""What two generations find: products that people judged, other views of a product, data sets."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.config import Settings
from engine.curation import Curation
from engine.decisions import Judgement, Pair
from engine.parallel import one_blas_thread
from engine.protocols import Gallery
from engine.search import Searcher
from engine.types import Progress
from engine.user_folders import user_cache
from offline.adapt.answers import Ids, images_of_products
from offline.evaluate.provenance import provenance
from offline.evaluate.run import Request, evaluate
from offline.report.compare.comparison import Comparison
from offline.report.compare.judging import compare
from offline.report.document import Group, Report, Section, StageName, System
from offline.report.figures import averaged

PRODUCTS = 10  # as many as a user sees
TOP = (1, PRODUCTS)
MOST_VIEWS = 300  # queries; some seconds
SECTIONS: tuple[StageName, ...] = ("retrieve", "end-to-end")
SYSTEM = "gallery"  # the name of both, so that their values are compared


@dataclass(frozen=True)
class Wanted:
    """That an image of a gallery, as a query, finds a product, by any image but those ``own``, of
    its own content. Ids hold in both generations."""

    image: int
    product: str
    relevant: Ids
    own: Ids

    @property
    def item(self) -> str:
        return f"{self.image} {self.product}"


def judged(gallery: Gallery, curation: Curation) -> list[Wanted]:
    """By the judgements and the pairs of "same product" whose query is an image of the gallery;
    photos of users are not kept."""
    judgements = [one for one in curation.judgements() if one.same]
    pairs = [one for one in curation.pairs() if one.verdict == "same product"]
    if not judgements and not pairs:
        return []
    products = images_of_products(gallery)
    images: dict[str, set[int]] = defaultdict(set)
    shown: dict[str, str] = {}
    for source in gallery.sources():
        images[source.sha256].add(source.id)
        shown[source.sha256] = source.product_id
    found = {}
    for query, product in _queries(judgements, pairs, shown):
        own = frozenset(images.get(query, ()))
        relevant = products.get(product, frozenset()) - own
        if own and relevant:
            one = Wanted(min(own), product, relevant, own)
            found[one.item] = one
    return list(found.values())


def _queries(
    judgements: Sequence[Judgement], pairs: Sequence[Pair], shown: Mapping[str, str]
) -> list[tuple[str, str]]:
    """The content of a query, and the product that it should find."""
    found = [(one.query, one.product) for one in judgements]
    for pair in pairs:
        for query, other in ((pair.first, pair.second), (pair.second, pair.first)):
            if other in shown:
                found.append((query, shown[other]))
    return found


def views(gallery: Gallery, seed: int = 0) -> list[Wanted]:
    """Images of products with several, each for the others; a random choice of many."""
    products = images_of_products(gallery)
    found = [
        Wanted(identity, product, ids - {identity}, frozenset({identity}))
        for product, ids in products.items()
        for identity in sorted(ids)
        if len(ids) > 1
    ]
    if len(found) <= MOST_VIEWS:
        return found
    chosen = np.random.default_rng(seed).choice(len(found), MOST_VIEWS, replace=False)
    return [found[at] for at in sorted(chosen.tolist())]


def places(searcher: Searcher, queries: Sequence[Wanted], progress: Progress) -> list[int]:
    """Of each wanted product among the products found; 0 where it is not among them."""
    found = []
    with one_blas_thread():
        for done, wanted in enumerate(queries, start=1):
            found.append(_place(searcher, wanted))
            progress(done, len(queries))
    return found


def _place(searcher: Searcher, wanted: Wanted) -> int:
    try:
        (query,) = searcher.gallery.records([wanted.image])
    except KeyError:  # not in this generation
        return 0
    ranked = searcher.rank(query.description, PRODUCTS, without=wanted.own)
    for place, hit in enumerate(ranked.products[:PRODUCTS], start=1):
        if hit.record.id in wanted.relevant or hit.record.product_id == wanted.product:
            return place
    return 0


def report_of(
    generation: str,
    gallery: Gallery,
    queries: Mapping[str, Sequence[Wanted]],
    found: Mapping[str, Sequence[int]],
) -> Report:
    """The values of one generation; ``queries`` and the ``found`` places by group."""
    items = [wanted.item for group in queries.values() for wanted in group]
    checksum = hashlib.sha256("\n".join(items).encode()).hexdigest()
    groups = [_group(name, queries[name], found[name]) for name in queries]
    counts = {name: len(group) for name, group in queries.items()}
    system = System(
        name=SYSTEM,
        fingerprint=gallery.fingerprint,
        settings=gallery.manifest.settings,
        weights={},
        sections=(Section(stage="end-to-end", groups=tuple(groups)),),
    )
    return Report(
        title=f"generation {generation}",
        provenance=provenance(gallery.name, checksum, counts, seed=0),
        systems=(system,),
    )


def _group(name: str, queries: Sequence[Wanted], found: Sequence[int]) -> Group:
    columns = {
        **{f"top@{k} products": [float(0 < place <= k) for place in found] for k in TOP},
        "MRR products": [1 / place if place else 0.0 for place in found],
    }
    clusters = tuple(wanted.product for wanted in queries)
    return Group(
        name=name,
        figures=tuple(
            averaged(figure, column, seed=0, clusters=clusters)
            for figure, column in columns.items()
        ),
        items=tuple(wanted.item for wanted in queries),
        clusters=clusters,
    )


def on_data(data: Path, before: Settings, after: Settings) -> Comparison:
    """On the first protocol of a data set, which need not be of the gallery. What is described is
    kept, as by `packsight evaluate`."""
    reports = []
    for name, settings in (("before", before), ("after", after)):
        request = Request(data, SECTIONS, {SYSTEM: settings}, user_cache("evaluate"))
        report, _ = evaluate(request)
        reports.append(report.model_copy(update={"title": f"{report.title}, {name}"}))
    return compare(reports[0], reports[1])
