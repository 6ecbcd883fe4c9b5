"""An image described again after a person changed its mask; the decision itself is kept before."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

from engine.errors import GalleryError, PacksightError
from engine.galleries import open_gallery
from engine.images import load
from engine.types import Description, Entry, Source
from online.service.products import image_bytes
from online.service.served import OpenGallery
from online.service.service import Service

log = logging.getLogger("packsight.service")
PATIENCE = 5.0  # seconds between tries while another process writes
TRIES = 120
_later: set[asyncio.Task[None]] = set()  # the event loop itself does not hold on to tasks


@dataclass(frozen=True)
class Renewed:
    """``description`` as it is stored now; None: it will be described later."""

    description: Description | None

    def document(self) -> dict[str, object]:
        found = self.description
        trust = None if found is None else found.trust
        return {
            "described": found is not None,
            "trust": None if trust is None else round(trust, 4),
            "flags": [] if found is None else list(found.quality.flags),
        }


async def renew(service: Service, opened: OpenGallery, sha256: str) -> Renewed:
    """Describe the images of this content by the mask that is in force now. Where that cannot be
    stored, it is tried again for ten minutes; the next ingest does it in any case."""
    try:
        return Renewed(await service.describing.in_turn(lambda: describe_again(opened, sha256)))
    except PacksightError as error:
        log.warning("an image is described by its new mask later: %s", error)
        if isinstance(error, GalleryError):
            task = asyncio.create_task(_until_described(service, opened, sha256))
            _later.add(task)
            task.add_done_callback(_later.discard)
        return Renewed(None)


async def _until_described(service: Service, opened: OpenGallery, sha256: str) -> None:
    for _ in range(TRIES):
        await asyncio.sleep(PATIENCE)
        try:
            await service.describing.in_turn(lambda: describe_again(opened, sha256))
        except GalleryError:
            continue
        except PacksightError as error:
            log.warning("an image is not described by its new mask: %s", error)
        return


def describe_again(opened: OpenGallery, sha256: str) -> Description | None:
    """None where the gallery has no image of this content any more. GalleryError where another
    process writes; ImageError and StageError as describing does."""
    sources = opened.gallery.find(sha256=sha256)
    if not sources:
        return None
    with open_gallery(opened.address, write=True) as gallery:
        sources = gallery.find(sha256=sha256)
        made = [_described(opened, source) for source in sources]
        if made:
            gallery.add([entry for entry, _ in made], [description for _, description in made])
            gallery.build_indexes()
    return made[0][1] if made else None


def _described(opened: OpenGallery, source: Source) -> tuple[Entry, Description]:
    mask = opened.curation.mask_of(source.sha256)
    entry = replace(
        _entry(source, opened.curation.category_of(source.sha256)),
        mask=None if mask is None else mask.digest,
    )
    image = load(image_bytes(opened, source), uri="the image", limits=opened.limits)
    mattes = [None if mask is None else mask.matte(image.height, image.width)]
    (one,) = opened.parts.describer.describe([image], [entry.category], mattes=mattes)
    return entry, one.description


def _entry(source: Source, decided: str | None) -> Entry:
    return Entry(
        uri=source.uri,
        sha256=source.sha256,
        size=source.size,
        mtime_ns=source.mtime_ns,
        product_id=source.product_id,
        category=decided or (source.category if source.labelled else None),
        attributes=source.attributes,
        ctime_ns=source.ctime_ns,
        inode=source.inode,
    )
