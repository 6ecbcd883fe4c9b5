"""Memory and processor time of this process and its children, read from Linux's /proc."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

PROC = Path("/proc")
PERIOD = 1.0  # seconds between two samples


@dataclass(frozen=True)
class Sample:
    """Resident memory at one moment of a run."""

    seconds: float  # since the start
    done: int  # images
    own: int  # bytes
    children: int  # bytes, all together

    @property
    def total(self) -> int:
        return self.own + self.children


class MemorySampler:
    """Samples every second in a thread of its own; set ``done`` as the work goes on."""

    def __init__(self, period: float = PERIOD) -> None:
        self.samples: list[Sample] = []
        self.done = 0
        self._period = period
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._start = time.perf_counter()
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._sample()

    def _run(self) -> None:
        while not self._over.wait(self._period):
            self._sample()

    def _sample(self) -> None:
        done = self.done
        children = sum(resident(child) for child in descendants(os.getpid()))
        seconds = time.perf_counter() - self._start
        self.samples.append(Sample(seconds, done, resident(os.getpid()), children))


def resident(process: int) -> int:
    """Bytes of memory held, shared pages included; 0 for a process that has ended."""
    try:
        pages = int((PROC / str(process) / "statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def pss(process: int) -> int:
    """Bytes of memory held, what is shared parted among those that share it; 0 for a process that
    has ended or is another user's."""
    try:
        lines = (PROC / str(process) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def cpu_seconds(process: int) -> float:
    """Of the processor so far, all threads together; 0 for a process that has ended."""
    try:
        # The command's name, in brackets, may itself hold spaces and brackets.
        ticks = (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()[11:13]
    except OSError:
        return 0.0
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def running_seconds(process: int) -> float:
    """As ``cpu_seconds``, of the first thread alone, to the nanosecond."""
    try:
        return int((PROC / str(process) / "schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0


def descendants(process: int) -> list[int]:
    """Children and children's children that live at this moment."""
    parents: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit() and (parent := _parent(folder)) is not None:
            parents.setdefault(parent, []).append(int(folder.name))
    found: list[int] = []
    queue = [process]
    while queue:
        children = parents.get(queue.pop(), [])
        found += children
        queue += children
    return found


def _parent(folder: Path) -> int | None:
    try:
        # The command's name, in brackets, may itself hold spaces and brackets.
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None


@dataclass(frozen=True)
class MachineTime:
    """Processor seconds of the whole machine since it started, all cores together."""

    busy: float
    idle: float

    def since(self, earlier: MachineTime) -> MachineTime:
        return MachineTime(self.busy - earlier.busy, self.idle - earlier.idle)


def machine_time() -> MachineTime:
    """From the first line of /proc/stat; waiting for the disk counts as idle."""
    line = (PROC / "stat").read_text().splitlines()[0]
    ticks = [int(value) for value in line.split()[1:9]]  # user nice system idle iowait irq …
    idle = ticks[3] + ticks[4]
    second = os.sysconf("SC_CLK_TCK")
    return MachineTime((sum(ticks) - idle) / second, idle / second)
