"""Time: seconds spent a stage, added up over batches; and what is due now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self


class Stopwatch:
    """Adds up wall-clock seconds by name, in the order the names first ran.

    Names that run at once, on several threads, count each its own seconds: their sum is more than
    the time that passed.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def aside(self) -> Self:
        """Another one, for what runs at once; to be added where that has ended."""
        return type(self)()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def add(self, other: Stopwatch) -> None:
        """What another has counted, such as of work beside this one's."""
        for name, seconds in other.seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds


class Interval:
    """Whether it is time again: true once every so many seconds, first after the first of them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = time.monotonic()

    def is_over(self) -> bool:
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True
