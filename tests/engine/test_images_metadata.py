"""Sound pixels are read whatever the metadata beside them holds."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.errors import ImageError
from engine.images import ImageLimits, load

NOISE = np.random.default_rng(3).integers(0, 256, (24, 32, 3), np.uint8)
BUFFER = io.BytesIO()
Image.fromarray(NOISE).save(BUFFER, "PNG")
PLAIN = BUFFER.getvalue()
HEADER = 33  # bytes of signature and IHDR
END = 12  # bytes of IEND
LARGE = bytes(3 * 2**20)


def chunk(kind: bytes, body: bytes, change: int = 0) -> bytes:
    checksum = zlib.crc32(kind + body) ^ change
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def with_chunks(*chunks: bytes, last: bool = False) -> bytes:
    at = len(PLAIN) - END if last else HEADER
    return PLAIN[:at] + b"".join(chunks) + PLAIN[at:]


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(b"tEXt", b"Comment\0" + b"x" * len(LARGE))],
        [chunk(b"zTXt", b"Comment\0\0" + zlib.compress(LARGE))],
        [chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LARGE))],
        [chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + LARGE)],
        [chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(LARGE))],
        [chunk(b"iCCP", b"p\0\0" + zlib.compress(LARGE))],
        [chunk(b"iCCP", b"p\0\7broken")],
        [chunk(b"eXIf", b"MM\0\x2a" + LARGE)],
        [chunk(b"tEXt", b"Comment\0short")] * 5000,
        [chunk(b"tEXt", b"Comment\0short", change=1), chunk(b"pHYs", b"", change=1)],
        [chunk(b"eXIf", b"MM", change=1), chunk(b"iCCP", b"p\0\0", change=1)],
    ],
)
def test_a_png_is_read_whatever_its_metadata_holds(chunks: list[bytes], last: bool) -> None:
    np.testing.assert_array_equal(load(with_chunks(*chunks, last=last)).pixels, NOISE)


def test_a_png_without_its_end_is_read_and_one_without_pixels_is_refused() -> None:
    np.testing.assert_array_equal(load(PLAIN[:-END]).pixels, NOISE)
    for kept in (HEADER, len(PLAIN) // 2):
        with pytest.raises(ImageError, match="truncated"):
            load(PLAIN[:kept])


def test_a_wrong_checksum_of_the_pixels_is_refused() -> None:
    broken = bytearray(PLAIN)
    broken[-END - 1] ^= 1
    with pytest.raises(ImageError, match=r"checksum.*IDAT"):
        load(bytes(broken))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"pHYs", b"gAMA", b"sRGB", b"teSt"]),
    st.sampled_from([b"", b"Comment\0", b"XML:com.adobe.xmp\0", b"Raw profile type exif\0\0"]),
    st.binary(max_size=60),
    st.integers(0, 1),
    st.booleans(),
)
def test_no_metadata_changes_the_pixels(
    kind: bytes, start: bytes, rest: bytes, change: int, last: bool
) -> None:
    data = with_chunks(chunk(kind, start + rest, change), last=last)
    np.testing.assert_array_equal(load(data).pixels, NOISE)


def sized(width: int, height: int, progressive: bool) -> bytes:
    """A small JPEG whose header gives another size: complete up to its limit check."""
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, "JPEG", progressive=progressive)
    data = bytearray(buffer.getvalue())
    at = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def test_a_jpeg_counts_as_what_its_reduced_decoding_costs() -> None:
    buffer = io.BytesIO()
    Image.fromarray(NOISE).resize((1600, 1200)).save(buffer, "JPEG")
    limits = ImageLimits(max_pixels=1600 * 1200 // 8, max_side=200)
    assert load(buffer.getvalue(), limits=limits).original_size == (1600, 1200)
    with pytest.raises(ImageError, match="1600 x 1200") as refusal:
        load(buffer.getvalue(), limits=ImageLimits(max_pixels=100_000, max_side=200))
    needed = int(refusal.value.remedy.rstrip(".").rpartition("=")[2])
    assert load(buffer.getvalue(), limits=ImageLimits(max_pixels=needed, max_side=200)).width == 200


@pytest.mark.parametrize("progressive", [False, True])
def test_bombs_in_jpeg_are_refused_by_their_header(progressive: bool) -> None:
    with pytest.raises(ImageError, match=r"65000 x 65000.*images\.max_pixels=\d+"):
        load(sized(65000, 65000, progressive))
    with pytest.raises(ImageError, match="truncated"):  # within the limit: decoding was begun
        load(sized(4000, 3000, progressive)[:-40])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK"])
def test_16_bit_tiff_in_planes_is_refused_and_not_garbled(mode: str) -> None:
    tifffile = pytest.importorskip("tifffile")
    planes = np.random.default_rng(1).integers(0, 2**16, (len(mode), 8, 8), np.uint16)
    for compression in (None, "zlib"):
        buffer = io.BytesIO()
        photometric = "separated" if mode == "CMYK" else "rgb"
        extra = ["unassalpha"] if mode == "RGBA" else None
        tifffile.imwrite(
            buffer,
            planes,
            photometric=photometric,
            planarconfig="separate",
            compression=compression,
            extrasamples=extra,
        )
        with pytest.raises(ImageError, match="planes"):
            load(buffer.getvalue())
