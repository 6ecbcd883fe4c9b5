"""A hand that holds the product: the thumb towards the camera, the fingers behind; mm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from offline.datasets.packbench.phone.pieces import Piece, Surface, Thing, grid_mesh, planar
from offline.datasets.packbench.phone.sheets import Sheet, tinted
from offline.datasets.packbench.phone.skin import (
    Bone,
    Limb,
    blotches,
    nail_texture,
    skin_surface,
    skinned,
)
from offline.datasets.packbench.shapes.meshes import Array, Mesh

# Phalanges from knuckle to the middle of the tip, and radii at knuckle, joints and tip: means of
# adults in Buchholz, Armstrong and Goldstein (Ergonomics, 1992), rounded; index to little finger.
PHALANGES = ((44, 25, 17), (48, 29, 18), (45, 27, 18), (36, 20, 16))
RADII = ((10.6, 9.2, 8.0, 7.2), (10.8, 9.4, 8.2, 7.4), (10.2, 8.8, 7.7, 7.0), (9.2, 7.7, 6.8, 6.2))
KNUCKLES = ((-33, 27, 0), (-29, 7, -4), (-32, -13, -3), (-39, -31, 1))  # from the grip's middle
TIPS = ((15, 22), (21, 6), (17, -11), (4, -27))  # x past the thumb's tip, y
THUMB = (33, 23)
THUMB_RADII = (12.2, 10.9, 9.0)
WIDEST = 96.0  # mm between thumb and fingers


@dataclass(frozen=True)
class Grip:
    """Where a hand takes hold: x inwards from the product's edge, z towards the camera, mm."""

    origin: Array  # (3,)
    axes: Array  # (3, 3), rows x, y, z
    front: float  # z of the product's surface under the thumb
    back: float  # and under the fingers

    def world(self, points: Array) -> Array:
        return np.asarray(self.origin + points @ self.axes)


@dataclass(frozen=True)
class Hand:
    """Bones in the scene's axes, mm; ``nail`` = the thumb's last bone and its back's direction."""

    palm: Limb
    fingers: tuple[Limb, ...]
    arm: Limb
    nail: tuple[Bone, Array]

    @property
    def bones(self) -> list[Bone]:
        return [bone for limb in (self.palm, *self.fingers, self.arm) for bone in limb.bones]

    def samples(self) -> Array:
        """(N, 3) points on the skin."""
        return np.vstack([bone.samples(30, 16) for bone in self.bones])


def holding(grip: Grip, inset: float, reach: float, size: float, rng: np.random.Generator) -> Hand:
    """A hand of ``size`` (1 is an average adult's), the thumb's tip ``inset`` mm past the edge.

    The forearm is ``reach`` mm long; it leaves the wrist at a small angle drawn from ``rng``.
    """
    middle = (grip.front + grip.back) / 2
    centre = np.array([0, rng.uniform(-4, 4), middle])
    knuckles = [centre + size * np.array(k) + (0, 0, -20 * size) for k in KNUCKLES]
    fingers = [
        _finger(
            knuckle,
            np.array([inset + size * x, centre[1] + size * y, grip.back - size * radii[-1] + 1]),
            bones,
            radii,
            size,
        )
        for knuckle, (x, y), bones, radii in zip(knuckles, TIPS, PHALANGES, RADII, strict=True)
    ]
    thumb, base = _thumb(grip, inset, centre, size, rng)
    palm = _palm(centre, knuckles, base, size)
    bend = rng.uniform(-0.45, 0.1)
    arm = _arm(centre, reach, bend, size)
    limbs = [_placed(limb, grip) for limb in (palm, *fingers, thumb, arm)]
    last = limbs[5].bones[-1]
    return Hand(limbs[0], tuple(limbs[1:6]), limbs[6], (last, grip.axes[2]))


def hand_thing(hand: Hand, rng: np.random.Generator) -> Thing:
    """The hand in skin, with a nail, and sometimes in a sleeve."""
    skin = skin_surface(rng)
    sleeved = rng.uniform() < 0.5
    palm = replace(hand.palm, bones=(*hand.palm.bones, *hand.arm.bones))
    mesh = skinned(palm, hand.fingers)
    joints = np.array([bone.end for finger in hand.fingers for bone in finger.bones[1::2]])
    near = np.min(np.linalg.norm(mesh.vertices[:, None] - joints[None], axis=2), axis=1)
    red = np.exp(-((near / 11) ** 2))
    coloured = replace(mesh, uv=np.column_stack([red, blotches(mesh.vertices, rng)]) * 0.98 + 0.01)
    polish = Surface(nail_texture(rng, skin), 0.12)
    things: Thing = (Piece(coloured, skin), Piece(_nail(*hand.nail), polish))
    return things + (_sleeve(hand.arm, rng) if sleeved else ())


def _finger(
    knuckle: Array, tip: Array, phalanges: Sequence[float], radii: Sequence[float], size: float
) -> Limb:
    """A finger that bends away from the camera."""
    lengths = [size * length for length in phalanges]
    return _limb(bent(knuckle, tip, lengths, np.array([-0.35, 0, -1.0])), radii, size)


def _thumb(
    grip: Grip, inset: float, centre: Array, size: float, rng: np.random.Generator
) -> tuple[Limb, Array]:
    """The thumb's limb and its base joint."""
    tip = np.array(
        [inset, centre[1] + rng.uniform(-6, 8), grip.front + size * THUMB_RADII[-1] - 1.2]
    )
    base = centre + size * np.array([-38, 20, 21])
    lengths = [size * length for length in THUMB]
    far = float(np.linalg.norm(base - tip))
    base = tip + (base - tip) * min(1, 0.985 * sum(lengths) / far)
    return _limb(bent(base, tip, lengths, np.array([0, 0.3, 1.0])), THUMB_RADII, size), base


def _palm(centre: Array, knuckles: Sequence[Array], thumb: Array, size: float) -> Limb:
    def at(x: float, y: float, z: float) -> Array:
        return centre + size * np.array([x, y, z])

    metacarpals = [
        Bone(at(-98, y, -6), knuckle, 13 * size, radii[0] * size * 1.04)
        for y, knuckle, radii in zip((13, 5, -4, -13), knuckles, RADII, strict=True)
    ]
    ball = [
        Bone(at(-90, 13, 2), thumb, 17 * size, 13 * size),
        Bone(at(-84, -16, -2), at(-50, -26, -12), 15 * size, 12 * size),
        Bone(at(-72, 2, -4), at(-46, 4, -16), 15 * size, 12 * size),
    ]
    web = Bone(
        0.6 * thumb + 0.4 * at(-80, 12, 2), 0.75 * knuckles[0] + 0.25 * thumb, 10 * size, 8 * size
    )
    return Limb((*metacarpals, *ball, web), 14 * size)


def _arm(centre: Array, reach: float, bend: float, size: float) -> Limb:
    """Wrist and forearm, broader than thick: two bones side by side."""
    bones = []
    for side in (-1, 1):
        wrist = centre + size * np.array([-96, side * 9, -5])
        heel = centre + size * np.array([-128, side * 10 + 32 * bend, -7])
        far = centre + np.array([-128 * size - reach, side * 16 + bend * (32 + reach), -12])
        bones += [
            Bone(wrist, heel, 17 * size, 17.5 * size),
            Bone(heel, far, 17.5 * size, 27 * size),
        ]
    return Limb(tuple(bones), 14 * size)


def _limb(joints: Sequence[Array], radii: Sequence[float], size: float) -> Limb:
    """Two bones a phalanx, thinner between the joints than at them."""
    bones: list[Bone] = []
    pairs = zip(joints[:-1], joints[1:], radii[:-1], radii[1:], strict=True)
    for start, end, thick, thin in pairs:
        waist = (start + end) / 2
        between = 0.925 * (thick + thin) / 2
        bones.append(Bone(start, waist, thick * size, between * size))
        bones.append(Bone(waist, end, between * size, thin * size))
    return Limb(tuple(bones), 5.0)


def bent(start: Array, end: Array, lengths: Sequence[float], outwards: Array) -> list[Array]:
    """Joints from ``start`` to ``end`` that bend alike and towards ``outwards``.

    An ``end`` out of reach, too far or too near, is approached as far as the bones go.
    """
    straight = end - start
    distance = min(float(np.linalg.norm(straight)), 0.998 * sum(lengths))
    along = straight / np.linalg.norm(straight)
    aside = outwards - (outwards @ along) * along
    aside = aside / np.linalg.norm(aside)
    low, high = 0.0, 1.9
    for _ in range(30):  # the chain's reach shrinks as it bends
        bend = (low + high) / 2
        low, high = (bend, high) if abs(_chain(lengths, bend)[-1]) > distance else (low, bend)
    chain = _chain(lengths, low)
    chain = chain * np.conj(chain[-1]) / abs(chain[-1])  # its end on the straight line
    joints = [start + point.real * along + point.imag * aside for point in chain]
    return [start, *joints]


def _chain(lengths: Sequence[float], bend: float) -> Array:
    """(N,) complex ends of bones that start along 1 and turn by ``bend``, then 0.7 of it."""
    headings = -bend * np.cumsum([0, 1, 0.7][: len(lengths)])
    return np.asarray(np.cumsum(np.array(lengths) * np.exp(1j * headings)))


def _placed(limb: Limb, grip: Grip) -> Limb:
    ends = [replace(b, start=grip.world(b.start), end=grip.world(b.end)) for b in limb.bones]
    return replace(limb, bones=tuple(ends))


def _nail(bone: Bone, backwards: Array) -> Mesh:
    """A curved plate on the back of the last ``bone``, sunk into the skin at three sides."""
    along = (bone.end - bone.start) / np.linalg.norm(bone.end - bone.start)
    back = backwards - (backwards @ along) * along
    back = back / np.linalg.norm(back)
    side = np.cross(along, back)
    t, s = np.meshgrid(np.linspace(0, 1, 15), np.linspace(-1, 1, 13), indexing="ij")
    width = np.sqrt(np.clip(1 - (1 - t / 0.3).clip(0) ** 2, 0.02, 1)) * (1 - 0.28 * t**6)
    turn = 0.95 * s * width
    radius = bone.thin + 0.75 - 1.3 * s**4 - 1.2 * (1 - t) ** 6 - 1.2 * t**3
    place = -0.75 * bone.thin + 1.62 * bone.thin * t - 1.1 * s**2 * t
    points = (
        bone.end
        + place[..., None] * along
        + (radius * np.sin(turn))[..., None] * side
        + (radius * np.cos(turn))[..., None] * back
    )
    return grid_mesh(points, np.dstack([s / 2 + 0.5, t]))


def _sleeve(arm: Limb, rng: np.random.Generator) -> Thing:
    """Knitted or woven cloth about the forearm, from the wrist outwards."""
    grown = []
    for bone in arm.bones[1::2]:
        start = bone.start + rng.uniform(0.08, 0.2) * (bone.end - bone.start)
        grown.append(Bone(start, bone.end, bone.thick + 7, bone.thin + 10))
    sheet = Sheet(60, rng)
    ribs = 0.8 + 0.12 * np.sin(sheet.x * (2 * math.pi / 3)) + 0.2 * sheet.clouds((1.5, 1.5), 1)
    colour = (0.02 + 0.6 * rng.uniform(size=3) ** 1.8).tolist()
    mesh = skinned(Limb(tuple(grown), 14), ())
    return (Piece(planar(mesh, 60), Surface(tinted(colour, np.asarray(ribs, np.float32)), 0.9)),)
