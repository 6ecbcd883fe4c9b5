"""The metadata of a PNG left out before its decoder sees it.

Pillow refuses a whole image for metadata that it cannot or will not read: text and profiles above
a limit, wrong checksums. What is kept is what the pixels need: pixels, colours, transparency and
frames, a colour profile of usual size, and the blocks that may hold the orientation. O(file) in
time and memory.
"""

from __future__ import annotations

import struct
import zlib

LARGEST_BLOCK = 2**20  # bytes; Pillow refuses a PNG whose profile or text inflates to more

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT"})
_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
# Where Pillow looks for an orientation beside EXIF.
_ORIENTATION = (b"Raw profile type exif", b"XML:com.adobe.xmp")
# An image in usual chunks of 8 KiB has 32,768 of them at the limit of 256 MiB.
_MOST_CHUNKS = 1_000_000


def bare_png(data: bytes) -> bytes:
    """The chunks that the pixels need; a missing end is added.

    Raises SyntaxError for a wrong checksum of a chunk that the pixels depend on, EOFError where no
    pixels follow.
    """
    view, at = memoryview(data), len(_SIGNATURE)
    kept: list[bytes | memoryview] = [_SIGNATURE]
    seen: set[bytes] = set()
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        if not kind.isalpha() or kind == b"IEND":
            break
        body, end = view[at + 8 : at + 8 + length], at + 12 + length
        if kind in _PIXELS:
            if end <= len(data) and not _is_intact(view[at:end]):
                raise SyntaxError(f"wrong checksum of the chunk {kind.decode()}")
            kept += [struct.pack(">I4s", len(body), kind), body, view[at + 8 + length : end]]
            if end > len(data):  # the decoder decides whether the pixels are complete
                kept.append(bytes(4 - len(view[at + 8 + length : end])))
        elif end <= len(data) and kind not in seen and _is_of_use(kind, body):
            if not _is_intact(view[at:end]):
                at = end
                continue
            kept.append(view[at:end])
        seen.add(kind)
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
