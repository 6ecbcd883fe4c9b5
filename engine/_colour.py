"""Any mode that Pillow decodes to -> 8-bit sRGB on white, and the alpha that it had."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from functools import cache, lru_cache, partial

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

log = logging.getLogger(__name__)

Size = tuple[int, int]  # (width, height)
Resize = Callable[[Image.Image], Image.Image]
Convert = Callable[[Image.Image], Image.Image]

_MOST_KEPT = 2**20  # bytes of a profile: that of a phone has 0.5 KB, that of an upload up to 32 MB


def to_srgb(image: Image.Image, resize: Resize) -> tuple[Image.Image, Image.Image | None]:
    """Flatten, resize, then convert the colours, in that order: RGB, and alpha as mode L.

    Alpha must be composited before pixels are averaged, or the invisible colour under
    transparent pixels bleeds in; the colour conversion is the slowest step and comes last. No
    alpha where the image has none or is opaque everywhere.
    """
    profile = image.info.get("icc_profile")
    flat, alpha = _on_white(_eight_bit(image))
    flat = resize(flat)
    if alpha is not None:
        alpha = None if _opaque(alpha) else resize(alpha)
    if flat.mode == "LAB":
        return _from_lab(flat), alpha
    converted = _apply_profile(flat, profile) if isinstance(profile, bytes) and profile else None
    if converted is None:  # of RGB, ``convert`` would make a copy
        converted = flat if flat.mode == "RGB" else flat.convert("RGB")
    return converted, alpha


def _opaque(alpha: Image.Image) -> bool:
    return alpha.getextrema() == (255, 255)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale grey of 16 bits by the range of its type, not by its content.

    Pillow itself takes the high byte of 16-bit RGB and RGBA. It may hold 16 bits in mode I.
    """
    if image.mode != "I" and not image.mode.startswith("I;"):
        return image
    values = np.asarray(image).astype(np.float64)
    scaled = values / 65535.0
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):  # 16-bit grey PNG with one transparent value
        alpha = np.where(values == transparent, 0, 255).astype(np.uint8)
        return Image.merge("LA", (_scaled(scaled), Image.fromarray(alpha)))
    return _scaled(scaled)


def _scaled(unit: npt.NDArray[np.float64]) -> Image.Image:
    return Image.fromarray(np.rint(unit.clip(0.0, 1.0) * 255.0).astype(np.uint8))


def _on_white(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Composited on white: one of RGB, L, CMYK, LAB; and the alpha, if there was one."""
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("RGBa", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode == "RGBA":
        alpha = image.getchannel("A")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image.convert("RGB"), mask=alpha)
        return white, alpha
    if image.mode == "1":
        return image.convert("L"), None
    return image if image.mode in ("RGB", "L", "CMYK", "LAB") else image.convert("RGB"), None


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Convert to sRGB; None where the profile is sRGB already, is broken or does not fit."""
    find = _conversion if len(profile) <= _MOST_KEPT else _conversion.__wrapped__
    try:
        convert = find(profile, image.mode)
        return None if convert is None else convert(image)
    except Exception as error:  # lcms raises a family of types; an image without profile is fine
        log.debug("embedded colour profile ignored: %s", error)
        return None


@lru_cache(maxsize=8)  # 3 ms to build; photos of one phone have one profile
def _conversion(profile: bytes, mode: str) -> Convert | None:
    """By lcms, or in half of its time where that gives the same colours, to one level."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if ImageCms.getProfileDescription(source).strip().lower().startswith("srgb"):
        return None
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    by_lcms = partial(_transformed, transform=_transform(source, mode))
    if mode != "RGB" or not source.profile.is_matrix_shaper:
        return by_lcms
    matrix = np.linalg.inv(_primaries(target)) @ _primaries(source)
    by_primaries = partial(_of_other_primaries, matrix=matrix.astype(np.float32))
    colours = _sample()
    found, expected = (np.asarray(way(colours), np.int16) for way in (by_primaries, by_lcms))
    return by_primaries if np.abs(found - expected).max() <= 1 else by_lcms


def _primaries(profile: ImageCms.ImageCmsProfile) -> npt.NDArray[np.float64]:
    """(3, 3): X, Y, Z of red, green and blue in columns."""
    core = profile.profile
    columns = (core.red_colorant, core.green_colorant, core.blue_colorant)
    return np.array([column[0] for column in columns if column is not None]).T


def _sample() -> Image.Image:
    """Every grey, which passes every level of the three curves, and 4,096 colours."""
    grey = np.arange(256, dtype=np.uint8)
    colours = np.stack(np.meshgrid(*3 * [grey[::17]]), axis=-1).reshape(-1, 3)
    return Image.fromarray(np.concatenate([grey[:, None].repeat(3, axis=1), colours])[None])


def _of_other_primaries(image: Image.Image, matrix: npt.NDArray[np.float32]) -> Image.Image:
    """RGB with the curve of sRGB, such as Display P3, which phones write."""
    import cv2  # 19 MiB, which decoders of images without such a profile spare

    to_light, from_light = _srgb_curve()
    light = np.asarray(cv2.transform(cv2.LUT(np.asarray(image), to_light), matrix), np.uint16)
    return Image.fromarray(from_light[light])


@cache
def _srgb_curve() -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8]]:
    """IEC 61966-2-1: of 8 bits to light in 16, and of light in 16 bits to 8."""
    level, light = np.arange(256) / 255, np.arange(65536) / 65535
    decoded = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(decoded * 65535).astype(np.uint16), np.rint(encoded * 255).astype(np.uint8)


def _from_lab(image: Image.Image) -> Image.Image:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    return _transformed(image, _transform(lab, image.mode))


def _transform(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.buildTransform(source, target, mode, "RGB", intent)


def _transformed(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:
        raise ValueError("the colour transform returned nothing")
    return converted
