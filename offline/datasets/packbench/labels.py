"""The preset ``labels``: bottles and jars that wear label art, photographed closely.

A product is a label. The catalogue has its flat art, the queries are photos of a bottle or jar
around which it is wrapped: curved, tilted, lit, partly hidden.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from offline.datasets.packbench.camera import Posed
from offline.datasets.packbench.categories import category
from offline.datasets.packbench.families import Product, generator
from offline.datasets.packbench.label_art import LINE, label_art
from offline.datasets.packbench.parameters import View
from offline.datasets.packbench.shapes.meshes import Array
from offline.datasets.packbench.shapes.prints import ART
from offline.datasets.packbench.surfaces import aspect

# The archetypes with room for a label: lids, tins and bowls leave it a strip.
WEARERS = {
    "bottle": ("boston-round", "lotion", "oval", "square", "toner", "tottle"),
    "jar": ("straight", "heavy-base", "tapered", "square"),
}
OCCLUDED = 0.5  # fraction of photos in which a hand or a thing hides a part of the product
SHARP = 432  # px of the longer side at which the blurs of phone photos are as drawn


def line(category_name: str, number: int, members: int, seed: int) -> Iterator[Product]:
    """Line ``number``: one container whose labels differ; more members leave the earlier ones."""
    name = f"{category_name}-f{number:02}"
    rng = generator(seed, f"label {name}")
    offered = WEARERS[category_name]
    wanted = offered[number % len(offered)]
    archetype = next(a for a in category(category_name).archetypes if a.name == wanted)
    drawn = archetype.draw(rng)
    choices = {**drawn.choices, "print": ART}
    seeds = int(rng.integers(2**24)) * LINE
    for index in range(members):
        parameters = replace(drawn, choices=choices, artwork=seeds + index)
        yield Product(f"{name}-p{index:02}", name, category_name, archetype, parameters)


def is_label(product: Product) -> bool:
    return product.parameters.choices.get("print") == ART


def flat_art(product: Product) -> NDArray[np.uint8]:
    """(H, W, 3) sRGB: the art that the container of a label wears."""
    part = next(part for part in product.model().parts if part.material.finish == "label")
    return label_art(product.parameters.artwork, aspect(part.mesh))


def label_points(seen: Posed) -> Array:
    """(V, 3) scene units: the vertices of the label that a container wears."""
    pairs = zip(seen.parts, seen.vertices, strict=True)
    return np.vstack([points for part, points in pairs if part.material.finish == "label"])


def view(category_name: str, rng: np.random.Generator) -> View:
    """A photo of a label to find it by: near, mostly from its front; ``fill`` is the label's."""
    low, _ = category(category_name).phone
    fill = rng.uniform(0.45, 0.85)
    room = min(0.15, 0.75 * (0.97 - fill))
    return View(
        name="phone",
        azimuth=float(np.clip(rng.normal(0, 22), -45, 45)),
        elevation=rng.uniform(0.5 * low, 35),
        fill=fill,
        roll=float(np.clip(rng.normal(0, 12), -35, 35)),
        shift=(rng.uniform(-room, room), rng.uniform(-room, room)),
        distance=math.exp(rng.uniform(math.log(2.8), math.log(5.0))),
    )
