"""What the routes of the service share: galleries, threads, the queue, and the time they have."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import HTTPConnection

from online.service.describing import Describing
from online.service.job import Job
from online.service.metrics import Metrics
from online.service.options import ServiceOptions
from online.service.problems import RequestError
from online.service.served import OpenGallery, ServedGalleries
from online.service.webhook import Webhook
from online.service.writers import Writers

T = TypeVar("T")
_REVIEWING = 2  # threads


class Service:
    """One a process; ``running`` spans its life within the event loop."""

    def __init__(self, options: ServiceOptions) -> None:
        self.options = options
        self.metrics = Metrics()
        self.describing = Describing(options.queue, options.batch, self.metrics)
        self.galleries = ServedGalleries(
            options.galleries, options.max_pixels, options.overrides, self.describing.sizes
        )
        self.remote_images = options.remote_images()
        self._webhook = None if options.webhook is None else Webhook(options.webhook)
        self.writers = Writers(self.galleries, self._ended)
        self.warm = False  # once a query has been answered
        self._threads = ThreadPoolExecutor(options.threads, "search")
        self._reviewing = ThreadPoolExecutor(_REVIEWING, "review")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.describing.start()
        if self._webhook is not None:
            self._webhook.start()
        self.writers.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self.writers.stop)
            if self._webhook is not None:
                await asyncio.to_thread(self._webhook.stop)
            await self.describing.stop()
            self._threads.shutdown(wait=True)
            self._reviewing.shutdown(wait=True)

    async def gallery(self, name: str | None) -> OpenGallery:
        """See ``ServedGalleries.get``."""
        return await self.run(lambda: self.galleries.get(name))

    async def run(self, work: Callable[[], T]) -> T:
        """In one of the threads that search."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def review(self, work: Callable[[], T]) -> T:
        """In a thread that does not search: no query waits for a long list, or for decisions that
        wait for another process."""
        return await asyncio.get_running_loop().run_in_executor(self._reviewing, work)

    async def in_time(self, work: Awaitable[T]) -> T:
        """RequestError (503) after the deadline; what was begun of it is given up."""
        try:
            async with asyncio.timeout(self.options.deadline):
                return await work
        except TimeoutError:
            raise RequestError(
                503, f"The answer took longer than {self.options.deadline:g} s.", retry_after=1
            ) from None

    def leave(self) -> None:
        """The service is to end: requests that wait for jobs are answered, without their end."""
        self.writers.leaving = True

    def _ended(self, gallery: str, job: Job) -> None:
        """In the thread of a writer."""
        if self._webhook is not None:
            self._webhook.notify(gallery, job)


def service_of(connection: HTTPConnection) -> Service:
    found: Service = connection.app.state.service
    return found
