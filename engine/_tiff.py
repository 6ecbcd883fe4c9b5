"""The page of a TIFF that shows the image, without the metadata of the file.

A TIFF is a chain of pages; each may have pages below it (SubIFDs). The first is what a reader
shows, but scanners, cameras and image editors put a small preview there. Pillow refuses a page
for tags that the pixels do not need, so that those are left out. Terms are those of TIFF 6.0 and
its supplement 1 of 1995 (SubIFDs); BigTIFF as libtiff defines it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255
_WIDTH, _LENGTH, _PHOTOMETRIC, _SUB_IFDS = 256, 257, 262, 330
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_OLD_REDUCED = 2  # of SubfileType
_PHOTOMETRICS = frozenset({0, 1, 2, 3, 5, 6, 8, 9})  # not: raw sensor data, masks, depth
# The tags that decide about pixels, with their layout and colours.
_PIXEL_TAGS = frozenset(
    {256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325}
    | {
        332,
        333,
        334,
        338,
        339,
        340,
        341,
        347,
        512,
        513,
        514,
        515,
        519,
        520,
        521,
        529,
        530,
        531,
        532,
    }
)
_ORIENTATION, _XMP, _PROFILE = 274, 700, 34675
_BYTE, _SHORT, _LONG, _UNDEFINED = 1, 3, 4, 7  # types of values
_FORMATS = {_SHORT: "H", _LONG: "I", 13: "I", 16: "Q", 18: "Q"}
_SIZES = {_BYTE: 1, _UNDEFINED: 1, _SHORT: 2, _LONG: 4, 13: 4, 16: 8, 18: 8}
_LARGEST_XMP = 2**20  # bytes
_MOST_PAGES = 64  # that are looked at
_MOST_VALUES = 64  # of SubIFDs
_PREVIEW = 2  # a page is a preview of one that is so many times wider and higher


@dataclass(frozen=True)
class _Entry:
    tag: int
    kind: int
    count: int
    raw: bytes  # the whole entry, as it lies in the file


@dataclass(frozen=True)
class _Page:
    at: int  # its offset in the file
    entries: tuple[_Entry, ...]
    width: int
    length: int
    is_reduced: bool
    is_shown: bool  # neither a mask nor the raw data of a sensor


class _File:
    """Byte order and widths of classic TIFF and BigTIFF."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data[:2] == b"II" else ">"
        self.is_big = data[2:4] in (b"\x2b\0", b"\0\x2b")
        self.offset = self.order + ("Q" if self.is_big else "I")
        self.count = self.order + ("Q" if self.is_big else "H")
        self.entry = self.order + ("HHQ" if self.is_big else "HHI")
        self.first = 8 if self.is_big else 4  # where the offset of the first page lies

    def page(self, at: int) -> tuple[_Page, int]:
        """The page at an offset, and the offset of the next one. Raises struct.error."""
        start = at
        (count,) = struct.unpack_from(self.count, self.data, at)
        at += struct.calcsize(self.count)
        head, width = struct.calcsize(self.entry), struct.calcsize(self.offset)
        entries = []
        for _ in range(min(count, 0xFFFF)):
            tag, kind, values = struct.unpack_from(self.entry, self.data, at)
            entries.append(_Entry(tag, kind, values, self.data[at : at + head + width]))
            at += head + width
        try:
            (following,) = struct.unpack_from(self.offset, self.data, at)
        except struct.error:  # the last page of a file that ends there
            following = 0
        return self._described(start, tuple(entries)), following

    def _described(self, at: int, entries: tuple[_Entry, ...]) -> _Page:
        kinds = self.values(entries, _NEW_SUBFILE_TYPE) or [0]
        old = self.values(entries, _SUBFILE_TYPE) or [0]
        photometric = self.values(entries, _PHOTOMETRIC) or [0]
        return _Page(
            at,
            entries,
            (self.values(entries, _WIDTH) or [0])[0],
            (self.values(entries, _LENGTH) or [0])[0],
            is_reduced=bool(kinds[0] & _REDUCED) or old[0] == _OLD_REDUCED,
            is_shown=not kinds[0] & _MASK and photometric[0] in _PHOTOMETRICS,
        )

    def values(self, entries: tuple[_Entry, ...], tag: int) -> list[int]:
        """The first of the whole numbers of a tag; none where it is missing or cut."""
        for entry in entries:
            if entry.tag != tag or entry.kind not in _FORMATS:
                continue
            count = min(entry.count, _MOST_VALUES)
            layout = f"{self.order}{count}{_FORMATS[entry.kind]}"
            inline = entry.raw[struct.calcsize(self.entry) :]
            try:
                if _SIZES[entry.kind] * entry.count <= len(inline):
                    return list(struct.unpack_from(layout, inline))
                return list(
                    struct.unpack_from(layout, self.data, *struct.unpack(self.offset, inline))
                )
            except struct.error:
                return []
        return []

    def pages(self) -> Iterator[_Page]:
        """The chain of pages, each followed by those below it, without circles."""
        (start,) = struct.unpack_from(self.offset, self.data, self.first)
        waiting, seen = [start], set[int]()
        while waiting and len(seen) < _MOST_PAGES:
            at = waiting.pop()
            if at == 0 or at in seen:
                continue
            seen.add(at)
            try:
                page, following = self.page(at)
            except struct.error:
                continue  # a damaged later page does not take the first one away
            yield page
            waiting += [following, *reversed(self.values(page.entries, _SUB_IFDS))]

    def alone(self, page: _Page) -> bytes:
        """The file with the page as its only one, written where it lies.

        Nothing is added at the end, where it would stand in for pixels of a truncated file.
        """
        kept = [entry.raw for entry in page.entries if _is_of_use(entry)]
        written = b"".join([struct.pack(self.count, len(kept)), *kept, struct.pack(self.offset, 0)])
        data = bytearray(self.data)
        data[page.at : page.at + len(written)] = written
        struct.pack_into(self.offset, data, self.first, page.at)
        return bytes(data)


def shown_page(data: bytes) -> bytes:
    """The TIFF with the page that shows the image as its only one, and no other metadata than
    orientation and colour profile. As it is where its structure is damaged."""
    file = _File(data)
    try:
        pages = list(file.pages())
        return file.alone(_chosen(pages)) if pages else data
    except struct.error:
        return data


def _chosen(pages: list[_Page]) -> _Page:
    first = pages[0]
    full = [page for page in pages[1:] if page.is_shown and not page.is_reduced]
    if first.is_reduced:
        larger = [page for page in full if page.width * page.length > first.width * first.length]
        return larger[0] if larger else first
    enlarged = [page for page in full if _is_preview(first, page)]
    return max(enlarged, key=lambda page: page.width, default=first)


def _is_preview(small: _Page, large: _Page) -> bool:
    """Of the same shape within a pixel of the small one, and much smaller."""
    if not small.width or not small.length:
        return False
    across, down = large.width / small.width, large.length / small.length
    is_same_shape = abs(across - down) * min(small.width, small.length) <= max(across, down)
    return min(across, down) >= _PREVIEW and is_same_shape


def _is_of_use(entry: _Entry) -> bool:
    if entry.tag == _ORIENTATION:
        return entry.kind == _SHORT and entry.count == 1
    if entry.tag == _XMP:  # may hold the orientation
        return entry.kind in (_BYTE, _UNDEFINED) and entry.count <= _LARGEST_XMP
    if entry.tag == _PROFILE:
        return entry.kind in (_BYTE, _UNDEFINED)
    return entry.tag in _PIXEL_TAGS
