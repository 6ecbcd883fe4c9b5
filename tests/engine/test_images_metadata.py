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


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
def test_comments_before_the_orientation_of_a_png_do_not_hide_it(kind: bytes) -> None:
    packed = {b"tEXt": b"note", b"zTXt": b"\0" + zlib.compress(b"note"), b"iTXt": b"\0\0\0\0note"}
    comment = chunk(kind, b"Comment\0" + packed[kind])
    xmp = b'<x tiff:Orientation="6"/>'
    turned = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp))
    expected = np.rot90(NOISE, -1)
    np.testing.assert_array_equal(load(with_chunks(comment, comment, turned)).pixels, expected)


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


def test_wrong_checksums_of_later_frames_leave_the_first_one() -> None:
    buffer = io.BytesIO()
    frames = [Image.fromarray(NOISE), Image.new("RGB", (32, 24))]
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    for kind in (b"acTL", b"fcTL", b"fdAT"):
        broken = bytearray(buffer.getvalue())
        at = broken.index(kind)
        length = int.from_bytes(broken[at - 4 : at], "big")
        broken[at + 4 + length] ^= 1
        np.testing.assert_array_equal(load(bytes(broken)).pixels, NOISE)


JPEGS = {}
for progressive in (False, True):
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, "JPEG", progressive=progressive)
    JPEGS[progressive] = buffer.getvalue()
JPEG = JPEGS[False]
JPEG_PIXELS = load(JPEG).pixels


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def jpeg_with(*segments: bytes) -> bytes:
    return JPEG[:2] + b"".join(segments) + JPEG[2:]


@pytest.mark.parametrize(
    "segments",
    [
        [segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(60000))] * 40,
        [segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + bytes(60000))] * 40,
        [segment(0xE1, b"Exif\0\0" + bytes(60000))] * 40,
        [segment(0xE2, b"ICC_PROFILE\0" + bytes((n, 40)) + bytes(60000)) for n in range(1, 41)],
        [segment(0xE2, b"ICC_PROFILE\0")],
        [segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04" + bytes(50000))] * 40,
        [segment(0xFE, b"x")] * 50_000,
        [segment(0xE0, b"JFIF"), segment(0xEE, b"Adobe"), segment(0xE2, b"MPF\0junk")],
        [b"\xff\xe5\0\0", b"\xff\xff\xff"],
    ],
)
def test_a_jpeg_is_read_whatever_its_metadata_holds(segments: list[bytes]) -> None:
    np.testing.assert_array_equal(load(jpeg_with(*segments)).pixels, JPEG_PIXELS)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0xE0, 0xEF),
    st.sampled_from([b"", b"JFIF", b"Exif\0\0", b"ICC_PROFILE\0", b"Photoshop 3.0\0", b"Adobe"]),
    st.binary(max_size=60),
)
def test_no_segment_of_another_program_changes_a_jpeg(
    marker: int, start: bytes, rest: bytes
) -> None:
    if marker == 0xEE and start == b"Adobe" and len(rest) >= 7:
        rest = rest[:6]  # a whole one decides about the colours
    np.testing.assert_array_equal(
        load(jpeg_with(segment(marker, start + rest))).pixels, JPEG_PIXELS
    )


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("max_side", [1024, 8])
def test_a_jpeg_without_its_end_is_read_and_one_without_its_last_blocks_is_refused(
    progressive: bool, max_side: int
) -> None:
    data, limits = JPEGS[progressive], ImageLimits(max_side=max_side)
    whole = load(data, limits=limits).pixels
    for lost in (1, 2):
        np.testing.assert_array_equal(load(data[:-lost], limits=limits).pixels, whole)
    for kept in (len(data) - 40, len(data) - 200, len(data) * 2 // 3):
        with pytest.raises(ImageError, match="truncated"):
            load(data[:kept])


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


BUFFER = io.BytesIO()
Image.fromarray(NOISE).save(BUFFER, "WEBP", lossless=True)
WEBP_PIXELS = (b"VP8L", BUFFER.getvalue()[20:])
EVERYTHING = (b"VP8X", bytes((0b101100, 0, 0, 0, 31, 0, 0, 23, 0, 0)))  # flags, size less one


@pytest.mark.parametrize(
    "chunks",
    [
        [EVERYTHING, WEBP_PIXELS],
        [EVERYTHING, (b"ICCP", LARGE), WEBP_PIXELS],
        [EVERYTHING, WEBP_PIXELS, (b"EXIF", LARGE), (b"XMP ", LARGE)],
        [EVERYTHING, (b"XMP ", b"x"), WEBP_PIXELS, (b"XMP ", b"y"), (b"EXIF", b"z")],
        [EVERYTHING, WEBP_PIXELS, *[(b"note", b"x")] * 5000],
    ],
)
def test_a_webp_is_read_whatever_its_metadata_holds(chunks: list[tuple[bytes, bytes]]) -> None:
    data = riff(*chunks)
    np.testing.assert_array_equal(load(data).pixels, NOISE)
    wrong_size = data[:4] + bytes(4) + data[8:]
    np.testing.assert_array_equal(load(wrong_size).pixels, NOISE)


def test_a_webp_cut_in_its_metadata_is_read_and_one_cut_in_its_pixels_is_refused() -> None:
    data = riff(EVERYTHING, WEBP_PIXELS, (b"XMP ", bytes(1000)))
    for lost in (1, 500, 1008):
        np.testing.assert_array_equal(load(data[:-lost]).pixels, NOISE)
    with pytest.raises(ImageError, match="truncated"):
        load(data[:-1100])


@pytest.mark.parametrize("is_big", [False, True])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tiff_is_read_whatever_its_metadata_holds(is_big: bool, compression: str | None) -> None:
    tifffile = pytest.importorskip("tifffile")
    extra = [
        (700, 2, len(LARGE), b"x" * len(LARGE), True),  # XMP that is typed as text
        (34377, 1, len(LARGE), LARGE, True),
        (34853, 9, 1, -7, True),  # where the position lies: before the file
        (50001, 3, 2**16, (1,) * 2**16, True),
        *((40000 + index, 2, 8, "comment", True) for index in range(500)),
    ]
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        NOISE,
        photometric="rgb",
        bigtiff=is_big,
        compression=compression,
        description="x" * len(LARGE),
        iccprofile=LARGE,
        extratags=extra,
    )
    data = buffer.getvalue()
    np.testing.assert_array_equal(load(data).pixels, NOISE)
    with pytest.raises(ImageError):
        load(data[:-100])


@pytest.mark.parametrize("kind", ["AVIF", "HEIF", "GIF"])
def test_other_formats_are_read_whatever_their_metadata_holds(kind: str) -> None:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    plain, noted = io.BytesIO(), io.BytesIO()
    image = Image.fromarray(NOISE)
    image.save(plain, kind)
    if kind == "GIF":
        image.save(noted, kind, comment=b"x" * len(LARGE))
    else:
        image.save(noted, kind, xmp=b"x" * len(LARGE), icc_profile=b"x" * len(LARGE))
    assert len(noted.getvalue()) > len(LARGE)
    np.testing.assert_array_equal(load(noted.getvalue()).pixels, load(plain.getvalue()).pixels)


@pytest.mark.parametrize(("width", "height"), [(12_000, 9_000), (16_320, 12_240)])
@pytest.mark.parametrize("progressive", [False, True])
def test_photos_of_108_and_200_megapixels_are_within_the_limit(
    width: int, height: int, progressive: bool
) -> None:
    with pytest.raises(ImageError, match=f"{width} x {height}") as refusal:
        load(sized(width, height, progressive), limits=ImageLimits(max_pixels=1))
    needed = int(refusal.value.remedy.rstrip(".").rpartition("=")[2])
    assert needed <= ImageLimits().max_pixels


def test_a_jpeg_with_a_scan_for_every_colour_counts_as_a_progressive_one() -> None:
    data = bytearray(sized(25_000, 25_000, progressive=False))
    with pytest.raises(ImageError, match="truncated"):  # decoding was begun
        load(bytes(data[:-40]))
    data[data.index(b"\xff\xda") + 4] = 1
    with pytest.raises(ImageError, match=r"images\.max_pixels=117187500"):
        load(bytes(data))


def test_a_jpeg_of_many_scans_is_refused() -> None:
    data = sized(4000, 3000, progressive=True)
    last = data[data.rindex(b"\xff\xc4") : -2]
    with pytest.raises(ImageError, match=r"images\.max_pixels=\d{9}"):
        load(data[:-2] + last * 1000 + data[-2:])


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
