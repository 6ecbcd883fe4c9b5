"""The metadata of a PNG, JPEG or WebP left out before its decoder sees it.

Pillow refuses a whole image for metadata that it cannot or will not read: text and profiles above
a limit, wrong checksums, segments that are too short. What is kept is what the pixels need: pixels,
colours, transparency and frames, a colour profile, and the blocks that may hold the orientation.
O(file) in time and memory. For TIFF see ``_tiff``.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

LARGEST_BLOCK = 2**20  # bytes; Pillow refuses a PNG whose profile or text inflates to more

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT"})
_FRAMES = frozenset({b"acTL", b"fcTL", b"fdAT"})
_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
# Where Pillow looks for an orientation beside EXIF.
_ORIENTATION = (b"Raw profile type exif", b"XML:com.adobe.xmp")
# An image in usual chunks of 8 KiB has 32,768 of them at the limit of 256 MiB.
_MOST_CHUNKS = 1_000_000
_MOST_USEFUL = 20  # chunks of metadata that are kept; there are four kinds


def bare_png(data: bytes) -> bytes:
    """The chunks that the pixels need; a missing end is added.

    Raises SyntaxError for a wrong checksum of a chunk that the pixels depend on, EOFError where no
    pixels follow.
    """
    view, at = memoryview(data), len(_SIGNATURE)
    kept: list[bytes | memoryview] = [_SIGNATURE]
    seen: set[bytes] = set()
    useful, frames_are_intact = 0, True
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        if not kind.isalpha() or kind == b"IEND":
            break
        body, end = view[at + 8 : at + 8 + length], at + 12 + length
        if kind in _PIXELS or (kind in _FRAMES and frames_are_intact):
            if end <= len(data) and not _is_intact(view[at:end]):
                if kind in _FRAMES:  # the image itself needs none of them
                    frames_are_intact = False
                    at = end
                    continue
                raise SyntaxError(f"wrong checksum of the chunk {kind.decode()}")
            kept += [struct.pack(">I4s", len(body), kind), body, view[at + 8 + length : end]]
            if end > len(data):  # the decoder decides whether the pixels are complete
                kept.append(bytes(4 - len(view[at + 8 + length : end])))
            seen.add(kind)
        elif end <= len(data) and useful < _MOST_USEFUL and _is_of_use(kind, body):
            useful += 1
            if _is_intact(view[at:end]):
                kept.append(view[at:end])
        at = end
    else:
        raise SyntaxError("too many chunks")
    if b"IDAT" not in seen:
        raise EOFError
    return b"".join([*kept, struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))])


def _is_intact(chunk: memoryview) -> bool:
    """Whether the checksum of type and content is right."""
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")


def _is_of_use(kind: bytes, body: memoryview) -> bool:
    """A profile or an orientation that Pillow can read without inflating more than a block."""
    if kind == b"eXIf":
        return True
    if len(body) > LARGEST_BLOCK or kind not in _TEXT | {b"iCCP"}:
        return False
    name, _, rest = bytes(body).partition(b"\0")
    if kind == b"iCCP":
        return rest[:1] == b"\0" and _inflates(rest[1:])
    if name not in _ORIENTATION:
        return False
    if kind == b"zTXt":
        return rest[:1] == b"\0" and _inflates(rest[1:])
    if kind == b"iTXt" and rest[:1] != b"\0":
        text = rest[2:].split(b"\0", 2)
        return rest[:2] == b"\1\0" and len(text) == 3 and _inflates(text[2])
    return True


def _inflates(deflated: bytes) -> bool:
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(deflated, LARGEST_BLOCK)
    except zlib.error:
        return False
    return not inflater.unconsumed_tail


_START_OF_SCAN, _COMMENT, _APPLICATION = 0xDA, 0xFE, range(0xE0, 0xF0)
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
# Segments that decide about colours and orientation, and from which length they are whole.
_USEFUL_SEGMENTS: tuple[tuple[int, bytes, int], ...] = (
    (0xE0, b"JFIF\0", 14),
    (0xE1, b"Exif\0\0", 14),
    (0xE1, b"http://ns.adobe.com/xap/1.0/\0", 30),
    (0xE2, b"ICC_PROFILE\0", 15),
    (0xEE, b"Adobe", 12),
)
_MOST_SEGMENTS = 1000  # that are kept; a profile in segments of usual size is far below


def bare_jpeg(data: bytes) -> bytes:
    """The segments before the first scan that the pixels need, and all that follows."""
    view, kept, useful = memoryview(data), [memoryview(data)[:2]], 0
    rest = 2
    for at, marker, end in _segments(data):
        if marker in _APPLICATION or marker == _COMMENT:
            if useful < _MOST_SEGMENTS and _is_useful_segment(marker, view[at + 4 : end]):
                kept.append(view[at:end])
                useful += 1
        else:
            kept.append(view[at:end])
        rest = end
    return b"".join([*kept, view[rest:]])


def first_scan(data: bytes) -> int:
    """How many components the first scan of a JPEG holds; 0 where there is none."""
    start = 2
    for _, _, end in _segments(data):
        start = end
    at = data.find(bytes((0xFF, _START_OF_SCAN)), start)
    return data[at + 4] if 0 <= at < len(data) - 4 else 0


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(start, marker, end) of those before the first scan; bytes between them are skipped."""
    at = 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker in (0x00, 0xFF) or marker in _STANDALONE:
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _START_OF_SCAN or end > len(data):
            return
        yield at, marker, max(end, at + 2)
        at = max(end, at + 2)


def _is_useful_segment(marker: int, body: memoryview) -> bool:
    return any(
        marker == kind and len(body) >= least and body[: len(start)] == start
        for kind, start, least in _USEFUL_SEGMENTS
    )


_WEBP_PIXELS = frozenset({b"VP8X", b"ALPH", b"VP8 ", b"VP8L", b"ANIM", b"ANMF"})
_WEBP_METADATA = frozenset({b"ICCP", b"EXIF", b"XMP "})


def bare_webp(data: bytes) -> bytes:
    """The chunks that the pixels need, with the size of the file put right.

    Raises EOFError where the pixels are missing or not complete.
    """
    view, at = memoryview(data), 12
    kept: list[bytes | memoryview] = []
    seen: set[bytes] = set()
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            break
        kind, length = struct.unpack_from("<4sI", data, at)
        body = view[at + 8 : at + 8 + length]
        is_whole = len(body) == length
        if kind in _WEBP_PIXELS:
            if not is_whole:
                break  # a whole frame before it is enough
            kept += [view[at : at + 8], body, bytes(length % 2)]
            seen.add(kind)
        elif kind in _WEBP_METADATA - seen and is_whole and length <= LARGEST_BLOCK:
            kept += [view[at : at + 8], body, bytes(length % 2)]
            seen.add(kind)
        at += 8 + length + length % 2
    else:
        raise SyntaxError("too many chunks")
    if not seen & {b"VP8 ", b"VP8L", b"ANMF"}:
        raise EOFError
    size = 4 + sum(len(part) for part in kept)
    return b"".join([b"RIFF", struct.pack("<I", size), b"WEBP", *kept])
