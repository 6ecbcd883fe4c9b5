"""Cutouts made once and kept: segmenting costs far more than a training step or an embedding.

A folder a way of cutting (its fingerprint); in it one file of raw cutouts, S * S * 4 bytes each
(red, green, blue, alpha), and a list that says which picture each one is of, by content. Both
only grow, so that a killed run goes on where it stopped, and several trainings and evaluations
can share a folder, one after the other.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.cutting import Cut, Cutting
from engine.errors import ConfigError, ImageError
from engine.images import ImageLimits, load
from engine.parallel import each
from engine.types import Cutout, FloatArray, Progress, RGBImage, UInt8Array
from offline.store.images import Hashed, cropped, key_of

BATCH = 8  # pictures in memory at a time
CHANNELS = 4
DATA, INDEX, LOCK = "cutouts.rgba", "cutouts.jsonl", "cutouts.lock"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cutouts:
    """``rgba`` (N, S, S, 4) uint8, mapped from the file; ``rows`` finds a picture's by
    ``key_of``; ``trusts`` (N,): how far each mask was believed, NaN where nobody judged it."""

    rgba: UInt8Array
    rows: dict[str, int]
    trusts: FloatArray

    @property
    def pixels(self) -> UInt8Array:
        """(N, S, S, 3)"""
        return self.rgba[..., :3]

    @property
    def alpha(self) -> UInt8Array:
        """(N, S, S), 255 = product"""
        return self.rgba[..., 3]

    @property
    def side(self) -> int:
        return int(self.rgba.shape[1])

    def positions(self, samples: Iterable[Hashed]) -> list[int]:
        return [self.rows[key_of(sample)] for sample in samples]

    def cutout(self, row: int) -> Cutout:
        """As the cutter gave it, but for its box, and alpha in steps of 1 / 255."""
        rgba = np.asarray(self.rgba[row])
        pixels = np.ascontiguousarray(rgba[..., :3])
        alpha = rgba[..., 3].astype(np.float32) / np.float32(255)
        trust = float(self.trusts[row])
        box = (0, 0, self.side, self.side)
        return Cutout(pixels, alpha, box, None if np.isnan(trust) else trust)


class CutoutCache:
    """Raises ConfigError where the folder cannot be written."""

    def __init__(self, folder: Path, fingerprint: str, limits: ImageLimits | None = None) -> None:
        self._folder = folder / fingerprint[:16]
        self._limits = limits or ImageLimits()

    def fill(
        self,
        samples: Sequence[Hashed],
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
        self, samples: Sequence[Hashed], cutting: Cutting, threads: int, progress: Progress | None
    ) -> tuple[Cutouts, list[str]]:
        known = {line.name for line in self._whole()}
        wanted = list({key_of(s): s for s in samples if key_of(s) not in known}.values())
        faults: list[str] = []
        for start in range(0, len(wanted), BATCH):
            chunk = wanted[start : start + BATCH]
            images = self._decoded(chunk, threads, faults)
            cuts = cutting.cut([image for _, image in images])
            if cuts:
                self._append(cuts, [key_of(sample) for sample, _ in images])
            if progress is not None:
                progress(min(start + BATCH, len(wanted)), len(wanted))
        return self._mapped(self._whole()), faults

    def _decoded(
        self, samples: Sequence[Hashed], threads: int, faults: list[str]
    ) -> list[tuple[Hashed, RGBImage]]:
        def decode(sample: Hashed) -> RGBImage | ImageError:
            try:
                image = load(sample.picture.path, limits=self._limits)
                return cropped(image, sample.picture)
            except ImageError as error:
                return error

        found = []
        for sample, image in zip(samples, each(decode, samples, threads=threads), strict=True):
            if isinstance(image, ImageError):
                faults.append(f"{image.uri}: left out, {image.reason}")
            else:
                found.append((sample, image))
        return found

    def _append(self, cuts: Sequence[Cut], names: Sequence[str]) -> None:
        """Pixels first: a line in the list says that its cutout is whole."""
        with (self._folder / DATA).open("ab") as data:
            for cut in cuts:
                data.write(_rgba(cut.cutout).tobytes())
        lines = [
            _Line(name, cut.cutout.side, cut.trust) for name, cut in zip(names, cuts, strict=True)
        ]
        with (self._folder / INDEX).open("a", encoding="utf-8") as index:
            index.writelines(line.text() for line in lines)

    def _whole(self) -> list[_Line]:
        """Of the whole cutouts, in order; what a kill cut short is cut off both files."""
        index, data = self._folder / INDEX, self._folder / DATA
        if not index.is_file() or not data.is_file():
            index.unlink(missing_ok=True)
            data.unlink(missing_ok=True)
            return []
        texts = index.read_text("utf-8", errors="replace").split("\n")[:-1]
        lines = [line for text in texts if (line := _line(text)) is not None]
        size = lines[0].side ** 2 * CHANNELS if lines else 0
        count = min(len(lines), data.stat().st_size // size) if size else 0
        lines = lines[:count]
        index.write_text("".join(line.text() for line in lines), "utf-8")
        with data.open("r+b") as file:
            file.truncate(count * size)
        return lines

    def _mapped(self, lines: Sequence[_Line]) -> Cutouts:
        rows = {line.name: row for row, line in enumerate(lines)}
        trusts = [np.nan if line.trust is None else line.trust for line in lines]
        rgba = np.zeros((0, 1, 1, CHANNELS), np.uint8)
        if lines:
            shape = (len(lines), lines[0].side, lines[0].side, CHANNELS)
            rgba = np.memmap(self._folder / DATA, np.uint8, "r", shape=shape)
        return Cutouts(rgba, rows, np.array(trusts, np.float32))


@dataclass(frozen=True)
class _Line:
    """What the list says of one cutout."""

    name: str
    side: int
    trust: float | None = None

    def text(self) -> str:
        return json.dumps([self.name, self.side, self.trust]) + "\n"


def _line(text: str) -> _Line | None:
    try:
        name, side, trust = json.loads(text)
    except (TypeError, ValueError):
        return None
    fits = isinstance(name, str) and isinstance(side, int) and isinstance(trust, float | None)
    return _Line(name, side, trust) if fits else None


def _rgba(cutout: Cutout) -> UInt8Array:
    alpha = np.rint(cutout.alpha * np.float32(255)).astype(np.uint8)
    return np.dstack([cutout.pixels, alpha])
