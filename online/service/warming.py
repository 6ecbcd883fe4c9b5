"""The first queries of a service, by itself: models and indexes are in memory before it is ready,
and models for as many photos as they will describe at once.
"""

from __future__ import annotations

import asyncio
import logging

import numpy as np

from engine.errors import PacksightError
from engine.request import Request
from engine.timings import Stopwatch
from engine.types import RGBImage
from online.service.service import Service

log = logging.getLogger("packsight.service")
PATIENCE = 2.0  # seconds until a gallery that could not be searched is tried again


async def warm(service: Service) -> None:
    """The service is warm once every gallery has answered; one that is empty has nothing to."""
    for name in service.galleries.names:
        while not await _answers(service, name):
            await asyncio.sleep(PATIENCE)
    service.warm = True
    log.info("ready: every gallery has answered a first query")


async def _answers(service: Service, name: str) -> bool:
    try:
        opened = await service.gallery(name)
        if not await service.run(lambda: len(opened.gallery)):
            return True
        for size in service.describing.sizes:
            describing = service.describing.describe
            photos = (describing(opened, _photo(), None, Stopwatch()) for _ in range(size))
            described, *_ = await asyncio.gather(*photos)
        query = described.description
        await service.run(lambda: opened.searcher.results(query, Request()))
    except PacksightError as error:
        log.error("gallery %s cannot be searched: %s", name, error)
        return False
    return True


def _photo() -> RGBImage:
    """A dark box on white."""
    pixels = np.full((320, 240, 3), 255, np.uint8)
    pixels[60:260, 70:170] = (60, 70, 90)
    return RGBImage(pixels, "the first query")
