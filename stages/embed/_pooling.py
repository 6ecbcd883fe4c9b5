"""Feature maps to one vector: the poolings of image retrieval, before any normalisation.

| name | what | source |
|---|---|---|
| gap | mean over places | Lin, Chen, Yan, "Network In Network", ICLR 2014 |
| mac | maximum over places | Tolias, Sicre, Jégou, ICLR 2016 |
| spoc | sum, places near the middle weigh more | Babenko and Lempitsky, ICCV 2015 |
| rmac | sum of the normalised maxima of regions | Tolias, Sicre, Jégou, ICLR 2016 |
| gem | generalised mean | Radenović, Tolias, Chum, PAMI 2019, equation 3 |
| cls | the class token of a transformer | Dosovitskiy et al., ICLR 2021 |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.types import FloatArray

PoolName = Literal["gap", "mac", "spoc", "rmac", "gem", "cls"]

# Smaller features are raised to it before the power: Radenović's constant.
EPSILON = 1e-6
# Regions of R-MAC overlap by about this fraction: Tolias et al., section 3.
OVERLAP = 0.4


@dataclass(frozen=True)
class Pooling:
    """``p`` is of GeM: 1 is the mean, infinity the maximum; one for all channels, or (C,).
    ``levels``: how many sizes of regions R-MAC takes."""

    name: PoolName = "gap"
    p: float | tuple[float, ...] = 3.0
    levels: int = 3

    def __call__(self, maps: FloatArray) -> FloatArray:
        """(N, C, H, W) -> (N, C) float32. ``cls`` is not for maps: ValueError."""
        pools: dict[str, Callable[[], FloatArray]] = {
            "gap": lambda: np.asarray(maps.mean(axis=(2, 3)), np.float32),
            "mac": lambda: maps.max(axis=(2, 3)),
            "spoc": lambda: spoc(maps),
            "rmac": lambda: rmac(maps, self.levels),
            "gem": lambda: gem(maps, self.p),
        }
        if self.name not in pools:
            raise ValueError(f"{self.name} pools tokens, not maps")
        return pools[self.name]()


def gem(maps: FloatArray, p: float | tuple[float, ...] | FloatArray) -> FloatArray:
    """(mean of x^p over places)^(1/p), with x at least ``EPSILON``; ``p`` a number or (C,) > 0.

    Divided by the channel's maximum on the way, so that no power overflows.
    """
    power = np.asarray(p, np.float32).reshape(-1, 1, 1)
    clipped = np.maximum(maps, np.float32(EPSILON))
    top = clipped.max(axis=(2, 3), keepdims=True)
    finite = np.where(np.isinf(power), np.float32(1.0), power)
    base: FloatArray = clipped / top
    mean = _power(base, finite).mean(axis=(2, 3), keepdims=True)
    root = np.where(np.isinf(power), np.float32(1.0), mean ** (1 / finite))
    pooled: FloatArray = (top * root)[:, :, 0, 0].astype(np.float32)
    return pooled


def _power(base: FloatArray, power: FloatArray) -> FloatArray:
    if power.size == 1 and float(power.flat[0]) == 3.0:  # the usual one, 20 times as fast so
        return np.asarray(base * base * base, np.float32)
    return np.asarray(np.power(base, power), np.float32)


def spoc(maps: FloatArray) -> FloatArray:
    """Sum with a Gaussian weight of the distance from the middle, its sigma a third of the way
    from there to the nearest border (Babenko and Lempitsky, equation 4)."""
    height, width = maps.shape[2:]
    return np.asarray(np.einsum("nchw,hw->nc", maps, _centring(height, width)), np.float32)


@cache
def _centring(height: int, width: int) -> FloatArray:
    sigma = min(height, width) / 2 / 3
    down, across = ((np.arange(n) + 0.5 - n / 2) ** 2 for n in (height, width))
    weights: FloatArray = np.exp(-(down[:, None] + across) / (2 * sigma**2)).astype(np.float32)
    return weights


def rmac(maps: FloatArray, levels: int) -> FloatArray:
    """The maxima of the whole and of square regions of ``levels`` sizes, each of length 1, summed.

    The authors whiten every region as well; here the sum is whitened (``[whiten]``).
    """
    height, width = maps.shape[2:]
    total = _unit(maps.max(axis=(2, 3)))
    for top, left, side in regions(height, width, levels):
        part = maps[:, :, top : top + side, left : left + side]
        total = total + _unit(part.max(axis=(2, 3)))
    return total


@cache
def regions(height: int, width: int, levels: int) -> tuple[tuple[int, int, int], ...]:
    """(top, left, side) of R-MAC's regions, coarse to fine: l + m by l + n squares of side
    2 min(H, W) / (l + 1), m or n chosen so that neighbours overlap by about ``OVERLAP``."""
    squares = []
    down, across = _more_regions(height, width)
    for level in range(1, levels + 1):
        side = 2 * min(height, width) // (level + 1)
        if side == 0:
            break
        squares += [
            (top, left, side)
            for top in _starts(height, side, level + down)
            for left in _starts(width, side, level + across)
        ]
    return tuple(squares)


def _more_regions(height: int, width: int) -> tuple[int, int]:
    """How many more regions the longer side has than the shorter one."""
    shorter, longer = sorted((height, width))
    if shorter == longer:
        return 0, 0
    counts = np.arange(2, 8)
    step = (longer - shorter) / (counts - 1)
    overlap = (shorter**2 - shorter * step) / shorter**2
    more = int(np.argmin(np.abs(overlap - OVERLAP))) + 1
    return (more, 0) if height > width else (0, more)


def _starts(length: int, side: int, count: int) -> list[int]:
    """Where ``count`` regions of a side begin that spread evenly from border to border."""
    step = (length - side) / (count - 1) if count > 1 else 0.0
    return [int(np.floor(step * at)) for at in range(count)]


def _unit(rows: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: FloatArray = (rows / np.maximum(lengths, np.float32(EPSILON))).astype(np.float32)
    return unit


def pool_tokens(tokens: FloatArray, pooling: Pooling, prefix: int) -> FloatArray:
    """(N, T, C) -> (N, C): the class token, or the pooled patch tokens.

    The first ``prefix`` tokens, class and registers, are no patches. The others are a square grid
    where their count is a square, else one row. ValueError without a class token, or without any
    patch.
    """
    places = tokens.shape[1] - prefix
    if pooling.name == "cls":
        if prefix < 1:
            raise ValueError("there is no class token among them")
        return np.ascontiguousarray(tokens[:, 0])
    if places < 1:
        raise ValueError(f"{tokens.shape[1]} tokens, {prefix} of them no patches")
    side = int(np.sqrt(places))
    shape = (side, side) if side * side == places else (1, places)
    grid: npt.NDArray[np.float32] = tokens[:, prefix:].transpose(0, 2, 1)
    return pooling(np.ascontiguousarray(grid).reshape(len(tokens), -1, *shape))
