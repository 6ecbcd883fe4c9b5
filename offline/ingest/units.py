"""Units of an ingest: its tasks in portions, as text that every machine can read, and what became
of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from engine.galleries.units import Effect
from engine.object_stores import path_of
from engine.types import Entry, SkippedFile, Source
from offline.ingest.plan import Duplicate, Task
from offline.ingest.report import IngestReport
from offline.ingest.scan import ImageFile, Refusal

# A unit takes seconds to describe: little is lost with its worker, and a transaction is worth it.
SIZE = 64  # images


def units_of(tasks: Sequence[Task], size: int = SIZE) -> list[list[Task]]:
    """The tasks in portions of at least ``size``, but for the last; in their order, but that files
    that may be copies of each other are in one portion, where the first of them is kept."""
    alike: dict[str | int, list[Task]] = {}
    for task in tasks:
        alike.setdefault(task.entry.sha256 or task.file.size, []).append(task)
    units: list[list[Task]] = []
    for group in alike.values():
        if not units or len(units[-1]) >= size:
            units.append([])
        units[-1] += group
    return units


def sizes_of_many(tasks: Iterable[Task], size: int = SIZE) -> set[int]:
    """Sizes that more files have than a unit should hold, such as those of bitmaps: the contents of
    these tell the copies apart."""
    counts: dict[int, int] = {}
    for task in tasks:
        if not task.entry.sha256:
            counts[task.file.size] = counts.get(task.file.size, 0) + 1
    return {size_of_file for size_of_file, count in counts.items() if count > size}


def to_text(tasks: Sequence[Task]) -> str:
    return json.dumps([_plain(task) for task in tasks], ensure_ascii=False)


def from_text(text: str) -> list[Task]:
    return [_task(given) for given in json.loads(text)]


def _plain(task: Task) -> dict[str, object]:
    known = None if task.known is None else _row(task.known)
    return {"relative": task.file.relative, "entry": _row(task.entry), "known": known}


def _row(of: Entry | Source) -> dict[str, object]:
    return {**vars(of), "attributes": dict(of.attributes)}


def _task(given: Mapping[str, object]) -> Task:
    entry = Entry(**given["entry"])  # type: ignore[arg-type]
    known = None if given["known"] is None else Source(**given["known"])  # type: ignore[arg-type]
    stamp = (entry.size, entry.mtime_ns, entry.ctime_ns or 0, entry.inode or 0)
    return Task(ImageFile(path_of(entry.uri), str(given["relative"]), *stamp), entry, known)


@dataclass
class Outcome:
    """What became of the images of a unit, of which the report of its ingest is made."""

    added: int = 0
    updated: int = 0
    overtaken: list[str] = field(default_factory=list)  # uris
    duplicates: list[Duplicate] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    without_mask: int = 0
    first_without_mask: str = ""
    untrusted: int = 0
    first_untrusted: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    cpu_seconds: float = 0.0

    def count(self, tasks: Mapping[str, Task], found: Mapping[str, Effect]) -> None:
        """Add what became of the images that were described; both by uri."""
        for uri, effect in found.items():
            if effect.kind == "added":
                self.added += 1
            elif effect.kind == "updated":
                self.updated += 1
            elif effect.kind == "overtaken":
                self.overtaken.append(uri)
            else:
                self.duplicates.append(Duplicate(uri, effect.same_as))
                known = tasks[uri].known
                self.stale += [known.id] if known else []

    def to_text(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> Outcome:
        given = json.loads(text)
        return cls(
            **{
                **given,
                "duplicates": [Duplicate(**one) for one in given["duplicates"]],
                "refused": [Refusal(**one) for one in given["refused"]],
                "skipped": [SkippedFile(**one) for one in given["skipped"]],
            }
        )

    def add_to(self, report: IngestReport) -> None:
        """All but what the next ingest need not read, and images that are stale."""
        report.added += self.added
        report.updated += self.updated
        report.duplicates += self.duplicates
        report.refused += self.refused
        report.excluded += self.excluded
        report.without_mask += self.without_mask
        report.first_without_mask = report.first_without_mask or self.first_without_mask
        report.untrusted += self.untrusted
        report.first_untrusted = report.first_untrusted or self.first_untrusted
        report.cpu_seconds += self.cpu_seconds
