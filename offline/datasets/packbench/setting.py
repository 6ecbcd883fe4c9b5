"""Surroundings of a product in a photograph: shapes and lights, as Mitsuba describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]  # linear RGB


@dataclass(frozen=True)
class Setting:
    """Keys are free names, unique in a scene; every shape has its surface under ``bsdf``.

    ``occluders`` may stand between the camera and the product; ``surroundings`` never do.
    ``exposure`` multiplies the rendered radiance. Scene units: the product's bounding radius
    is 1, it stands on z = 0 around the origin, the camera looks along +y.
    """

    surroundings: Mapping[str, dict[str, Any]]
    light: Mapping[str, dict[str, Any]]
    exposure: float = 1.0
    occluders: Mapping[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Softbox:
    """A bright rectangle at infinity; degrees, azimuth 0 is behind the camera.

    Its edge fades over ``feather`` degrees, half of it outside; later boxes cover earlier ones.
    """

    azimuth: float
    elevation: float
    width: float
    height: float
    radiance: Colour
    feather: float = 0


def sky(ambient: Colour, boxes: Sequence[Softbox]) -> dict[str, Any]:
    """One environment map: the renderer samples it by brightness, which keeps the noise low."""
    import mitsuba as mi

    # Mitsuba's map has +y up and its middle column at +z; turned, that is behind the camera, -y.
    pose = mi.ScalarTransform4f().rotate([1, 0, 0], 90)
    return {"type": "envmap", "bitmap": mi.Bitmap(panorama(ambient, boxes)), "to_world": pose}


def panorama(ambient: Colour, boxes: Sequence[Softbox]) -> NDArray[np.float32]:
    """(180, 360, 3) radiance: zenith in the first row, azimuth 0 in the middle column."""
    height, width = 180, 360
    radiance = np.tile(np.array(ambient, np.float32), (height, width, 1))
    elevation = 90 - (np.arange(height) + 0.5)[:, None]
    azimuth = (np.arange(width) + 0.5)[None] - 180
    for box in boxes:
        away = np.abs((azimuth - box.azimuth + 180) % 360 - 180)
        outside = np.maximum(
            away - box.width / 2, np.abs(elevation - box.elevation) - box.height / 2
        )
        cover = np.clip(0.5 - outside / max(box.feather, 1e-6), 0, 1)[..., None]
        radiance += cover * (np.array(box.radiance) - radiance)
    return radiance.astype(np.float32)
