"""Puffs and sponges: sewn velour pads with a ribbon, foam eggs with a cut face."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.freeform import joined, smooth, sweep
from offline.datasets.packbench.shapes.meshes import Array, Corner, Mesh, loft, revolve
from offline.datasets.packbench.shapes.parts import Part, Parts

PILE = 0.8  # mm: the cut pile of a cosmetic velour
FIBRES = 2.2  # tufts a square mm: more cost triangles and look no denser at 256 px


@dataclass(frozen=True)
class Pad:
    """A sewn pad: its outline (N, 2), how thick it is in the middle and how full at the edge.

    ``fullness`` is the exponent of the superellipse (Lamé 1818) of its cross section: 2 is a
    lens, 8 nearly a block.
    """

    outline: Array
    thickness: float
    fullness: float

    @property
    def radius(self) -> float:
        return float(np.abs(self.outline[:, 0]).max())

    def half(self, low: float, high: float) -> list[Corner]:
        """The cross section between two of its angles, degrees; -90 is the foot, 0 the seam."""
        angle = np.radians(np.linspace(low, high, 22))
        power = 2 / self.fullness
        out = self.radius * np.abs(np.cos(angle)) ** power
        up = self.thickness / 2 * (1 + np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.9)
        return list(zip(out.tolist(), up.tolist(), strict=True))

    def top(self, fraction: Array) -> Array:
        """Height of the upper face where ``fraction`` is the way from the middle outwards."""
        level = np.abs(1 - np.clip(fraction, 0, 1) ** self.fullness) ** (0.45)
        return self.thickness / 2 * (1 + level)


def cloth(mesh: Mesh, material: Material) -> Parts:
    """The mesh in its material; velour gets its pile."""
    if material.finish != "velour":
        return (Part(mesh, material),)
    rng = np.random.default_rng([0, crc32(b"pile")])
    return (Part(joined(mesh, pile(mesh, rng)), material),)


def pile(mesh: Mesh, rng: np.random.Generator) -> Mesh:
    """Tufts that stand on a surface, as slender three-sided pyramids."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    area = np.linalg.norm(across, axis=1) / 2
    count = int(area.sum() * FIBRES)
    chosen = rng.choice(len(area), count, p=area / area.sum())
    u, v = rng.uniform(size=(2, count, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    root = a[chosen] + u * (b - a)[chosen] + v * (c - a)[chosen]
    up = across[chosen] / (2 * area[chosen, None])
    lean = up + rng.normal(0, 0.35, up.shape)
    tip = root + lean * (PILE * rng.uniform(0.5, 1, (count, 1)))
    side = np.cross(up, rng.normal(size=up.shape))
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    other = np.cross(up, side)
    feet = [
        root - 0.1 * up + 0.16 * (math.cos(t) * side + math.sin(t) * other)
        for t in (0, 2 * math.pi / 3, 4 * math.pi / 3)
    ]
    # Corners of their own keep every face flat: shared normals would point into the pile.
    sides = [np.stack([feet[i], feet[(i + 1) % 3], tip], axis=1) for i in range(3)]
    vertices = np.concatenate(sides, axis=1).reshape(-1, 3)
    return Mesh(vertices, np.arange(len(vertices), dtype=np.int32).reshape(-1, 3))


def band(path: Sequence[tuple[float, float]], width: float, thick: float = 0.5) -> Mesh:
    """A flat ribbon along a path (x, z), ``width`` mm in y; uv over its upper face."""
    points = np.array(path)
    ahead = np.gradient(points, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    up = np.column_stack([-ahead[:, 1], ahead[:, 0]]) * thick / 2
    edges = [(-width / 2, -1), (width / 2, -1), (width / 2, 1), (-width / 2, 1)]
    doubled = [edge for edge in edges for _ in range(2)][1:] + edges[:1]  # hard edges
    rings = [
        np.array([(x + s * ux, y, z + s * uz) for y, s in doubled])
        for (x, z), (ux, uz) in zip(points, up, strict=True)
    ]
    ends = [np.repeat(ring.mean(axis=0)[None], 8, axis=0) for ring in (rings[0], rings[-1])]
    mesh = loft([ends[0], *rings, ends[1]])
    low, high = mesh.vertices[:, 0].min(), mesh.vertices[:, 0].max()
    u = (mesh.vertices[:, 0] - low) / (high - low)
    return replace(mesh, uv=np.column_stack([u, mesh.vertices[:, 1] / width + 0.5]))


def ribboned(
    pad: Pad,
    face: Material,
    back: Material,
    ribbon: Material,
    *,
    width: float,
    slack: float = 2.5,
) -> Parts:
    """A puff on its face: back upwards, a piped seam, a ribbon for the finger across it.

    ``width`` is the ribbon's fraction of the pad's half depth, ``slack`` how far it arches, mm.
    The piping has the ribbon's colour and none of its print.
    """
    upper = sweep(pad.outline, pad.half(0, 90))
    lower = sweep(pad.outline, pad.half(-90, 0))
    parts = (
        cloth(lower, face)
        + cloth(upper, back)
        + (Part(_piping(pad), replace(ribbon, artwork=None)),)
    )
    return (*parts, Part(_loop(pad, width, slack), ribbon))


def _piping(pad: Pad) -> Mesh:
    r, z, thick = pad.radius, pad.thickness / 2, 0.55
    angle = np.linspace(-math.pi, math.pi, 11)
    ring = [(r + thick * math.cos(t), z + thick * math.sin(t)) for t in angle]
    return sweep(pad.outline * (1 + thick / r), ring)


def _loop(pad: Pad, width: float, slack: float) -> Mesh:
    middle = np.abs(pad.outline[:, 0]) < 0.08 * pad.radius
    wide = width * float(np.abs(pad.outline[middle, 1]).min())
    beside = np.abs(pad.outline[:, 1]) < wide / 2 + 0.5
    reach = float(np.abs(pad.outline[beside, 0]).min())
    t = np.linspace(-1, 1, 61)
    seam, sewn = pad.thickness / 2, 1 - np.abs(t) ** 9  # both ends are sewn into the seam
    top = np.maximum(pad.top(np.abs(t) * reach / pad.radius), seam) + 0.35
    rise = seam + (top - seam) * sewn + slack * (1 - t**2) ** 1.5
    return band(list(zip((t * reach).tolist(), rise.tolist(), strict=True)), wide)


def sponge(
    height: float, width: float, tip: float, waist: float, material: Material, *, cut: float = 0
) -> Parts:
    """A foam egg on z = 0: ``tip`` in [0, 1] points it, ``waist`` draws in its middle.

    ``width`` is that of its widest ring, mm; ``cut`` > 0 slices its front off at an angle, from
    that fraction of its height upwards.
    """
    up = (1 - np.cos(np.linspace(0, math.pi, 84))) / 2
    round_body = np.sqrt(np.clip(1 - (2 * up - 1) ** 2, 0, 1)) * (1.02 - up) ** (0.9 * tip)
    drawn = round_body * (1 - waist * np.exp(-(((up - 0.6) / 0.17) ** 2)))
    radius = drawn / drawn.max() * width / 2
    mesh = revolve(list(zip(radius.tolist(), (up * height).tolist(), strict=True)))
    rough = np.random.default_rng([0, crc32(b"foam")]).normal(0, 0.09, len(mesh.vertices))
    away = np.hypot(mesh.vertices[:, 0], mesh.vertices[:, 1])
    mesh = smooth(mesh, rough * np.minimum(away / (0.2 * width), 1))  # rings crowd at the tips
    return (Part(_sliced(mesh, cut * height) if cut else mesh, material),)


def _sliced(mesh: Mesh, low: float) -> Mesh:
    """Flattened onto a plane that leans back from the front at height ``low``."""
    lean = math.radians(48)
    normal = np.array([0, -math.sin(lean), math.cos(lean)])
    front = mesh.vertices[:, 1].min()
    beyond = np.maximum((mesh.vertices - np.array([0, front, low])) @ normal, 0)
    return replace(mesh, vertices=mesh.vertices - beyond[:, None] * normal)
