"""One run of `packsight adapt`: describe the photos, if there are any, and adapt the gallery."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.errors import ConfigError, ImageError, StageError
from engine.files import file_sha256
from engine.galleries import open_gallery
from engine.types import UNCATEGORISED, Description, Progress
from offline.adapt.fit import LEAST_PHOTOS
from offline.adapt.gallery import Outcome, adapt_gallery
from offline.adapt.judging import Vectors, sample
from offline.adapt.no_match import Given, fit_no_match
from offline.adapt.vectors import product_numbers
from offline.calibration.answers import ProductIndex
from offline.datasets import DatasetImage, open_dataset
from offline.ingest.scan import scan
from offline.store.images import cropped
from stages.embed.joined import descriptors_of
from stages.open_searcher import OpenSearcher, searcher_over

MOST_PHOTOS = 2_000
BATCH = 8  # photos between two reports of progress


def adapt(
    gallery: str | Path,
    photos: str | Path | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    without: Collection[str] = (),
) -> Outcome:
    """Fit to a gallery how its vectors are compared, and compare by it where it gains.

    ``photos``: of users, a data set or any folder, 10 or more; their products may be known or not;
    files of a sha256 in ``without`` are left out. The gallery is locked for other writers
    meanwhile, searches go on. Raises ConfigError (photos, an empty gallery), GalleryError,
    FingerprintError, WeightsError.
    """
    with open_gallery(gallery, write=True) as opened:
        faults: list[str] = []
        vectors, seen, described = None, frozenset[str](), list[Description]()
        searcher = None
        # What descriptors a vector joins, only they know.
        if photos is not None or opened.manifest.read_settings().embed.name == "joined":
            searcher = searcher_over(opened, keep_mattes=True)
        if photos is not None and searcher is not None:
            shown = progress or (lambda done, total: None)
            vectors, seen, described = _photos(Path(photos), searcher, seed, shown, faults, without)
        joined = () if searcher is None else descriptors_of(searcher.searcher.describer.embedder)
        outcome = adapt_gallery(opened, vectors, seed, seen, joined, described)
        part = fit_no_match(
            opened,
            lambda: (searcher or searcher_over(opened)).searcher,
            None if vectors is None else Given(vectors, described),
            seed,
        )
        return replace(outcome.with_part(part), faults=tuple(faults))


def _photos(
    folder: Path,
    opened: OpenSearcher,
    seed: int,
    progress: Progress,
    faults: list[str],
    without: Collection[str],
) -> tuple[Vectors, frozenset[str], list[Description]]:
    """Described by the gallery's own parts, with the sha256 of their files; ConfigError where none
    can be read."""
    images = _photo_files(folder)
    if without:
        images = [image for image in images if file_sha256(image.path) not in without]
        if not images:
            raise ConfigError(
                f"{folder}: all photos are queries of the evaluation, and these are left out.",
                remedy="Give photos that are none.",
            )
    chosen = sample(np.arange(len(images)), MOST_PHOTOS, seed)
    index, numbers = ProductIndex(opened.gallery), product_numbers(opened.gallery)
    descriptions, products, seen, copies = [], [], set(), 0
    for start in range(0, len(chosen), BATCH):
        for photo in (images[at] for at in chosen[start : start + BATCH]):
            description = None
            if _is_copy(photo, index):
                copies += 1
            else:
                description = _described(opened, photo, faults)
            if description is not None:
                name = index.name_of(photo)
                descriptions.append(description)
                products.append(-1 if name is None else numbers[name])
                seen.add(file_sha256(photo.path))
        progress(min(start + BATCH, len(chosen)), len(chosen))
    if copies:
        faults.append(
            f"{copies} photos left out: the gallery holds them as images; if users took them, mark "
            "them with the attribute role = photo"
        )
    if not descriptions:
        raise ConfigError(
            f"{folder}: none of {len(chosen)} photos could be described"
            f"{f': {faults[0]}' if faults else '.'}"
        )
    if len(descriptions) < LEAST_PHOTOS:
        raise ConfigError(
            f"{folder}: {len(descriptions)} photos could be described, {LEAST_PHOTOS} or more are "
            "needed.",
            remedy="Add photos of other products.",
        )
    rows = np.stack([description.embedding.vector for description in descriptions])
    vectors = Vectors(rows, np.array(products, np.int64), np.ones(len(rows), np.bool_))
    return vectors, frozenset(seen), descriptions


def _is_copy(photo: DatasetImage, index: ProductIndex) -> bool:
    """Of an image of the gallery, which as a photo would find itself first."""
    try:
        return bool(index.copies(photo))
    except ImageError:  # describing it names the fault
        return False


def _described(opened: OpenSearcher, photo: DatasetImage, faults: list[str]) -> Description | None:
    describer = opened.searcher.describer
    # A vote is of use after the adaptation alone: as labelled, there is none.
    categories = None if describer.classifier.categories else [UNCATEGORISED]
    try:
        image = cropped(opened.read(photo.path), photo)
        (described,) = describer.describe([image], categories)
    except (ImageError, StageError) as error:
        faults.append(str(error))
        return None
    return described.description


def _photo_files(folder: Path) -> Sequence[DatasetImage]:
    """Of a data set its queries, or its only split; of any other folder all images."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder.", remedy="Name a folder of photos.")
    try:
        dataset = open_dataset(folder)
    except ConfigError:
        found = [DatasetImage(image.relative, image.path) for image in scan(folder).images]
    else:
        splits = dataset.splits
        chosen = [split for split in splits if split == "queries"] or splits
        found = [image for split in chosen for image in dataset.images(split)]
    if not found:
        raise ConfigError(f"{folder}: no photos here or below.", remedy="Name a folder of photos.")
    return found
