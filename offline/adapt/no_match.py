"""The part "no match" of an adaptation: a calibration by photos that took part in it, or by views.

Such photos are more like the gallery than those to come: what is fitted to them accepts few of
these, and calls none of their products absent. ``offline.calibration`` does it by other photos.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.adaptation import Part, domain_of
from engine.errors import ConfigError, GalleryError, PacksightError
from engine.match_calibration import LEAST_AUROC, MatchCalibration
from engine.parallel import one_blas_thread
from engine.protocols import Gallery, WritableGallery
from engine.search import Searcher
from engine.types import Description
from offline.adapt.answers import NO_IDS, Ids, images_of_products, twice, view_answers
from offline.adapt.judging import Vectors, sample
from offline.adapt.left_out import Search, search_of
from offline.adapt.matching import Answer, calibration_of, fit_matching
from offline.adapt.vectors import product_numbers

NAME = "no match"
# Photos or views that are searched for, with their product and without, and folds of products to
# leave out: some seconds for 1,000 images.
MOST_QUERIES = 150
FOLDS = 5


@dataclass(frozen=True, eq=False)
class Given:
    """Photos that the gallery was adapted with, products as of ``product_numbers``, and their
    descriptions in the same order."""

    vectors: Vectors
    described: Sequence[Description]

    def known(self, gallery: Gallery) -> list[tuple[str, Description]]:
        """Those whose products the gallery holds, with these."""
        names: dict[int, str] = {}
        for name, number in product_numbers(gallery).items():
            names.setdefault(number, name)
        pairs = zip(self.vectors.products.tolist(), self.described, strict=True)
        return [(names[number], photo) for number, photo in pairs if number >= 0]


@one_blas_thread()
def fit_no_match(
    gallery: WritableGallery,
    serving: Callable[[], Searcher],
    given: Given | None = None,
    seed: int = 0,
) -> Part:
    """Calibrate a gallery that has just been adapted, and what was done. By photos of known
    products, given or marked; without any, a calibration by views is made anew, one by photos,
    which are not kept, is left to be made anew by hand."""
    try:
        held = gallery.calibration()
    except GalleryError:  # one that cannot be read
        held = None
    marked = _marked(gallery)
    known = [] if given is None else given.known(gallery)
    photos = bool(marked or known)
    refusal = _refusal(gallery, held, photos=photos)
    if refusal:
        return Part(name=NAME, taken=False, why=refusal)
    try:
        searcher = serving()
        if held is not None and not _is_of(held, searcher):
            return Part(name=NAME, taken=False, why="it was calibrated for other settings by hand")
        vectors = None if given is None else given.vectors
        search = search_of(searcher, gallery, seed, vectors, FOLDS)
        answers = _answers(gallery, replace(search, seen=True), known, marked, seed)
        wanted = 0.05 if held is None else held.false_accepts
        fit = fit_matching(answers, wanted, seed)
    except PacksightError as error:
        return Part(name=NAME, taken=False, why=error.message.rstrip("."))
    if fit.figures.auroc < LEAST_AUROC:
        why = f"scores hardly separate present from absent products: AUROC {fit.figures.auroc:.2f}"
        return Part(name=NAME, taken=False, why=why)
    made = calibration_of(fit, "photos" if photos else "views", wanted, searcher, seen=True)
    automatic = held is None or held.automatic
    gallery.calibrate(made.model_copy(update={"automatic": automatic}))
    return Part(name=NAME, taken=True, why=_words(made))


def _refusal(gallery: WritableGallery, held: MatchCalibration | None, *, photos: bool) -> str:
    again = f"packsight calibrate --gallery {shlex.quote(gallery.name)}"
    if held is not None and by_hand(held):
        adaptation = gallery.adaptation()
        if held.identity.partition("-")[2] == ("" if adaptation is None else adaptation.identity):
            return "it is calibrated with photos by hand, and that still holds"
        return f"it was calibrated with photos, which are not kept: {again} --photos PHOTOS"
    if held is None and not photos:
        return f"no photos of known products; by the gallery's own views: {again}"
    return ""


def by_hand(held: MatchCalibration) -> bool:
    """With photos, so that it cannot be made anew without a person."""
    return held.source == "photos" and not held.automatic


def _is_of(held: MatchCalibration, searcher: Searcher) -> bool:
    """Whether it was made for searches by these settings, whatever the adaptation."""
    return held.identity.partition("-")[0] == searcher.answering().partition("-")[0]


def _marked(gallery: Gallery) -> Ids:
    """Images that were taken as users take photos."""
    return frozenset(
        source.id for source in gallery.sources() if domain_of(source.attributes) == "photo"
    )


def _answers(
    gallery: Gallery,
    search: Search,
    known: Sequence[tuple[str, Description]],
    marked: Ids,
    seed: int,
) -> list[Answer]:
    if search.note:
        raise ConfigError(f"{search.note}.")
    if not known:
        found = view_answers(
            search, gallery, seed, lambda done, total: None, MOST_QUERIES, marked or None
        )
        return found.answers
    products = images_of_products(gallery)
    answers: list[Answer] = []
    for at in sample(np.arange(len(known)), MOST_QUERIES, seed):
        product, photo = known[at]
        query = _voted(photo, search.serving)
        answers += twice(search, query, product, NO_IDS, products[product])
    return answers


def _voted(query: Description, searcher: Searcher) -> Description:
    """With the categories of today's vote, which goes by vectors alone."""
    classifier = searcher.describer.classifier
    if classifier.categories is not None:
        return query
    (scores,) = classifier.classify([], query.embedding.vector[None])
    return replace(query, scores=scores)


def _words(made: MatchCalibration) -> str:
    values = made.figures
    return (
        f"of {made.source} that took part {values.true_accepts:.0%} are likely matches, of absent "
        f"products {values.false_accepts:.1%}, {made.false_accepts:.1%} requested"
    )
