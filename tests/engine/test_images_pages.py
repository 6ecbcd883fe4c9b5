"""Of a TIFF with previews the full image is read, of an animation the first frame with content."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.errors import ImageError
from engine.images import ImageLimits, load

tifffile = pytest.importorskip("tifffile")

FULL = np.random.default_rng(5).integers(0, 256, (48, 64, 3), np.uint8)
OTHER = np.random.default_rng(6).integers(0, 256, (48, 64, 3), np.uint8)
SMALL = FULL[::4, ::4].copy()
REDUCED, PAGE, MASK = 1, 2, 4


def tiff(*pages: tuple[np.ndarray, dict[str, Any]], **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, **options) as writer:
        for pixels, tags in pages:
            writer.write(pixels, **{"photometric": "rgb", "metadata": None, **tags})
    return buffer.getvalue()


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}])
@pytest.mark.parametrize(
    "pages",
    [
        [(SMALL, {"subfiletype": REDUCED}), (FULL, {})],
        [(SMALL, {"subfiletype": REDUCED}), (FULL, {"subfiletype": PAGE}), (OTHER, {})],
        [(SMALL, {"subfiletype": REDUCED, "subifds": 1}), (FULL, {})],
        [(SMALL, {"subifds": 1}), (FULL, {}), (OTHER, {})],
        [(SMALL, {}), (FULL, {})],
        [(SMALL, {}), (FULL[::2, ::2], {}), (FULL, {"compression": "zlib"})],
        [(FULL, {}), (SMALL, {"subfiletype": REDUCED})],
        [(FULL, {"subifds": 1}), (SMALL, {"subfiletype": REDUCED})],
        [(FULL, {}), (OTHER, {})],
        [(FULL, {}), (np.tile(OTHER, (1, 3, 1)), {})],  # another shape: no larger version
        [
            (FULL, {}),
            (np.ones((96, 128), bool), {"photometric": "minisblack", "subfiletype": MASK}),
        ],
        [(FULL, {"subfiletype": REDUCED}), (SMALL, {"subfiletype": REDUCED})],
    ],
)
def test_of_a_tiff_the_full_image_is_read(pages: Any, options: dict[str, Any]) -> None:
    image = load(tiff(*pages, **options))
    np.testing.assert_array_equal(image.pixels, FULL)
    assert image.original_size == (64, 48)


def test_raw_data_of_a_sensor_does_not_replace_its_preview() -> None:
    data = tiff(
        (SMALL, {"subfiletype": REDUCED, "subifds": 1}),
        (FULL[:, :, 0].copy(), {"photometric": "cfa"}),
    )
    np.testing.assert_array_equal(load(data).pixels, SMALL)


def test_pages_that_lead_in_a_circle_or_out_of_the_file_are_read_once() -> None:
    data = bytearray(tiff((FULL, {}), (OTHER, {})))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        first, second = (page.offset for page in file.pages)
        entries = len(file.pages[1].tags)
    at = second + 2 + entries * 12
    for target in (first, second, len(data) - 3, 2**32 - 1):
        data[at : at + 4] = target.to_bytes(4, "little")
        np.testing.assert_array_equal(load(bytes(data)).pixels, FULL)
    data[4:8] = len(data).to_bytes(4, "little")
    with pytest.raises(ImageError):
        load(bytes(data))


ANIMATED = {"GIF": {}, "WEBP": {"lossless": True}, "PNG": {}, "AVIF": {"quality": 95}}
EMPTY = {
    "black": Image.new("RGB", (64, 48)),
    "white": Image.new("RGB", (64, 48), "white"),
    "clear": Image.new("RGBA", (64, 48), (200, 20, 20, 0)),
}
BOTTLE = Image.new("RGB", (64, 48), "white")
BOTTLE.paste((180, 30, 30), (20, 8, 44, 40))


def animation(kind: str, *frames: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    modes = {frame.mode for frame in frames}
    same = [frame.convert("RGBA") for frame in frames] if len(modes) > 1 else list(frames)
    options = {"save_all": True, "append_images": same[1:], "duration": 40, **options}
    same[0].save(buffer, kind, **ANIMATED[kind], **options)
    return buffer.getvalue()


def shows_the_bottle(pixels: np.ndarray) -> bool:
    return bool(np.abs(pixels.astype(int) - np.asarray(BOTTLE)).mean() < 4)


@pytest.mark.parametrize("kind", ANIMATED)
@pytest.mark.parametrize("empty", EMPTY)
def test_an_animation_that_begins_empty_shows_its_first_frame_with_content(
    kind: str, empty: str
) -> None:
    other = Image.new("RGB", (64, 48), "blue")
    other.paste("green", (0, 0, 20, 20))
    frames = (EMPTY[empty], BOTTLE, other)
    image = load(animation(kind, *frames))
    assert shows_the_bottle(image.pixels)
    assert image.original_size == (64, 48)
    later = (EMPTY[empty], EMPTY["white"], EMPTY["black"], BOTTLE, other)
    assert shows_the_bottle(load(animation(kind, *later)).pixels)


@pytest.mark.parametrize("kind", ANIMATED)
def test_an_animation_that_shows_something_at_once_is_read_from_its_first_frame(kind: str) -> None:
    other = Image.new("RGB", (64, 48), "blue")
    other.paste("green", (0, 0, 20, 20))
    assert shows_the_bottle(load(animation(kind, BOTTLE, other)).pixels)
    still = animation(kind, EMPTY["white"], EMPTY["black"])
    assert load(still).pixels.min() > 250


@pytest.mark.parametrize("kind", ["GIF", "PNG"])
def test_the_frames_that_are_looked_at_are_bounded_and_damaged_ones_are_no_loss(kind: str) -> None:
    empty = [Image.new("RGB", (64, 48), (255, 255, level)) for level in range(100, 200)]
    data = animation(kind, *empty, BOTTLE)
    assert load(data).pixels[0, 0].tolist() == [255, 255, 100]
    few = animation(kind, *empty[:9], BOTTLE)
    assert shows_the_bottle(load(few).pixels)
    tight = ImageLimits(max_pixels=64 * 48 * 5)
    assert load(few, limits=tight).pixels[0, 0].tolist() == [255, 255, 100]
    cut = few[: len(few) - 60]
    assert load(cut).pixels.shape == (48, 64, 3)
