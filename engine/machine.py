"""The machine that a process runs on, as what is measured depends on it."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from functools import cache
from pathlib import Path

# Of version 2 and 1 of control groups, as a container sees its own.
_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@cache
def processor() -> str:
    """Its model on Linux, where ``platform`` gives only x86_64."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()


def memory() -> int | None:
    """Bytes that its processes may use, by its control group where that has a limit; None where
    that is not known."""
    try:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    for path in _LIMITS:
        with suppress(OSError, ValueError):  # "max": none
            found = min(found, int(path.read_text()))
    return found
