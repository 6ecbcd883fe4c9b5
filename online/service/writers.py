"""The writers of a service, one a gallery, and the room for requests that bring images."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from online.service.job import STATES, Job, State
from online.service.problems import RequestError
from online.service.served import ServedGalleries
from online.service.writer import Writer

T = TypeVar("T")
_LOOK_SECONDS = (0.02, 0.25)  # between looks at a job that is waited for
_MOST_RECEIVED = 8  # requests whose images are decoded and stored, one image at a time


class Writers:
    """``start`` and ``stop`` once; the rest from within the event loop."""

    def __init__(self, galleries: ServedGalleries, ended: Callable[[str, Job], None]) -> None:
        self._galleries = galleries
        self._writers = {name: Writer(galleries, name, ended) for name in galleries.names}
        self.leaving = False  # no request waits for a job any longer
        self._received = 0
        self._images = ThreadPoolExecutor(1, "receive")
        self._table = ThreadPoolExecutor(1, "jobs")

    def start(self) -> None:
        for writer in self._writers.values():
            writer.start()

    def stop(self) -> None:
        """Waits for the images that are being described."""
        self._images.shutdown(wait=True)
        self._table.shutdown(wait=True)
        for writer in self._writers.values():
            writer.stop()

    def of(self, name: str | None) -> Writer:
        """Of a gallery, None for the first. RequestError (404) for an unknown one."""
        return self._writers[self._galleries.known(name)]

    @contextlib.contextmanager
    def admitted(self) -> Iterator[None]:
        """Room to receive one request, until it is left. RequestError (503) where there is none."""
        if self._received >= _MOST_RECEIVED:
            raise RequestError(503, "The service receives as much as it can.", retry_after=1)
        self._received += 1
        try:
            yield
        finally:
            self._received -= 1

    async def receive(self, work: Callable[[], T]) -> T:
        """In the thread that decodes and stores what is sent."""
        return await asyncio.get_running_loop().run_in_executor(self._images, work)

    async def look(self, work: Callable[[], T]) -> T:
        """In the thread that reads and writes tables of jobs."""
        return await asyncio.get_running_loop().run_in_executor(self._table, work)

    async def until_ended(self, writer: Writer, job: Job, seconds: float) -> Job:
        """As it is when it has ended, or after these seconds, or when the service ends."""
        pause, most = _LOOK_SECONDS
        until = time.monotonic() + seconds
        while not (job.ended or self.leaving) and time.monotonic() < until:
            await asyncio.sleep(pause)
            pause = min(2 * pause, most)
            job = await self.look(lambda: writer.jobs.find(job.id) or job)  # noqa: B023
        return job

    def counts(self) -> dict[State, int]:
        """Jobs of all galleries by their state."""
        held = [writer.jobs.counts() for writer in self._writers.values()]
        return {state: sum(one[state] for one in held) for state in STATES}
