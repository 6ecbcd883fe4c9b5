"""TIFFs that Pillow garbles or refuses: deep, signed and float samples, samples in planes.

Pillow decompresses the strips or tiles of a plane as if they were 8-bit grey, which every codec of
whole bytes allows; what the bytes mean (predictor, byte order, bits, planes, photometric) is worked
out here, as TIFF 6.0 and its technical note 3 (float predictor) define it.
"""

from __future__ import annotations

import io
import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, TiffImagePlugin

from engine._tiff import Page, TiffPages, shown_page
from engine.errors import ImageError

Values = npt.NDArray[Any]  # (rows, width, samples)

# None, LZW, deflate (both numbers), PackBits, LZMA, Zstandard: codecs of bytes, not of images.
_BYTE_CODECS = frozenset({1, 5, 8, 32946, 32773, 34925, 50000})
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_GREYS = {_WHITE_IS_ZERO: "L", _BLACK_IS_ZERO: "L"}
_MODES = {**_GREYS, _RGB: "RGB", _CMYK: "CMYK", _YCBCR: "YCbCr", _LAB: "LAB"}
_NAMES = {**_MODES, **dict.fromkeys(_GREYS, "grey"), _PALETTE: "palette", _LAB: "Lab"}
_COLOURS = {photometric: len(mode) for photometric, mode in _MODES.items()}
_COLOURS |= {_YCBCR: 3, _PALETTE: 1}
_ASSOCIATED, _UNASSOCIATED = 1, 2  # kinds of alpha in ExtraSamples
_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}  # SampleFormat; 4 is undefined
_DIFFERENCES, _FLOAT_DIFFERENCES = 2, 3
BYTES_PER_PIXEL = 4  # of a decoded image in colour
_BLOCK = 2**22  # samples that are converted at a time


@dataclass(frozen=True)
class Layout:
    """How the samples of a page lie; bits and kind are those of every sample."""

    width: int
    length: int
    photometric: int
    samples: int
    bits: int
    kind: str  # u, i or f, as in numpy
    compression: int
    predictor: int
    in_planes: bool
    reverses_bits: bool
    extra: tuple[int, ...]
    subsampling: tuple[int, ...]
    order: str
    block: tuple[int, int]  # width and length of a strip or tile, in pixels
    is_tiled: bool

    @classmethod
    def of(cls, pages: TiffPages, page: Page) -> Layout | None:
        """None where the samples differ in bits or kind."""

        def values(tag: int, default: int) -> list[int]:
            return pages.values(page.entries, tag) or [default]

        samples = values(277, 1)[0]
        bits, kinds = set(values(258, 1)[:samples]), set(values(339, 1)[:samples])
        if len(bits) != 1 or len(kinds) != 1 or kinds - set(_KINDS):
            return None
        is_tiled = bool(pages.values(page.entries, 324))
        rows = min(values(278, page.length)[0], page.length)
        return cls(
            page.width,
            page.length,
            values(262, _WHITE_IS_ZERO)[0],
            samples,
            bits.pop(),
            _KINDS[kinds.pop()],
            values(259, 1)[0],
            values(317, 1)[0],
            samples > 1 and values(284, 1)[0] == 2,
            values(266, 1)[0] == 2,
            tuple(pages.values(page.entries, 338)),
            tuple(values(530, 2) if values(262, 0)[0] == _YCBCR else ()),
            pages.order,
            (values(322, 1)[0], values(323, 1)[0]) if is_tiled else (page.width, rows),
            is_tiled,
        )

    @property
    def colours(self) -> int:
        return _COLOURS.get(self.photometric, 0)

    @property
    def alpha(self) -> int | None:
        """The index of the sample that is alpha; a fourth of unknown meaning is one."""
        if not self.extra and self.samples == self.colours + 1 and self.colours in (1, 3):
            return self.colours
        for index, kind in enumerate(self.extra, self.colours):
            if kind in (_ASSOCIATED, _UNASSOCIATED) and index < self.samples:
                return index
        return None

    def is_read_by_pillow(self) -> bool:
        """What tests/engine/test_images_tiff.py shows to be right, and codecs of whole images."""
        if self.compression not in _BYTE_CODECS:
            return True
        if self.kind != "u" or not self.colours:
            return False
        if len(self.extra) > 1 or self._has_alpha_beside_ink():
            return False
        if self.reverses_bits and self.photometric != _PALETTE:
            return False
        if self.compression == 1 and self.photometric == _YCBCR and set(self.subsampling) != {1}:
            return False
        if self.colours == 1:
            if self.samples == 1:
                return self.bits in (1, 2, 4, 8) or (
                    self.bits == 16 and self.photometric == _BLACK_IS_ZERO
                )
            return self.bits == 8 and not self.in_planes
        if self.bits == 16:
            is_straight = self.samples == 3 or self.extra != (_ASSOCIATED,)
            return self.photometric == _RGB and is_straight and not self.in_planes
        return self.bits == 8 and not self.in_planes

    def is_read_here(self) -> bool:
        if self.photometric not in _MODES or self.samples < self.colours:
            return False
        if self._has_alpha_beside_ink():
            return False
        if self.photometric == _LAB:
            is_known = self.bits in (8, 16) and self.kind == "u"
        elif self.photometric == _YCBCR:
            is_known = self.bits == 8 and self.kind == "u" and set(self.subsampling) == {1}
        elif self.kind == "f":
            is_known = self.bits in (16, 32, 64)
        elif self.kind == "i":
            is_known = self.bits in (8, 16, 32, 64)
        else:
            is_known = 1 <= self.bits <= 16 or self.bits in (32, 64)
        is_predicted = {
            1: True,
            _DIFFERENCES: self.bits in (8, 16, 32, 64),
            _FLOAT_DIFFERENCES: self.kind == "f",
        }
        is_whole = not self.is_tiled or self.block[0] * self.bits % 8 == 0
        return is_known and is_whole and is_predicted.get(self.predictor, False)

    def _has_alpha_beside_ink(self) -> bool:
        return self.alpha is not None and self.photometric in (_CMYK, _YCBCR, _LAB)

    def __str__(self) -> str:
        kind = {"u": "", "i": " signed", "f": " float"}[self.kind]
        planes = " in planes" if self.in_planes else ""
        subsampling = f", subsampled {self.subsampling}" if self.subsampling else ""
        alpha = " with alpha" if self.alpha is not None else ""
        name = _NAMES.get(self.photometric, "other")
        return (
            f"{self.bits}-bit{kind} {name} samples{alpha}{planes}"
            f" (photometric {self.photometric}, {self.samples} samples,"
            f" predictor {self.predictor}{subsampling})"
        )


def open_tiff(data: bytes, uri: str) -> ImageFile.ImageFile:
    """The page that shows the image, undecoded. Raises ImageError for samples that are not read."""
    pages = TiffPages(data)
    page = shown_page(pages)
    if page is None:  # damaged; the reason is Pillow's
        return PlainTiff(io.BytesIO(data))
    layout = Layout.of(pages, page)
    if layout is not None and layout.is_read_by_pillow():
        image = PlainTiff(io.BytesIO(pages.alone(page)))
        image.decoded_bytes = layout.block[0] * layout.block[1] * BYTES_PER_PIXEL
        return image
    if layout is not None and layout.is_read_here():
        return SampledTiff(pages, page, layout)
    raise ImageError(
        uri,
        f"is a TIFF with {layout or 'samples of different bits'}, which is not read.",
        remedy="Save it as RGB with 8 or 16 bits.",
    )


class PlainTiff(TiffImagePlugin.TiffImageFile):
    """Without Pillow's limit on pixels, which is that of the process: ours is checked before."""

    decoded_bytes = 0  # of a whole tile

    def load_prepare(self) -> None:
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size).im
        ImageFile.ImageFile.load_prepare(self)


class SampledTiff(ImageFile.ImageFile):
    """A page whose samples become 8 bits at ``load()``: L, LA, RGB, RGBA, CMYK, LAB or YCbCr,
    La or RGBa where alpha is multiplied in."""

    format = "TIFF"
    format_description = "TIFF"

    def __init__(self, pages: TiffPages, page: Page, layout: Layout) -> None:
        self._pages, self._page, self._layout = pages, page, layout
        super().__init__(io.BytesIO(pages.data))

    def _open(self) -> None:
        layout = self._layout
        alpha = layout.alpha
        suffix = ""
        if alpha is not None:
            kind = layout.extra[alpha - layout.colours] if layout.extra else _UNASSOCIATED
            suffix = "a" if kind == _ASSOCIATED else "A"
        self._mode = _MODES[layout.photometric] + suffix
        self._size = (layout.width, layout.length)
        profile = self._pages.content(self._page, 34675)
        if profile:
            self.info["icc_profile"] = profile
        xmp = self._pages.content(self._page, 700)
        if xmp:
            self.info["xmp"] = xmp
        orientation = self._pages.values(self._page.entries, 274)
        if orientation:
            self.getexif()[274] = orientation[0]

    @property
    def decoded_bytes(self) -> int:
        """Of whole strips or tiles in all planes."""
        layout = self._layout
        across, down = _blocks(layout)
        rows = down * layout.block[1] if layout.is_tiled else layout.length
        planes = layout.samples if layout.in_planes else 1
        return across * _row_bytes(layout) * rows * planes

    def load(self) -> Any:
        if self._im is None:
            pixels = _pixels(self._pages, self._page, self._layout)
            self.im = Image.frombytes(self.mode, self.size, pixels.tobytes()).im
        return super().load()


def _pixels(pages: TiffPages, page: Page, layout: Layout) -> npt.NDArray[np.uint8]:
    """(length, width, channels)"""
    count = layout.samples if layout.in_planes else 1
    planes = [_plane(pages, page, layout, index) for index in range(count)]
    channels = list(range(layout.colours))
    if layout.alpha is not None:
        channels.append(layout.alpha)
    pixels = np.empty((layout.length, layout.width, len(channels)), np.uint8)
    rows = max(1, _BLOCK // (layout.width * layout.samples))
    blocks = range(0, layout.length, rows)
    top = max((_largest(_values(planes, layout, at, rows)) for at in blocks), default=1.0)
    for at in blocks:
        values = _values(planes, layout, at, rows)[:, :, channels]
        pixels[at : at + rows] = _eight_bit(values, layout, _range(layout, top))
    return pixels


def _plane(pages: TiffPages, page: Page, layout: Layout, index: int) -> npt.NDArray[np.uint8]:
    """The decompressed bytes of a plane: (rows, bytes of a row of whole strips or tiles).

    Raises EOFError where the file ends before them.
    """
    across, down = _blocks(layout)
    row, length = _row_bytes(layout), layout.block[1]
    rows = down * length if layout.is_tiled else layout.length
    starts_tag, sizes_tag = (324, 325) if layout.is_tiled else (273, 279)
    part = slice(index * across * down, (index + 1) * across * down)
    starts = pages.values(page.entries, starts_tag, None)[part]
    sizes = pages.values(page.entries, sizes_tag, None)[part]
    if layout.compression == 1:
        sizes = [row * min(length, rows - at // across * length) for at in range(len(starts))]
    if len(starts) < across * down or len(sizes) < len(starts):
        raise EOFError
    if any(start + size > len(pages.data) for start, size in zip(starts, sizes, strict=True)):
        raise EOFError
    compressed = [
        pages.data[start : start + size] for start, size in zip(starts, sizes, strict=True)
    ]
    tags = {
        256: across * row,
        257: rows,
        258: 8,
        259: layout.compression,
        262: 1,
        266: 1 + layout.reverses_bits,
    }
    tags |= {277: 1, 284: 1}
    tags |= {322: row, 323: length} if layout.is_tiled else {278: length}
    with PlainTiff(io.BytesIO(_written(tags, starts_tag, sizes_tag, compressed))) as image:
        return np.asarray(image)


def _blocks(layout: Layout) -> tuple[int, int]:
    """Strips or tiles beside and below each other."""
    width, length = layout.block
    return math.ceil(layout.width / width), math.ceil(layout.length / length)


def _row_bytes(layout: Layout) -> int:
    """Of a strip or tile."""
    samples = 1 if layout.in_planes else layout.samples
    return math.ceil(layout.block[0] * layout.bits * samples / 8)


def _written(
    tags: dict[int, int], starts_tag: int, sizes_tag: int, compressed: list[bytes]
) -> bytes:
    """A small-endian TIFF of one page."""
    sizes = [len(piece) for piece in compressed]
    starts = np.cumsum([8, *sizes])[:-1].tolist()
    body = b"".join(compressed) + bytes(sum(sizes) % 2)
    lists = {starts_tag: starts, sizes_tag: sizes}
    entries, values = b"", b""
    after = 8 + len(body) + 2 + 12 * (len(tags) + 2) + 4
    for tag, numbers in sorted({**{tag: [value] for tag, value in tags.items()}, **lists}.items()):
        packed = struct.pack(f"<{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            packed, values = struct.pack("<I", after + len(values)), values + packed
        entries += struct.pack("<HHI", tag, 4, len(numbers)) + packed
    page = struct.pack("<H", len(tags) + 2) + entries + bytes(4)
    return b"II\x2a\0" + struct.pack("<I", 8 + len(body)) + body + page + values


def _values(planes: list[npt.NDArray[np.uint8]], layout: Layout, at: int, rows: int) -> Values:
    """Some rows of all planes: (rows, width, samples), in the byte order of the machine."""
    step = _row_bytes(layout)
    end = min(at + rows, layout.length)
    whole = []
    for plane in planes:
        columns = [
            _column(plane[at:end, left : left + step], layout)
            for left in range(0, plane.shape[1], step)
        ]
        whole.append(np.concatenate(columns, axis=1)[:, : layout.width])
    return np.concatenate(whole, axis=2)


def _column(raw: npt.NDArray[np.uint8], layout: Layout) -> Values:
    """Of strips, or of the tiles that lie below each other: differences start there anew."""
    count, size = 1 if layout.in_planes else layout.samples, layout.bits // 8
    shape = (len(raw), layout.block[0], count)
    raw = np.ascontiguousarray(raw)
    if layout.predictor == _FLOAT_DIFFERENCES:
        sums = np.cumsum(raw.reshape(len(raw), -1, count), axis=1, dtype=np.uint8)
        by_sample = sums.reshape(len(raw), size, -1).transpose(0, 2, 1)
        floats = np.ascontiguousarray(by_sample).view(f">f{size}")
        return floats.reshape(shape).astype(f"=f{size}")
    if layout.bits in (8, 16, 32, 64):
        values = raw.view(f"{layout.order}u{size}").astype(f"=u{size}").reshape(shape)
        if layout.predictor == _DIFFERENCES:
            values = np.cumsum(values, axis=1, dtype=values.dtype)
        return values.view(f"=f{size}" if layout.kind == "f" else f"={layout.kind}{size}")
    unpacked = np.unpackbits(raw, axis=1)[:, : math.prod(shape[1:]) * layout.bits]
    weights = 1 << np.arange(layout.bits, dtype=np.uint16)[::-1]
    return (unpacked.reshape(len(raw), -1, layout.bits) @ weights).reshape(shape)


def _largest(values: Values) -> float:
    if values.dtype.kind != "f":
        return 1.0
    return float(np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0).max())


def _range(layout: Layout, top: float) -> float:
    """What white is. Floats are meant to lie in [0, 1]; others come from 8 or 16 bits."""
    if layout.kind == "f":
        return 1.0 if top <= 1.0 else 255.0 if top <= 255.0 else max(top, 65535.0)
    return float(2 ** (layout.bits - (layout.kind == "i")) - 1)


def _eight_bit(values: Values, layout: Layout, white: float) -> npt.NDArray[np.uint8]:
    if layout.photometric == _YCBCR:
        return values
    if layout.photometric == _LAB:  # L from 0, a and b signed
        if layout.bits == 8:
            return values
        light = np.rint(values[:, :, :1] / 257.0).astype(np.uint8)
        hue = np.rint(values[:, :, 1:].view(np.int16) / 256.0).clip(-128, 127).astype(np.int8)
        return np.concatenate([light, hue.view(np.uint8)], axis=2)
    precise = np.dtype(np.float32 if layout.bits <= 16 else np.float64)
    unit: npt.NDArray[Any] = values.astype(precise) / precise.type(white)
    if layout.kind == "f":
        unit = np.nan_to_num(unit, nan=0.0, posinf=0.0, neginf=0.0)
    eight: npt.NDArray[np.uint8] = np.rint(unit.clip(0.0, 1.0) * 255.0).astype(np.uint8)
    if layout.photometric == _WHITE_IS_ZERO:
        eight[:, :, 0] = 255 - eight[:, :, 0]
    return eight
