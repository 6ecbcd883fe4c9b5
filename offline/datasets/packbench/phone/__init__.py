"""The query look: a product as somebody photographs it with a phone.

``view`` and ``size`` say how the phone is held, ``scene`` what it sees around the product.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from offline.datasets.packbench.camera import Camera, Posed
from offline.datasets.packbench.phone.light import lighting
from offline.datasets.packbench.phone.occluders import occluder
from offline.datasets.packbench.phone.pieces import shapes
from offline.datasets.packbench.phone.room import cluttered, table_and_wall
from offline.datasets.packbench.phone.shot import size, view
from offline.datasets.packbench.phone.sight import sight
from offline.datasets.packbench.setting import Setting, sky
from offline.datasets.packbench.shapes.parts import Parts

__all__ = ["scene", "size", "view"]


def scene(
    product: Posed,
    rng: np.random.Generator,
    folder: Path,
    distractors: Sequence[Parts] = (),
    *,
    camera: Camera,
) -> Setting:
    """A lit table top with a wall, clutter at true size and sometimes an occluder.

    ``distractors`` are other packages, mm, that may stand about. ``camera`` decides where things
    can be without hiding the product and how much of it an occluder hides. ``folder`` takes the
    meshes.
    """
    seen = sight(product, camera, rng)
    scale = product.units_per_mm
    held = occluder(seen, rng)
    depth = float(rng.choice([rng.uniform(25, 120), rng.uniform(120, 700)]))
    room = shapes(table_and_wall(seen, held, depth, rng), scale, "room", folder)
    about = cluttered(seen, held, depth, distractors, scale, folder, rng)
    light = lighting(rng)
    frame = shapes(light.frame, scale, "frame", folder)
    before = shapes(held.thing, scale, "before", folder)
    return Setting(
        {**room, **about, **frame}, {"sky": sky(light.ambient, light.boxes)}, occluders=before
    )
