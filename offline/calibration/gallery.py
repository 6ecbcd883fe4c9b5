"""One run of `packsight calibrate`: query a gallery with labelled photos, fit, store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from engine.errors import ConfigError
from engine.galleries import open_gallery
from engine.match_calibration import MatchCalibration
from engine.parallel import one_blas_thread
from engine.protocols import WritableGallery
from engine.search import Searcher
from engine.types import Progress
from offline.adapt.answers import Answers, view_answers
from offline.adapt.left_out import search_of
from offline.adapt.matching import calibration_of, fit_matching
from offline.calibration.answers import ProductIndex, photo_answers
from offline.calibration.seen import trained_parts, unseen
from offline.datasets import Dataset, DatasetImage, open_dataset
from stages.open_searcher import searcher_over

# Views beside photos: a few hundred weigh score and margin as a thousand do.
GUIDING_VIEWS = 300
# The split that a data set keeps for photos of users; the default.
QUERIES = "queries"


@dataclass(frozen=True)
class Request:
    """``photos``: a data set or a labelled folder; None: the gallery's own views. ``protocol`` or
    ``split`` chooses among its images."""

    gallery: str | Path
    photos: Path | None = None
    protocol: str | None = None
    split: str | None = None
    false_accepts: float = 0.05
    seed: int = 0
    profile: str | None = None
    config: Path | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Outcome:
    """``seen``: photos that were left out, since the gallery's adaptation was fitted with them;
    ``notes``: reasons to trust it less, a sentence each."""

    calibration: MatchCalibration
    answers: Answers
    seen: int = 0
    notes: tuple[str, ...] = ()


def calibrate(request: Request, progress: Progress) -> Outcome:
    """Fit and store; the gallery is locked for other writers meanwhile.

    Raises ConfigError (photos, settings, too few of them), GalleryError, FingerprintError,
    WeightsError. Photos that cannot be read are in ``Outcome.answers.faults``.
    """
    with open_gallery(request.gallery, write=True) as gallery:
        return calibrate_open(gallery, request, progress)


@one_blas_thread()
def calibrate_open(gallery: WritableGallery, request: Request, progress: Progress) -> Outcome:
    """As ``calibrate``, of a gallery that is open already."""
    photos = None if request.photos is None else _photos(request.photos, request)
    opened = searcher_over(
        gallery,
        profile=request.profile,
        config=request.config,
        overrides=request.overrides,
        keep_mattes=True,
    )
    settings = opened.settings
    index, views, seen = ProductIndex(gallery), Answers(), 0
    if photos is None:
        search = search_of(opened.searcher, gallery, request.seed)
        seen_by = replace(search, seen=True)
        answers = view_answers(seen_by, gallery, request.seed, progress)
    else:
        _refuse_others(request, photos, index)
        photos, seen = unseen(photos, gallery)
        search = search_of(opened.searcher, gallery, request.seed)
        answers = photo_answers(opened, photos, index, progress, search)
        views = view_answers(search, gallery, request.seed, _silent, GUIDING_VIEWS)
    calibration = _fitted(request, answers, views, seen, opened.searcher)
    gallery.calibrate(calibration)
    notes = [note for note in (search.note, trained_parts(settings)) if note]
    return Outcome(calibration, answers, seen, tuple(notes))


def _silent(done: int, total: int) -> None:
    """Views take seconds, beside photos that take minutes."""


def remove(gallery: str | Path) -> bool:
    """Remove a gallery's calibration; whether there was one."""
    with open_gallery(gallery, write=True) as opened:
        return opened.calibrate(None)


def _photos(folder: Path, request: Request) -> tuple[DatasetImage, ...]:
    dataset = open_dataset(folder)
    if request.protocol is not None:
        return dataset.retrieval(request.protocol).queries
    return dataset.images(_split(dataset, folder) if request.split is None else request.split)


def _split(dataset: Dataset, folder: Path) -> str:
    if QUERIES in dataset.splits:
        return QUERIES
    if len(dataset.splits) > 1:
        raise ConfigError(
            f"{folder}: has several splits, and none is named {QUERIES}.",
            remedy=f"Name a split with --split: {', '.join(dataset.splits)}.",
        )
    return dataset.splits[0]


def _refuse_others(request: Request, photos: Sequence[DatasetImage], index: ProductIndex) -> None:
    """ConfigError, before hours of describing, where no photo shows a product of the gallery."""
    if any(index.name_of(photo) is not None for photo in photos):
        return
    shown = next((photo.product for photo in photos if photo.product), "no product")
    held = next(iter(sorted(index.products)), "none")
    raise ConfigError(
        f"{request.photos}: none of {len(photos)} photos shows a product of {request.gallery}: "
        f"the first shows {shown}, the gallery's first is {held}.",
        remedy="Name the photos' products as the gallery does: packsight gallery export "
        f"{request.gallery}",
    )


def _fitted(
    request: Request, answers: Answers, views: Answers, seen: int, searcher: Searcher
) -> MatchCalibration:
    try:
        fit = fit_matching(answers.answers, request.false_accepts, request.seed, views.answers)
    except ConfigError as error:
        if not seen:
            raise
        raise ConfigError(
            f"{request.photos}: {seen} photos took part in the adaptation of {request.gallery} and "
            f"were left out; {error.message}",
            remedy="Give photos that it has not seen.",
        ) from None
    source: Literal["photos", "views"] = "views" if request.photos is None else "photos"
    return calibration_of(fit, source, request.false_accepts, searcher)
