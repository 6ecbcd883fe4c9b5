"""Photos to descriptions: a bounded queue before anything is decoded, then batches for the models.

What waits when the models become free is described at once, so that a single photo never waits for
others to come: 1, 2, 4 or 8 photos. For every other number of photos runtimes would keep memory of
their own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from engine.describe import Described
from engine.errors import StageError
from engine.timings import Stopwatch
from engine.types import Matte, RGBImage
from online.service.metrics import Metrics
from online.service.problems import RequestError
from online.service.served import OpenGallery


@dataclass(eq=False)
class _Waiting:
    opened: OpenGallery
    image: RGBImage
    matte: Matte | None
    watch: Stopwatch
    described: asyncio.Future[Described]


class Describing:
    """``start`` and ``stop`` within the event loop; ``admitted`` before a photo is decoded.
    ``sizes``: how many photos may be described at once."""

    def __init__(self, queue: int, batch: int, metrics: Metrics) -> None:
        self._most = queue
        self.sizes = (*(2**power for power in range((batch - 1).bit_length())), batch)
        self._metrics = metrics
        self._admitted = 0
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._models = ThreadPoolExecutor(1, "describe")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._models.shutdown(wait=True)

    @contextlib.contextmanager
    def admitted(self, photos: int) -> Iterator[None]:
        """Room for so many photos, until it is left. RequestError (503) where there is none."""
        if self._admitted + photos > self._most:
            self._metrics.shed.inc()
            raise RequestError(
                503, "The service has as many photos to answer as it takes.", retry_after=1
            )
        self._admitted += photos
        self._metrics.queue.set(self._admitted)
        try:
            yield
        finally:
            self._admitted -= photos
            self._metrics.queue.set(self._admitted)

    async def describe(
        self, opened: OpenGallery, image: RGBImage, matte: Matte | None, watch: Stopwatch
    ) -> Described:
        """With others of the same gallery that wait; ``watch`` gets the seconds of their batch."""
        future: asyncio.Future[Described] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait(_Waiting(opened, image, matte, watch, future))
        return await future

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        left: list[_Waiting] = []
        while True:
            left = [one for one in left or [await self._waiting.get()] if not one.described.done()]
            while not self._waiting.empty():
                left.append(self._waiting.get_nowait())
            left = [one for one in left if not one.described.done()]  # who waited has gone
            if not left:
                continue
            same = [one for one in left if one.opened is left[0].opened]
            same = same[: max(size for size in self.sizes if size <= len(same))]
            left = [one for one in left if one not in same]
            found = await loop.run_in_executor(self._models, _described, same)
            self._metrics.described_at_once(len(same))
            for one, result in zip(same, found, strict=True):
                if one.described.done():
                    continue
                if isinstance(result, Exception):
                    one.described.set_exception(result)
                else:
                    one.described.set_result(result)


def _described(batch: list[_Waiting]) -> list[Described | Exception]:
    """One by one where a stage fails, so that a photo costs no other its answer."""
    try:
        return list(_at_once(batch))
    except StageError as error:
        if len(batch) == 1:
            return [error]
        return [_described([one])[0] for one in batch]
    except Exception as error:  # for those who wait for it
        return [error for _ in batch]


def _at_once(batch: list[_Waiting]) -> list[Described]:
    watch = Stopwatch()
    describer = batch[0].opened.searcher.query_describer
    found = describer.describe(
        [one.image for one in batch], watch=watch, mattes=[one.matte for one in batch]
    )
    for one in batch:
        one.watch.seconds.update(watch.seconds)
    return found
