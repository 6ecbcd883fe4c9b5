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
# Harmless: names, dates, resolution. They stay, so that most files need no copy.
_TEXT_TAGS = frozenset({269, 270, 271, 272, 282, 283, 296, 297, 305, 306, 315, 316, 33432})
_KEPT_TAGS = _PIXEL_TAGS | _TEXT_TAGS
_ORIENTATION, _XMP, _PROFILE = 274, 700, 34675
_BYTE, _SHORT, _LONG, _UNDEFINED = 1, 3, 4, 7  # types of values
_FORMATS = {_SHORT: "H", _LONG: "I", 13: "I", 16: "Q", 18: "Q"}
_LARGEST_XMP = 2**20  # bytes
_MOST_PAGES = 64  # that are looked at
_MOST_VALUES = 64  # of SubIFDs
_PREVIEW = 2  # a page is a preview of one that is so many times wider and higher


@dataclass(frozen=True)
class Entry:
    tag: int
    kind: int
    count: int
    raw: bytes  # the whole entry, as it lies in the file


@dataclass(frozen=True)
class Page:
    at: int  # its offset in the file
    entries: tuple[Entry, ...]
    width: int
    length: int
    is_reduced: bool
    is_shown: bool  # neither a mask nor the raw data of a sensor


class TiffPages:
    """Byte order and widths of classic TIFF and BigTIFF."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data[:2] == b"II" else ">"
        self.is_big = data[2:4] in (b"\x2b\0", b"\0\x2b")
        self.offset = self.order + ("Q" if self.is_big else "I")
        self.count = self.order + ("Q" if self.is_big else "H")
        self.entry = self.order + ("HHQ" if self.is_big else "HHI")
        self.first = 8 if self.is_big else 4  # where the offset of the first page lies

    def page(self, at: int) -> tuple[Page, int]:
        """The page at an offset, and the offset of the next one. Raises struct.error."""
        start = at
        (count,) = struct.unpack_from(self.count, self.data, at)
        at += struct.calcsize(self.count)
        head, width = struct.calcsize(self.entry), struct.calcsize(self.offset)
        entries = []
        for _ in range(min(count, 0xFFFF)):
            tag, kind, values = struct.unpack_from(self.entry, self.data, at)
            entries.append(Entry(tag, kind, values, self.data[at : at + head + width]))
            at += head + width
        try:
            (following,) = struct.unpack_from(self.offset, self.data, at)
        except struct.error:  # the last page of a file that ends there
            following = 0
        return self._described(start, tuple(entries)), following

    def _described(self, at: int, entries: tuple[Entry, ...]) -> Page:
        kinds = self.values(entries, _NEW_SUBFILE_TYPE) or [0]
        old = self.values(entries, _SUBFILE_TYPE) or [0]
        photometric = self.values(entries, _PHOTOMETRIC) or [0]
        return Page(
            at,
            entries,
            (self.values(entries, _WIDTH) or [0])[0],
            (self.values(entries, _LENGTH) or [0])[0],
            is_reduced=bool(kinds[0] & _REDUCED) or old[0] == _OLD_REDUCED,
            is_shown=not kinds[0] & _MASK and photometric[0] in _PHOTOMETRICS,
        )

    def values(
        self, entries: tuple[Entry, ...], tag: int, most: int | None = _MOST_VALUES
    ) -> list[int]:
        """The first of the whole numbers of a tag; none where it is missing or cut."""
        for entry in entries:
            if entry.tag != tag or entry.kind not in _FORMATS:
                continue
            size = struct.calcsize("=" + _FORMATS[entry.kind])
            count = entry.count if most is None else min(entry.count, most)
            content = self._content(entry, size * count, size * entry.count)
            if content is not None:
                return list(struct.unpack(f"{self.order}{count}{_FORMATS[entry.kind]}", content))
        return []

    def content(self, page: Page, tag: int) -> bytes | None:
        """The bytes of a tag of the type that holds any."""
        for entry in page.entries:
            if entry.tag == tag and entry.kind in (_BYTE, _UNDEFINED):
                return self._content(entry, entry.count, entry.count)
        return None

    def _content(self, entry: Entry, size: int, whole: int) -> bytes | None:
        """The first ``size`` bytes of those that belong to an entry; None where they are cut."""
        inline = entry.raw[struct.calcsize(self.entry) :]
        if whole <= len(inline):
            return inline[:size]
        (at,) = struct.unpack(self.offset, inline)
        return self.data[at : at + size] if at + size <= len(self.data) else None

    def pages(self) -> Iterator[Page]:
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

    def alone(self, page: Page) -> bytes:
        """The file with the page as its first and without metadata, written where it lies.

        Nothing is added at the end, where it would stand in for pixels of a truncated file.
        """
        (first,) = struct.unpack_from(self.offset, self.data, self.first)
        if page.at == first and all(_is_of_use(entry) for entry in page.entries):
            return self.data
        kept = [entry.raw for entry in page.entries if _is_of_use(entry)]
        written = b"".join([struct.pack(self.count, len(kept)), *kept, struct.pack(self.offset, 0)])
        view, body = memoryview(self.data), self.first + struct.calcsize(self.offset)
        if page.at < body:
            return self.data  # the page lies in the header
        return b"".join(
            [
                view[: self.first],
                struct.pack(self.offset, page.at),
                view[body : page.at],
                written,
                view[page.at + len(written) :],
            ]
        )


def shown_page(pages: TiffPages) -> Page | None:
    """The page that shows the image; None where the structure of the file is damaged."""
    try:
        found = list(pages.pages())
    except struct.error:
        return None
    return _chosen(found) if found else None


def _chosen(pages: list[Page]) -> Page:
    first = pages[0]
    full = [page for page in pages[1:] if page.is_shown and not page.is_reduced]
    if first.is_reduced:
        larger = [page for page in full if page.width * page.length > first.width * first.length]
        return larger[0] if larger else first
    enlarged = [page for page in full if _is_preview(first, page)]
    return max(enlarged, key=lambda page: page.width, default=first)


def _is_preview(small: Page, large: Page) -> bool:
    """Of the same shape within a pixel of the small one, and much smaller."""
    if not small.width or not small.length:
        return False
    across, down = large.width / small.width, large.length / small.length
    is_same_shape = abs(across - down) * min(small.width, small.length) <= max(across, down)
    return min(across, down) >= _PREVIEW and is_same_shape


def _is_of_use(entry: Entry) -> bool:
    if entry.tag == _ORIENTATION:
        return entry.kind == _SHORT and entry.count == 1
    if entry.tag == _XMP:  # may hold the orientation
        return entry.kind in (_BYTE, _UNDEFINED) and entry.count <= _LARGEST_XMP
    if entry.tag == _PROFILE:
        return entry.kind in (_BYTE, _UNDEFINED)
    return entry.tag in _KEPT_TAGS
