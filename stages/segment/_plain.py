"""A plain background, fitted to the frame's border: pixels that deviate from it are product."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engine.types import BoolArray, FloatArray
from stages.segment._mask import drop_crumbs, fill_holes, smooth

# Width of the border ring as a fraction of the longer side: thin enough that a centred product
# seldom enters it, wide enough for some hundred pixels.
RING_FRACTION = 0.03

# Lab units. Finest deviation that counts: a just noticeable difference (Mahy, Van Eycken,
# Oosterlinck, Color Research & Application 1994).
FLOOR = 2.3

# Multiples of the ring's own spread (robust standard deviation) that still count as background.
SPREADS = 4.0

# The spread at which the threshold leaves its floor: noisier than this in Lab units is stone, wood
# or cloth, not a sweep. It passes 186 of 321 demo catalogue images, 31 of 31 cartons on white
# and none of 18 demo photos on tables.
MAX_SPREAD = FLOOR / SPREADS

# Noisier than this is clutter: all of 60 shop photos lie above, all of those named before below.
MAX_QUIET_SPREAD = 4.0

# Fraction of the ring, and of each of its corners, that the fitted surface must explain. A product
# may leave the frame at a side; what holds a corner is more likely a wall behind the table, as
# on 12 of the 18 demo photos and none of the catalogue's images.
MIN_EXPLAINED = 0.55
MIN_CORNER = 0.75

# A shadow keeps the background's hue and loses light: up to this many units of lightness, while
# the chroma may move by a fixed part and a part of the lost lightness.
SHADOW_DEPTH = 35.0
SHADOW_CHROMA = 3.0
SHADOW_DRIFT = 0.12

# A shadow's edge is soft: lightness changes by less than this many units a pixel. Gaps of up to
# twice the radius in a product's edge are closed to it.
SHADOW_SLOPE = 0.8
GAP_RADIUS = 2

# Pieces of the certain foreground below this fraction of the largest do not span the hull.
CRUMB_FRACTION = 0.02

# JPEG ripples reach half a block (8 x 8 pixels) beyond an edge, at a fraction of its height.
HALO_REACH = 4
HALO_FRACTION = 0.2


@dataclass(frozen=True, eq=False)
class Background:
    """The border's colour as a smooth surface over the image."""

    surface: FloatArray  # (H, W, 3) Lab
    spread: float  # robust standard deviation of the ring around the surface, Lab units
    explained: float  # fraction of the ring within the threshold
    corner: float  # the same fraction in the frame's worst corner

    @property
    def threshold(self) -> float:
        """Lab distance from which a pixel is not background."""
        return max(FLOOR, SPREADS * self.spread)

    @property
    def plain(self) -> bool:
        """One tone all around."""
        explained = self.explained >= MIN_EXPLAINED and self.corner >= MIN_CORNER
        return self.spread <= MAX_SPREAD and explained

    @property
    def quiet(self) -> bool:
        """A wall, a table, perhaps both: some tones, little texture."""
        return self.spread <= MAX_QUIET_SPREAD


def fit_background(lab: FloatArray) -> Background:
    """Least squares of a quadratic surface on the ring, thrice, each time without what deviates."""
    height, width = lab.shape[:2]
    ring = ring_of(height, width)
    terms = _terms(height, width)
    centre = np.median(lab[ring], axis=0)
    on_ring, colours = terms[ring], lab[ring] - centre
    kept = _near_the_median(colours)
    for _ in range(3):
        # A small ridge keeps the surface flat where the kept part of the ring does not bind it.
        normal = on_ring[kept].T @ on_ring[kept] + np.eye(terms.shape[-1]) * 1e-3 * kept.sum()
        solution = np.linalg.solve(normal, on_ring[kept].T @ colours[kept])
        distance = np.linalg.norm(colours - on_ring @ solution, axis=1)
        spread = 1.4826 * float(np.median(distance[kept]))
        kept = distance <= max(FLOOR, SPREADS * spread)
    surface = (terms @ solution + centre).astype(np.float32)
    return Background(surface, spread, float(kept.mean()), _least_corner(kept, ring))


def _least_corner(kept: BoolArray, ring: BoolArray) -> float:
    """The fraction of ``kept``, which lists the ring's pixels, in the frame's worst corner."""
    explained = np.zeros(ring.shape, np.bool_)
    explained[ring] = kept
    thick = ring_thickness(*ring.shape)
    ends = slice(0, thick), slice(-thick, None)
    return min(float(explained[rows, columns].mean()) for rows in ends for columns in ends)


def ring_of(height: int, width: int) -> BoolArray:
    """(H, W) bool: the frame's border."""
    thick = ring_thickness(height, width)
    ring = np.ones((height, width), np.bool_)
    ring[thick:-thick, thick:-thick] = False
    return ring


def ring_thickness(height: int, width: int) -> int:
    """Pixels."""
    return max(1, round(RING_FRACTION * max(height, width)))


def foreground(lab: FloatArray, background: Background) -> BoolArray:
    """(H, W) bool: far from the background in colour, no shadow on it, solid."""
    difference = lab - background.surface
    distance = np.linalg.norm(difference, axis=2)
    far = distance > background.threshold
    shadow = _shadow(lab, difference, far, background)
    certain = drop_crumbs(smooth(far & ~shadow, 1), CRUMB_FRACTION)
    # Where the edge of a pale product has gaps, the flood got in; what its hull still spans is
    # product again, while a shadow falls beside it.
    mask = fill_holes(certain | (shadow & _hull(certain)))
    return drop_crumbs(smooth(mask & ~_halo(distance, mask), 1))


def _hull(mask: BoolArray) -> BoolArray:
    """The convex hull of everything in the mask, filled."""
    filled = np.zeros(mask.shape, np.uint8)
    points = cv2.findNonZero(mask.view(np.uint8))
    if points is not None:
        cv2.fillConvexPoly(filled, cv2.convexHull(points), 1)
    return filled > 0


def _halo(distance: FloatArray, mask: BoolArray) -> BoolArray:
    """Compression ripples around a strong edge: faint beside it, and next to the background."""
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * HALO_REACH + 1,) * 2)
    strongest = cv2.dilate(np.where(mask, distance, 0.0).astype(np.float32), reach)
    outer = cv2.dilate((~mask).astype(np.uint8), reach) > 0
    return np.asarray(outer & (distance < HALO_FRACTION * strongest), np.bool_)


def _shadow(
    lab: FloatArray, difference: FloatArray, far: BoolArray, background: Background
) -> BoolArray:
    """Darker than the background, of its hue, and reached from it without crossing an edge.

    The grey side of a white carton is as dark and as grey as a shadow, but an edge surrounds it;
    small gaps in that edge are closed.
    """
    darker = -difference[:, :, 0]
    chroma = np.linalg.norm(difference[:, :, 1:], axis=2)
    allowed = SHADOW_CHROMA + background.spread + SHADOW_DRIFT * np.maximum(darker, 0.0)
    candidate = far & (darker > 0.0) & (darker < SHADOW_DEPTH) & (chroma < allowed)
    edge = _slope(lab[:, :, 0]) >= SHADOW_SLOPE
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * GAP_RADIUS + 1,) * 2)
    passable = (~far | candidate) & ~(cv2.dilate(edge.view(np.uint8), disc) > 0)
    reached = _connected_to(passable, ~far & ring_of(*far.shape))
    regrown = cv2.dilate(reached.view(np.uint8), disc) > 0
    return np.asarray(candidate & regrown & ~edge, np.bool_)


def _slope(lightness: FloatArray) -> FloatArray:
    """(H, W): lightness units a pixel, a little smoothed."""
    plane = cv2.GaussianBlur(np.ascontiguousarray(lightness), (0, 0), 1.0)
    along_x = cv2.Scharr(plane, cv2.CV_32F, 1, 0) / 32.0
    along_y = cv2.Scharr(plane, cv2.CV_32F, 0, 1) / 32.0
    return np.asarray(np.hypot(along_x, along_y), np.float32)


def _connected_to(mask: BoolArray, start: BoolArray) -> BoolArray:
    """The 4-connected pieces of ``mask`` that contain a pixel of ``start``."""
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=4)
    kept = np.zeros(count, np.bool_)
    kept[labels[start & mask]] = True
    kept[0] = False
    return np.asarray(kept[labels], np.bool_)


def _terms(height: int, width: int) -> FloatArray:
    """(H, W, 6): 1, x, y, x², xy, y² with x and y in [-1, 1]."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).astype(np.float32)


def _near_the_median(colours: FloatArray) -> BoolArray:
    """The half of the ring that lies nearest its median colour: a start that products and hands
    on less than half of the border cannot move."""
    distance = np.linalg.norm(colours - np.median(colours, axis=0), axis=1)
    return np.asarray(distance <= np.median(distance), np.bool_)
