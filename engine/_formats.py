"""Image formats that are read; an image is opened by its first bytes, still undecoded.

The plugin of a format is called directly instead of through ``Image.open``: a misleading suffix
does no harm, nothing is registered in Pillow's global tables, and the pixel limit is ours alone
(Pillow's own is a process-wide setting that only warns at first).
"""

from __future__ import annotations

import io

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    WebPImagePlugin,
)

from engine._metadata import bare_jpeg, bare_webp
from engine._png import open_png
from engine._tiff_samples import open_tiff
from engine.errors import ImageError

# Files that a folder scan reads; their content, not their suffix, decides how.
SUPPORTED_SUFFIXES: frozenset[str] = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff"}
    | {".bmp", ".dib", ".gif", ".avif", ".heic", ".heif"}
)

FORMAT_NAMES = "JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, HEIC"

_SIGNATURES: tuple[tuple[bytes, type[ImageFile.ImageFile]], ...] = (
    (b"GIF87a", GifImagePlugin.GifImageFile),
    (b"GIF89a", GifImagePlugin.GifImageFile),
    (b"BM", BmpImagePlugin.BmpImageFile),
)

# TIFF comes as little- or big-endian, classic (42) or BigTIFF (43).
_TIFF = (b"II\x2a\x00", b"MM\x00\x2a", b"II\x2b\x00", b"MM\x00\x2b")

# Brands of ISO/IEC 23008-12 files: coded by AV1, coded by HEVC, or a container of either.
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_CONTAINER_BRANDS = {b"mif1", b"msf1", b"mif2"}


def open_undecoded(data: bytes, uri: str) -> ImageFile.ImageFile:
    """Read the header only; the pixels follow at ``load()``.

    Raises ImageError for a format that is not read here, and whatever the format's plugin
    raises for a damaged header.
    """
    for signature, plugin in _SIGNATURES:
        if data.startswith(signature):
            return plugin(io.BytesIO(data))
    if data.startswith(b"\xff\xd8\xff"):
        return JpegImagePlugin.JpegImageFile(io.BytesIO(bare_jpeg(data)))
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return open_png(data)
    if data.startswith(_TIFF):
        return open_tiff(data, uri)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WebPImagePlugin.WebPImageFile(io.BytesIO(bare_webp(data)))
    if data[4:8] == b"ftyp":
        brands = _brands(data)
        if brands[0] in _AVIF_BRANDS or (
            brands[0] in _CONTAINER_BRANDS and _AVIF_BRANDS & set(brands)
        ):
            return AvifImagePlugin.AvifImageFile(io.BytesIO(data))
        if brands[0] in _HEIC_BRANDS | _CONTAINER_BRANDS:
            return _open_heic(data, uri)
    raise ImageError(
        uri, "is not an image in a known format.", remedy=f"Formats that are read: {FORMAT_NAMES}."
    )


def _brands(data: bytes) -> list[bytes]:
    """The major brand and the compatible ones of a leading ftyp box."""
    end = min(int.from_bytes(data[:4], "big"), len(data), 256)
    return [data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))]


def _open_heic(data: bytes, uri: str) -> ImageFile.ImageFile:
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise ImageError(
            uri,
            "is HEIC, which needs a decoder that is not installed.",
            remedy='Install it with: pip install "packsight[heic]"',
        ) from error
    opened: ImageFile.ImageFile = HeifImageFile(io.BytesIO(data))
    return opened
