"""What is drawn around products: hands, whose arm and palm are behind them, leaves and boxes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engine.types import Float64Array, FloatArray, IntArray, UInt8Array

# Chosen, not measured. Lengths are fractions of the image's side.
SKIN_LOW, SKIN_HIGH = (70.0, 45.0, 35.0), (250.0, 215.0, 190.0)
GLOVED = 0.15  # of the hands: any colour
ARM = (0.12, 0.3)  # width
FINGER = (0.05, 0.10)  # width
FINGERS = (1, 5)
REACH = (0.02, 0.14)  # how far fingers come over the product's edge
LEAF_LENGTH, LEAF_WIDTH = (0.3, 1.2), (0.03, 0.16)
BOX_WIDTH = (0.3, 1.3)  # of its height
BOX_TILT = 8.0  # degrees, standard deviation
GREEN = 0.6  # of the leaves
ROUND = 0.45  # how much darker a limb's edge is than its middle
SMOOTH = 0.012  # of the blur of a limb; its edge is then so much steeper
STEEP = 3.0


@dataclass(frozen=True, eq=False)
class Hand:
    """(S, S) masks in [0, 1] of what lies behind and before the product, and (S, S, 3) colours."""

    behind: FloatArray
    before: FloatArray
    colours: FloatArray


def drawn_hand(alpha: FloatArray, random: np.random.Generator) -> Hand:
    """A hand that holds the product of matte ``alpha`` (S, S), from any side of the image."""
    side = alpha.shape[0]
    angle = random.uniform(0, 2 * np.pi)
    towards = np.array([np.cos(angle), np.sin(angle)])  # out of the image, along the arm
    rows, columns = np.nonzero(alpha >= 0.5)
    points = np.column_stack([columns, rows]).astype(np.float64)
    if not len(points):
        points = np.full((1, 2), side / 2)
    middle = points.mean(axis=0)
    # Where the product ends on the arm's side, and on the other side of it.
    along, across = (points - middle) @ towards, (points - middle) @ _normal(towards)
    grip = middle + towards * float(np.quantile(along, 0.9)) * random.uniform(0.2, 1.0)
    arm, palm = np.zeros((2, side, side), np.uint8)
    width = side * random.uniform(*ARM)
    bend = _turned(towards, random.normal(0, 0.35))
    _limb(arm, grip, grip + bend * 2 * side, width)
    _limb(palm, grip, grip + towards * width * 0.6, width * random.uniform(1.0, 1.4))
    fingers = np.zeros((side, side), np.uint8)
    half = float(np.quantile(np.abs(across), 0.95))
    for sign in (-1, 1) if random.random() < 0.7 else (int(random.choice((-1, 1))),):
        _draw_fingers(fingers, grip, towards, half * sign, random)
    colours = _coloured(np.maximum(arm, palm), fingers, random)
    return Hand(_soft(np.maximum(arm, palm)), _soft(fingers), colours)


def drawn_leaf(alpha: FloatArray, random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """A leaf, a blade of grass or a ribbon across the product's edge: mask (S, S), colours
    (S, S, 3)."""
    side = alpha.shape[0]
    rows, columns = np.nonzero(alpha >= 0.5)
    at = int(random.integers(max(1, len(rows))))
    place = (columns[at], rows[at]) if len(rows) else (side / 2, side / 2)
    length, width = side * random.uniform(*LEAF_LENGTH), side * random.uniform(*LEAF_WIDTH)
    angle = random.uniform(0, 360)
    lean = np.deg2rad(angle)
    # By its tip or across: the middle of the leaf lies up to half a length away.
    middle = np.array(place) + random.uniform(-1, 1) * length / 2 * np.array(
        [np.cos(lean), np.sin(lean)]
    )
    mask = np.zeros((side, side), np.uint8)
    axes = (max(2, round(length / 2)), max(1, round(width / 2)))
    cv2.ellipse(mask, np.rint(middle).astype(int).tolist(), axes, angle, 0, 360, 255, -1)
    colour = random.uniform(0, 255, 3)
    if random.random() < GREEN:
        colour = np.array([0.6, 1.0, 0.4]) * random.uniform(60, 220) + random.uniform(-20, 20, 3)
    shade = _roundness(mask)[..., None]
    return _soft(mask), np.asarray(np.clip(shade * colour, 0, 255), np.float32)


def drawn_box(
    side: int, size: float, at: Float64Array, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """A cardboard box or a book with two visible faces and lines of print: mask (S, S), colours
    (S, S, 3). ``size``: pixels of its height; ``at``: its middle, (x, y)."""
    mask = np.zeros((side, side), np.uint8)
    colours = np.zeros((side, side, 3), np.float32)
    width = size * random.uniform(*BOX_WIDTH)
    depth, rise = width * random.uniform(0.0, 0.6), size * random.uniform(-0.15, 0.15)
    x, y, turn = *at, np.deg2rad(random.normal(0, BOX_TILT))
    left, fold, right = x - width / 2, x + width / 2, x + width / 2 + depth
    face = [(left, y - size / 2), (fold, y - size / 2), (fold, y + size / 2), (left, y + size / 2)]
    edge = [face[1], (right, y - size / 2 + rise), (right, y + size / 2 - rise), face[2]]
    colour = random.uniform(20, 255, 3)
    for corners, light in ((edge, random.uniform(0.5, 0.9)), (face, 1.0)):
        points = np.array(corners) - at
        points = points * np.cos(turn) + np.column_stack([-points[:, 1], points[:, 0]]) * np.sin(
            turn
        )
        whole = np.rint(points + at).astype(np.int32)
        cv2.fillConvexPoly(mask, whole, 255, cv2.LINE_AA)
        cv2.fillConvexPoly(colours, whole, (light * colour).tolist(), cv2.LINE_AA)
        if light == 1.0:
            _print_on(colours, whole, random)
    return mask.astype(np.float32) / np.float32(255), colours


def _print_on(colours: FloatArray, face: IntArray, random: np.random.Generator) -> None:
    """Lines of print, or stripes, along the face's upper edge."""
    top, across, down = face[0], face[1] - face[0], face[3] - face[0]
    ink = random.uniform(0, 255, 3).tolist()
    begin, end, step = (
        random.uniform(0.05, 0.6),
        random.uniform(0.4, 0.95),
        random.uniform(0.05, 0.2),
    )
    for row in np.arange(begin, end, step):
        first, last = (
            top + across * share + down * row for share in (0.12, random.uniform(0.5, 0.9))
        )
        ends = (np.rint(point).astype(int).tolist() for point in (first, last))
        thick = max(1, round(0.4 * step * float(np.linalg.norm(down))))
        start, stop = ends
        cv2.line(colours, start, stop, ink, thick, cv2.LINE_AA)


def _draw_fingers(
    canvas: UInt8Array,
    grip: Float64Array,
    towards: Float64Array,
    edge: float,
    random: np.random.Generator,
) -> None:
    """From the palm round the product's edge, which lies ``edge`` pixels beside the arm's line."""
    side = canvas.shape[0]
    sideways = _normal(towards) * np.sign(edge)
    width = side * random.uniform(*FINGER)
    count = int(random.integers(*FINGERS))
    lean = random.uniform(-0.5, 0.5)
    for number in range(count):
        root = (
            grip
            - towards * width * 1.05 * (number - count / 2)
            + sideways * (abs(edge) + side * 0.03)
        )
        inward = -sideways - towards * (lean + random.normal(0, 0.15))
        inward /= np.linalg.norm(inward)
        reach = side * (0.03 + random.uniform(*REACH))
        _limb(canvas, root, root + inward * reach, width * random.uniform(0.85, 1.1))


def _limb(canvas: UInt8Array, start: Float64Array, end: Float64Array, width: float) -> None:
    first, last = (np.rint(point).astype(int).tolist() for point in (start, end))
    cv2.line(canvas, first, last, 255, max(1, round(width)), cv2.LINE_AA)


def _coloured(behind: UInt8Array, before: UInt8Array, random: np.random.Generator) -> FloatArray:
    """One tone, darker towards the edges of the limbs, as round things are."""
    if random.random() < GLOVED:
        tone = random.uniform(0, 255, 3)
    else:
        light = np.clip(random.uniform() + random.uniform(-0.08, 0.08, 3), 0, 1)
        tone = np.array(SKIN_LOW) + light * np.subtract(SKIN_HIGH, SKIN_LOW)
    shade = np.maximum(_roundness(behind), 0)
    shade = np.where(before > 0, _roundness(before), shade)
    texture = cv2.GaussianBlur(
        random.standard_normal(behind.shape, np.float32), (0, 0), random.uniform(1, 6)
    )
    shade = shade + 0.05 * texture / max(float(texture.std()), 1e-6)
    return np.asarray(np.clip(shade[..., None] * tone, 0, 255), np.float32)


def _roundness(mask: UInt8Array) -> FloatArray:
    distance = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 3)
    most = max(float(distance.max()), 1.0)
    return np.asarray(1.0 - ROUND * (1.0 - distance / most) ** 2, np.float32)


def _soft(mask: UInt8Array) -> FloatArray:
    sigma = max(0.5, SMOOTH * mask.shape[0])
    blurred = cv2.GaussianBlur(mask.astype(np.float32) / np.float32(255), (0, 0), sigma)
    return np.asarray(np.clip((blurred - 0.5) * STEEP + 0.5, 0.0, 1.0), np.float32)


def _normal(direction: Float64Array) -> Float64Array:
    return np.array([-direction[1], direction[0]])


def _turned(direction: Float64Array, angle: float) -> Float64Array:
    return np.asarray(np.cos(angle) * direction + np.sin(angle) * _normal(direction))
