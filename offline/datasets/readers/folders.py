"""Plain folders: CATEGORY/PRODUCT/view.jpg or CATEGORY/view.jpg, maybe below train/ and test/.

Labels are those of an ingest with a shipped profile: folder names, and tables where there are any
(a column ``family`` gives families). In retrieval the images of a query/ or test/ folder are the
queries and those of gallery/, or of train/ and validation/, the gallery; without such folders
every image is a query against all others.
"""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path

from engine.errors import ConfigError
from engine.names import look_alike
from offline.datasets.listed import ListedDataset, Task
from offline.datasets.readers._files import images_within
from offline.datasets.relevance import Label, by_category, by_product, label_task
from offline.datasets.types import DatasetImage, RetrievalTask
from offline.ingest.labels import Labels, capped, read_labels
from offline.ingest.scan import LABEL_FILES, ImageFile, kind_of_folder, scan

EXPECTS = "a folder of images a category, or such folders below train/, validation/ and test/"

# Names of top folders that are splits, and the names of these splits.
SPLIT_FOLDERS = {
    **{name: name for name in ("train", "validation", "test", "gallery", "queries")},
    "val": "validation",
    "valid": "validation",
    "query": "queries",
}
ALL = "all"  # the only split of a folder without split folders
# Splits of the queries and of the gallery: the first pair of which both are there.
SIDES = (
    (("queries",), ("gallery",)),
    (("test",), ("train", "validation")),
    (("validation",), ("train",)),
)
SHOWN = 5  # folders that a warning names
LABELS: dict[str, Label] = {"product": by_product, "category": by_category}

log = logging.getLogger(__name__)


def recognises(root: Path) -> bool:
    """Whether there is an image in some folder of the folder, or one level deeper."""
    return any(level > 1 for level, _ in images_within(root, depth=4))


def read(root: Path) -> ListedDataset:
    """Open the folder. Files whose suffix is not an image's are skipped, with a log line."""
    parts = {split: _images(folder, root) for split, folder in _split_folders(root).items()}
    for split, images in parts.items():
        if not images:
            raise ConfigError(
                f"{root}: no images for the split {split!r}.",
                remedy="Put a folder of images a category there, or remove the empty folder.",
            )
    return ListedDataset(root.resolve().name or "folders", root, parts, _tasks(root, parts))


def _split_folders(root: Path) -> dict[str, Path]:
    """The folder of every split, or the whole folder: "test" may be a category as well.

    Folders of other names than splits have are left out, and named, where they hold no images or
    where two splits hold the same folders; else all top folders are categories.
    """
    names, _ = _listed(root)
    top = [root / name for name in names if not name.startswith(".")]
    splits = [path for path in top if path.name.lower() in SPLIT_FOLDERS]
    strays = [path for path in top if path not in splits]
    holding = [path for path in strays if not kind_of_folder(path) and scan(path).images]
    if not splits or (holding and not _are_alike(splits)):
        if len(splits) > 1:
            log.warning("%s: categories, not splits, since others hold images", _named(splits))
        return {ALL: root}
    if strays:
        log.warning("%s: left out, since the splits are %s", _named(strays), _named(splits))
    folders: dict[str, Path] = {}
    for path in splits:
        split = SPLIT_FOLDERS[path.name.lower()]
        if split in folders:
            raise ConfigError(
                f"{root}: both {folders[split].name}/ and {path.name}/ are its {split} split.",
                remedy="Merge the two.",
            )
        folders[split] = path
    return folders


def _are_alike(splits: list[Path]) -> bool:
    """Whether two splits that belong together hold a folder or a table of the same name."""
    inside: dict[str, set[str]] = {}
    for path in splits:
        folders, files = _listed(path)
        names = [name for name in folders if not kind_of_folder(path / name)]
        names += [name for name in files if name.lower() in LABEL_FILES]
        inside.setdefault(SPLIT_FOLDERS[path.name.lower()], set()).update(map(look_alike, names))
    return any(
        inside.get(query, set()) & inside.get(gallery, set())
        for queries, galleries in SIDES
        for query in queries
        for gallery in galleries
    )


def _listed(folder: Path) -> tuple[list[str], list[str]]:
    """The names of its folders and of its files; none where it cannot be listed."""
    _, folders, files = next(os.walk(folder), ("", [], []))
    return sorted(folders), files


def _named(folders: list[Path]) -> str:
    names = [f"{path.name}/" for path in folders[:SHOWN]]
    more = [f"{len(folders) - SHOWN} more"] if len(folders) > SHOWN else []
    return ", ".join([*names, *more])


def _images(folder: Path, root: Path) -> list[DatasetImage]:
    scanned = scan(folder)
    labels = read_labels(folder, scanned.label_files, scoped=True)  # as the shipped profiles
    images = [_labelled(file, labels, folder, root) for file in scanned.images]
    for refusal in [*scanned.refused, *labels.refused]:
        log.warning("%s: skipped: %s", refusal.uri, refusal.reason)
    for line in capped(labels.lost_rows()):
        log.warning("label not used: %s", line)
    return images


def _labelled(file: ImageFile, labels: Labels, folder: Path, root: Path) -> DatasetImage:
    label = labels.of(file)
    path = folder / file.relative
    return DatasetImage(
        path.relative_to(root).as_posix(),
        path,
        category=label.category,
        family=label.attributes.get("family"),
        product=label.product,
    )


def _tasks(root: Path, parts: dict[str, list[DatasetImage]]) -> dict[str, Task]:
    queries, gallery = _queries_and_gallery(parts)
    return {name: partial(_task, root, name, queries, gallery) for name in LABELS}


def _queries_and_gallery(
    parts: dict[str, list[DatasetImage]],
) -> tuple[list[DatasetImage], list[DatasetImage]]:
    for queries, gallery in SIDES:
        if all(name in parts for name in (*queries, gallery[0])):
            return _together(parts, queries), _together(parts, gallery)
    everything = _together(parts, tuple(parts))
    return everything, everything


def _together(parts: dict[str, list[DatasetImage]], splits: tuple[str, ...]) -> list[DatasetImage]:
    return [image for split in splits for image in parts.get(split, ())]


def _task(
    root: Path, name: str, queries: list[DatasetImage], gallery: list[DatasetImage]
) -> RetrievalTask:
    task = label_task(f"{root.resolve().name} {name}", queries, gallery, LABELS[name])
    if len(task.unanswerable) == len(queries):
        others = [
            other
            for other, label in LABELS.items()
            if other != name
            and len(label_task(other, queries, gallery, label).unanswerable) < len(queries)
        ]
        instead = "".join(f", or choose --protocol {other}" for other in others)
        raise ConfigError(
            f"{root}: no query has another image of its {name} to find.",
            remedy=f"Retrieval by {name} needs two images of some {name}{instead}.",
        )
    return task
