"""Peak memory of a process of its own: started, with models loaded, after work."""

from __future__ import annotations

import json
import logging
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import accumulate
from pathlib import Path

from engine.config import Settings
from offline.datasets import DatasetImage

STATUS = Path("/proc/self/status")
KIBIBYTE = 1024
# With this process's import path, so that it finds the same packages however this one was
# started; a program of its own, as the decoding processes are.
_PROGRAM = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]);"
    "from offline.evaluate.efficiency.memory import measure; measure()"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """``photos``: the first is searched for in the gallery, then all are described in one batch."""

    gallery: Path
    settings: Settings
    photos: tuple[DatasetImage, ...]


@dataclass(frozen=True)
class Peaks:
    """Bytes; each includes what came before. None where the platform does not report it, ``photo``
    and ``batch`` also where no photo can be read."""

    started: int | None
    models: int | None
    photo: int | None
    batch: int | None


def peaks(job: Job) -> Peaks | None:
    """Measured in a fresh process; None where it ended early, as for want of memory."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(sys.path)],
        input=pickle.dumps(job),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        log.warning("memory is not measured: exit code %d %s", done.returncode, " ".join(last))
        return None
    return Peaks(*json.loads(done.stdout))


def measure() -> None:
    """The fresh process: a job on stdin, four numbers on stdout."""
    job: Job = pickle.load(sys.stdin.buffer)  # from the process that started this one
    print(json.dumps(astuple(peaks_here(job))))


def peaks_here(job: Job) -> Peaks:
    """Of this process, whatever it did before."""
    found = [peak_bytes()]
    from offline.evaluate.efficiency.measure import open_scratch, readable

    with open_scratch(job.gallery, job.settings) as opened:
        found.append(peak_bytes())
        images = [image for _, image in readable(job.photos, opened)]
        if not images:
            started, models = rising(found)
            return Peaks(started, models, None, None)
        opened.searcher.answer(images[0])
        found.append(peak_bytes())
        opened.searcher.describer.describe(images)
    found.append(peak_bytes())
    return Peaks(*rising(found))


def rising(found: Sequence[int | None]) -> list[int | None]:
    """Each the most of all up to it: the kernel counts in steps, a later peak may read lower."""
    known = [one or 0 for one in found]
    most = accumulate(known, max)
    return [None if one is None else high for one, high in zip(found, most, strict=True)]


def peak_bytes() -> int | None:
    """The most resident memory of this process so far.

    Linux reports it since the program was loaded; ``getrusage`` there counts the parent's before
    as well, so it serves where there is no /proc. None where there is neither (Windows).
    """
    try:
        lines = STATUS.read_text("utf-8", errors="replace").splitlines()
        (line,) = [line for line in lines if line.startswith("VmHWM:")]
        return int(line.split()[1]) * KIBIBYTE
    except (OSError, ValueError):
        return _by_usage()


def _by_usage() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else KIBIBYTE  # macOS alone counts bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
