"""Revisited Oxford and Paris: gnd_roxford5k.pkl or gnd_rparis6k.pkl, or the same as .json.

Radenović, Iscen, Tolias, Avrithis, Chum: Revisiting Oxford and Paris: Large-Scale Image Retrieval
Benchmarking, CVPR 2018. Queries are not in the gallery and are cropped to their boxes. A query
without a relevant image (there are such under ``easy`` and ``hard``) is left out of the mean by
the authors: see ``RetrievalTask.unanswerable``. Files of the original annotation in this form
(gnd_oxford5k.pkl, with ``ok`` for good and ok) have the protocol ``original``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from offline.datasets._pickles import read_plain_pickle
from offline.datasets.listed import ListedDataset
from offline.datasets.readers._landmarks import background_files, query_box
from offline.datasets.types import DatasetImage, Relevance, RetrievalTask
from offline.ingest.tables import Place, inside, read_text

EXPECTS = "gnd_roxford5k.pkl or gnd_rparis6k.pkl (or .json), and the images in jpg/"

PATTERNS = ("gnd_*.pkl", "gnd_*.json")
PICTURES = "jpg"


@dataclass(frozen=True)
class _Lists:
    """The relevant and the ignored lists of a query (section 3.3 of the paper)."""

    relevant: tuple[str, ...]
    ignored: tuple[str, ...]


PROTOCOLS = {
    "easy": _Lists(("easy",), ("hard", "junk")),
    "medium": _Lists(("easy", "hard"), ("junk",)),
    "hard": _Lists(("hard",), ("easy", "junk")),
    "original": _Lists(("ok",), ("junk",)),
}


@dataclass(frozen=True)
class _Answer:
    lists: Mapping[str, frozenset[int]]  # by easy, hard, junk or ok, junk

    def under(self, chosen: _Lists) -> Relevance:
        """An image in two lists of one query counts as relevant."""
        relevant, ignored = (
            frozenset[int]().union(*(self.lists[name] for name in names))
            for names in (chosen.relevant, chosen.ignored)
        )
        return Relevance(tuple(sorted(relevant)), tuple(sorted(ignored - relevant)))


def recognises(root: Path) -> bool:
    return any(path for pattern in PATTERNS for path in root.glob(pattern))


def read(root: Path) -> ListedDataset:
    """Open it. Pickles are read without running anything in them."""
    file = _truth_file(root)
    data = _data(file)
    files = background_files(root)
    gallery = tuple(_images(root, file, "imlist", data, files))
    uncropped = tuple(_images(root, file, "qimlist", data, files))
    entries = _list(data, "gnd", file)
    if len(entries) != len(uncropped):
        raise ConfigError(
            f"{file}: {len(uncropped)} queries in qimlist, but {len(entries)} answers in gnd.",
            remedy="Download it again.",
        )
    places = [Place(file, f"gnd[{at}]") for at in range(len(entries))]
    queries = tuple(map(_cropped, uncropped, entries, places))
    answers = [
        _answer(entry, place, len(gallery)) for entry, place in zip(entries, places, strict=True)
    ]
    name = file.stem.removeprefix("gnd_")
    tasks = {
        protocol: partial(_task, f"{name} {protocol}", queries, gallery, answers, chosen)
        for protocol, chosen in PROTOCOLS.items()
        if all(set(chosen.relevant + chosen.ignored) <= set(answer.lists) for answer in answers)
    }
    return ListedDataset(name, root, {"gallery": gallery, "queries": queries}, tasks)


def _truth_file(root: Path) -> Path:
    files = sorted(path for pattern in PATTERNS for path in root.glob(pattern))
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise ConfigError(
            f"{root}: needs one {' or '.join(PATTERNS)}, found {names}.",
            remedy="Keep each data set, with its images, in a folder of its own.",
        )
    return files[0]


def _data(file: Path) -> dict[str, Any]:
    if file.suffix == ".pkl":
        data = read_plain_pickle(file)
    else:
        try:
            data = json.loads(read_text(file))
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{file}: not valid JSON ({error}).") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: must be a dict with imlist, qimlist and gnd.")
    return data


def _list(data: Mapping[str, Any], key: str, file: Path) -> list[Any]:
    if not isinstance(data.get(key), list) or not data[key]:
        raise ConfigError(f"{file}: {key} must be a list with something in it.")
    items: list[Any] = data[key]
    return items


def _images(
    root: Path, file: Path, key: str, data: Mapping[str, Any], files: Mapping[str, Path]
) -> Iterator[DatasetImage]:
    for at, name in enumerate(_list(data, key, file)):
        place = Place(file, f"{key}[{at}]")
        if not isinstance(name, str):
            raise place.fault(f"{name!r} is not the name of an image")
        # The expected path of one that is absent, for the error about it.
        path = root / PICTURES / inside(f"{name}.jpg", place)
        yield DatasetImage(name, files.get(name, path))


def _cropped(query: DatasetImage, entry: Any, place: Place) -> DatasetImage:
    box = entry.get("bbx") if isinstance(entry, dict) else None
    if not isinstance(box, list) or not all(isinstance(corner, int | float) for corner in box):
        raise place.fault("bbx must be four numbers")
    return DatasetImage(f"query/{query.id}", query.path, crop=query_box(box, place))


def _answer(entry: Mapping[str, Any], place: Place, size: int) -> _Answer:
    lists: dict[str, frozenset[int]] = {}
    for name in ("easy", "hard", "ok", "junk"):
        positions = entry.get(name)
        if positions is None:
            continue
        if not isinstance(positions, list):
            raise place.fault(f"{name} must be a list of positions in imlist")
        outside = [at for at in positions if not isinstance(at, int) or not 0 <= at < size]
        if outside:
            raise place.fault(f"{name} holds {outside[0]!r}; imlist has {size} images")
        lists[name] = frozenset(positions)
    if "junk" not in lists or (not {"ok"} & set(lists) and not {"easy", "hard"} <= set(lists)):
        raise place.fault("needs the lists easy, hard and junk, or ok and junk")
    return _Answer(lists)


def _task(
    name: str,
    queries: tuple[DatasetImage, ...],
    gallery: tuple[DatasetImage, ...],
    answers: list[_Answer],
    chosen: _Lists,
) -> RetrievalTask:
    return RetrievalTask(name, queries, gallery, tuple(answer.under(chosen) for answer in answers))
