"""What the benchmarks share: tables and the memory of a process tree."""

from __future__ import annotations

import os
import subprocess
import sys
from mmap import PAGESIZE, mmap

import pytest

from benchmarks.support.processes import MemorySampler, descendants, machine_time, resident
from benchmarks.support.tables import markdown

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


def test_a_table_lines_its_columns_up_the_first_to_the_left() -> None:
    assert markdown(["stage", "ms"], [["cutout", "1"], ["a", "123"]]).splitlines() == [
        "| stage  |  ms |",
        "| ------ | --: |",
        "| cutout |   1 |",
        "| a      | 123 |",
    ]


@linux
def test_a_child_and_its_memory_are_found_while_it_lives() -> None:
    with subprocess.Popen(SLEEPER, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            assert child.pid in descendants(os.getpid())
            assert resident(child.pid) > 2**20
        finally:
            child.kill()
    assert child.pid not in descendants(os.getpid())
    assert resident(child.pid) == 0


@linux
def test_samples_remember_how_much_was_done_and_held() -> None:
    with MemorySampler(period=0.01) as sampler:
        sampler.done = 7
        # Not by malloc, which may have as much left of another test.
        block = mmap(-1, 64 * 2**20)
        for place in range(0, len(block), PAGESIZE):
            block[place] = 1
    first, last = sampler.samples[0], sampler.samples[-1]
    assert (first.done, last.done) == (0, 7)
    assert last.own - first.own > len(block) // 2


@linux
def test_the_time_of_the_machine_grows() -> None:
    before = machine_time()
    while machine_time().since(before).busy + machine_time().since(before).idle <= 0:
        pass
    spent = machine_time().since(before)
    assert spent.busy >= 0 and spent.idle >= 0
