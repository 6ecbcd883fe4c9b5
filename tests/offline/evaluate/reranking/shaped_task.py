"""DescribedTask in which every product has a place on a line, where retrieval is unsure, and an
outline, which may tell products apart or mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.types import Contour, Description, MatteQuality, Record
from offline.evaluate.task import DescribedTask
from tests.offline.evaluate.made_tasks import Made, made_task

SIDE = 32
VIEWS = 2  # gallery images a product


def shaped_task(
    products: int = 60,
    *,
    tells: bool,
    seed: int = 0,
    look: str = "studio",
    families: int = 0,
    flagged: Sequence[int] = (),
) -> DescribedTask:
    """One query a product. ``tells``: a product's images share their outline; else every
    image draws its own. Masks of the queries in ``flagged`` touch the border."""
    random = np.random.default_rng(seed)
    places = random.normal(np.arange(products), 1.0).tolist()
    family = [f"f{at % families}" if families else None for at in range(products)]
    queries = [
        Made(
            place,
            f"p{at}",
            family=family[at],
            quality=MatteQuality(touches_border=True) if at in flagged else None,
        )
        for at, place in enumerate(places)
    ]
    gallery = [
        Made(at + 0.1 * view, f"p{at}", family=family[at])
        for at in range(products)
        for view in range(VIEWS)
    ]
    made = made_task(queries, gallery)
    boxes = random.integers(4, SIDE + 1, (products, 2))

    def outline(product: int) -> Contour:
        width, height = boxes[product] if tells else random.integers(4, SIDE + 1, 2)
        mask = np.zeros((SIDE, SIDE), np.bool_)
        mask[:height, :width] = True
        return Contour.from_mask(mask)

    def shaped(description: Description, product: int) -> Description:
        drawn = outline(product)
        return replace(description, contour=drawn, aligned=drawn)

    def held(record: Record, product: int) -> Record:
        return replace(record, description=shaped(record.description, product))

    images = tuple(replace(image, look=look) for image in made.task.queries)
    return replace(
        made,
        task=replace(made.task, queries=images),
        queries=tuple(shaped(one, at) for at, one in enumerate(made.queries)),
        gallery=tuple(held(one, at // VIEWS) for at, one in enumerate(made.gallery)),
    )
