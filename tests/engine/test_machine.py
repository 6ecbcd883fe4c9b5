"""The machine that a process runs on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.packsight_command import ROOT

PROGRAM = """
import sys, resource
import numpy as np
from engine.machine import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def touch():
    images = [np.ones((1024, 1024, 3), np.uint8) for _ in range(9)]
touch()
before = faults()
for _ in range(20):
    touch()
print(faults() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's mallopt")
def test_memory_that_is_freed_is_used_again_without_new_pages() -> None:
    given, kept = (
        int(
            subprocess.run(
                [sys.executable, "-c", PROGRAM, way],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for way in ("given back", "kept")
    )
    assert kept <= given
    assert kept < 9 * 768  # pages of nine images: those of one turn, not of twenty
