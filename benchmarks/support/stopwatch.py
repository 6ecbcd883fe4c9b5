"""A stopwatch that also takes the processor's time, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from engine.timings import Stopwatch


class ProcessorStopwatch(Stopwatch):
    """``processor`` holds the seconds that all threads of this process spent, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.processor: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.process_time()
        try:
            with super().__call__(name):
                yield
        finally:
            spent = time.process_time() - start
            self.processor[name] = self.processor.get(name, 0.0) + spent

    def add(self, other: Stopwatch) -> None:
        super().add(other)
        if isinstance(other, ProcessorStopwatch):
            for name, spent in other.processor.items():
                self.processor[name] = self.processor.get(name, 0.0) + spent
