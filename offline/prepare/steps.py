"""Steps into one folder: each is recorded when it is whole, and is not taken again then."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from engine.files import file_sha256, remove_parts, write_whole
from offline.prepare.estimates import Estimate
from offline.store.run_folder import locked
from offline.train.run import Callbacks
from weights.catalog import CatalogEntry

RECORD = "prepared.json"
LOCK = "prepare.lock"


@dataclass(frozen=True)
class Step:
    """``run`` makes ``files``, of which the first is the one to name. ``inputs``: a hash of all
    that decides them, "" where what was recorded is taken whatever it was made of; called when
    the steps in ``needs`` are whole.

    ``download``: fetched before the first step is run.
    """

    name: str
    reads: str  # in words
    files: tuple[Path, ...]
    inputs: Callable[[], str]
    run: Callable[[Callbacks], None]
    estimate: Estimate
    needs: tuple[str, ...] = ()
    download: CatalogEntry | None = None


@dataclass(frozen=True)
class Plan:
    """``done``: names of the steps that are whole."""

    out: Path
    steps: tuple[Step, ...]
    done: frozenset[str]

    @property
    def to_do(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.name not in self.done)

    def text(self) -> str:
        """A row a step, and the sums of what is to be done."""
        rows = [("step", "", "size", "time", "memory", "from")]
        for step in self.steps:
            about = step.estimate
            to_do = ("to do", in_bytes(about.size), in_time(about.seconds), in_bytes(about.memory))
            state = ("done", "", "", "") if step.name in self.done else to_do
            rows.append((step.name, *state, step.reads))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        aligned = (map(str.ljust, row, widths) for row in rows)
        lines = ["  ".join(cells).rstrip() for cells in aligned]
        todo = [step.estimate for step in self.to_do]
        fetched = sum(s.download.megabytes or 0 for s in self.to_do if s.download) * 2**20
        return "\n".join(lines) + (
            f"\n\n{self.out}: about {in_bytes(fetched)} to fetch, "
            f"{in_bytes(sum(about.size for about in todo))} to write, "
            f"{in_time(sum(about.seconds for about in todo))} on {os.cpu_count()} cores without a "
            "GPU\n"
        )


class Record:
    """Which steps were taken, in a file of the folder; an unreadable one records nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._steps: dict[str, Any] = {}
        try:
            found = json.loads((folder / RECORD).read_text("utf-8"))
        except (OSError, ValueError):
            return
        if isinstance(found, dict):
            self._steps = found

    def names(self, step: str) -> bool:
        """Whether the step was taken, whatever became of its files."""
        return step in self._steps

    def is_whole(self, step: Step) -> bool:
        """Whether it was taken with these inputs and its files are as it left them."""
        try:
            recorded = self._steps[step.name]
            files: Mapping[str, str] = recorded["files"]
            if set(files) != {self._key(path) for path in step.files}:
                return False
            if any(file_sha256(self._folder / name) != digest for name, digest in files.items()):
                return False
            return step.inputs() in ("", recorded["inputs"])
        except (OSError, KeyError, TypeError, AttributeError):
            return False

    def add(self, step: Step) -> None:
        files = {self._key(path): file_sha256(path) for path in step.files}
        self._steps[step.name] = {"inputs": step.inputs(), "files": files}
        write_whole(self._folder / RECORD, json.dumps(self._steps, indent=1, sort_keys=True))

    def _key(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()


def whole_steps(folder: Path, steps: tuple[Step, ...]) -> frozenset[str]:
    """Names of the steps that need not be taken; one whose needs are to be made is."""
    record = Record(folder)
    done: set[str] = set()
    for step in steps:
        if done.issuperset(step.needs) and record.is_whole(step):
            done.add(step.name)
    return frozenset(done)


def take_steps(
    folder: Path,
    steps: tuple[Step, ...],
    callbacks: Callbacks,
    show: Callable[[str], None],
    fetch: Callable[[CatalogEntry], object] = lambda entry: None,
) -> None:
    """Take what is not whole, downloads first. ``show`` is called with a line for each.

    Raises ConfigError where another process works in the folder, and where it cannot be written
    or has not the room; whatever a step raises. A step that ended is not taken again.
    """
    with locked(folder / LOCK, "prepares"):
        _remove_leftovers(folder)
        done = whole_steps(folder, steps)
        to_do = [step for step in steps if step.name not in done]
        _require_room(folder, sum(step.estimate.size for step in to_do))
        for step in to_do:
            if step.download is not None:
                show(f"{step.name}: fetching {step.download.filename}")
                fetch(step.download)
        record = Record(folder)
        for step in steps:
            # Once more: what it needs may have come out as before.
            if step.name in done or record.is_whole(step):
                show(f"{step.name}: done before, {step.files[0]}")
                continue
            show(f"{step.name}: from {step.reads}")
            started = time.monotonic()
            step.run(callbacks)
            record.add(step)
            show(f"{step.name}: {in_time(time.monotonic() - started)}, {step.files[0]}")


def _remove_leftovers(folder: Path) -> None:
    """What killed steps were writing."""
    for left in folder.glob(".export-*"):
        shutil.rmtree(left, ignore_errors=True)
    remove_parts(folder)


def _require_room(folder: Path, needed: float) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ConfigError(
            f"{folder}: about {in_bytes(needed)} will be written there and {in_bytes(free)} are "
            "free.",
            remedy="Free some room, or choose another --out.",
        )


def in_bytes(size: float) -> str:
    """Such as "168 MiB" or "2.4 GiB"."""
    if size >= 2**30:
        return f"{size / 2**30:.1f} GiB"
    return f"{size / 2**20:.0f} MiB" if size >= 2**20 else f"{size / 2**10:.0f} KiB"


def in_time(seconds: float) -> str:
    """Such as "40 s", "3 min" or "2.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size_of(entry: CatalogEntry) -> str:
    """Of a published file, as far as it is known."""
    return f"{entry.megabytes:.0f} MiB" if entry.megabytes else "size not published"


def text_sha256(*lines: str) -> str:
    """64 hex digits."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
