"""Light in a room: windows, sun through them, lamps, a flash; each with its own cast."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from offline.datasets.packbench.phone.pieces import Piece, Surface, Thing
from offline.datasets.packbench.phone.sheets import plain
from offline.datasets.packbench.setting import Colour, Softbox
from offline.datasets.packbench.shapes.meshes import box


@dataclass(frozen=True)
class Lighting:
    """Lamps at infinity over an ambient light, and what throws a shadow from out of the frame."""

    ambient: Colour
    boxes: tuple[Softbox, ...]
    frame: Thing = ()  # mm


def lighting(rng: np.random.Generator) -> Lighting:
    """One of the ways in which rooms are lit, as often as casual photos show it."""
    build, _ = KINDS[int(rng.choice(len(KINDS), p=[fraction for _, fraction in KINDS]))]
    return build(rng)


def window(rng: np.random.Generator) -> Lighting:
    """Daylight from a window of one or several panes at a side."""
    azimuth, elevation = _sideways(rng, 25, 82), rng.uniform(18, 48)
    width, height = rng.uniform(22, 55), rng.uniform(28, 50)
    columns, rows = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    day, bright = rng.uniform(5200, 9500), rng.uniform(16, 40)
    panes = tuple(
        Softbox(
            azimuth + width * ((i + 0.5) / columns - 0.5),
            elevation + height * ((j + 0.5) / rows - 0.5),
            width / columns - 2.5,
            height / rows - 2.5,
            tinted(bright, day),
        )
        for i in range(columns)
        for j in range(rows)
    )
    return Lighting(tinted(rng.uniform(0.25, 0.6), rng.uniform(4200, 6500)), panes)


def sun(rng: np.random.Generator) -> Lighting:
    """Hard sun with blue light from the sky; half of the time through a window's bars."""
    azimuth, elevation = _sideways(rng, 30, 80), rng.uniform(26, 50)
    disc = Softbox(azimuth, elevation, 1.6, 1.6, tinted(rng.uniform(9000, 22000), 5200))
    sky = Softbox(azimuth, 45, 70, 60, tinted(1.8, 11000))
    bars = window_bars(azimuth, elevation, rng) if rng.uniform() < 0.5 else ()
    return Lighting(tinted(rng.uniform(0.3, 0.55), 6500), (sky, disc), bars)


def ceiling(rng: np.random.Generator) -> Lighting:
    """One to three lamps overhead, from cold tubes to warm bulbs."""
    kelvin = rng.uniform(2900, 5600)
    lamps = tuple(
        Softbox(
            rng.uniform(-100, 100),
            rng.uniform(50, 80),
            rng.uniform(14, 60),
            rng.uniform(6, 16),
            tinted(rng.uniform(25, 60), kelvin),
        )
        for _ in range(int(rng.integers(1, 4)))
    )
    return Lighting(tinted(rng.uniform(0.2, 0.5), kelvin + 400), lamps)


def overcast(rng: np.random.Generator) -> Lighting:
    """Soft light from a large window behind the photographer or above."""
    big = Softbox(rng.uniform(-60, 60), rng.uniform(35, 60), 110, 55, tinted(5.5, 6800))
    return Lighting(tinted(0.5, rng.uniform(5600, 7500)), (big,))


def flash(rng: np.random.Generator) -> Lighting:
    """The phone's own lamp beside its lens, in a dim room."""
    lamp = Softbox(rng.uniform(-4, 4), rng.uniform(22, 48), 3, 3, tinted(2400, 5800))
    return Lighting(tinted(rng.uniform(0.25, 0.5), 3200), (lamp,))


def desk_lamp(rng: np.random.Generator) -> Lighting:
    """One warm lamp at a side, the evening's rest around it."""
    glow = tinted(rng.uniform(70, 140), rng.uniform(2600, 3400))
    place = _sideways(rng, 20, 82), rng.uniform(28, 60)
    lamp = Softbox(*place, rng.uniform(8, 18), rng.uniform(8, 16), glow)
    return Lighting(tinted(rng.uniform(0.2, 0.4), 3600), (lamp,))


KINDS: tuple[tuple[Callable[[np.random.Generator], Lighting], float], ...] = (
    (window, 0.32),
    (sun, 0.18),
    (ceiling, 0.22),
    (overcast, 0.14),
    (flash, 0.04),
    (desk_lamp, 0.10),
)


def window_bars(azimuth: float, elevation: float, rng: np.random.Generator) -> Thing:
    """A window's bars 750 mm from the product in the sun's way, mm; +azimuth is to the left."""
    paint = Surface(plain(0.7, 0.7, 0.7))
    pitch, width = rng.uniform(150, 300), rng.uniform(24, 60)
    shift = rng.uniform(-0.5, 0.5, 2) * pitch
    upright = [box(width, 30, 1600).moved(x=shift[0] + i * pitch) for i in range(-3, 4)]
    level = [box(1600, 30, width).moved(z=shift[1] + 800 + i * pitch) for i in range(-3, 4)]
    reach, rise = (750 * f(math.radians(elevation)) for f in (math.cos, math.sin))
    return tuple(
        Piece(mesh.moved(0, -reach, rise - 800).turned("z", -azimuth), paint)
        for mesh in [*upright, *level]
    )


def tinted(radiance: float, kelvin: float) -> Colour:
    """``radiance`` of luminance in the colour of a black body, linear sRGB.

    The locus in CIE 1931 x, y by the cubic splines of Kim et al. (US patent 7024034, 2002).
    """
    t = 1000 / kelvin
    if kelvin <= 4000:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    xyz = np.array([x / y, 1, (1 - x - y) / y])
    # CIE XYZ to linear sRGB, D65 (IEC 61966-2-1).
    matrix = [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
    red, green, blue = (max(float(value), 0.02) * radiance for value in np.array(matrix) @ xyz)
    return red, green, blue


def _sideways(rng: np.random.Generator, low: float, high: float) -> float:
    """An azimuth to the left or the right of the camera; beyond 90 the wall would be in the way."""
    return float(rng.choice([-1, 1])) * rng.uniform(low, high)
