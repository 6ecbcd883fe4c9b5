"""Photos in which a product is hard to find, drawn: white on white, shadows, several, in grey."""

from __future__ import annotations

import cv2
import numpy as np

from engine.types import RGBImage, UInt8Array

SIDE = 400
Colour = tuple[int, int, int]


def bottle(pixels: UInt8Array, x: int, y: int, height: int, colour: Colour) -> None:
    """Drawn into ``pixels``, its centre at (x, y)."""
    half, neck = height // 6, height // 14
    cv2.rectangle(
        pixels, (x - half, y - height // 4), (x + half, y + height // 2), colour, cv2.FILLED
    )
    cv2.rectangle(
        pixels, (x - neck, y - height // 2), (x + neck, y - height // 4), colour, cv2.FILLED
    )


def white_on_white(level: int = 252, background: int = 255) -> RGBImage:
    pixels = np.full((SIDE, SIDE, 3), background, np.uint8)
    bottle(pixels, SIDE // 2, SIDE // 2, SIDE * 2 // 3, (level, level, level))
    return RGBImage(pixels)


def with_soft_shadow(level: int = 247, background: int = 252, depth: int = 50) -> RGBImage:
    """A white bottle whose shadow is all that differs from the background."""
    shade = np.zeros((SIDE, SIDE), np.float32)
    centre, axes = (int(SIDE * 0.55), int(SIDE * 0.82)), (int(SIDE * 0.27), int(SIDE * 0.05))
    cv2.ellipse(shade, centre, axes, 0, 0, 360, (1.0,), cv2.FILLED)
    shade = np.asarray(cv2.GaussianBlur(shade, (0, 0), SIDE * 0.02), np.float32)
    pixels = np.repeat((background - depth * shade)[:, :, None], 3, axis=2).astype(np.uint8)
    bottle(pixels, SIDE // 2, SIDE // 2, SIDE * 2 // 3, (level, level, level))
    return RGBImage(pixels)


def bottles(*colours: Colour, background: int = 240) -> RGBImage:
    """Side by side, of one size."""
    pixels = np.full((SIDE, SIDE, 3), background, np.uint8)
    for place, colour in enumerate(colours, start=1):
        x = SIDE * place // (len(colours) + 1)
        bottle(pixels, x, SIDE // 2, SIDE // 2, colour)
    return RGBImage(pixels)


def grey(image: RGBImage) -> RGBImage:
    """As a camera without colour takes it."""
    luma = cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY)
    return RGBImage(np.repeat(luma[:, :, None], 3, axis=2).astype(np.uint8))


def far_away(
    height: int, *colours: Colour, at: tuple[int, int] = (640, 560), side: int = 1000
) -> RGBImage:
    """Bottles of that height beside each other, before a wall, on a table."""
    pixels = np.full((side, side, 3), (205, 205, 210), np.uint8)
    pixels[side * 6 // 10 :] = (150, 110, 80)
    noise = np.random.default_rng(0).normal(0, 4, (side, side, 1))
    pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    for place, colour in enumerate(colours):
        bottle(pixels, at[0] + place * height * 3 // 4, at[1], height, colour)
    return RGBImage(pixels)
