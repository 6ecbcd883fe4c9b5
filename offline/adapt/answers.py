"""A gallery's answers to photos of present and absent products: what a calibration is fitted to.

Every photo of a product that the gallery holds is a query twice: as it is, and with all images of
its product left out, siblings kept. The second is the answer that an absent product would get,
except for the vote on the photo's category, in which the product's own images took part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.match_calibration import match_features
from engine.protocols import Gallery
from engine.search import Searcher
from engine.types import Description, Hit, Progress
from offline.adapt.left_out import Search
from offline.adapt.matching import DEPTH, Answer
from offline.adapt.same_products import same_products

# Views that are queries of a gallery without photos, at most: a thousand take some ten seconds, and
# more would move the threshold by less than photos differ from views.
MOST_VIEWS = 1000

Ids = frozenset[int]
NO_IDS: Ids = frozenset()


@dataclass
class Answers:
    """``present``: photos whose product the gallery holds; ``absent``: those of other products;
    ``faults``: a sentence for each photo that was left out."""

    answers: list[Answer] = field(default_factory=list)
    present: int = 0
    absent: int = 0
    faults: list[str] = field(default_factory=list)


def images_of_products(gallery: Gallery) -> dict[str, Ids]:
    """Ids by product; of products that are the same, those of all."""
    same = same_products(gallery)
    found: dict[str, set[int]] = defaultdict(set)
    names: dict[str, str] = {}
    for source in gallery.sources():
        names[source.product_id] = same.get(source.product_id, source.product_id)
        found[names[source.product_id]].add(source.id)
    ids = {name: frozenset(group) for name, group in found.items()}
    return {product: ids[name] for product, name in names.items()}


def view_answers(
    search: Search,
    gallery: Gallery,
    seed: int,
    progress: Progress,
    most: int | None = None,
    only: Ids | None = None,
) -> Answers:
    """Of the gallery's own images as queries, of products with two or more, each without itself.

    Each as it was described at its ingest, with the category of its label. Of more than ``most``
    (None: ``MOST_VIEWS``) a random choice by ``seed``; of those ``only``, if given.
    """
    found = Answers()
    products = images_of_products(gallery)
    several = {name: ids for name, ids in products.items() if len(ids) > 1}
    of = {identity: name for name, ids in several.items() for identity in ids}
    chosen = sorted(of if only is None else only & of.keys())
    most = MOST_VIEWS if most is None else most
    if len(chosen) > most:
        drawn = np.random.default_rng(seed).choice(len(chosen), most, replace=False)
        chosen = [chosen[at] for at in sorted(drawn.tolist())]
    for done, identity in enumerate(chosen, start=1):
        (view,) = gallery.records([identity])
        own, all_views = frozenset({identity}), several[of[identity]]
        found.answers += twice(search, view.description, of[identity], own, all_views)
        found.present += 1
        progress(done, len(chosen))
    return found


def as_answer(product: str, hits: Sequence[Hit], *, present: bool, views: Ids = NO_IDS) -> Answer:
    """Of all hits that took part in reranking, one a product, best first. ``views``: images of the
    product, under whatever id."""
    right = [hit.record.product_id == product or hit.record.id in views for hit in hits[:DEPTH]]
    return Answer(product, present, match_features(hits)[:DEPTH], np.array(right, np.bool_))


def twice(
    search: Search, query: Description, product: str, own: Ids, all_views: Ids
) -> list[Answer]:
    """With the product, if the gallery holds more of it than ``own``, and without."""
    without = search.without(product)
    absent = answer_of(without, query, product, own | all_views, present=False)
    if all_views <= own:
        return [absent]
    present = answer_of(search.present(product), query, product, own, present=True, views=all_views)
    return [present, absent]


def answer_of(
    searcher: Searcher,
    query: Description,
    product: str,
    without: Iterable[int],
    *,
    present: bool,
    views: Ids = NO_IDS,
) -> Answer:
    ranked = searcher.rank(query, DEPTH, without=frozenset(without), all_matches=True)
    return as_answer(product, ranked.products, present=present, views=views)
