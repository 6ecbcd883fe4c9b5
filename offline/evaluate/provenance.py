"""Where a report's numbers come from: the command, the code, the machine and the data."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine import __version__
from engine.machine import memory, processor
from offline.report.document import Provenance

GIGABYTE = 2**30
LIBRARIES = ("faiss-cpu", "numpy", "onnxruntime", "opencv-python-headless", "pillow")


def provenance(
    dataset: str,
    checksum: str,
    images: Mapping[str, int],
    *,
    seed: int,
    command: Sequence[str] | None = None,
) -> Provenance:
    """Of a report that is made now. ``checksum`` as of ``offline.store.images``;
    ``pictures``: how many, by role; ``command``: by default the one that this process runs."""
    return Provenance(
        command=shown_command(sys.argv if command is None else command),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
        machine=machine(),
        dataset=dataset,
        dataset_checksum=checksum,
        pictures=images,
        seed=seed,
    )


def shown_command(arguments: Sequence[str]) -> str:
    """As it can be typed again; the program by its name alone, wherever it is installed."""
    name, *rest = arguments or ["packsight"]
    return shlex.join([Path(name).name, *rest])


def machine() -> dict[str, str]:
    """What speed depends on. What this platform does not tell is left out."""
    found = {
        "platform": platform.platform(),
        "processor": processor(),
        "cores": str(usable_cores()),
        "memory": _memory(),
    }
    return {name: value for name, value in found.items() if value}


def usable_cores() -> int:
    """Those that this process may run on, where the platform tells; else all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_average() -> float | None:
    """Processes that ran or waited for a core, mean over the last minute; None where unknown."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has none
        return None


def _memory() -> str:
    size = memory()
    return "" if size is None else f"{size / GIGABYTE:.1f} GiB"


def versions() -> dict[str, str]:
    """Of what computed the values."""
    found = {"packsight": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "?"
    return found
