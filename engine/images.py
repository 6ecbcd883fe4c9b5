"""Decode an image: a path, bytes or an open file -> RGBImage, or an ImageError with the reason."""

from __future__ import annotations

import math
import re
import stat
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin

from engine._colour import Size, to_srgb
from engine._formats import SUPPORTED_SUFFIXES, open_undecoded
from engine._metadata import first_scan
from engine._tiff_samples import BYTES_PER_PIXEL, PlainTiff, SampledTiff
from engine.errors import ImageError, ImageTooLargeError
from engine.object_stores import path_of
from engine.types import RGBImage

if TYPE_CHECKING:
    from engine.config import ImageSettings

__all__ = ["SUPPORTED_SUFFIXES", "ImageLimits", "fit", "load"]

_ORIENTATION = 0x0112  # EXIF 2.3, table 4: 1 is upright; the seven others are undone by:
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_SCAN = b"\xff\xda"  # the marker that a scan of a JPEG begins with
_ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF"})
_MOST_FRAMES = 64  # that are looked at, as far as the limit on pixels goes for all of them
_ONE_COLOUR = 2  # of 255: what lossy coding makes of one colour
_PIECE = 2**20  # bytes
_FILLING = 4096  # bytes after a JPEG without end: enough for the last blocks
# Of 1024 a fourth of 12 megapixels (4000 or 4032 wide) and an eighth of 48 are nearly that. Read at
# twice the size and resized they take 1.5 times as long (benchmarks/decoding.py).
_NEAR = 15 / 16
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/|data:", re.IGNORECASE)  # Path makes :/ of ://


@dataclass(frozen=True)
class ImageLimits:
    """Limits on the size of an image.

    ``max_pixels`` and ``max_bytes`` are checked before anything is decoded; ``max_side`` is the
    longer side of what ``load`` returns and so changes what the stages see, as does ``drafted``:
    see ``engine.config.ImageSettings``. A JPEG that is
    decoded at a reduced size counts as what decoding it costs: its reduced pixels, an eighth of
    those in the file, or, of one in several scans (a progressive one), a pixel for every 16 bytes
    of coefficients held or a 64th of those in the file for every scan, whichever is most.
    A TIFF counts whole tiles, and a pixel for every four bytes of deep samples.
    256 MiB holds 80 megapixels uncompressed.
    """

    max_pixels: int = 80_000_000
    max_bytes: int = 256 * 2**20
    max_side: int = 1024
    drafted: bool = False

    def __post_init__(self) -> None:
        for name in ("max_pixels", "max_bytes", "max_side"):
            if getattr(self, name) < 1:
                raise ValueError(f"ImageLimits.{name} must be at least 1")

    @classmethod
    def of(cls, settings: ImageSettings) -> ImageLimits:
        return cls(settings.max_pixels, settings.max_bytes, settings.max_side, settings.drafted)


DEFAULT_LIMITS = ImageLimits()


def load(
    source: str | Path | bytes | BinaryIO,
    *,
    uri: str | None = None,
    limits: ImageLimits = DEFAULT_LIMITS,
) -> RGBImage:
    """Decode the first frame, upright, in sRGB, on white, no longer than ``limits.max_side``.

    Of a TIFF that begins with a preview the full image counts, of an animation that begins with an
    empty frame the first that shows something.

    Images are never enlarged. EXIF that cannot be parsed leaves the image as it is stored.
    Raises ImageError, and nothing else, whatever the source holds. Thread-safe.
    """
    name = uri if uri is not None else _name(source)
    data = _read(source, name, limits)
    try:
        return _decode(data, name, limits)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:  # Pillow's own limit for WebP and GIF
        reason = f"has more pixels than its decoder takes ({_short(str(error))})."
        raise ImageTooLargeError(
            name, reason, remedy="Save it smaller, or as PNG or TIFF."
        ) from error
    except Exception as error:  # decoders raise exceptions of all kinds on damaged files
        raise ImageError(name, _reason(error)) from error


def _name(source: str | Path | bytes | BinaryIO) -> str:
    if isinstance(source, bytes):
        return "<memory>"
    if isinstance(source, (str, Path)):
        return str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "<stream>"


def _read(source: str | Path | bytes | BinaryIO, uri: str, limits: ImageLimits) -> bytes:
    try:
        if isinstance(source, bytes):
            data = source
        elif isinstance(source, (str, Path)):
            data = _read_file(path_of(source), uri, limits)
        else:
            data = _read_stream(source, limits.max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a closed stream, a zero byte in a path
        if isinstance(source, (str, Path)) and _ADDRESS.match(str(source)):
            remedy = "Download the image and give the path of the file."
            raise ImageError(uri[:200], "is a web address, not a file.", remedy=remedy) from error
        raise ImageError(uri, _os_reason(error)) from error
    if len(data) > limits.max_bytes:
        # Of a stream no more was read: how large it is is not known.
        raise _too_large(uri, len(data) if isinstance(source, bytes) else None, limits)
    if not data:
        raise ImageError(uri, "is empty (0 bytes).")
    return data


def _read_file(path: Path, uri: str, limits: ImageLimits) -> bytes:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ImageError(uri, "is a folder, not an image.")
    if not stat.S_ISREG(status.st_mode):  # a pipe would block, a device may never end
        raise ImageError(uri, "is not a regular file.")
    if status.st_size > limits.max_bytes:
        raise _too_large(uri, status.st_size, limits)
    with path.open("rb") as file:
        return _read_stream(file, limits.max_bytes + 1)  # it may have grown since


def _read_stream(stream: BinaryIO, at_most: int) -> bytes:
    """In pieces: one ``read(at_most)`` would allocate the whole limit for a thumbnail."""
    buffer = bytearray()
    while len(buffer) < at_most:
        piece = stream.read(min(_PIECE, at_most - len(buffer)))
        if not piece:
            break
        buffer += piece
    return bytes(buffer)


def _too_large(uri: str, size: int | None, limits: ImageLimits) -> ImageTooLargeError:
    found, needed = ("", "N") if size is None else (f"{size:,} of ", str(size))
    return ImageTooLargeError(
        uri,
        f"is larger than the limit ({found}{limits.max_bytes:,} bytes).",
        remedy=f"Save it smaller, or allow it: --set images.max_bytes={needed}.",
    )


def _os_reason(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist."
    if isinstance(error, PermissionError):
        return "may not be read (permission denied)."
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"cannot be read ({text})."


def _decode(data: bytes, uri: str, limits: ImageLimits) -> RGBImage:
    with open_undecoded(data, uri) as image:
        size = image.size
        _draft(image, limits)
        _check_cost(image, data, uri, size, limits)
        try:
            image.load()
        except OSError as error:
            if image.format != "JPEG" or "truncated" not in str(error):
                raise
            image = _without_end(data, uri, limits)
        turned = _orientation(image)
        shown = _shown_frame(image, data, uri, limits)
        upright, alpha = to_srgb(shown, lambda flat: fit(flat, limits.max_side))
        if turned in _UPRIGHT:
            upright = upright.transpose(_UPRIGHT[turned])
            alpha = None if alpha is None else alpha.transpose(_UPRIGHT[turned])
        pixels = np.asarray(upright)
    original = size[::-1] if turned >= 5 else size
    alpha_pixels = None if alpha is None else np.array(alpha)
    return RGBImage(pixels, uri, original, alpha=alpha_pixels)


def _draft(image: ImageFile.ImageFile, limits: ImageLimits) -> None:
    """Let libjpeg decode at 1/2, 1/4 or 1/8 where that still reaches ``max_side``, or nearly."""
    longer, max_side = max(image.size), limits.max_side
    scale = longer // max_side
    if limits.drafted and longer > max_side:
        near = (part for part in (2, 4, 8) if max_side * _NEAR <= longer / part <= max_side)
        scale = next(near, scale)
    if scale >= 2 and isinstance(image, JpegImagePlugin.JpegImageFile):
        image.draft(image.mode, (image.width // scale or 1, image.height // scale or 1))


def _without_end(data: bytes, uri: str, limits: ImageLimits) -> ImageFile.ImageFile:
    """A JPEG of which the end marker alone is missing: what follows does not change its pixels.

    The decoder takes an end marker for the missing rest without a word, so that a truncated image
    would be half grey. Raises EOFError for one.
    """
    images = []
    for filling in (b"\x00", b"\xaa"):
        image = open_undecoded(data.rstrip(b"\xff") + filling * _FILLING + b"\xff\xd9", uri)
        _draft(image, limits)
        image.load()
        images.append(image)
    if images[0].tobytes() != images[1].tobytes():
        raise EOFError
    return images[0]


def _check_cost(
    image: ImageFile.ImageFile, data: bytes, uri: str, size: Size, limits: ImageLimits
) -> None:
    cost = _cost(image, data, *size)
    if cost > limits.max_pixels:
        raise ImageTooLargeError(
            uri,
            f"has more pixels than the limit ({size[0]} x {size[1]} of {limits.max_pixels:,}).",
            remedy=f"Save it smaller, or allow it: --set images.max_pixels={cost}.",
        )


def _cost(image: ImageFile.ImageFile, data: bytes, width: int, height: int) -> int:
    """In pixels; width and height are those in the file, the image may be drafted.

    Entropy decoding of all pixels is left to do at every reduced size. A JPEG of several scans
    holds its coefficients, two bytes a sample, until the last, and goes through them in each.
    """
    if isinstance(image, (PlainTiff, SampledTiff)):
        return max(width * height, math.ceil(image.decoded_bytes / BYTES_PER_PIXEL))
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return width * height
    entropy = math.ceil(width * height / 8)
    if "progressive" not in image.info and first_scan(data) >= image.layers:
        return max(image.width * image.height, entropy)
    widest = max(across * down for _, across, down, _ in image.layer) or 1
    samples = sum(across * down / widest for _, across, down, _ in image.layer)
    held = math.ceil(width * height * samples * 2 / 16)
    passes = math.ceil(width * height * data.count(_SCAN) / 64)
    return max(image.width * image.height, entropy, held, passes)


def _shown_frame(
    image: ImageFile.ImageFile, data: bytes, uri: str, limits: ImageLimits
) -> Image.Image:
    """The first frame; of an animation that begins empty, the first one that shows something."""
    if image.format not in _ANIMATED or not getattr(image, "is_animated", False):
        return image
    if not _is_empty(image):
        return image
    most = min(_MOST_FRAMES, limits.max_pixels // (image.width * image.height))
    with open_undecoded(data, uri) as frames:
        try:
            for index in range(1, most):
                frames.seek(index)
                if not _is_empty(frames):
                    return frames.copy()
        except Exception:  # it has no more frames, or the later ones are damaged in some way
            return image
    return image


def _is_empty(image: Image.Image) -> bool:
    """All clear, or all of one colour."""
    pixels = np.asarray(image.convert("RGBA")).reshape(-1, 4)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    return bool(high[3] == 0 or (high - low).max() <= _ONE_COLOUR)


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken EXIF raises half a dozen types; the pixels do not need it
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def fit(image: Image.Image, max_side: int) -> Image.Image:
    """No longer than ``max_side``; never enlarged."""
    size = _fitted(image.size, max_side)
    if size == image.size:
        return image
    if image.mode in ("RGB", "L"):
        from engine.halving import reduced  # 19 MiB of OpenCV, which decoders of small images spare

        return Image.fromarray(reduced(np.asarray(image), *size))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _fitted(size: Size, max_side: int) -> Size:
    longer = max(size)
    if longer <= max_side:
        return size
    width, height = (max(1, round(side * max_side / longer)) for side in size)
    return width, height


def _reason(error: Exception) -> str:
    text = str(error)
    if "truncated" in text or isinstance(error, EOFError):
        return "is truncated; the image is not complete."
    if isinstance(error, MemoryError):
        return "does not fit into memory."
    if isinstance(error, (SyntaxError, struct.error, zlib.error)):
        return f"is damaged ({_short(text)})." if text else "is damaged."
    return f"cannot be decoded ({_short(text) or type(error).__name__})."


def _short(text: str) -> str:
    return " ".join(text.split())[:120]
