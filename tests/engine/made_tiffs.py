"""TIFF files of every layout, written plainly from their samples."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.generic]  # (height, width, samples per pixel)

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
INTERLEAVED, PLANES = 1, 2
PLAIN, LZW, DEFLATE, OLD_DEFLATE, PACKBITS = 1, 5, 8, 32946, 32773
NO_PREDICTOR, DIFFERENCES, FLOAT_DIFFERENCES = 1, 2, 3
ASSOCIATED, UNASSOCIATED = 1, 2
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
FORMATS = {"u": 1, "i": 2, "f": 3}  # SampleFormat by numpy's kind


def written(
    samples: Samples,
    photometric: int,
    *,
    bits: int,
    planar: int = INTERLEAVED,
    compression: int = PLAIN,
    predictor: int = NO_PREDICTOR,
    order: str = "<",
    rows: int = 5,
    extra: int | None = None,
    palette: npt.NDArray[np.uint16] | None = None,
    reverse_bits: bool = False,
) -> bytes:
    """In strips of ``rows``; values of less than 8 bits are packed."""
    height, width, count = samples.shape
    planes = [samples] if planar == INTERLEAVED else list(np.split(samples, count, axis=2))
    strips = [
        _compressed(_strip(plane[top : top + rows], bits, predictor, order), compression)
        for plane in planes
        for top in range(0, height, rows)
    ]
    if reverse_bits:
        strips = [strip.translate(_REVERSED) for strip in strips]
    tags: list[tuple[int, str, list[int]]] = [
        (256, "I", [width]),
        (257, "I", [height]),
        (258, "H", [bits] * count),
        (259, "H", [compression]),
        (262, "H", [photometric]),
        *([(266, "H", [2])] if reverse_bits else []),
        (273, "I", [0] * len(strips)),
        (277, "H", [count]),
        (278, "I", [rows]),
        (279, "I", [len(strip) for strip in strips]),
        (284, "H", [planar]),
        (317, "H", [predictor]),
        *([(320, "H", palette.T.ravel().tolist())] if palette is not None else []),
        *([(338, "H", [extra])] if extra is not None else []),
        (339, "H", [FORMATS[samples.dtype.kind]] * count),
        *([(530, "H", [1, 1])] if photometric == YCBCR else []),
    ]
    return _assembled(tags, strips, order)


def subsampled(units: npt.NDArray[np.uint8], compression: int) -> bytes:
    """YCbCr of half the width and height in colour: (rows, columns, 4 of light, blue, red)."""
    strip = _compressed(units.tobytes(), compression)
    tags: list[tuple[int, str, list[int]]] = [
        (256, "I", [2 * units.shape[1]]),
        (257, "I", [2 * units.shape[0]]),
        (258, "H", [8, 8, 8]),
        (259, "H", [compression]),
        (262, "H", [YCBCR]),
        (273, "I", [0]),
        (277, "H", [3]),
        (278, "I", [2 * units.shape[0]]),
        (279, "I", [len(strip)]),
        (530, "H", [2, 2]),
    ]
    return _assembled(tags, [strip], "<")


def _strip(samples: Samples, bits: int, predictor: int, order: str) -> bytes:
    height = len(samples)
    if predictor == FLOAT_DIFFERENCES:
        count = samples.shape[2]
        rows = samples.reshape(height, -1).astype(samples.dtype.newbyteorder(">"))
        planes = rows.view(np.uint8).reshape(height, -1, samples.dtype.itemsize)
        return _differences(planes.transpose(0, 2, 1).reshape(height, -1, count)).tobytes()
    if predictor == DIFFERENCES:
        whole = samples.view(f"u{samples.dtype.itemsize}")
        samples = _differences(whole)
    rows = samples.reshape(height, -1)
    if bits < 8 or bits == 12:
        unpacked = (rows.astype(np.uint16)[..., None] >> np.arange(bits)[::-1]) & 1
        return np.packbits(unpacked.astype(np.uint8).reshape(height, -1), axis=1).tobytes()
    return rows.astype(rows.dtype.newbyteorder(order)).tobytes()


def _differences(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Of neighbours in a row, modulo their type."""
    result = values.copy()
    result[:, 1:] -= values[:, :-1]  # type: ignore[operator]
    return result


def _compressed(data: bytes, compression: int) -> bytes:
    if compression in (DEFLATE, OLD_DEFLATE):
        return zlib.compress(data)
    if compression == PACKBITS:  # literal runs alone
        pieces = (data[at : at + 128] for at in range(0, len(data), 128))
        return b"".join(bytes([len(piece) - 1]) + piece for piece in pieces)
    if compression == LZW:
        return _lzw(data)
    return data


def _lzw(data: bytes) -> bytes:
    """Codes of nine bits alone: the table is cleared before it needs longer ones."""
    codes = []
    for at in range(0, len(data), 200):
        codes += [256, *data[at : at + 200]]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    return int(bits.ljust(-len(bits) % 8 + len(bits), "0"), 2).to_bytes((len(bits) + 7) // 8, "big")


def _assembled(tags: list[tuple[int, str, list[int]]], strips: list[bytes], order: str) -> bytes:
    at = 8 + sum(len(strip) for strip in strips)
    starts = np.cumsum([8, *(len(strip) for strip in strips)])[:-1].tolist()
    entries, values = b"", b""
    after = at + 2 + 12 * len(tags) + 4
    for tag, kind, numbers in tags:
        numbers = starts if tag == 273 else numbers
        body = struct.pack(f"{order}{len(numbers)}{kind}", *numbers)
        if len(body) > 4:
            body, values = struct.pack(order + "I", after + len(values)), values + body
        entries += struct.pack(order + "HHI", tag, {"H": 3, "I": 4}[kind], len(numbers))
        entries += body.ljust(4, b"\0")
    magic = b"II\x2a\0" if order == "<" else b"MM\0\x2a"
    page = struct.pack(order + "H", len(tags)) + entries + bytes(4)
    return magic + struct.pack(order + "I", at) + b"".join(strips) + page + values
