"""Any mode that Pillow decodes to -> 8-bit sRGB on white, and the alpha that it had."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

log = logging.getLogger(__name__)

Size = tuple[int, int]  # (width, height)
Resize = Callable[[Image.Image], Image.Image]


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
    try:
        transform = _transform_of(profile, image.mode)
        return None if transform is None else _transformed(image, transform)
    except Exception as error:  # lcms raises a family of types; an image without profile is fine
        log.debug("embedded colour profile ignored: %s", error)
        return None


@lru_cache(maxsize=8)  # 2.3 ms to build; photos of one phone have one profile
def _transform_of(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if ImageCms.getProfileDescription(source).strip().lower().startswith("srgb"):
        return None
    return _transform(source, mode)


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
