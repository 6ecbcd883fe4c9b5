"""Every layout of the samples of a TIFF is read with its values, or refused with its name."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from engine.errors import ImageError
from engine.images import ImageLimits, load
from tests.engine import made_tiffs as made

HEIGHT, WIDTH = 7, 11
COMPRESSIONS = (made.PLAIN, made.LZW, made.DEFLATE, made.PACKBITS)


class Colours(NamedTuple):
    photometric: int
    samples: int
    extra: int | None = None


class Type(NamedTuple):
    kind: str
    bits: int


COLOURS = {
    "white is zero": Colours(made.WHITE_IS_ZERO, 1),
    "grey": Colours(made.BLACK_IS_ZERO, 1),
    "grey with alpha": Colours(made.BLACK_IS_ZERO, 2, made.UNASSOCIATED),
    "grey with alpha multiplied in": Colours(made.BLACK_IS_ZERO, 2, made.ASSOCIATED),
    "grey with another sample": Colours(made.BLACK_IS_ZERO, 2, 0),
    "RGB": Colours(made.RGB, 3),
    "RGBA": Colours(made.RGB, 4, made.UNASSOCIATED),
    "RGBA multiplied in": Colours(made.RGB, 4, made.ASSOCIATED),
    "RGB with another sample": Colours(made.RGB, 4, 0),
    "palette": Colours(made.PALETTE, 1),
    "CMYK": Colours(made.CMYK, 4),
    "CMYK with another sample": Colours(made.CMYK, 5, 0),
    "CMYK with alpha": Colours(made.CMYK, 5, made.UNASSOCIATED),
    "YCbCr": Colours(made.YCBCR, 3),
    "Lab": Colours(made.LAB, 3),
}
TYPES = [Type("u", bits) for bits in (1, 2, 4, 8, 12, 16, 32)] + [
    *(Type("i", bits) for bits in (8, 16, 32)),
    *(Type("f", bits) for bits in (16, 32, 64)),
]


def is_read(colours: Colours, kind: Type) -> bool:
    """What is not is refused by name."""
    if colours == COLOURS["CMYK with alpha"]:
        return False
    if colours.photometric in (made.PALETTE, made.YCBCR):
        return kind == Type("u", 8) or (colours.photometric == made.PALETTE and kind.bits < 8)
    if colours.photometric == made.LAB:
        return kind in (Type("u", 8), Type("u", 16))
    return True


def random_samples(colours: Colours, kind: Type) -> npt.NDArray[np.generic]:
    random = np.random.default_rng(kind.bits)
    shape = (HEIGHT, WIDTH, colours.samples)
    if kind.kind == "f":
        samples = random.random(shape).astype(f"f{kind.bits // 8}")
    else:
        bits = kind.bits - (kind.kind == "i")
        stored = {12: 16}.get(kind.bits, max(8, kind.bits))
        samples = random.integers(0, 2**bits, shape, np.int64).astype(f"{kind.kind}{stored // 8}")
    if colours.extra == made.ASSOCIATED:
        samples = np.minimum(samples, samples[:, :, -1:])
    return samples


def expected(
    samples: npt.NDArray[np.generic],
    colours: Colours,
    kind: Type,
    palette: npt.NDArray[np.uint16] | None,
) -> npt.NDArray[np.float64]:
    """Of the definitions in TIFF 6.0; of Lab by the 8-bit interleaved file."""
    if palette is not None:
        return palette[samples[:, :, 0].astype(int)].astype(float) / 257
    if colours.photometric == made.LAB:
        eight = samples
        if kind.bits == 16:
            light = np.rint(samples[:, :, :1].astype(float) / 257)
            hue = np.rint(samples[:, :, 1:].view(np.int16) / 256).clip(-128, 127)
            eight = np.concatenate([light, hue], axis=2).astype(np.int16).astype(np.uint8)
        return load(made.written(eight, made.LAB, bits=8)).pixels.astype(float)
    unit = samples.astype(float)
    if kind.kind != "f":
        unit /= 2 ** (kind.bits - (kind.kind == "i")) - 1
    if colours.photometric == made.CMYK:
        return 255 * (1 - unit[:, :, :3]) * (1 - unit[:, :, 3:4])
    if colours.photometric == made.YCBCR:
        light, blue, red = np.moveaxis(unit * 255 - [0, 128, 128], 2, 0)
        green = light - 0.344136 * blue - 0.714136 * red
        return np.stack([light + 1.402 * red, green, light + 1.772 * blue], 2).clip(0, 255)
    count = 3 if colours.photometric == made.RGB else 1
    colour, alpha = unit[:, :, :count], unit[:, :, count : count + 1]
    if colours.photometric == made.WHITE_IS_ZERO:
        colour = 1 - colour
    if colours.extra == made.UNASSOCIATED:
        colour = colour * alpha + 1 - alpha
    if colours.extra == made.ASSOCIATED:
        colour = colour + 1 - alpha
    return 255 * np.broadcast_to(colour, (HEIGHT, WIDTH, 3))


def layouts(colours: Colours, kind: Type) -> list[dict[str, int | str]]:
    is_bytewise = kind.bits in (8, 16, 32, 64)
    return [
        {"planar": planar, "compression": compression, "predictor": predictor, "order": order}
        for planar in ([1, 2] if colours.samples > 1 else [1])
        for compression in (*COMPRESSIONS, *[made.OLD_DEFLATE] * (kind.bits == 16))
        for predictor in (
            [made.NO_PREDICTOR]
            + [made.DIFFERENCES] * (is_bytewise and kind.kind != "f")
            + [made.FLOAT_DIFFERENCES] * (kind.kind == "f")
        )
        for order in "<>"
        if predictor == 1 or compression not in (made.PLAIN, made.PACKBITS)
    ]


@pytest.mark.parametrize("kind", TYPES, ids=str)
@pytest.mark.parametrize("name", COLOURS)
def test_every_layout_is_read_with_its_values_or_refused_by_name(name: str, kind: Type) -> None:
    colours = COLOURS[name]
    if name == "palette" and (kind.kind != "u" or kind.bits > 8):
        return
    samples, palette = random_samples(colours, kind), None
    if name == "palette":
        palette = np.random.default_rng(2).integers(0, 2**16, (2**kind.bits, 3)).astype(np.uint16)
    should = expected(samples, colours, kind, palette) if is_read(colours, kind) else None
    for layout in layouts(colours, kind):
        data = made.written(
            samples,
            colours.photometric,
            bits=kind.bits,
            rows=3,
            extra=colours.extra,
            palette=palette,
            **layout,  # type: ignore[arg-type]
        )
        if should is None:
            with pytest.raises(ImageError, match=f"TIFF with {kind.bits}-bit .*not read"):
                load(data)
            continue
        apart = np.abs(load(data).pixels - should).max()
        assert apart <= 2, (name, kind, layout, apart)


@pytest.mark.parametrize("kind", TYPES, ids=str)
@pytest.mark.parametrize("name", ["grey", "RGB", "RGBA", "CMYK"])
def test_the_made_files_are_what_a_second_decoder_reads(name: str, kind: Type) -> None:
    tifffile = pytest.importorskip("tifffile")
    if kind.bits in (2, 4, 12):
        return  # needs a package of codecs
    colours = COLOURS[name]
    samples = random_samples(colours, kind)
    for layout in layouts(colours, kind):
        if layout["compression"] == made.LZW or layout["predictor"] == made.FLOAT_DIFFERENCES:
            continue
        data = made.written(
            samples,
            colours.photometric,
            bits=kind.bits,
            rows=3,
            extra=colours.extra,
            **layout,  # type: ignore[arg-type]
        )
        decoded = tifffile.imread(io.BytesIO(data))
        if layout["planar"] == made.PLANES:
            decoded = np.moveaxis(decoded, 0, -1)
        np.testing.assert_array_equal(decoded.reshape(samples.shape), samples)


@pytest.mark.parametrize("is_compressed", [False, True])
def test_subsampled_ycbcr_is_read_where_it_is_compressed_and_else_refused(
    is_compressed: bool,
) -> None:
    random = np.random.default_rng(1)
    light = random.integers(60, 200, (16, 32))
    blue, red = (random.integers(90, 160, (8, 16)) for _ in range(2))
    squares = light.reshape(8, 2, 16, 2).transpose(0, 2, 1, 3).reshape(8, 16, 4)
    units = np.concatenate([squares, blue[..., None], red[..., None]], axis=2).astype(np.uint8)
    data = made.subsampled(units, made.DEFLATE if is_compressed else made.PLAIN)
    if not is_compressed:
        with pytest.raises(ImageError, match=r"YCbCr samples.*not read"):
            load(data + bytes(1000))
        return
    blue, red = (np.kron(plane - 128.0, np.ones((2, 2))) for plane in (blue, red))
    green = light - 0.344136 * blue - 0.714136 * red
    should = np.stack([light + 1.402 * red, green, light + 1.772 * blue], 2)
    assert np.abs(load(data).pixels - should).max() <= 3


@pytest.mark.parametrize("name", ["white is zero", "grey", "RGB"])
@pytest.mark.parametrize("bits", [1, 4, 8, 12, 16])
def test_bits_in_reverse_order_are_turned(name: str, bits: int) -> None:
    colours, kind = COLOURS[name], Type("u", bits)
    samples = random_samples(colours, kind)
    should = expected(samples, colours, kind, None)
    for layout in layouts(colours, kind):
        data = made.written(
            samples,
            colours.photometric,
            bits=bits,
            rows=3,
            reverse_bits=True,
            **layout,  # type: ignore[arg-type]
        )
        assert np.abs(load(data).pixels - should).max() <= 1, layout


@pytest.mark.parametrize("compression", ["zstd", "lzma", "jpeg", "webp", "group3", "group4"])
def test_other_codecs_give_their_pixels(compression: str) -> None:
    random = np.random.default_rng(1)
    floats = Image.fromarray(random.random((13, 19), np.float32))
    smooth = Image.fromarray(random.integers(0, 256, (4, 8, 3), np.uint8)).resize((64, 32))
    bilevel = Image.fromarray(random.random((13, 19)) > 0.5)
    image = {"zstd": floats, "lzma": floats, "jpeg": smooth, "webp": smooth}.get(
        compression, bilevel
    )
    buffer = io.BytesIO()
    try:
        image.save(buffer, "TIFF", compression=compression)
    except OSError:
        pytest.skip(f"no {compression} in this Pillow")
    should = np.asarray(image, np.float32) * (1 if image is smooth else 255)
    should = should if should.ndim == 3 else np.repeat(should[:, :, None], 3, axis=2)
    assert np.abs(load(buffer.getvalue()).pixels - should).mean() < (6 if image is smooth else 0.5)


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "i2", "f4"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiles_are_put_together(kind: str, planar: str, compression: str | None) -> None:
    tifffile = pytest.importorskip("tifffile")
    unit = np.random.default_rng(1).random((37, 53, 3))
    top = 1.0 if kind == "f4" else float(np.iinfo(kind).max)
    samples = (unit * top).astype(kind)
    for order in "<>":
        buffer = io.BytesIO()
        tifffile.imwrite(
            buffer,
            samples if planar == "contig" else np.moveaxis(samples, 2, 0),
            photometric="rgb",
            planarconfig=planar,
            compression=compression,
            tile=(16, 32),
            byteorder=order,
            metadata=None,
        )
        np.testing.assert_allclose(load(buffer.getvalue()).pixels, samples / top * 255, atol=1)


def test_floats_above_one_are_scaled_and_what_is_no_number_is_black() -> None:
    values = np.array([[[0.0], [51.0], [255.0], [np.nan], [-np.inf]]], np.float32)
    for order in "<>":
        data = made.written(values, made.BLACK_IS_ZERO, bits=32, order=order)
        assert load(data).pixels[0, :, 0].tolist() == [0, 51, 255, 0, 0]


def test_lab_has_white_and_red_where_they_belong() -> None:
    samples = np.array([[[65535, 0, 0], [35000, 17000, 12000]]], np.uint16)
    for planar in (made.INTERLEAVED, made.PLANES):
        white, red = load(made.written(samples, made.LAB, bits=16, planar=planar)).pixels[0]
        assert white.min() >= 253
        assert red[0] > 180 and max(red[1], red[2]) < 90


def test_a_truncated_file_of_deep_samples_is_refused_and_orientation_and_limits_hold() -> None:
    samples = np.arange(3 * 40 * 50, dtype=np.uint16).reshape(40, 50, 3)
    data = made.written(samples, made.RGB, bits=16, planar=made.PLANES, rows=8)
    pixels = 40 * 50 * 6 // 4
    assert load(data, limits=ImageLimits(max_pixels=pixels)).original_size == (50, 40)
    with pytest.raises(ImageError, match=r"images\.max_pixels=3000"):
        load(data, limits=ImageLimits(max_pixels=pixels - 1))
    tifffile = pytest.importorskip("tifffile")
    buffer = io.BytesIO()
    turned = (274, 3, 1, 6, True)
    planes = np.moveaxis(samples, 2, 0)
    tifffile.imwrite(
        buffer,
        planes,
        photometric="rgb",
        planarconfig="separate",
        extratags=[turned],
        metadata=None,
    )
    assert load(buffer.getvalue()).pixels.shape == (50, 40, 3)
    with pytest.raises(ImageError, match="truncated"):
        load(buffer.getvalue()[:-10])
