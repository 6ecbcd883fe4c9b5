"""The machine that a process runs on, as what is measured depends on it."""

from __future__ import annotations

import ctypes
import os
import platform
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal

Backend = Literal["onnxruntime", "openvino"]  # what runs networks

# Of version 2 and 1 of control groups, as a container sees its own.
_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


# Of glibc's mallopt(3): how much memory that is free at the heap's end stays with the process, and
# how large a block is given back at once. Set by hand, neither changes by itself any more.
_TRIM, _MMAP = (-1, 128 * 2**20), (-3, 32 * 2**20)


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


def keep_freed_memory() -> None:
    """Let this process use again what its last image took, instead of giving it back: the system
    clears every page that it hands out, 1,100 of them for a photo of 1,024 pixels, in 2 ms. At most
    128 MiB stay. Without glibc nothing changes, nor where the user has set its variables."""
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    with suppress(AttributeError, OSError, TypeError):  # another C library, or Windows
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in (_TRIM, _MMAP):
            mallopt(option, value)
