"""Oxford5k and Paris6k with their original ground truth: *_query, *_good, *_ok and *_junk.txt.

Philbin, Chum, Isard, Sivic, Zisserman: Object Retrieval with Large Vocabularies and Fast Spatial
Matching, CVPR 2007, and Lost in Quantization, CVPR 2008. The only protocol, ``original``: good
and ok images are relevant, junk is ignored, a query is cropped to its box. The query's own
image is in the gallery and counts as in the lists, as in the authors' evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.errors import ConfigError
from offline.datasets.listed import ListedDataset
from offline.datasets.readers._landmarks import UNREADABLE, background_files, query_box
from offline.datasets.types import DatasetImage, Relevance, RetrievalTask
from offline.ingest.tables import Place, read_lines

EXPECTS = "the images and gt files (*_query.txt, *_good.txt, ...) of Oxford5k or Paris6k"

ENDING = "_query.txt"
QUERY_PREFIX = "oxc1_"  # before the image's name in Oxford5k's query files only
RELEVANT, JUNK = ("good", "ok"), "junk"


@dataclass(frozen=True)
class _Truth:
    query: DatasetImage
    relevance: Relevance


def recognises(root: Path) -> bool:
    return bool(_truth_folders(root))


def read(root: Path) -> ListedDataset:
    """Open it: the lists, and the names of the images, for no list names the gallery."""
    folders = _truth_folders(root)
    if len(folders) != 1:
        names = ", ".join(str(folder) for folder in folders) or "none"
        raise ConfigError(
            f"{root}: needs one folder with *{ENDING}, found {names}.",
            remedy="Unpack the gt files of one data set into a folder beside the images.",
        )
    files = background_files(root)
    gallery = tuple(DatasetImage(name, path) for name, path in files.items())
    truth = list(_truths(folders[0], files))
    parts = {"gallery": gallery, "queries": [item.query for item in truth]}
    task = partial(_task, truth, gallery)
    return ListedDataset("oxford_paris", root, parts, {"original": task})


def _truth_folders(root: Path) -> list[Path]:
    return sorted({path.parent for at in ("", "*/") for path in root.glob(f"{at}*{ENDING}")})


def _truths(folder: Path, files: Mapping[str, Path]) -> Iterator[_Truth]:
    at = {name: position for position, name in enumerate(files)}
    for file in sorted(folder.glob(f"*{ENDING}")):
        query = _query(file, files)
        stem = query.id
        lists = {kind: folder / f"{stem}_{kind}.txt" for kind in (*RELEVANT, JUNK)}
        relevant = {name: place for kind in RELEVANT for name, place in _names(lists[kind])}
        absent = next((name for name in relevant if name not in at), None)
        if absent is not None:
            raise relevant[absent].fault(
                f"the image {absent} is not there", "Without it every score would be too high."
            )
        junk = {name for name, _ in _names(lists[JUNK])}  # may be absent: it counts nowhere
        both = sorted(junk.intersection(relevant))
        if both:
            raise relevant[both[0]].fault(f"{both[0]} is in {lists[JUNK].name} as well")
        yield _Truth(query, Relevance(_positions(relevant, at), _positions(junk, at)))


def _query(file: Path, files: Mapping[str, Path]) -> DatasetImage:
    place, line = next(read_lines(file), (Place(file, "line 1"), ""))
    cells = line.rsplit(maxsplit=4)
    try:
        corners = [float(cell) for cell in cells[1:]]
    except ValueError:
        corners = []
    if len(corners) != 4:
        raise place.fault("not `name x1 y1 x2 y2`", "Is the file cut off?")
    name = cells[0].removeprefix(QUERY_PREFIX)
    if name not in files:
        raise place.fault(f"the image {name} is not there", "Unpack the images as well.")
    stem = file.name.removesuffix(ENDING)
    landmark = stem.rpartition("_")[0] or stem  # all_souls_3 is the third of all_souls
    return DatasetImage(stem, files[name], product=landmark, crop=query_box(corners, place))


def _names(file: Path) -> Iterator[tuple[str, Place]]:
    for place, line in read_lines(file):
        name = line.removesuffix(".jpg")
        if name not in UNREADABLE:
            yield name, place


def _positions(names: Iterable[str], at: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sorted(at[name] for name in names if name in at))


def _task(truth: list[_Truth], gallery: tuple[DatasetImage, ...]) -> RetrievalTask:
    queries = tuple(item.query for item in truth)
    relevance = tuple(item.relevance for item in truth)
    return RetrievalTask("oxford_paris original", queries, gallery, relevance)
