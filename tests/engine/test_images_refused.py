"""Images refused: one clear ImageError, whatever the file holds."""

import io
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.errors import ImageError
from engine.images import ImageLimits, load
from tests.engine import made_tiffs

KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
NOISE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (48, 64, 3), np.uint8))


def encoded(kind: str, image: Image.Image = NOISE, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


VALID = {kind: encoded(kind) for kind in KINDS}
VALID["progressive"] = encoded("JPEG", progressive=True)
VALID["lzw"] = encoded("TIFF", compression="tiff_lzw")
VALID["palette"] = encoded("PNG", NOISE.convert("P"))
VALID["planes"] = made_tiffs.written(
    np.random.default_rng(4).integers(0, 2**16, (24, 32, 3), np.uint16),
    made_tiffs.RGB,
    bits=16,
    planar=made_tiffs.PLANES,
    compression=made_tiffs.DEFLATE,
)
TURNED = Image.Exif()
TURNED[0x0112] = 6
VALID["exif"] = encoded("JPEG", exif=TURNED.tobytes())


def bomb(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part))
        for part in (header, body, b"IEND")
    )


@pytest.mark.parametrize("kind", sorted(VALID))
@pytest.mark.parametrize("kept", [0.95, 0.6, 0.3])
def test_half_an_image_is_refused(kind: str, kept: float) -> None:
    data = VALID[kind]
    with pytest.raises(ImageError) as refusal:
        load(data[: int(len(data) * kept)], uri="shelf/7.jpg")
    assert str(refusal.value).startswith("shelf/7.jpg: ")
    assert "\n" not in str(refusal.value)


def test_a_truncated_jpeg_and_png_are_reported() -> None:
    for kind in ("JPEG", "progressive", "PNG"):
        data = VALID[kind]
        with pytest.raises(ImageError, match="truncated"):
            load(data[: len(data) // 2])


def test_a_header_of_50000_by_50000_is_refused_with_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(50_000, 50_000))
    tracemalloc.start()
    with pytest.raises(ImageError, match="50000 x 50000"):
        load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


@pytest.mark.parametrize("planar", [made_tiffs.INTERLEAVED, made_tiffs.PLANES])
def test_tiles_far_wider_than_their_image_count_in_full(planar: int) -> None:
    samples = np.zeros((24, 32, 3), np.uint16)
    layout = {"bits": 16, "planar": planar, "rows": 5, "compression": made_tiffs.DEFLATE}
    data = bytearray(made_tiffs.written(samples, made_tiffs.RGB, **layout))
    at = data.index(struct.pack("<HHI", 278, 4, 1))  # rows of a strip -> width of a tile
    page = data.index(struct.pack("<HHI", 256, 4, 1)) - 2
    struct.pack_into("<HHII", data, at, 322, 4, 1, 2**28)
    for old, new in ((273, 324), (279, 325)):
        entry = data.index(struct.pack("<HH", old, 4), page)
        struct.pack_into("<H", data, entry, new)
    with pytest.raises(ImageError, match=r"images\.max_pixels=\d{9}"):
        load(bytes(data))


def test_the_pixel_limit_can_be_set() -> None:
    with pytest.raises(ImageError, match="64 x 48"):
        load(VALID["PNG"], limits=ImageLimits(max_pixels=64 * 48 - 1))
    assert load(VALID["PNG"], limits=ImageLimits(max_pixels=64 * 48)).width == 64


def test_the_byte_limit_holds_for_files_bytes_and_streams(tmp_path: Path) -> None:
    data = VALID["BMP"]
    path = tmp_path / "big.bmp"
    path.write_bytes(data)
    tight = ImageLimits(max_bytes=len(data) - 1)
    for source in (path, data, io.BytesIO(data)):
        with pytest.raises(ImageError, match="larger than the limit"):
            load(source, limits=tight)
    assert load(path, limits=ImageLimits(max_bytes=len(data))).height == 48


def test_the_limit_of_the_process_does_not_hold_and_where_it_does_there_is_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for kind in ("JPEG", "PNG", "TIFF", "lzw", "planes", "BMP", "AVIF"):
        assert load(VALID[kind]).width in (32, 64)
    with pytest.raises(ImageError, match=r"more pixels.*Save it smaller"):
        load(VALID["WEBP"])


def test_limits_below_one_are_a_programming_error() -> None:
    with pytest.raises(ValueError, match="max_side"):
        ImageLimits(max_side=0)


def test_text_named_jpg_an_empty_file_a_folder_and_a_missing_file_each_have_a_reason(
    tmp_path: Path,
) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("This is no image.")
    empty = tmp_path / "empty.png"
    empty.touch()
    expected = {
        text: "not an image",
        empty: "0 bytes",
        tmp_path: "is a folder",
        tmp_path / "gone.jpg": "does not exist",
    }
    for path, reason in expected.items():
        with pytest.raises(ImageError, match=reason) as refusal:
            load(path)
        assert refusal.value.uri == str(path)


def test_a_pipe_is_refused_and_does_not_block(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    with pytest.raises(ImageError, match="regular file"):
        load(pipe)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(VALID["PNG"])
    path.chmod(0)
    with pytest.raises(ImageError, match="permission"):
        load(path)


def test_a_failing_read_is_an_image_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(VALID["PNG"])

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match="permission denied"):
        load(path)


def test_odd_paths_and_closed_streams_are_image_errors() -> None:
    stream = io.BytesIO(VALID["PNG"])
    stream.close()
    for source in ("bad\0name.jpg", "x" * 5000, stream):
        with pytest.raises(ImageError):
            load(source)


@given(st.binary(max_size=400))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ImageError):
        load(data)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(VALID)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=20),
    st.floats(0, 1),
    st.booleans(),
)
def test_damaged_images_give_an_image_or_an_image_error(
    kind: str, flips: list[tuple[float, int]], kept: float, cut: bool
) -> None:
    data = bytearray(VALID[kind])
    for place, value in flips:
        # Half of the damage goes to the header, where most of the decisions are made.
        span = len(data) if value % 2 else min(len(data), 200)
        data[int(place * span)] = value
    if cut:
        del data[int(len(data) * kept) :]
    try:
        image = load(bytes(data), limits=ImageLimits(max_pixels=2**22, max_side=64))
    except ImageError as refusal:
        assert str(refusal).startswith("<memory>: ") and "\n" not in str(refusal)
    else:
        assert max(image.width, image.height) <= 64
