"""Find products by many photos, from Python: decoded beside, described in batches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from engine.decoding import Decoded, DecodingPool
from engine.errors import ImageError, StageError
from engine.parallel import ahead, one_blas_thread
from engine.request import Request
from engine.timings import Stopwatch
from online.query import shared_searcher
from stages.assemble import threads_of

if TYPE_CHECKING:
    from engine.describe import Described, Describer
    from engine.types import Description, Results, RGBImage
    from stages.open_searcher import OpenSearcher

    _Found = tuple[Description, Stopwatch] | ImageError | StageError


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
    of ``ingest.batch``. While one is searched for, as many as ``runtime.threads`` are described and
    the two after them are read; no more is held in memory. ``timings`` count a photo's part of its
    batch. Raises what ``query`` raises, the errors of single photos apart, and StageError where a
    stage fails on every photo of the first batch.
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
        batches = ahead(
            lambda batch: _described(opened, batch),
            iter(lambda: list(islice(decoded, settings.batch)), []),
            at_once=threads_of(opened.settings),
        )
        # Held here: the batches' threads would end each other's limit.
        with one_blas_thread(), closing(batches):
            for _, outcome in batches:
                found = outcome.result()
                failed = [one for one in found if isinstance(one, StageError)]
                described |= any(isinstance(one, tuple) for one in found)
                if failed and not described:
                    raise failed[0]
                for one in found:
                    if isinstance(one, tuple):
                        yield opened.searcher.results(one[0], request, one[1])
                    else:
                        yield one


def _described(opened: OpenSearcher, batch: Sequence[Decoded | ImageError]) -> list[_Found]:
    """In the order of the batch, each with its part of the time."""
    watch, images = Stopwatch(), [one.image for one in batch if isinstance(one, Decoded)]
    found = iter(_each(opened.searcher.query_describer, images, watch))
    return [
        one if isinstance(one, ImageError) else _timed(next(found), watch, len(images))
        for one in batch
    ]


def _each(
    describer: Describer, images: Sequence[RGBImage], watch: Stopwatch
) -> list[Described | StageError]:
    """One by one where a stage fails, so that a photo costs no other its answer."""
    try:
        return list(describer.describe(images, watch=watch))
    except StageError as error:
        if len(images) == 1:
            return [error]
        return [_each(describer, [image], watch)[0] for image in images]


def _timed(one: Described | StageError, batch: Stopwatch, images: int) -> _Found:
    if isinstance(one, StageError):
        return one
    watch = Stopwatch()
    watch.seconds = {name: seconds / images for name, seconds in batch.seconds.items()}
    return one.description, watch
