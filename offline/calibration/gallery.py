"""Calibrate a gallery: ask it for known photos, fit, store; ``packsight calibrate`` is its door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine import __version__
from engine.errors import ConfigError
from engine.galleries import open_gallery
from engine.match_calibration import MatchCalibration
from engine.types import Progress
from offline.calibration.asking import Asked, Shelf, ask_photos, ask_views
from offline.calibration.matching import fit_matching
from offline.datasets import Dataset, Picture, open_dataset
from stages.open_searcher import searcher_over

# The split that a data set keeps for photos of users, where nobody names one.
QUERIES = "queries"


@dataclass(frozen=True)
class Request:
    """``photos``: a data set or a labelled folder; None: the gallery's own views. ``protocol`` or
    ``split`` chooses among its pictures."""

    gallery: Path
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
    calibration: MatchCalibration
    asked: Asked


def calibrate(request: Request, progress: Progress) -> Outcome:
    """Fit and store; the gallery is locked for other writers meanwhile.

    Raises ConfigError (photos, settings, too few of them), GalleryError, FingerprintError,
    WeightsError. Photos that cannot be read are in ``Outcome.asked.faults``.
    """
    photos = None if request.photos is None else _photos(request.photos, request)
    with open_gallery(request.gallery, write=True) as gallery:
        opened = searcher_over(
            gallery, profile=request.profile, config=request.config, overrides=request.overrides
        )
        shelf = Shelf(gallery)
        if photos is None:
            asked = ask_views(opened, shelf, request.seed, progress)
        else:
            _refuse_strangers(request, photos, shelf)
            asked = ask_photos(opened, photos, shelf, progress)
        calibration = _fitted(request, asked, opened.searcher.identity, len(gallery))
        gallery.calibrate(calibration)
    return Outcome(calibration, asked)


def remove(gallery: Path) -> bool:
    """Take a gallery's calibration away; whether there was one."""
    with open_gallery(gallery, write=True) as opened:
        return opened.calibrate(None)


def _photos(folder: Path, request: Request) -> tuple[Picture, ...]:
    dataset = open_dataset(folder)
    if request.protocol is not None:
        return dataset.retrieval(request.protocol).queries
    return dataset.pictures(_split(dataset, folder) if request.split is None else request.split)


def _split(dataset: Dataset, folder: Path) -> str:
    if QUERIES in dataset.splits:
        return QUERIES
    if len(dataset.splits) > 1:
        raise ConfigError(
            f"{folder}: which of its pictures are the photos?",
            remedy=f"Name a split with --split: {', '.join(dataset.splits)}.",
        )
    return dataset.splits[0]


def _refuse_strangers(request: Request, photos: Sequence[Picture], shelf: Shelf) -> None:
    """Say so before hours of describing where no photo shows a product of the gallery."""
    if any(shelf.name_of(photo) is not None for photo in photos):
        return
    named = next((photo.product for photo in photos if photo.product), "nothing at all")
    theirs = next(iter(sorted(shelf.products)), "nothing")
    raise ConfigError(
        f"{request.photos}: none of {len(photos)} photos shows a product of {request.gallery}: "
        f"they show {named}, it holds {theirs}.",
        remedy="Name the photos' products as the gallery does: packsight gallery export "
        f"{request.gallery}",
    )


def _fitted(request: Request, asked: Asked, identity: str, images: int) -> MatchCalibration:
    fit = fit_matching(asked.answers, request.false_accepts, request.seed)
    return MatchCalibration(
        identity=identity,
        model=fit.model,
        threshold=fit.threshold,
        false_accepts=request.false_accepts,
        figures=fit.figures,
        source="views" if request.photos is None else "photos",
        images=images,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        written_by=f"packsight {__version__}",
    )
