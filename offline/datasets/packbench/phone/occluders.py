"""Things that hide a part of the product: a hand that holds it, or a prop before it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from offline.datasets.packbench.phone.clutter import carton
from offline.datasets.packbench.phone.hands import WIDEST, Grip, hand_thing, holding
from offline.datasets.packbench.phone.pieces import (
    Piece,
    Surface,
    Thing,
    bounds,
    grid_mesh,
    planar,
)
from offline.datasets.packbench.phone.plants import leaf, leaf_surface
from offline.datasets.packbench.phone.sheets import Sheet, mixed, plain, tinted
from offline.datasets.packbench.phone.sight import Sight, samples
from offline.datasets.packbench.shapes.meshes import Array, Mesh, box, tube

FRACTION = 0.35  # of photos in which something hides a part of the product
HANDS = 0.6  # of those in which it is a hand
LEAST, MOST = 0.05, 0.28  # of the product's visible area that may be hidden
TRIES = 14


@dataclass(frozen=True)
class Occluder:
    """``lift``: how far above the table the product then is, mm; ``depth``: its largest y."""

    thing: Thing = ()
    lift: float = 0.0
    depth: float = -math.inf


def occluder(sight: Sight, rng: np.random.Generator, fraction: float | None = None) -> Occluder:
    """Nothing most of the time; else one that hides between LEAST and MOST of the product.

    ``fraction`` of photos have one, FRACTION by default.
    """
    if rng.uniform() >= (FRACTION if fraction is None else fraction):
        return Occluder()
    makers = [_hand] if rng.uniform() < HANDS else []
    makers += [PROPS[i] for i in rng.permutation(len(PROPS))]
    for make in makers:
        made = make(sight, rng)
        if made.thing:
            return made
    return Occluder()


def _hand(sight: Sight, rng: np.random.Generator) -> Occluder:
    """A hand from a side or from below; no hand where none could reach round the product."""
    size, reach = rng.uniform(0.86, 1.08), min(260.0, 1.3 * sight.reach)
    grip = _grip(sight, rng)
    if grip.front - grip.back > WIDEST * size:
        return Occluder()
    state = rng.integers(2**31)  # the same hand at every inset
    for inset in rng.permutation(np.linspace(4, 40, TRIES)):
        hand = holding(grip, float(inset), reach, size, np.random.default_rng(state))
        skin = hand.samples()
        if LEAST < sight.hidden(skin) < MOST:
            low = max(0.0, -float(skin[:, 2].min()))
            lift = low + (rng.uniform(0, 8) if rng.uniform() < 0.4 else rng.uniform(8, 160))
            return Occluder(hand_thing(hand, rng), lift, float(skin[:, 1].max()))
    return Occluder()


def _grip(sight: Sight, rng: np.random.Generator) -> Grip:
    """Hold of the product's edge on the right, on the left or below, as the camera sees it."""
    angle = math.radians(float(rng.choice([-8, 188, 270])) + rng.uniform(-28, 28))
    right, up, towards = sight.axes
    outwards = math.cos(angle) * right + math.sin(angle) * up
    along = -math.sin(angle) * right + math.cos(angle) * up
    upwards = float(along @ up)
    along = along * (np.sign(upwards) if abs(upwards) > 0.5 else rng.choice([-1, 1]))
    offset = sight.points - sight.middle
    x, y, z = offset @ outwards, offset @ along, offset @ towards
    level = rng.uniform(-0.3, 0.3) * np.ptp(y)
    held = np.abs(y - level) < 24
    edge = float(x[held].max()) if held.any() else float(x.max())
    zone = held & (x > edge - 22) if held.any() else x > edge - 22
    origin = sight.middle + edge * outwards + level * along
    return Grip(
        origin, np.stack([-outwards, along, towards]), float(z[zone].max()), float(z[zone].min())
    )


def _leaf(sight: Sight, rng: np.random.Generator) -> Occluder:
    """A twig with leaves that hangs into the image between the product and the camera."""
    green = leaf_surface(rng)
    blades, place = [], 0.0
    for i in range(int(rng.integers(2, 6))):
        length = rng.uniform(45, 95)
        blade = leaf(length, length * rng.uniform(0.3, 0.55), rng.uniform(0.4, 1.1), 1.0)
        turned = blade.turned("z", (-1) ** i * rng.uniform(15, 60) if i else 0)
        blades.append(Piece(turned.moved(y=-place), green))
        place += rng.uniform(14, 30)
    stalk = tube([(-400, -6), (-place, -1), (2, 0)], [2.2, 1.6, 1.0]).turned("z", 90)
    twig = *blades, Piece(stalk, Surface(plain(0.13, 0.10, 0.05), 0.5))
    right, up, towards = sight.axes
    angle = math.radians(rng.uniform(-30, 210))  # from a side or from above
    inwards = -(math.cos(angle) * right + math.sin(angle) * up)
    frame = np.stack([np.cross(inwards, towards), inwards, towards])  # of the twig's x, y, z
    before = _front(sight) + rng.uniform(8, 30)
    start = sight.middle + before * towards - _half(sight, inwards) * inwards
    start = start + rng.uniform(-0.3, 0.3) * _half(sight, frame[0]) * frame[0]
    return _slid(_turned(twig, frame, start), inwards, sight, rng)


def _card(sight: Sight, rng: np.random.Generator) -> Occluder:
    """A printed card of credit-card size that stands before the product, leaning a little."""
    sheet = Sheet(90, rng)
    text = sheet.print(4.2, 1.3) * (np.abs(sheet.x - 42) < 28) * (np.abs(sheet.y - 46) < 16)
    paper = tinted(
        rng.uniform((0.5, 0.5, 0.45), (0.78, 0.76, 0.72)).tolist(), np.ones_like(sheet.x * sheet.y)
    )
    ink = Surface(mixed(paper, (0.05, 0.05, 0.06), text), 0.3)
    card = planar(box(85, 0.8, 54, 0.3, 0.2), 90).turned("x", -rng.uniform(4, 16))
    return _beside((Piece(card.moved(z=0.4), ink),), sight, rng)


def _box(sight: Sight, rng: np.random.Generator) -> Occluder:
    return _beside(carton(rng), sight, rng)


def _ribbon(sight: Sight, rng: np.random.Generator) -> Occluder:
    """A satin ribbon that hangs across the image before the product."""
    right, up, towards = sight.axes
    t = np.linspace(-1, 1, 80)
    width, length = rng.uniform(8, 20), 2.4 * sight.reach + 60
    sway, phase = rng.uniform(0.05, 0.16) * length, rng.uniform(0, 6)
    path = np.column_stack([t * length, sway * np.sin(2.6 * t + phase), 9 * np.sin(7 * t + phase)])
    twist = 0.7 * np.sin(7 * t + phase)
    across = np.column_stack([0 * t, np.cos(twist), np.sin(twist)]) * width / 2
    points = np.stack([path - across, path + across], axis=1)
    u, v = np.meshgrid([0.0, 1.0], t)
    colour = (0.03 + 0.5 * rng.uniform(size=3) ** 2).tolist()
    satin = Piece(grid_mesh(points, np.dstack([u, v])), Surface(plain(*colour), 0.25))
    angle = math.radians(rng.uniform(-60, 60))
    level = math.cos(angle) * right + math.sin(angle) * up
    inwards = np.cross(towards, level)  # upwards in the image
    frame = np.stack([level, inwards, towards])
    start = (
        sight.middle
        + (_front(sight) + 16) * towards
        - (_half(sight, inwards) + width + sway) * inwards
    )
    return _slid(_turned((satin,), frame, start), inwards, sight, rng)


PROPS: tuple[Callable[[Sight, np.random.Generator], Occluder], ...] = (_leaf, _card, _box, _ribbon)


def _beside(thing: Thing, sight: Sight, rng: np.random.Generator) -> Occluder:
    """``thing`` on the table before the product, pushed in from the left or the right."""
    low, high = bounds(thing)
    near = float(sight.points[:, 1].min()) - float(high[1]) - rng.uniform(6, 30)
    side = float(rng.choice([-1, 1]))
    far = float(np.abs(sight.points[:, 0]).max()) + float(max(-low[0], high[0]))
    turn = rng.uniform(-18, 18)
    stood = tuple(
        Piece(piece.mesh.turned("z", turn).moved(side * far, near), piece.surface)
        for piece in thing
    )
    return _slid(stood, np.array([-side, 0.0, 0.0]), sight, rng)


def _slid(thing: Thing, inwards: Array, sight: Sight, rng: np.random.Generator) -> Occluder:
    """Pushed along ``inwards`` until it hides enough; nothing where that never happens."""
    skin = samples(thing, rng)
    right = [
        step
        for step in np.linspace(0, 2 * _half(sight, inwards), 2 * TRIES)
        if LEAST < sight.hidden(skin + step * inwards) < MOST
    ]
    if not right:
        return Occluder()
    x, y, z = right[int(rng.integers(len(right)))] * inwards
    moved = tuple(Piece(piece.mesh.moved(x, y, z), piece.surface) for piece in thing)
    return Occluder(moved)


def _turned(thing: Thing, frame: Array, origin: Array) -> Thing:
    """``thing`` with its x, y and z along the rows of ``frame``, from ``origin``."""

    def turned() -> Iterator[Piece]:
        for piece in thing:
            mesh = piece.mesh
            yield Piece(Mesh(origin + mesh.vertices @ frame, mesh.faces, mesh.uv), piece.surface)

    return tuple(turned())


def _front(sight: Sight) -> float:
    return float(((sight.points - sight.middle) @ sight.axes[2]).max())


def _half(sight: Sight, direction: Array) -> float:
    return float(np.abs((sight.points - sight.middle) @ direction).max())
