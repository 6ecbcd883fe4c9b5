"""A service's first queries, by itself: models and indexes are in memory before it is ready."""

from __future__ import annotations

import asyncio
import logging

from engine.errors import PacksightError
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
        await service.run(lambda: opened.warm(service.describing.sizes))
    except PacksightError as error:
        log.error("gallery %s cannot be searched: %s", name, error)
        return False
    return True
