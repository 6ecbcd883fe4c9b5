"""Multinomial logistic regression with a ridge: what a category head is fitted by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.types import Float64Array, FloatArray
from offline.adapt.judging import Products

# Keeps the bias of a category finite where it has few images; otherwise unnoticed.
BIAS_RIDGE = 1e-3
STEPS = 150
TOLERANCE = 1e-5  # of the loss an image: below, further steps change no probability that is shown
MEMORY = 10  # steps that the curvature is known from


@dataclass(frozen=True, eq=False)
class Softmax:
    """Logits are x weights + bias."""

    weights: FloatArray  # (K, C)
    bias: FloatArray  # (C,)

    def logits(self, rows: FloatArray) -> Float64Array:
        """(N, K) -> (N, C)."""
        return np.asarray(rows @ self.weights + self.bias, np.float64)


def fit_softmax(
    rows: FloatArray,
    labels: Products,
    count: int,
    ridge: float,
    weighs: Float64Array,
    start: Softmax | None = None,
) -> Softmax:
    """The minimum of - mean log likelihood + ridge / (2 N) * |weights|^2.

    ``rows`` (N, K), ``labels`` (N,) of 0 to ``count`` - 1, ``weighs`` (N,) what each counts, whose
    scale is of no account. The problem is convex: ``start`` saves steps and decides nothing but the
    last digits. By L-BFGS (Liu, Nocedal: "On the Limited Memory BFGS Method for Large Scale
    Optimization", Mathematical Programming 1989), halving steps that do not descend.
    """
    shares = (weighs / weighs.sum()).astype(np.float32)[:, None]
    size, width = len(rows), rows.shape[1]
    true = np.zeros((size, count), np.float32)
    true[np.arange(size), labels] = shares[:, 0]
    penalty = np.full((width + 1, 1), ridge / size)
    penalty[width] = BIAS_RIDGE / size

    def loss(flat: Float64Array) -> tuple[float, Float64Array]:
        held = flat.reshape(width + 1, count)
        logits = rows @ held[:width].astype(np.float32) + held[width].astype(np.float32)
        logits -= logits.max(axis=1, keepdims=True)
        powers = np.exp(logits)
        totals = powers.sum(axis=1, keepdims=True)
        likelihood = (shares * np.log(totals)).sum(dtype=np.float64)
        likelihood -= np.vdot(logits, true).astype(np.float64)
        residual = powers * (shares / totals) - true
        # Of few columns the product is half as fast the other way round.
        slope = np.concatenate([(residual.T @ rows).T, residual.sum(axis=0, keepdims=True)])
        value = float(likelihood + (penalty * held**2).sum() / 2)
        return value, (slope + penalty * held).ravel()

    first = np.zeros((width + 1) * count)
    if start is not None:
        first = np.concatenate([start.weights, start.bias[None]]).astype(np.float64).ravel()
    found = _lowest(loss, first).reshape(width + 1, count).astype(np.float32)
    return Softmax(found[:width], found[width])


def _lowest(
    loss: Callable[[Float64Array], tuple[float, Float64Array]], place: Float64Array
) -> Float64Array:
    value, slope = loss(place)
    moves: list[_Move] = []
    for _ in range(STEPS):
        direction = _direction(slope, moves)
        fall = _dot(slope, direction)
        if fall >= 0:
            break
        step = 1.0
        while step > 1e-6:
            found, found_slope = loss(place + step * direction)
            if found <= value + 1e-4 * step * fall:
                break
            step /= 2
        else:
            break  # rounding is all that is left
        move, turn = step * direction, found_slope - slope
        if (curved := _dot(move, turn)) > 0:
            moves = [*moves[1 - MEMORY :], _Move(move, turn, curved)]
        gained, place, value, slope = value - found, place + move, found, found_slope
        if gained < TOLERANCE * value:
            break
    return place


@dataclass(frozen=True, eq=False)
class _Move:
    """A step, what it changed of the slope, and the product of both."""

    step: Float64Array
    turn: Float64Array
    curved: float


def _direction(slope: Float64Array, moves: list[_Move]) -> Float64Array:
    """Minus the slope times the inverse curvature, as far as the moves show it."""
    found = slope.copy()
    factors = []
    for move in reversed(moves):
        factor = _dot(move.step, found) / move.curved
        factors.append(factor)
        found -= factor * move.turn
    if moves:
        found *= moves[-1].curved / _dot(moves[-1].turn, moves[-1].turn)
    else:
        found /= max(float(np.abs(slope).sum()), 1e-12)
    for move, factor in zip(moves, reversed(factors), strict=True):
        found += move.step * (factor - _dot(move.turn, found) / move.curved)
    return -found


def _dot(one: Float64Array, other: Float64Array) -> float:
    """Without BLAS, whose threads take longer to start than this takes."""
    return float(np.einsum("i,i->", one, other))
