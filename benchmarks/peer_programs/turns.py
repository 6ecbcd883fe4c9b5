"""A program that answers photos one at a time, in turn with others. Nothing need be installed.

The parent writes a line of JSON a photo, its path; the program answers with one: the seconds of the
clock and of the processor that it took, and what it found, the best first.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence


def take_turns(answer: Callable[[str], Sequence[str]]) -> None:
    """Answer until the input ends; a first line tells that the program is ready."""
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not fall among the answers
    print(json.dumps({"ready": True}), file=lines, flush=True)
    for line in sys.stdin:
        start, spent = time.perf_counter(), time.process_time()
        found = answer(json.loads(line))
        seconds, processor = time.perf_counter() - start, time.process_time() - spent
        note = {"seconds": seconds, "processor": processor, "found": list(found)}
        print(json.dumps(note), file=lines, flush=True)
