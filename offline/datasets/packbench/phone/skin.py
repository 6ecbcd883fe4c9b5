"""Skin over bones: a smooth surface about tapered capsules, and the tones that it comes in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from offline.datasets.packbench.phone.pieces import Surface
from offline.datasets.packbench.phone.sheets import Texture
from offline.datasets.packbench.phone.surface_nets import surface_net
from offline.datasets.packbench.shapes.meshes import Array, Mesh

# The Monk skin tone scale (Ellis Monk, with Google, 2022; skintone.google), sRGB.
TONES = (
    "f6ede4",
    "f3e7db",
    "f7ead0",
    "eadaba",
    "d7bd96",
    "a07e56",
    "825c43",
    "604134",
    "3a312a",
    "292420",
)
CELL = 2.2  # mm of the grid that the surface is found on
FAR = 40.0  # mm; as far off as no fillet reaches


@dataclass(frozen=True)
class Bone:
    """A capsule from ``start`` to ``end``, mm, whose radius goes from ``thick`` to ``thin``."""

    start: Array  # (3,)
    end: Array  # (3,)
    thick: float
    thin: float

    def distance(self, points: Array) -> Array:
        """(...,) mm from (..., 3) points to the skin; negative inside."""
        along = self.end - self.start
        fraction = np.clip((points - self.start) @ along / max(float(along @ along), 1e-9), 0, 1)
        off = points - self.start - fraction[..., None] * along
        radius = self.thick + fraction * (self.thin - self.thick)
        return np.asarray(np.sqrt(np.einsum("...i,...i", off, off)) - radius)

    def samples(self, around: int = 14, steps: int = 8) -> Array:
        """(N, 3) points on the skin, ends included."""
        turn = np.arange(around) * (2 * np.pi / around)
        along = (self.end - self.start) / max(float(np.linalg.norm(self.end - self.start)), 1e-9)
        side = np.cross(along, [0.3, 0.5, 0.81])
        side /= np.linalg.norm(side)
        ring = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * np.cross(along, side)
        fraction = np.linspace(0, 1, steps)[:, None, None]
        walls = self.start + fraction * (self.end - self.start)
        walls = walls + (self.thick + fraction * (self.thin - self.thick)) * ring[None]
        tip = self.end + self.thin * (0.7 * ring + 0.7 * along)
        return np.vstack([walls.reshape(-1, 3), tip, (self.end + self.thin * along)[None]])


@dataclass(frozen=True)
class Limb:
    """Bones that flow into one another over ``blend`` mm."""

    bones: tuple[Bone, ...]
    blend: float

    def distance(self, points: Array) -> Array:
        field = self.bones[0].distance(points)
        for bone in self.bones[1:]:
            field = smooth_minimum(field, bone.distance(points), self.blend)
        return field


def smooth_minimum(a: Array, b: Array, blend: float) -> Array:
    """The polynomial smooth minimum (Inigo Quilez, 2013): a union with a fillet."""
    near = np.maximum(blend - np.abs(a - b), 0) / blend
    return np.asarray(np.minimum(a, b) - near * near * blend / 4)


def skinned(palm: Limb, fingers: Sequence[Limb], web: float = 7.0) -> Mesh:
    """The skin of a hand: fingers flow into the palm, but never into each other; mm."""
    every = [*palm.bones, *(bone for finger in fingers for bone in finger.bones)]
    ends = np.array([[bone.start, bone.end] for bone in every]).reshape(-1, 3)
    reach = max(bone.thick for bone in every) + 2 * CELL
    low, high = ends.min(axis=0) - reach, ends.max(axis=0) + reach
    axes = [np.arange(low[i], high[i] + CELL, CELL) for i in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    trunk = np.full(points.shape[:3], FAR)
    for bone in palm.bones:
        box = _around((bone,), axes)
        trunk[box] = smooth_minimum(trunk[box], bone.distance(points[box]), palm.blend)
    field = trunk.copy()
    for finger in fingers:
        box = _around(finger.bones, axes)
        blended = smooth_minimum(trunk[box], finger.distance(points[box]), web)
        field[box] = np.minimum(field[box], blended)
    return surface_net(field, low, CELL)


def _around(bones: Sequence[Bone], axes: Sequence[Array]) -> tuple[slice, slice, slice]:
    """The part of the grid that the skin of ``bones`` and its fillets can reach."""
    ends = np.array([[bone.start, bone.end] for bone in bones]).reshape(-1, 3)
    reach = max(max(bone.thick, bone.thin) for bone in bones) + 12
    i, j, k = (
        slice(*np.searchsorted(axes[n], [ends[:, n].min() - reach, ends[:, n].max() + reach]))
        for n in range(3)
    )
    return i, j, k


def skin_surface(rng: np.random.Generator) -> Surface:
    """A tone of the Monk scale: u reddens it (knuckles, tips), v mottles it."""
    hexadecimal = TONES[int(rng.integers(len(TONES)))]
    tone = np.array([int(hexadecimal[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    linear = (0.012 + 0.82 * tone**2.2) * np.exp(rng.normal(0, 0.06, 3))  # the scale is of lit skin
    linear = linear * (1.0, 0.86, 0.76)  # hands are ruddier than the scale's chips
    u, v = np.meshgrid(np.linspace(0, 1, 32), np.linspace(-1, 1, 32))
    redness = np.stack([1 + 0.05 * u, 1 - 0.30 * u, 1 - 0.32 * u], axis=-1)
    texture: Texture = (linear * redness * (1 + 0.14 * v)[..., None]).astype(np.float32)
    return Surface(np.clip(texture, 0.004, 0.85), 0.38)


def blotches(points: Array, rng: np.random.Generator, period: float = 16.0) -> Array:
    """(N,) in [0, 1]: smooth noise over (N, 3) points by a few plane waves, mm."""
    waves = rng.normal(0, 2 * np.pi / period, (9, 3))
    mean = np.sin(points @ waves.T + rng.uniform(0, 2 * np.pi, 9)).mean(axis=1)
    return np.asarray(np.clip(0.5 + mean, 0, 1))


def nail_texture(rng: np.random.Generator, skin: Surface) -> Texture:
    """(H, W, 3): v runs from the cuticle to the free edge; bare, French or polished."""
    base = skin.texture.mean(axis=(0, 1))
    bare = np.clip(base * (1.12, 0.98, 0.98) + 0.03, 0, 0.85)
    kind = rng.uniform()
    if kind < 0.35:
        polish = (
            (0.45, 0.03, 0.05),
            (0.60, 0.28, 0.28),
            (0.10, 0.02, 0.04),
            (0.66, 0.5, 0.44),
            (0.02, 0.03, 0.06),
            (0.12, 0.2, 0.18),
        )
        return np.asarray([[polish[int(rng.integers(len(polish)))]]], np.float32)
    edge = 0.86 if kind < 0.85 else 0.74
    v = np.linspace(0, 1, 64)[:, None, None]
    moon = np.clip((0.16 - v) * 12, 0, 1) * 0.35
    white = np.clip((v - edge) * 40, 0, 1)
    pale = np.array([0.72, 0.68, 0.62]) * min(1.0, 0.55 + float(base.mean()))
    strip = bare * (1 - np.maximum(moon, white)) + pale * np.maximum(moon, white)
    image = np.repeat(strip.astype(np.float32), 8, axis=1)
    return np.asarray(cv2.GaussianBlur(image, (1, 3), 0.6), np.float32)
