"""Ask a gallery for what it holds and for what it cannot hold: what a calibration is fitted to.

Every photo of a product that the gallery holds is asked twice: as it is, and with all pictures of
its product taken out. The second is the answer that an absent product would get, but for the vote
on the photo's category, in which the product's own pictures took part.
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
from offline.calibration.matching import DEPTH, Answer
from offline.datasets import Picture
from offline.store.images import cropped
from stages.open_searcher import OpenSearcher

# Views that are asked of a gallery without photos, at most: a thousand are some ten seconds, and
# more would move the threshold by less than photos differ from views.
MOST_VIEWS = 1000

Ids = frozenset[int]
NOBODY: Ids = frozenset()


@dataclass
class Asked:
    """``held``: photos whose product the gallery has; ``strange``: those of other products;
    ``faults``: a sentence for each photo that took no part."""

    answers: list[Answer] = field(default_factory=list)
    held: int = 0
    strange: int = 0
    faults: list[str] = field(default_factory=list)


class Shelf:
    """Which images a gallery has of a product, and of a picture's very content."""

    def __init__(self, gallery: Gallery) -> None:
        of_product: dict[str, set[int]] = defaultdict(set)
        of_content: dict[str, set[int]] = defaultdict(set)
        for source in gallery.sources():
            of_product[source.product_id].add(source.id)
            of_content[source.sha256].add(source.id)
        self.products = {name: frozenset(ids) for name, ids in of_product.items()}
        self._contents = {sha256: frozenset(ids) for sha256, ids in of_content.items()}

    def name_of(self, photo: Picture) -> str | None:
        """The product as the gallery calls it; None where it has it not. A data set may say PRODUCT
        where an ingest of folders said CATEGORY/PRODUCT."""
        names = (photo.product or "", f"{photo.category}/{photo.product}")
        return next((name for name in names if name in self.products), None)

    def copies(self, photo: Picture) -> Ids:
        """The images that are this very file. Raises ImageError for one that cannot be read."""
        try:
            sha256 = file_sha256(photo.path)
        except OSError as error:
            raise ImageError(str(photo.path), f"cannot be read ({error.strerror})") from None
        return self._contents.get(sha256, NOBODY)


def ask_photos(
    opened: OpenSearcher, photos: Sequence[Picture], shelf: Shelf, progress: Progress
) -> Asked:
    """Each photo as a query would ask it; what a gallery has of the very same file is left out.
    A photo that cannot be read or described is a line in ``faults``."""
    asked = Asked()
    for done, photo in enumerate(photos, start=1):
        try:
            image = cropped(opened.read(photo.path), photo)
            query = opened.searcher.describe(image).description
            answers = _photo_answers(opened.searcher, query, photo, shelf)
        except (ImageError, StageError) as error:
            asked.faults.append(str(error))
            continue
        finally:
            progress(done, len(photos))
        asked.answers += answers
        asked.held += answers[0].present
        asked.strange += not answers[0].present
    return asked


def ask_views(opened: OpenSearcher, shelf: Shelf, seed: int, progress: Progress) -> Asked:
    """The gallery's own pictures, of products with two or more, each asked of the others.

    Each is as it was described when it was ingested, with the category of its label. Of more than
    ``MOST_VIEWS`` a random choice by ``seed``.
    """
    asked = Asked()
    several = {name: ids for name, ids in shelf.products.items() if len(ids) > 1}
    of = {identity: name for name, ids in several.items() for identity in ids}
    chosen = sorted(of)
    if len(chosen) > MOST_VIEWS:
        drawn = np.random.default_rng(seed).choice(len(chosen), MOST_VIEWS, replace=False)
        chosen = [chosen[at] for at in sorted(drawn.tolist())]
    for done, identity in enumerate(chosen, start=1):
        (view,) = opened.gallery.records([identity])
        own, all_views = frozenset({identity}), several[of[identity]]
        asked.answers += _twice(opened.searcher, view.description, of[identity], own, all_views)
        asked.held += 1
        progress(done, len(chosen))
    return asked


def as_answer(product: str, hits: Sequence[Hit], *, present: bool) -> Answer:
    """Of all hits that took part in a rerank, one a product, best first."""
    right = [hit.record.product_id == product for hit in hits[:DEPTH]]
    return Answer(product, present, match_features(hits)[:DEPTH], np.array(right, np.bool_))


def _photo_answers(
    searcher: Searcher, query: Description, photo: Picture, shelf: Shelf
) -> list[Answer]:
    copies = shelf.copies(photo)
    name = shelf.name_of(photo)
    if name is None:
        return [_answer(searcher, query, photo.product or photo.id, copies, present=False)]
    return _twice(searcher, query, name, copies, shelf.products[name])


def _twice(
    searcher: Searcher, query: Description, product: str, own: Ids, all_views: Ids
) -> list[Answer]:
    """With the product there, if there is more of it than ``own``, and without."""
    absent = _answer(searcher, query, product, own | all_views, present=False)
    if all_views <= own:
        return [absent]
    return [_answer(searcher, query, product, own, present=True), absent]


def _answer(
    searcher: Searcher, query: Description, product: str, without: Iterable[int], *, present: bool
) -> Answer:
    ranked = searcher.rank(query, DEPTH, without=frozenset(without))
    return as_answer(product, ranked.products, present=present)
