"""A gallery's answers to photos of present and absent products: what a calibration is fitted to.

Every photo of a product that the gallery holds is a query twice: as it is, and with all images of
its product left out. The second is the answer that an absent product would get, except for the
vote on the photo's category, in which the product's own images took part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.errors import ImageError, StageError
from engine.files import file_sha256
from engine.match_calibration import match_features
from engine.protocols import Gallery
from engine.search import Searcher
from engine.types import Description, Hit, Progress
from offline.adapt.matching import DEPTH, Answer
from offline.datasets import DatasetImage
from offline.store.images import cropped
from stages.open_searcher import OpenSearcher

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


class ProductIndex:
    """The images of a gallery by product, and by content."""

    def __init__(self, gallery: Gallery) -> None:
        of_product: dict[str, set[int]] = defaultdict(set)
        of_content: dict[str, set[int]] = defaultdict(set)
        for source in gallery.sources():
            of_product[source.product_id].add(source.id)
            of_content[source.sha256].add(source.id)
        self.products = {name: frozenset(ids) for name, ids in of_product.items()}
        self._contents = {sha256: frozenset(ids) for sha256, ids in of_content.items()}

    def name_of(self, photo: DatasetImage) -> str | None:
        """The product's id in the gallery; None where it is absent. A data set may name PRODUCT
        what an ingest of folders named CATEGORY/PRODUCT."""
        names = (photo.product or "", f"{photo.category}/{photo.product}")
        return next((name for name in names if name in self.products), None)

    def copies(self, photo: DatasetImage) -> Ids:
        """The images with the same content. Raises ImageError for one that cannot be read."""
        try:
            sha256 = file_sha256(photo.path)
        except OSError as error:
            raise ImageError(str(photo.path), f"cannot be read ({error.strerror})") from None
        return self._contents.get(sha256, NO_IDS)


def photo_answers(
    opened: OpenSearcher, photos: Sequence[DatasetImage], index: ProductIndex, progress: Progress
) -> Answers:
    """Of each photo as a query; images of the gallery with the same content are left out. A photo
    that cannot be read or described is a line in ``faults``."""
    found = Answers()
    for done, photo in enumerate(photos, start=1):
        try:
            image = cropped(opened.read(photo.path), photo)
            query = opened.searcher.describe(image).description
            answers = _of_photo(opened.searcher, query, photo, index)
        except (ImageError, StageError) as error:
            found.faults.append(str(error))
            continue
        finally:
            progress(done, len(photos))
        found.answers += answers
        found.present += answers[0].present
        found.absent += not answers[0].present
    return found


def view_answers(
    opened: OpenSearcher, index: ProductIndex, seed: int, progress: Progress
) -> Answers:
    """Of the gallery's own images as queries, of products with two or more, each without itself.

    Each as it was described at its ingest, with the category of its label. Of more than
    ``MOST_VIEWS`` a random choice by ``seed``.
    """
    found = Answers()
    several = {name: ids for name, ids in index.products.items() if len(ids) > 1}
    of = {identity: name for name, ids in several.items() for identity in ids}
    chosen = sorted(of)
    if len(chosen) > MOST_VIEWS:
        drawn = np.random.default_rng(seed).choice(len(chosen), MOST_VIEWS, replace=False)
        chosen = [chosen[at] for at in sorted(drawn.tolist())]
    for done, identity in enumerate(chosen, start=1):
        (view,) = opened.gallery.records([identity])
        own, all_views = frozenset({identity}), several[of[identity]]
        found.answers += _twice(opened.searcher, view.description, of[identity], own, all_views)
        found.present += 1
        progress(done, len(chosen))
    return found


def as_answer(product: str, hits: Sequence[Hit], *, present: bool) -> Answer:
    """Of all hits that took part in reranking, one a product, best first."""
    right = [hit.record.product_id == product for hit in hits[:DEPTH]]
    return Answer(product, present, match_features(hits)[:DEPTH], np.array(right, np.bool_))


def _of_photo(
    searcher: Searcher, query: Description, photo: DatasetImage, index: ProductIndex
) -> list[Answer]:
    copies = index.copies(photo)
    name = index.name_of(photo)
    if name is None:
        return [_answer(searcher, query, photo.product or photo.id, copies, present=False)]
    return _twice(searcher, query, name, copies, index.products[name])


def _twice(
    searcher: Searcher, query: Description, product: str, own: Ids, all_views: Ids
) -> list[Answer]:
    """With the product, if the gallery holds more of it than ``own``, and without."""
    absent = _answer(searcher, query, product, own | all_views, present=False)
    if all_views <= own:
        return [absent]
    return [_answer(searcher, query, product, own, present=True), absent]


def _answer(
    searcher: Searcher, query: Description, product: str, without: Iterable[int], *, present: bool
) -> Answer:
    ranked = searcher.rank(query, DEPTH, without=frozenset(without))
    return as_answer(product, ranked.products, present=present)
