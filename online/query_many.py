"""Find products by many photos, from Python: decoded beside, described in batches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from engine.decoding import Decoded, DecodingPool
from engine.errors import ImageError, StageError
from engine.request import Request
from engine.timings import Stopwatch
from online.query import shared_searcher

if TYPE_CHECKING:
    from engine.describe import Described, Describer
    from engine.types import Results, RGBImage
    from stages.open_searcher import OpenSearcher


def query_many(
    photos: Iterable[str | Path],
    gallery: str | Path,
    *,
    k: int = 10,
    categories: Sequence[str] | None = None,
    profile: str | None = None,
    config: str | Path | None = None,
    overrides: Iterable[str] = (),
    workers: int | None = None,
) -> Iterator[Results | ImageError | StageError]:
    """As ``query`` of every photo, a file each, in their order; for a photo that cannot be read or
    described, the error, which names it.

    Photos are decoded by ``workers`` processes (default: as an ingest's) and described in batches
    of ``ingest.batch``; the next batches are read while one is answered, and no more is held in
    memory. ``timings`` count a photo's part of its batch. Raises what ``query`` raises, the errors
    of single photos apart, and StageError where a stage fails on every photo of the first batch.
    """
    opened = shared_searcher(
        gallery,
        profile=profile,
        config=None if config is None else Path(config),
        overrides=overrides,
    )
    request = opened.searcher.checked(Request(k, categories=categories))
    return answers(opened, photos, request, workers)


def answers(
    opened: OpenSearcher,
    photos: Iterable[str | Path],
    request: Request,
    workers: int | None = None,
) -> Iterator[Results | ImageError | StageError]:
    """See ``query_many``; ``request`` as ``Searcher.checked``."""
    settings = opened.settings.ingest
    workers = workers or settings.workers or os.cpu_count() or 1
    described = False  # whether any photo was
    with DecodingPool(workers, opened.limits, ahead=2 * settings.batch) as pool:
        decoded = pool.map(map(Path, photos))
        while batch := list(islice(decoded, settings.batch)):
            watch = Stopwatch()
            images = [one.image for one in batch if isinstance(one, Decoded)]
            found = _described(opened.searcher.query_describer, images, watch)
            failed = [one for one in found if isinstance(one, StageError)]
            if failed and len(failed) == len(found) and not described:
                raise failed[0]
            described |= bool(found)
            parts = {name: seconds / len(images) for name, seconds in watch.seconds.items()}
            queue = iter(found)
            for one in batch:
                yield (
                    one
                    if isinstance(one, ImageError)
                    else _answer(opened, next(queue), request, parts)
                )


def _described(
    describer: Describer, images: Sequence[RGBImage], watch: Stopwatch
) -> list[Described | StageError]:
    """One by one where a stage fails, so that a photo costs no other its answer."""
    try:
        return list(describer.describe(images, watch=watch))
    except StageError as error:
        if len(images) == 1:
            return [error]
        return [_described(describer, [image], watch)[0] for image in images]


def _answer(
    opened: OpenSearcher,
    described: Described | StageError,
    request: Request,
    seconds: dict[str, float],
) -> Results | StageError:
    if isinstance(described, StageError):
        return described
    watch = Stopwatch()
    watch.seconds.update(seconds)
    return opened.searcher.results(described.description, request, watch)
