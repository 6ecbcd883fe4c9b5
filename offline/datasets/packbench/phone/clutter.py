"""Clutter: mugs, books, boxes, fruit, pebbles, towels, brushes; at real size, mm."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from offline.datasets.packbench.phone.pieces import (
    Piece,
    Surface,
    Thing,
    bounds,
    joined,
    placed,
    planar,
)
from offline.datasets.packbench.phone.plants import plant
from offline.datasets.packbench.phone.sheets import Sheet, Texture, mixed, pick, plain, tinted
from offline.datasets.packbench.phone.towels import folded_towels, rolled_towels
from offline.datasets.packbench.setting import Colour
from offline.datasets.packbench.shapes.meshes import Mesh, box, revolve, tube

GLAZES = (
    (0.74, 0.73, 0.70),
    (0.66, 0.60, 0.50),
    (0.05, 0.055, 0.06),
    (0.16, 0.24, 0.30),
    (0.40, 0.16, 0.12),
    (0.33, 0.40, 0.33),
    (0.56, 0.40, 0.12),
)
COVERS = (
    (0.30, 0.06, 0.06),
    (0.05, 0.10, 0.20),
    (0.62, 0.58, 0.48),
    (0.06, 0.16, 0.12),
    (0.55, 0.30, 0.10),
    (0.70, 0.69, 0.67),
    (0.05, 0.05, 0.055),
    (0.45, 0.28, 0.30),
)
STONES = ((0.30, 0.29, 0.27), (0.10, 0.10, 0.10), (0.55, 0.52, 0.47), (0.36, 0.28, 0.22))
WOOD = (0.36, 0.21, 0.11)
STEEL = (0.55, 0.55, 0.56)


def mug(rng: np.random.Generator) -> Thing:
    """A straight or bellied mug with a handle and a little coffee or tea in it."""
    radius, height = rng.uniform(37, 44), rng.uniform(82, 102)
    foot, wall = radius * rng.uniform(0.72, 1), 3.6
    body = revolve(
        [
            (0, 4),
            (foot - 6, 4),
            (foot - 6, 0),
            (foot - 2, 0, 1),
            (radius, 22, 14),
            (radius, height, 1.7),
            (radius - wall, height, 1.7),
            (radius - wall, 20, 14),
            (0, 8),
        ]
    )
    turn = np.linspace(-0.42, 0.42, 17) * math.pi
    middle, reach = height * 0.52, height * 0.31
    path = [
        (radius - 5 + 31 * math.cos(t), middle + reach * math.sin(t) / math.sin(1.32)) for t in turn
    ]
    handle = tube(path, [4.6] * len(path), 1.45)
    drink = revolve([(0, height - 16), (radius - wall + 0.5, height - 16.2), (0, height - 16.4)])
    glaze = _speckled(rng, pick(GLAZES, rng), rng.uniform(0, 0.5))
    fill = Surface(plain(*pick(((0.06, 0.025, 0.012), (0.25, 0.11, 0.03)), rng)), 0.05)
    return (Piece(planar(body, 60), glaze), Piece(planar(handle, 60), glaze), Piece(drink, fill))


def books(rng: np.random.Generator) -> Thing:
    """One to four books lying on one another, spines mostly forwards."""
    pile: Thing = ()
    level = 0.0
    for _ in range(int(rng.integers(1, 5))):
        width, depth, thick = rng.uniform(150, 215), rng.uniform(105, 150), rng.uniform(9, 32)
        book = _book(width, depth, thick, rng)
        pile += placed(book, rng.normal(0, 6), rng.normal(0, 6), level, rng.normal(0, 9))
        level += thick
    return pile


def standing_books(rng: np.random.Generator) -> Thing:
    """Three to six books on their feet, shoulder to shoulder, spines forwards."""
    row: Thing = ()
    place = 0.0
    for _ in range(int(rng.integers(3, 7))):
        high, depth, thick = rng.uniform(160, 225), rng.uniform(110, 150), rng.uniform(12, 32)
        flat = _book(high, depth, thick, rng)
        row += tuple(
            Piece(piece.mesh.turned("y", 90).moved(place, 0, high / 2), piece.surface)
            for piece in flat
        )
        place += thick + 0.8
    return tuple(Piece(piece.mesh.moved(x=-place / 2), piece.surface) for piece in row)


def carton(rng: np.random.Generator) -> Thing:
    """A folding box with a printed front, as cosmetics are sold in."""
    width, depth, height = rng.uniform(38, 75), rng.uniform(30, 60), rng.uniform(70, 170)
    mesh = planar(box(width, depth, height, 0.8, 0.8), height)
    paper, ink = pick(COVERS, rng), pick(COVERS, rng)
    sheet = Sheet(1, rng)
    band, rule = rng.uniform(0.3, 0.7), rng.uniform(0.06, 0.2)
    texture = tinted(paper, 0.97 + 0.04 * sheet.clouds((0.2, 0.2)))
    texture = mixed(texture, ink, np.asarray(np.abs(sheet.y - band) < rule, np.float32))
    texture = mixed(texture, ink, sheet.print(0.034, 0.011) * (sheet.y > band + rule + 0.06))
    return (Piece(mesh, Surface(texture, rng.uniform(0.15, 0.5))),)


def fruit(rng: np.random.Generator) -> Thing:
    """Oranges, lemons, limes or apples, lying about."""
    colour, radius, stretch = (
        ((0.70, 0.24, 0.02), 37, 0.95),
        ((0.72, 0.52, 0.04), 29, 1.25),
        ((0.22, 0.34, 0.04), 26, 1.1),
        ((0.42, 0.05, 0.04), 38, 0.9),
    )[int(rng.integers(4))]
    sheet = Sheet(60, rng)
    rind = Surface(tinted(colour, 0.82 + 0.3 * sheet.clouds((2, 2), 1)), 0.22)
    things: Thing = ()
    for i in range(int(rng.integers(1, 4))):
        ball = planar(_ellipsoid(radius, stretch, 0.03, rng), 60)
        lying = ball.turned("x", rng.uniform(50, 130)).turned("z", rng.uniform(0, 360))
        at = (2.05 * radius * i, rng.normal(0, 5), -float(lying.vertices[:, 2].min()))
        things += (Piece(lying.moved(*at), rind),)
    return things


def pebbles(rng: np.random.Generator) -> Thing:
    """Smooth stones, as bathrooms keep them."""
    things: Thing = ()
    for _ in range(int(rng.integers(3, 8))):
        radius = rng.uniform(9, 26)
        stone = _ellipsoid(radius, rng.uniform(0.4, 0.7), 0.12, rng)
        stone = planar(stone.scaled(1, rng.uniform(0.7, 1)).turned("z", rng.uniform(0, 360)), 50)
        x, y = rng.normal(0, 32, 2)
        stone = stone.moved(x, y, -float(stone.vertices[:, 2].min()))
        things += (Piece(stone, _speckled(rng, pick(STONES, rng), 0.8, 0.45)),)
    return things


def brushes(rng: np.random.Generator) -> Thing:
    """Make-up brushes in a tumbler, bristles up."""
    radius, height = rng.uniform(32, 42), rng.uniform(85, 110)
    cup = revolve(
        [
            (0, 0),
            (radius * 0.9, 0, 3),
            (radius, height, 1),
            (radius - 3, height, 1),
            (radius * 0.9 - 3, 4, 3),
            (0, 4),
        ]
    )
    things: Thing = (Piece(planar(cup, 60), _speckled(rng, pick(GLAZES, rng), 0.2)),)
    hair = Surface(
        plain(*pick(((0.09, 0.05, 0.03), (0.60, 0.52, 0.44), (0.03, 0.03, 0.03)), rng)), 0.8
    )
    wood, metal = Surface(plain(*pick(COVERS, rng)), 0.1), Surface(plain(*STEEL), 0.12)
    for i in range(int(rng.integers(3, 7))):
        long, wide = rng.uniform(125, 165), rng.uniform(4, 14)
        stem = revolve([(0, 4), (2.5, 4), (4.2, long * 0.6), (3.4, long - 22), (0, long - 22)])
        ferrule = revolve([(3.4, long - 24), (4.6, long - 22), (min(wide, 8), long), (0, long)])
        tuft = revolve(
            [
                (min(wide, 8) - 0.6, long - 1),
                (wide, long + 16, 8),
                (wide * 0.8, long + 32, 9),
                (0, long + 38),
            ]
        )
        lean, about = rng.uniform(5, 13), i * 360 / 5 + rng.uniform(0, 40)
        for mesh, surface in ((stem, wood), (ferrule, metal), (tuft, hair)):
            leaning = mesh.turned("y", lean).turned("z", about)
            things += (Piece(leaning.moved(z=2), surface),)
    return things


def candle(rng: np.random.Generator) -> Thing:
    """A candle in a ceramic pot."""
    radius, height = rng.uniform(32, 42), rng.uniform(70, 95)
    pot = revolve(
        [
            (0, 0),
            (radius, 0, 4),
            (radius, height, 1),
            (radius - 3, height, 1),
            (radius - 3, height - 14),
            (0, height - 14),
        ]
    )
    wick = tube([(0, height - 14), (0.6, height - 8), (2, height - 3)], [0.8, 0.8, 0.7])
    wax = revolve([(0, height - 13), (radius - 2.5, height - 13.4), (0, height - 13.8)])
    return (
        Piece(planar(pot, 60), _speckled(rng, pick(GLAZES, rng), 0.3)),
        Piece(wax, Surface(plain(0.70, 0.66, 0.55), 0.35)),
        Piece(wick, Surface(plain(0.03, 0.03, 0.03), 0.8)),
    )


KINDS: tuple[tuple[Callable[[np.random.Generator], Thing], float], ...] = (  # and how often
    (mug, 0.17),
    (books, 0.11),
    (standing_books, 0.07),
    (carton, 0.16),
    (plant, 0.12),
    (fruit, 0.08),
    (pebbles, 0.07),
    (rolled_towels, 0.06),
    (folded_towels, 0.04),
    (brushes, 0.06),
    (candle, 0.06),
)
FACING = ((books, 25), (standing_books, 12), (carton, 40))  # degrees from frontal; others any


def clutter(rng: np.random.Generator) -> Thing:
    """Any one thing, standing on z = 0 about the origin, turned anyhow."""
    fractions = np.array([fraction for _, fraction in KINDS])
    build, _ = KINDS[int(rng.choice(len(KINDS), p=fractions / fractions.sum()))]
    facing = next((angle for kind, angle in FACING if kind is build), 180)
    thing = build(rng)
    lowest = float(bounds(thing)[0, 2])  # a towel's ruffles reach a little lower than its folds
    return placed(thing, 0, 0, -lowest, rng.uniform(-facing, facing))


def _book(width: float, depth: float, thick: float, rng: np.random.Generator) -> Thing:
    """Lying: boards over and under a block of pages, the spine towards -y."""
    board = 2.2 if thick > 14 else 0.6
    cover = Surface(_cover(rng), rng.uniform(0.1, 0.4))
    boards = [box(width, depth, board, 1.2, 0.3).moved(z=z) for z in (0, thick - board)]
    spine = box(width, board + 1, thick, 0.8, 0.4).moved(y=-depth / 2 + board / 2)
    pages = box(width - 5, depth - 5, thick - 2 * board, 0.4, 0.1).moved(z=board)
    edges = tinted((0.62, 0.58, 0.50), 0.75 + 0.4 * Sheet(40, rng).clouds((0.6, 40), 1))
    bound = planar(joined([*boards, spine]), 120)
    return (Piece(bound, cover), Piece(planar(pages, 40), Surface(edges, 0.8)))


def _cover(rng: np.random.Generator) -> Texture:
    sheet, ink = Sheet(120, rng), pick(COVERS, rng)
    cloth = tinted(pick(COVERS, rng), 0.92 + 0.12 * sheet.clouds((1.2, 1.2), 1))
    framed = (np.abs(sheet.y % 60 - 30) < 5) & (np.abs(sheet.x - 60) < 34)
    return mixed(cloth, ink, sheet.print(10, 4) * framed)


def _ellipsoid(radius: float, height: float, lumps: float, rng: np.random.Generator) -> Mesh:
    """A ball of ``radius``, its z scaled by ``height``, with ``lumps`` of uneven radius."""
    angle = np.linspace(-math.pi / 2, math.pi / 2, 28)
    ball = revolve([(radius * max(math.cos(a), 0), radius * height * math.sin(a)) for a in angle])
    direction = ball.vertices / radius
    waves, phase = rng.normal(0, 1.4, (5, 3)), rng.uniform(0, 2 * math.pi, 5)
    bumps = np.sin(direction @ waves.T + phase).mean(axis=1)
    return Mesh(ball.vertices * (1 + lumps * bumps)[:, None], ball.faces)


def _speckled(
    rng: np.random.Generator, colour: Colour, amount: float, alpha: float = 0.1
) -> Surface:
    sheet = Sheet(60, rng)
    specks = np.clip((sheet.clouds((1.3, 1.3), 1) - 0.8) * 12, 0, 1)
    return Surface(tinted(colour, 0.97 + 0.05 * sheet.clouds((20, 20)) - amount * specks), alpha)
