"""The catalogue look: a white paper sweep under softboxes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from offline.datasets.packbench.setting import Setting, Softbox, sky
from offline.datasets.packbench.shapes.meshes import Mesh

AMBIENT = 0.42
EXPOSURE = 0.63  # puts the empty sweep at 0.96
LIGHTS = (  # key, fill, overhead
    Softbox(-62, 38, 46, 44, (6.0, 6.0, 6.0)),
    Softbox(68, 26, 20, 60, (4.2, 4.2, 4.2)),
    Softbox(0, 84, 400, 26, (4.4, 4.4, 4.4)),
)


def studio(folder: Path, rng: np.random.Generator) -> Setting:
    """A white sweep and softboxes that stand a little differently from shot to shot."""
    return Setting({"paper": _paper(folder)}, {"sky": sky((AMBIENT,) * 3, LIGHTS)}, EXPOSURE)


def _paper(folder: Path) -> dict[str, Any]:
    white = {"type": "diffuse", "reflectance": {"type": "rgb", "value": 0.88}}
    bend = np.linspace(-math.pi / 2, 0, 24)
    arc = np.column_stack([3 + 6 * np.cos(bend), 6 + 6 * np.sin(bend)])
    line = np.vstack([[[-30, 0]], arc, [[9, 30]]])  # y, z
    left, right = (np.column_stack([np.full(len(line), x), line]) for x in (-40, 40))
    i, n = np.arange(len(line) - 1), len(line)
    faces = np.vstack(
        [np.column_stack([i, i + n, i + n + 1]), np.column_stack([i, i + n + 1, i + 1])]
    )
    path = folder / "sweep.ply"
    Mesh(np.vstack([left, right]), faces.astype(np.int32)).write_ply(path)
    return {"type": "ply", "filename": str(path), "bsdf": {"type": "twosided", "material": white}}
