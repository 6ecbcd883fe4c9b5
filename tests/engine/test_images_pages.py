"""Of a TIFF with previews the full image is read, of an animation the first frame with content."""

import io
from typing import Any

import numpy as np
import pytest

from engine.errors import ImageError
from engine.images import load

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
