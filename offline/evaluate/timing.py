"""Milliseconds that every stage takes for one photo, as a query meets it: one at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.errors import ImageError
from engine.images import ImageLimits, load
from engine.timings import Stopwatch
from offline.datasets import Picture
from offline.store.images import cropped
from stages.assemble import EmbeddingParts

TIMED = 16  # photos; enough for a median


def time_stages(
    pictures: Sequence[Picture], parts: EmbeddingParts, count: int = TIMED
) -> dict[str, float]:
    """Median milliseconds by stage, in the order they run, over ``count`` of the pictures, evenly
    spread. The first is described once before, so that no stage is timed cold. Unreadable
    pictures are passed over; empty where none is left."""
    if count < 1 or not pictures:
        return {}
    chosen = pictures[:: max(1, len(pictures) // count)][:count]
    _timed(chosen[0], parts)
    timed = [seconds for picture in chosen if (seconds := _timed(picture, parts))]
    return {
        stage: 1000 * float(np.median([seconds[stage] for seconds in timed]))
        for stage in (timed[0] if timed else ())
    }


def _timed(picture: Picture, parts: EmbeddingParts) -> dict[str, float]:
    watch = Stopwatch()
    try:
        with watch("load"):
            image = cropped(
                load(picture.path, limits=ImageLimits.of(parts.settings.images)), picture
            )
    except ImageError:
        return {}
    cuts = parts.cutting.cut([image], watch)
    with watch("embed"):
        parts.embedder.embed([cut.cutout for cut in cuts])
    return watch.seconds
