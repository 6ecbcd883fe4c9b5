"""Files that claim to be images and are none."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from tests.drawn_catalogue import package, save


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has next to no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


def write_bad_pictures(folder: Path) -> dict[str, str]:
    """Files that are no images, and a word of the reason that each should be refused for."""
    whole = save(folder / "truncated.jpg", package("jar", 1)).read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.jpg").write_text("Dear Sir or Madam, this is a letter.")
    (folder / "nothing.png").touch()
    (folder / "huge.png").write_bytes(png_header(50_000, 50_000))
    (folder / "header.png").write_bytes(png_header(40, 40))
    return {
        "truncated.jpg": "truncated",
        "text.jpg": "not an image",
        "nothing.png": "empty",
        "huge.png": "more pixels than the limit",
        "header.png": "",
    }
