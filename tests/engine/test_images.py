"""Images in: what is read, and that it looks as the file means it."""

import io
import struct
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from engine.errors import ImageError
from engine.images import SUPPORTED_SUFFIXES, ImageLimits, load

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def quarters(side: int = 64) -> Image.Image:
    """Red, green / blue, white."""
    image = Image.new("RGB", (side, side // 2 * 2), WHITE)
    half = side // 2
    for corner, colour in (((0, 0), RED), ((half, 0), GREEN), ((0, half), BLUE)):
        image.paste(colour, (*corner, corner[0] + half, corner[1] + half))
    return image


def png(width: int, height: int, depth: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def near(pixel: np.ndarray, colour: tuple[int, ...], within: int = 12) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= within)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF"])
def test_every_format_shows_the_same_image(kind: str) -> None:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    pixels = load(encoded(quarters(), kind)).pixels
    assert pixels.shape == (64, 64, 3)
    assert near(pixels[16, 16], RED, 20) and near(pixels[16, 48], GREEN, 20)
    assert near(pixels[48, 16], BLUE, 20) and near(pixels[48, 48], WHITE, 20)


def test_an_image_comes_from_a_path_a_string_bytes_or_an_open_file(tmp_path: Path) -> None:
    path = tmp_path / "other-suffix.jpg"
    path.write_bytes(encoded(quarters(), "PNG"))
    with path.open("rb") as file:
        images = [load(path), load(str(path)), load(path.read_bytes()), load(file)]
    assert [image.uri for image in images] == [str(path), str(path), "<memory>", str(path)]
    assert load(path, uri="shop/1.jpg").uri == "shop/1.jpg"
    for image in images:
        np.testing.assert_array_equal(image.pixels, np.asarray(quarters()))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_exif_orientation_stands_upright(kind: str, orientation: int) -> None:
    upright = quarters().resize((64, 32))
    stored = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }[orientation]
    image = upright
    for step in stored:
        image = image.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    loaded = load(encoded(image, kind, exif=exif.tobytes()))
    assert loaded.original_size == (64, 32)
    assert loaded.pixels.shape == (32, 64, 3)
    assert near(loaded.pixels[6, 12], RED, 30) and near(loaded.pixels[6, 52], GREEN, 30)
    assert near(loaded.pixels[26, 12], BLUE, 30) and near(loaded.pixels[26, 52], WHITE, 30)


def test_broken_exif_leaves_the_image_as_it_is_stored() -> None:
    for broken in (b"Exif\0\0", b"Exif\0\0MM\0\x2a\0\0\0\x08\xff\xff", b"Exif\0\0garbage" * 9):
        assert load(encoded(quarters(), "JPEG", exif=broken)).pixels.shape == (64, 64, 3)


def test_transparency_is_composited_on_white() -> None:
    rgba = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    rgba.paste((255, 0, 0, 128), (0, 0, 4, 8))
    for kind in ("PNG", "WEBP", "TIFF"):
        options = {"lossless": True} if kind == "WEBP" else {}
        pixels = load(encoded(rgba, kind, **options)).pixels
        assert near(pixels[4, 2], (255, 127, 127), 2) and near(pixels[4, 6], WHITE, 0)


def test_grey_with_alpha_is_composited_on_white() -> None:
    image = Image.new("LA", (4, 2), (0, 0))
    image.paste((100, 255), (0, 0, 2, 2))
    pixels = load(encoded(image, "PNG")).pixels
    assert near(pixels[0, 0], (100,) * 3, 0) and near(pixels[0, 3], WHITE, 0)


def test_the_hidden_colour_under_transparent_pixels_does_not_bleed_when_scaled() -> None:
    image = Image.new("RGBA", (64, 64), (255, 255, 255, 255))
    image.paste((0, 0, 0, 0), (0, 0, 33, 64))  # invisible black
    pixels = load(encoded(image, "PNG"), limits=ImageLimits(max_side=8)).pixels
    assert pixels.min() >= 254


def test_a_palette_with_transparency_is_composited_on_white() -> None:
    image = Image.new("P", (4, 2), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.paste(1, (2, 0, 4, 2))
    for kind in ("PNG", "GIF"):
        pixels = load(encoded(image, kind, transparency=0)).pixels
        assert near(pixels[0, 0], WHITE, 0) and near(pixels[0, 3], RED, 0)


def test_a_transparent_colour_of_a_true_colour_png_becomes_white() -> None:
    rows = b"\0" + bytes((255, 0, 0, 0, 0, 255))
    key = chunk(b"tRNS", struct.pack(">HHH", 255, 0, 0))
    pixels = load(png(2, 1, 8, 2, rows, key)).pixels
    assert near(pixels[0, 0], WHITE, 0) and near(pixels[0, 1], BLUE, 0)


def cut_out(width: int = 64, height: int = 32) -> Image.Image:
    """Red, half transparent in its left half, on transparent black below."""
    image = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    image.paste((*RED, 128), (0, 0, width // 2, height // 2))
    image.paste((*RED, 255), (width // 2, 0, width, height // 2))
    return image


def corners(alpha: np.ndarray | None) -> list[int]:
    assert alpha is not None and alpha.dtype == np.uint8
    down, across = alpha.shape[0] // 4, alpha.shape[1] // 4
    return [int(alpha[row, column]) for row in (down, 3 * down) for column in (across, 3 * across)]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF", "GIF"])
def test_the_alpha_of_every_format_is_kept(kind: str) -> None:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    image = load(encoded(cut_out(), kind))
    assert image.alpha is not None and image.alpha.shape == (32, 64)
    expected = [255 if kind == "GIF" else 128, 255, 0, 0]  # GIF knows no half
    np.testing.assert_allclose(corners(image.alpha), expected, atol=4)
    assert near(image.pixels[24, 48], WHITE, 0) and near(image.pixels[8, 48], RED, 6)
    if kind != "GIF":
        assert near(image.pixels[8, 16], (255, 127, 127), 6)


def test_the_alpha_of_grey_palette_key_and_16_bit_images_is_kept() -> None:
    grey = encoded(cut_out().convert("LA"), "PNG")
    assert corners(load(grey).alpha) == [128, 255, 0, 0]
    palette = Image.new("P", (64, 32), 0)
    palette.putpalette([0, 0, 0, *RED, *RED])
    palette.paste(1, (0, 0, 32, 16))
    palette.paste(2, (32, 0, 64, 16))
    levels = encoded(palette, "PNG", transparency=bytes((0, 128, 255)))
    assert corners(load(levels).alpha) == [128, 255, 0, 0]
    for depth, rows, key in ((8, bytes((*RED, *BLUE)), struct.pack(">HHH", *RED)),):
        image = load(png(2, 1, depth, 2, b"\0" + rows, chunk(b"tRNS", key)))
        assert image.alpha is not None and image.alpha.tolist() == [[0, 255]]
        assert near(image.pixels[0, 0], WHITE, 0)
    values = b"\0" + np.array([7, 30000], ">u2").tobytes()
    grey_key = load(png(2, 1, 16, 0, values, chunk(b"tRNS", struct.pack(">H", 7))))
    assert grey_key.alpha is not None and grey_key.alpha.tolist() == [[0, 255]]
    deep = np.array([[[65535, 0, 0, 32896], [0, 0, 0, 0]]], ">u2")
    deep_rgba = load(png(2, 1, 16, 6, b"\0" + deep.tobytes()))
    assert deep_rgba.alpha is not None and deep_rgba.alpha.tolist() == [[128, 0]]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
def test_an_opaque_image_has_no_alpha(kind: str) -> None:
    assert load(encoded(quarters(), kind)).alpha is None
    if kind not in ("JPEG", "BMP"):
        assert load(encoded(quarters().convert("RGBA"), kind)).alpha is None


def test_alpha_is_resized_and_turned_with_the_pixels() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side: a quarter turn to the right undoes it
    data = encoded(cut_out().transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif.tobytes())
    image = load(data, limits=ImageLimits(max_side=32))
    assert image.alpha is not None and image.alpha.shape == image.pixels.shape[:2] == (16, 32)
    assert corners(image.alpha) == [128, 255, 0, 0]


def test_cmyk_jpeg_is_read_the_way_adobe_writes_it() -> None:
    image = Image.new("CMYK", (16, 16), (0, 0, 0, 0))
    image.paste((0, 255, 255, 0), (8, 0, 16, 16))
    pixels = load(encoded(image, "JPEG")).pixels
    assert near(pixels[8, 2], WHITE, 6)
    red, green, blue = pixels[8, 13].astype(int)
    assert red > 180 and green < 80 and blue < 80
    np.testing.assert_allclose(load(encoded(image, "TIFF")).pixels, pixels, atol=6)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_and_not_clipped(kind: str) -> None:
    values = np.array([[0, 256, 32768, 65535]], np.uint16)
    pixels = load(encoded(Image.fromarray(values), kind)).pixels
    assert pixels[0, :, 0].tolist() == [0, 1, 128, 255]


def test_a_dark_16_bit_image_stays_dark() -> None:
    values = np.full((4, 4), 300, np.uint16)
    assert load(encoded(Image.fromarray(values), "PNG")).pixels.max() == 1


def test_16_bit_colour_with_and_without_alpha_is_scaled() -> None:
    colours = np.array([[[65535, 32768, 0, 65535], [0, 0, 0, 0]]], ">u2")
    rgba = load(png(2, 1, 16, 6, b"\0" + colours.tobytes())).pixels
    assert near(rgba[0, 0], (255, 128, 0), 1) and near(rgba[0, 1], WHITE, 0)
    rgb = load(png(2, 1, 16, 2, b"\0" + colours[:, :, :3].tobytes())).pixels
    assert near(rgb[0, 0], (255, 128, 0), 1) and near(rgb[0, 1], (0, 0, 0), 0)


def test_16_bit_grey_with_a_transparent_value_shows_white_there() -> None:
    rows = b"\0" + np.array([7, 30000], ">u2").tobytes()
    pixels = load(png(2, 1, 16, 0, rows, chunk(b"tRNS", struct.pack(">H", 7)))).pixels
    assert pixels[0, :, 0].tolist() == [255, 117]


def test_32_bit_and_float_grey_use_the_range_of_their_type() -> None:
    integers = Image.fromarray(np.array([[0, 2**30, 2**31 - 1]], np.int32))
    assert load(encoded(integers, "TIFF")).pixels[0, :, 0].tolist() == [0, 128, 255]
    floats = Image.fromarray(np.array([[0.0, 0.5, 1.0, np.nan]], np.float32))
    assert load(encoded(floats, "TIFF")).pixels[0, :, 0].tolist() == [0, 128, 255, 0]


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey_of_a_png_is_compared_at_the_depth_of_the_file(depth: int) -> None:
    top = 2**depth - 1
    values = sorted({0, 1, 2, 3, 256, 257, top - 1, top} & set(range(top + 1)))
    packed = int("".join(f"{value:0{depth}b}" for value in values).ljust(128, "0"), 2)
    row = packed.to_bytes(16, "big")[: (len(values) * depth + 7) // 8]
    for key in values:
        image = load(
            png(len(values), 1, depth, 0, b"\0" + row, chunk(b"tRNS", struct.pack(">H", key)))
        )
        assert image.alpha is not None
        assert image.alpha[0].tolist() == [0 if value == key else 255 for value in values]
        greys = [255 if value == key else round(value / top * 255) for value in values]
        assert image.pixels[0, :, 0].tolist() == greys


def test_a_transparent_colour_of_a_16_bit_png_is_compared_with_both_bytes() -> None:
    colours = [(7, 7, 7), (7, 7, 8), (256, 0, 0), (255, 0, 0), (1799, 1799, 1799), (0, 0, 7)]
    row = b"\0" + np.array(colours, ">u2").tobytes()
    for key in colours:
        image = load(png(len(colours), 1, 16, 2, row, chunk(b"tRNS", struct.pack(">HHH", *key))))
        assert image.alpha is not None
        assert image.alpha[0].tolist() == [0 if colour == key else 255 for colour in colours]
    assert load(png(len(colours), 1, 16, 2, row, chunk(b"tRNS", bytes(6)))).alpha is None


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "LAB", "YCbCr"])
def test_every_mode_of_a_tiff_is_read(mode: str) -> None:
    if mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), lab, "RGB", "LAB")
        image = ImageCms.applyTransform(quarters(), to_lab)
        assert image is not None
    else:
        image = quarters().convert(mode)
    pixels = load(encoded(image, "TIFF")).pixels
    assert near(pixels[48, 48], WHITE, 3)
    assert pixels[16, 16].min() < 140


def test_an_embedded_profile_is_converted_to_srgb() -> None:
    linear = _profile_with_gamma(1.0)
    grey = Image.new("RGB", (4, 4), (55, 55, 55))
    plain = load(encoded(grey, "PNG")).pixels
    assert near(plain[0, 0], (55,) * 3, 0)
    converted = load(encoded(grey, "PNG", icc_profile=linear)).pixels
    assert near(converted[0, 0], (128,) * 3, 4)  # linear light 0.216 is sRGB 0.5


def test_a_broken_or_unfitting_profile_is_ignored() -> None:
    grey = Image.new("L", (4, 4), 55)
    for profile in (b"nonsense", _profile_with_gamma(1.0)):
        assert near(load(encoded(grey, "PNG", icc_profile=profile)).pixels[0, 0], (55,) * 3, 0)


DISPLAY_P3 = {  # X, Y, Z of the primaries, adapted to D50
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}


@pytest.mark.parametrize("gamma", [None, 1.8, 2.2])
@pytest.mark.parametrize("primaries", [None, DISPLAY_P3])
def test_colours_of_a_profile_are_those_of_lcms_to_one_level(
    gamma: float | None, primaries: dict[bytes, tuple[float, ...]] | None
) -> None:
    profile = _profile(gamma, primaries)
    colours = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    image = Image.fromarray(colours)
    slow = ImageCms.profileToProfile(
        image, source, ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC
    )
    found = load(encoded(image, "PNG", icc_profile=profile)).pixels.astype(int)
    assert np.abs(found - np.asarray(slow)).max() <= 1
    if gamma or primaries:
        assert np.abs(found - colours).max() > 3


def test_a_profile_of_many_bytes_converts_and_is_not_kept() -> None:
    profile = _profile(1.8, DISPLAY_P3)
    grown = struct.pack(">I", len(profile) + 2**22) + profile[4:] + bytes(2**22)
    expected = load(encoded(quarters(), "TIFF", icc_profile=profile)).pixels
    data = encoded(quarters(), "TIFF", icc_profile=grown)
    del grown
    tracemalloc.start()
    try:
        found = load(data).pixels
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(found, expected)
    assert kept < 2**20


def _profile_with_gamma(gamma: float) -> bytes:
    return _profile(gamma, None)


def _profile(gamma: float | None, primaries: dict[bytes, tuple[float, ...]] | None) -> bytes:
    """The built-in sRGB profile with another name, and other tone curves and primaries."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for index in range(int.from_bytes(profile[128:132], "big")):
        entry = 132 + index * 12
        tag, offset, _ = struct.unpack(">4sII", profile[entry : entry + 12])
        if tag in (b"rTRC", b"gTRC", b"bTRC") and gamma is not None:
            curve = struct.pack(">4sIIH", b"curv", 0, 1, round(gamma * 256))
            profile[offset : offset + len(curve)] = curve
            profile[entry + 8 : entry + 12] = struct.pack(">I", len(curve))
        if primaries is not None and tag in primaries:
            values = (round(value * 65536) for value in primaries[tag])
            profile[offset + 8 : offset + 20] = struct.pack(">3i", *values)
        if tag == b"desc":
            name = profile.find("sRGB".encode("utf-16-be"), offset)
            profile[name : name + 8] = "Test".encode("utf-16-be")
    return bytes(profile)


def test_only_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN)]
    for kind in ("GIF", "TIFF", "PNG", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert near(load(data).pixels[4, 4], RED, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", [(300, 200), (200, 300), (299, 2), (64, 64)])
def test_the_longer_side_is_brought_to_the_limit(kind: str, size: tuple[int, int]) -> None:
    image = load(encoded(Image.new("RGB", size, RED), kind), limits=ImageLimits(max_side=64))
    assert max(image.width, image.height) == 64
    assert image.original_size == size
    longer, shorter = max(size), min(size)
    assert min(image.width, image.height) == max(1, round(shorter * 64 / longer))


def test_a_small_image_is_not_enlarged() -> None:
    assert load(encoded(Image.new("RGB", (5, 3)), "PNG")).pixels.shape == (3, 5, 3)


def test_a_scaled_jpeg_looks_like_the_full_one_reduced() -> None:
    rows, columns = np.mgrid[0:1600, 0:2000]
    waves = np.stack([rows % 256, columns % 256, (rows + columns) // 15 % 256], -1)
    smooth = Image.fromarray(waves.astype(np.uint8)).resize((250, 200)).resize((2000, 1600))
    scaled = load(encoded(smooth, "JPEG", quality=95), limits=ImageLimits(max_side=250)).pixels
    expected = np.asarray(smooth.resize((250, 200), Image.Resampling.LANCZOS))
    assert np.abs(scaled.astype(int) - expected).mean() < 2.5


@pytest.mark.parametrize(
    ("kind", "size", "side"),
    [
        ("JPEG", (250, 180), 63),  # a fourth
        ("JPEG", (180, 250), 63),
        ("JPEG", (126, 126), 63),  # a half
        ("JPEG", (481, 300), 61),  # an eighth
        ("JPEG", (238, 180), 64),  # a fourth is too small
        ("JPEG", (256, 180), 64),
        ("JPEG", (257, 180), 64),
        ("JPEG", (64, 50), 64),
        ("JPEG", (63, 50), 63),
        ("PNG", (250, 180), 64),
    ],
)
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_may_keep_the_size_it_is_decoded_at(
    kind: str, size: tuple[int, int], side: int, progressive: bool
) -> None:
    options = {"progressive": progressive} if kind == "JPEG" else {}
    data = encoded(Image.new("RGB", size, RED), kind, **options)
    image = load(data, limits=ImageLimits(max_side=64, drafted=True))
    assert max(image.width, image.height) == side
    assert image.original_size == size
    assert near(image.pixels[0, 0], RED, 3)


def test_a_jpeg_of_the_size_it_is_decoded_at_is_upright_and_looks_like_the_full_one() -> None:
    rows, columns = np.mgrid[0:200, 0:250]
    waves = np.stack([rows, columns, (rows + columns) // 2], -1).astype(np.uint8)
    smooth = Image.fromarray(waves).resize((1000, 800))
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(smooth, "JPEG", quality=95, exif=exif, icc_profile=_profile_with_gamma(1.0))
    plain = load(data, limits=ImageLimits(max_side=251))
    drafted = load(data, limits=ImageLimits(max_side=251, drafted=True))
    assert (plain.width, plain.height) == (201, 251)
    assert (drafted.width, drafted.height) == (200, 250)
    assert drafted.original_size == plain.original_size == (800, 1000)
    resized = np.asarray(Image.fromarray(plain.pixels).resize((200, 250)))
    assert np.abs(drafted.pixels.astype(int) - resized).mean() < 2.5


def test_threads_decode_the_same_images() -> None:
    profile = _profile_with_gamma(1.8)  # what converts by it is shared by the threads
    data = [encoded(quarters(side), "JPEG", icc_profile=profile) for side in range(64, 96, 2)]
    alone = [load(one).pixels for one in data]
    with ThreadPoolExecutor(8) as pool:
        together = [image.pixels for image in pool.map(load, data)]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_heic_without_its_decoder_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"packsight\[heic\]"):
        load(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")


def test_the_suffixes_are_lower_case_and_dotted() -> None:
    assert {".jpg", ".png", ".heic", ".avif"} <= SUPPORTED_SUFFIXES
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in SUPPORTED_SUFFIXES)
