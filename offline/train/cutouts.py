"""Cutouts made once and kept: segmenting costs far more than a training step.

A folder a way of cutting (its fingerprint); in it one file of raw cutouts, S * S * 3 bytes each,
and a list that says which picture each one is of, by content. Both only grow, so that a killed
run goes on where it stopped, and several trainings can share a folder, one after the other.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.cutting import Cutting
from engine.errors import ConfigError, ImageError
from engine.images import ImageLimits, load
from engine.parallel import each
from engine.types import RGBImage, UInt8Array
from offline.train.labelled import Sample

BATCH = 8  # pictures in memory at a time
DATA, INDEX, LOCK = "cutouts.u8", "index.jsonl", "cutouts.lock"

_log = logging.getLogger(__name__)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Cutouts:
    """(N, S, S, 3) uint8, mapped from the file; ``rows`` finds a picture's by its sha256."""

    pixels: UInt8Array
    rows: dict[str, int]

    @property
    def side(self) -> int:
        return int(self.pixels.shape[1])

    def positions(self, samples: Iterable[Sample]) -> list[int]:
        return [self.rows[sample.sha256] for sample in samples]


class CutoutCache:
    """Raises ConfigError where the folder cannot be written."""

    def __init__(self, folder: Path, fingerprint: str, limits: ImageLimits | None = None) -> None:
        self._folder = folder / fingerprint[:16]
        self._limits = limits or ImageLimits()

    def fill(
        self,
        samples: Sequence[Sample],
        cutting: Cutting,
        threads: int = 1,
        progress: Progress | None = None,
    ) -> tuple[Cutouts, list[str]]:
        """Cut what is not there yet; returns all that is there, and a sentence for every
        picture that cannot be decoded (it has no row)."""
        from filelock import FileLock

        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / LOCK):
                return self._fill(samples, cutting, threads, progress)
        except OSError as error:
            raise ConfigError(
                f"{self._folder}: cutouts cannot be kept there ({error.strerror or error}).",
                remedy="Free some room, or choose another --cache; the same command goes on.",
            ) from error

    def _fill(
        self, samples: Sequence[Sample], cutting: Cutting, threads: int, progress: Progress | None
    ) -> tuple[Cutouts, list[str]]:
        names, side = self._whole()
        known = set(names)
        wanted = list({s.sha256: s for s in samples if s.sha256 not in known}.values())
        faults: list[str] = []
        for start in range(0, len(wanted), BATCH):
            chunk = wanted[start : start + BATCH]
            images = self._decoded(chunk, threads, faults)
            cuts = cutting.cut([image for _, image in images])
            if cuts:
                pixels = np.stack([cut.cutout.pixels for cut in cuts])
                side = self._append(pixels, [sample.sha256 for sample, _ in images])
            if progress is not None:
                progress(min(start + BATCH, len(wanted)), len(wanted))
        names, side = self._whole()
        return self._mapped(names, side), faults

    def _decoded(
        self, samples: Sequence[Sample], threads: int, faults: list[str]
    ) -> list[tuple[Sample, RGBImage]]:
        def decode(sample: Sample) -> RGBImage | ImageError:
            try:
                return load(sample.picture.path, limits=self._limits)
            except ImageError as error:
                return error

        found = []
        for sample, image in zip(samples, each(decode, samples, threads=threads), strict=True):
            if isinstance(image, ImageError):
                faults.append(f"{image.uri}: left out, {image.reason}")
            else:
                found.append((sample, image))
        return found

    def _append(self, pixels: UInt8Array, names: Sequence[str]) -> int:
        """Pixels first: a line in the list says that its cutout is whole."""
        side = int(pixels.shape[1])
        with (self._folder / DATA).open("ab") as data:
            data.write(np.ascontiguousarray(pixels).tobytes())
        with (self._folder / INDEX).open("a", encoding="utf-8") as index:
            index.writelines(json.dumps([name, side]) + "\n" for name in names)
        return side

    def _whole(self) -> tuple[list[str], int]:
        """Names of the whole cutouts, in order, and their side; what a kill cut short is cut off
        both files."""
        index, data = self._folder / INDEX, self._folder / DATA
        if not index.is_file() or not data.is_file():
            index.unlink(missing_ok=True)
            data.unlink(missing_ok=True)
            return [], 0
        lines = index.read_text("utf-8", errors="replace").split("\n")[:-1]
        rows = [row for line in lines if (row := _row(line)) is not None]
        side = rows[0][1] if rows else 0
        size = side * side * 3
        count = min(len(rows), data.stat().st_size // size) if size else 0
        names = [name for name, _ in rows[:count]]
        index.write_text("".join(json.dumps([name, side]) + "\n" for name in names), "utf-8")
        with data.open("r+b") as file:
            file.truncate(count * size)
        return names, side

    def _mapped(self, names: Sequence[str], side: int) -> Cutouts:
        rows = {name: row for row, name in enumerate(names)}
        if not names:
            return Cutouts(np.zeros((0, 1, 1, 3), np.uint8), rows)
        shape = (len(names), side, side, 3)
        return Cutouts(np.memmap(self._folder / DATA, np.uint8, "r", shape=shape), rows)


def _row(line: str) -> tuple[str, int] | None:
    try:
        name, side = json.loads(line)
    except ValueError:
        return None
    return (name, side) if isinstance(name, str) and isinstance(side, int) else None
