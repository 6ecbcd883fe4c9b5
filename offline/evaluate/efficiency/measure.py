"""What a system costs: milliseconds of a photo, images a second, bytes of models and a gallery.

Measured on a real gallery of records that exist already, in a folder that is temporary.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.adaptation import Adaptation
from engine.config import Settings
from engine.errors import ConfigError, GalleryError, ImageError, PacksightError
from engine.galleries import open_gallery
from engine.galleries._faiss_indexes import INDEXES
from engine.parallel import each
from engine.protocols import WritableGallery
from engine.retrieval import AdaptedNeighbours
from engine.timings import Stopwatch
from engine.types import Entry, Progress, Record, RGBImage
from offline.datasets import DatasetImage
from offline.store.images import cropped
from stages.assemble import Parts, assemble
from stages.open_searcher import OpenSearcher, searcher_of
from stages.rerank._artefact import SUFFIX, graph_path, reranker_path
from weights.fetch import FetchPolicy, resolve

LOAD = "load"
TOGETHER = "together"
STORED = 256  # records a transaction


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """ConfigError where temporary files cannot be kept."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="packsight-", ignore_cleanup_errors=True)
    except OSError as error:
        raise _no_room(error.strerror or str(error)) from error
    with folder as name:
        try:
            yield Path(name)
        except GalleryError as error:  # the only gallery that is open here lies in the folder
            raise _no_room(error.message) from error


def _no_room(why: str) -> ConfigError:
    return ConfigError(
        f"temporary files cannot be kept ({why.rstrip('.')}).",
        remedy="Free some room, or choose another place with TMPDIR.",
    )


def fill(
    folder: Path, parts: Parts, records: Sequence[Record], adaptation: Adaptation | None = None
) -> None:
    """Make a gallery of the records, with all indexes; closed, so that its files are whole."""
    with open_gallery(folder, manifest=parts.manifest()) as gallery:
        for start in range(0, len(records), STORED):
            chunk = records[start : start + STORED]
            gallery.add([_entry(one) for one in chunk], [one.description for one in chunk])
        gallery.build_indexes()
        if adaptation is not None:
            gallery.adapt(adaptation)


def open_scratch(folder: Path, settings: Settings) -> OpenSearcher:
    """As a query opens it, with just these settings: the environment is not applied again."""
    gallery = open_gallery(folder)
    try:
        parts = assemble(settings, gallery=lambda: AdaptedNeighbours(gallery, "photo"))
    except BaseException:
        gallery.close()
        raise
    return OpenSearcher(searcher_of(parts, gallery), gallery, settings)


def _entry(record: Record) -> Entry:
    category = record.category if record.labelled else None
    return Entry(
        record.uri, record.sha256, 0, 0, record.product_id, category, dict(record.attributes)
    )


@dataclass(frozen=True)
class Timed:
    """``milliseconds`` (by stage, in the order they ran) are aligned with ``items``, the ids of
    the photos. ``together`` is the clock from the file to the answer: what happens between the
    stages counts as well."""

    items: tuple[str, ...]
    milliseconds: dict[str, tuple[float, ...]]

    @property
    def together(self) -> tuple[float, ...]:
        return self.milliseconds[TOGETHER]


def read(image: DatasetImage, opened: OpenSearcher) -> RGBImage:
    """The image, cropped where the data set crops it; ImageError for a file that is not one."""
    return cropped(opened.read(image.path), image)


def time_photos(
    images: Sequence[DatasetImage],
    opened: OpenSearcher,
    clock: Callable[[], float] = time.perf_counter,
    progress: Progress | None = None,
) -> Timed:
    """Search for each image alone, after one search for the first to warm up.

    Images that cannot be read are passed over. A stage that a photo did not need took 0 ms.
    """
    taken: dict[str, dict[str, float]] = {}
    for number, image in enumerate([*images[:1], *images]):
        seconds = _timed(image, opened, clock)
        if seconds and number:
            taken[image.id] = seconds
        if progress is not None:
            progress(number, len(images))
    stages = dict.fromkeys([TOGETHER, *(stage for one in taken.values() for stage in one)])
    return Timed(
        tuple(taken),
        {stage: tuple(1000 * one.get(stage, 0.0) for one in taken.values()) for stage in stages},
    )


def _timed(
    entry: DatasetImage, opened: OpenSearcher, clock: Callable[[], float]
) -> dict[str, float]:
    watch, start = Stopwatch(), clock()
    try:
        with watch(LOAD):
            image = read(entry, opened)
    except ImageError:
        return {}
    opened.searcher.answer(image, watch=watch)
    return {TOGETHER: clock() - start, **watch.seconds}


@dataclass(frozen=True)
class Rate:
    images: int
    seconds: float

    @property
    def per_second(self) -> float | None:
        """None where nothing was described."""
        return self.images / self.seconds if self.images and self.seconds > 0 else None


def rate(
    images: Sequence[DatasetImage],
    opened: OpenSearcher,
    folder: Path,
    batch: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Rate:
    """Describe and store images in a new gallery, ``batch`` at a time, its indexes included.

    Images with a category are described as labelled ones, as an ingest does. They are decoded on
    threads of this process; an ingest has processes for it. Unreadable ones do not count.
    """
    done, start = 0, clock()
    with open_gallery(folder, manifest=opened.gallery.manifest) as gallery:
        for at in range(0, len(images), batch):
            done += _described(images[at : at + batch], opened, gallery)
        gallery.build_indexes()
        return Rate(done, clock() - start)


def _described(
    entries: Sequence[DatasetImage], opened: OpenSearcher, gallery: WritableGallery
) -> int:
    describer = opened.searcher.describer
    images = readable(entries, opened, describer.threads)
    described = describer.describe([image for _, image in images], [p.category for p, _ in images])
    gallery.add([_labelled_entry(p) for p, _ in images], [one.description for one in described])
    return len(images)


def readable(
    entries: Sequence[DatasetImage], opened: OpenSearcher, threads: int = 1
) -> list[tuple[DatasetImage, RGBImage]]:
    """Those that can be read, decoded."""

    def image(entry: DatasetImage) -> RGBImage | None:
        try:
            return read(entry, opened)
        except ImageError:
            return None

    images = each(image, entries, threads=threads)
    return [(p, found) for p, found in zip(entries, images, strict=True) if found is not None]


def _labelled_entry(image: DatasetImage) -> Entry:
    return Entry(image.id, "0" * 64, 0, 0, image.product or image.id, image.category)


@dataclass(frozen=True)
class GallerySize:
    """Bytes of ``images`` images: the database with all that belongs to it, and the indexes."""

    images: int
    database: int
    indexes: int


def model_sizes(settings: Settings, references: Iterable[str]) -> dict[str, int]:
    """Bytes by reference, of those that are files; what else makes a part (a list of labels that
    was read) is passed over. A path is named by its file's name where no other file has it."""
    directory = settings.weights.directory
    policy = FetchPolicy(Path(directory) if directory else None, download=False)
    found = {reference: _model(reference, policy) for reference in references}
    files = {reference: path for reference, path in found.items() if path}
    names = [path.name for path in files.values()]
    return {_shown(one, path, names): _bytes(path) for one, path in files.items()}


def gallery_size(folder: Path, images: int) -> GallerySize:
    """Of a gallery that is closed."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    indexes = sum(path.stat().st_size for path in files if path.parent.name == INDEXES)
    return GallerySize(images, sum(path.stat().st_size for path in files) - indexes, indexes)


def _model(reference: str, policy: FetchPolicy) -> Path | None:
    if reranker_path(reference).is_file():  # a path, or a reranker that comes with the package
        return reranker_path(reference)
    try:
        return resolve(reference, policy).path
    except PacksightError:
        return None


def _bytes(path: Path) -> int:
    """Of a model and, of a reranker by boosted trees, of the trees beside it."""
    beside = graph_path(path)
    trees = beside.stat().st_size if path.suffix == SUFFIX and beside.is_file() else 0
    return path.stat().st_size + trees


def _shown(reference: str, path: Path, names: Sequence[str]) -> str:
    named = not Path(reference).is_file()
    return reference if named or names.count(path.name) > 1 else path.name
