"""Pans of pressed powder: a metal rim, a cake with its pressed relief, a cushion's sponge."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.freeform import inset, joined, spread, sweep
from offline.datasets.packbench.shapes.meshes import Array, Mesh
from offline.datasets.packbench.shapes.parts import Part, Parts

DEEP = 0.9  # mm: a deep press, which shows at the size of a catalogue image
EDGE = 0.92  # fraction of the way outwards where the relief runs out

Relief = Callable[[Array, Array], Array]
"""Height in [0, 1] over x and y, in half widths of the pan."""


def _wave(t: Array) -> Array:
    return 0.5 + 0.5 * np.cos(2 * math.pi * t)


def _polar(x: Array, y: Array) -> tuple[Array, Array]:
    return np.hypot(x, y), np.arctan2(y, x)


def _rays(x: Array, y: Array) -> Array:
    away, angle = _polar(x, y)
    return np.where(away > 0.25, _wave(18 * angle / (2 * math.pi)), 1.0)


def _rosette(x: Array, y: Array) -> Array:
    away, angle = _polar(x, y)
    petals = 0.55 + 0.25 * np.cos(6 * angle)
    return _wave(np.clip(away / petals, 0, 2) * 1.5) * (away < 1.02)


def _linen(x: Array, y: Array) -> Array:
    return np.maximum(_wave(5 * x), _wave(5 * y)) ** 2


RELIEFS: dict[str, Relief] = {
    "smooth": lambda x, y: np.ones_like(x),
    "diagonal": lambda x, y: _wave(3.6 * (x + y)),
    "waves": lambda x, y: _wave(3.5 * y + 0.3 * np.sin(2.6 * math.pi * x)),
    "linen": _linen,
    "quilted": lambda x, y: 1 - np.maximum(_wave(2.2 * (x + y)), _wave(2.2 * (x - y))) ** 6,
    "sunburst": _rays,
    "rosette": _rosette,
    "rings": lambda x, y: _wave(3 * np.hypot(x, y)),
}


def cake(
    outline: Array,
    height: float,
    relief: Relief,
    *,
    dome: float = 0,
    deep: float = DEEP,
    rings: int = 30,
) -> Mesh:
    """Pressed powder standing on z = 0, ``height`` at its edge and ``dome`` more in the middle.

    The relief is pressed ``deep`` mm into it.
    """
    half = float(np.abs(outline).max(axis=0).min())

    def top(x: Array, y: Array, fraction: Array) -> Array:
        fade = np.clip((EDGE - fraction) / 0.08, 0, 1)
        rounded = np.clip((fraction - 0.95) / 0.05, 0, 1) ** 2 * 0.35
        return (
            height
            - rounded
            + dome * (1 - fraction**2)
            + deep * fade * (relief(x / half, y / half) - 1)
        )

    wall = float(np.abs(outline[:, 0]).max())
    side = sweep(outline, [(0, 0), (wall, 0), (wall, height - 0.35)])
    return joined(side, spread(outline, top, rings))


def rim(outline: Array, height: float, wide: float) -> Mesh:
    """An open metal pan of this outline: a floor at z = 0 and a thin rolled wall."""
    r = float(np.abs(outline[:, 0]).max())
    return sweep(
        outline,
        [
            (0, 0),
            (r, 0),
            (r, height, wide / 3),
            (r - wide, height, wide / 3),
            (r - wide, 0.2),
            (0, 0.2),
        ],
    )


def pan(
    outline: Array,
    powder: Material,
    metal: Material,
    relief: str,
    *,
    height: float = 2.6,
    dome: float = 0,
    deep: float = DEEP,
    rings: int = 30,
) -> Parts:
    """A pan standing on z = 0: its rim ``height`` high, the cake a little below it."""
    pressed = cake(
        inset(outline, 0.75), height - 0.35, RELIEFS[relief], dome=dome, deep=deep, rings=rings
    )
    return (Part(rim(outline, height, 0.7), metal), Part(pressed.moved(z=0.25), powder))


def cushion(outline: Array, collar: Material, sponge: Material, *, bulge: float = 2) -> Parts:
    """A foundation cushion standing on z = 0: a moulded ring, and a soaked sponge under its net."""
    r = float(np.abs(outline[:, 0]).max())
    ring = sweep(
        outline,
        [
            (r - 4.2, 0),
            (r, 0),
            (r, 2.2, 0.8),
            (r - 1.6, 2.4, 0.4),
            (r - 2.2, 1.7, 0.3),
            (r - 3.8, 1.5, 0.4),
            (r - 4.2, 0),
        ],
    )
    within = inset(outline, 4.0)
    net = cake(within, 0.9, lambda x, y: _wave(9 * x) * _wave(9 * y), dome=bulge, deep=0.16)
    return (Part(ring, collar), Part(net, sponge))
