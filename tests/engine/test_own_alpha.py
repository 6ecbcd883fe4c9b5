"""Images whose own alpha is their mask: cut-outs, glass, frames; and what stays without it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.config import Settings, load
from engine.cutting import Cut
from engine.galleries.local import LocalGallery
from engine.images import load as load_image
from engine.own_alpha import own_matte
from engine.types import Description, RGBImage, UInt8Array
from online.results_json import results_json
from stages.assemble import Parts, assemble
from stages.open_searcher import open_searcher, searcher_over
from stages.profiles import read_profile
from stages.rerank._pair_features import NAMES, pair_features
from tests.engine.made_descriptions import entry
from tests.hard_photos import far_away

WHITE = (255, 255, 255)
Draw = Callable[[ImageDraw.ImageDraw, float], None]


def bottle(draw: ImageDraw.ImageDraw, s: float) -> None:
    draw.rounded_rectangle([70 * s, 80 * s, 130 * s, 190 * s], 12 * s, fill=255)
    draw.rectangle([88 * s, 20 * s, 112 * s, 90 * s], fill=255)


def jar(draw: ImageDraw.ImageDraw, s: float) -> None:
    draw.rounded_rectangle([40 * s, 70 * s, 160 * s, 180 * s], 25 * s, fill=255)
    draw.rectangle([50 * s, 45 * s, 150 * s, 72 * s], fill=255)


def tube(draw: ImageDraw.ImageDraw, s: float) -> None:
    draw.polygon([(75 * s, 20 * s), (125 * s, 20 * s), (110 * s, 160 * s), (90 * s, 160 * s)], 255)
    draw.rectangle([92 * s, 158 * s, 108 * s, 185 * s], fill=255)


def tub(draw: ImageDraw.ImageDraw, s: float) -> None:
    draw.ellipse([20 * s, 50 * s, 180 * s, 150 * s], fill=255)


SHAPES: dict[str, Draw] = {"bottle": bottle, "jar": jar, "tube": tube, "tub": tub}


def alpha_of(shape: str, side: int = 200) -> Image.Image:
    large = Image.new("L", (side * 4, side * 4), 0)
    SHAPES[shape](ImageDraw.Draw(large), side * 4 / 200)
    return large.resize((side, side), Image.Resampling.BOX)


def cut_out(shape: str, side: int = 200, colour: tuple[int, int, int] = WHITE) -> Image.Image:
    image = Image.new("RGB", (side, side), colour)
    image.putalpha(alpha_of(shape, side))
    return image


def decoded(image: Image.Image, kind: str = "PNG", **options: object) -> RGBImage:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return load_image(buffer.getvalue())


def parts_with(*flags: str, profile: str = "classic") -> Parts:
    return assemble(load(read_profile(profile), env={}, flags=flags))


PARTS = parts_with()


def cut_of(image: RGBImage, parts: Parts = PARTS) -> Cut:
    (cut,) = parts.describer.cutting.cut([image])
    return cut


def description(image: RGBImage, parts: Parts = PARTS) -> Description:
    (described,) = parts.describer.describe([image])
    return described.description


def overlap(cut: Cut, alpha: UInt8Array) -> float:
    mask, wanted = cut.matte.alpha >= 0.5, alpha >= 128
    return float((mask & wanted).sum() / (mask | wanted).sum())


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_white_cut_outs_are_told_apart_by_their_alpha(tmp_path: Path, kind: str) -> None:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    options: dict[str, object] = {"lossless": True} if kind == "WEBP" else {}
    with LocalGallery.create(tmp_path / "gallery", PARTS.manifest()) as gallery:
        for name in SHAPES:
            image = decoded(cut_out(name), kind, **options)
            gallery.add([entry(name, "package", name)], [description(image)])
        searcher = searcher_over(gallery)
        for name in SHAPES:
            photo = decoded(cut_out(name, 260), kind, **options)
            assert photo.alpha is not None
            assert overlap(cut_of(photo), photo.alpha) > 0.95
            results = searcher.search(photo, k=2)
            assert results.hits[0].record.product_id == name
            assert results.hits[0].score > results.hits[1].score + 0.01
            assert results.query.quality.flags == ("own_alpha",) and not results.guesses
            assert results_json(results)["quality"] == ["own_alpha"]


def test_the_dark_label_of_a_white_bottle_is_not_its_mask() -> None:
    image = cut_out("bottle")
    image.paste((20, 20, 30), (75, 110, 125, 150))
    image.putalpha(alpha_of("bottle"))
    assert overlap(cut_of(decoded(image)), np.asarray(alpha_of("bottle"))) > 0.95


@pytest.mark.parametrize("faint", [60, 90, 140])
@pytest.mark.parametrize("tint", [(230, 240, 235), (90, 50, 20), (0, 0, 0)])
def test_glass_that_is_partly_transparent_is_product(
    faint: int, tint: tuple[int, int, int]
) -> None:
    whole = np.asarray(alpha_of("bottle"))
    alpha = (whole.astype(np.float32) * (faint / 255)).astype(np.uint8)
    alpha[100:140][whole[100:140] == 255] = 255  # an opaque label
    image = Image.new("RGB", (200, 200), tint)
    image.putalpha(Image.fromarray(alpha))
    assert overlap(cut_of(decoded(image)), whole) > 0.95


def test_a_soft_shadow_that_was_cut_out_with_its_product_is_no_product() -> None:
    product = np.asarray(alpha_of("jar"))
    shade = np.zeros((200, 200), np.float32)
    cv2.ellipse(shade, (120, 182), (70, 12), 0, 0, 360, (100.0,), cv2.FILLED)
    shade = np.asarray(cv2.GaussianBlur(shade, (0, 0), 6), np.float32)
    pixels = np.where(product[:, :, None] > 0, np.uint8(255), np.uint8(0)).repeat(3, axis=2)
    image = Image.fromarray(pixels)
    image.putalpha(Image.fromarray(np.maximum(product, shade.astype(np.uint8))))
    assert overlap(cut_of(decoded(image)), product) > 0.95


def photo_with(alpha: Image.Image) -> RGBImage:
    """A red box on a light table, clear where ``alpha`` is 0."""
    image = Image.new("RGB", alpha.size, (225, 225, 220))
    width, height = alpha.size
    image.paste((190, 30, 30), (width // 3, height // 4, 2 * width // 3, 3 * height // 4))
    image.putalpha(alpha)
    return decoded(image)


def rounded(radius: int, margin: int = 0, size: tuple[int, int] = (300, 200)) -> Image.Image:
    alpha = Image.new("L", size, 0)
    box = (margin, margin, size[0] - 1 - margin, size[1] - 1 - margin)
    ImageDraw.Draw(alpha).rounded_rectangle(box, radius, fill=255)
    return alpha


def speckled() -> Image.Image:
    """Opaque but for a hole inside and a few clear pixels."""
    alpha = np.full((200, 300), 255, np.uint8)
    alpha[90:130, 130:190] = 0
    alpha[::50, ::50] = 0
    return Image.fromarray(alpha)


FRAMES = {
    "rounded": rounded(20),
    "strongly rounded": rounded(50),
    "rounded with a margin": rounded(24, 4),
    "a margin": rounded(0, 5),
    "half clear everywhere": Image.new("L", (300, 200), 130),
    "all clear": Image.new("L", (300, 200), 0),
    "nearly all clear": Image.new("L", (300, 200), 9),
    "a hole": speckled(),
}


@pytest.mark.parametrize("name", FRAMES)
def test_an_alpha_that_shows_no_product_is_left_to_the_segmenter(name: str) -> None:
    image = photo_with(FRAMES[name])
    cut, without = cut_of(image), cut_of(RGBImage(image.pixels))
    assert own_matte(image) is None and not cut.own_alpha
    np.testing.assert_array_equal(cut.matte.alpha, without.matte.alpha)
    np.testing.assert_array_equal(cut.cutout.pixels, without.cutout.pixels)


@pytest.mark.parametrize("shape", ["jar", "bottle", "tube", "can"])
def test_a_cut_out_that_is_trimmed_to_its_product_is_masked_by_its_alpha(shape: str) -> None:
    if shape == "can":
        alpha = Image.new("L", (150, 240), 0)
        draw = ImageDraw.Draw(alpha)
        draw.rectangle((0, 20, 149, 219), fill=255)
        draw.ellipse((0, 0, 149, 40), fill=255)
        draw.ellipse((0, 199, 149, 239), fill=255)
    else:
        alpha = alpha_of(shape)
        alpha = alpha.crop(alpha.getbbox())
    image = Image.new("RGB", alpha.size, WHITE)
    image.putalpha(alpha)
    photo = decoded(image)
    assert overlap(cut_of(photo), np.asarray(alpha)) > 0.95
    assert not description(photo).quality.doubts


def test_a_batch_of_cut_outs_and_photos_is_cut_as_one_by_one() -> None:
    images = [decoded(cut_out("jar")), photo_with(rounded(0, 40)), photo_with(rounded(20))]
    mixed = [images[2], images[0], images[2], images[1]]
    together = PARTS.describer.cutting.cut(mixed)
    for image, cut in zip(mixed, together, strict=True):
        np.testing.assert_array_equal(cut.matte.alpha, cut_of(image).matte.alpha)
        assert cut.own_alpha is cut_of(image).own_alpha


def test_own_alpha_is_trusted_whatever_the_trust_of_masks() -> None:
    trusting = parts_with("trust.name=calibrated", "trust.threshold=1.0")
    described = description(decoded(cut_out("tub")), trusting)
    assert described.trust == 1.0 and not described.quality.untrusted


def test_own_alpha_casts_no_doubt_on_a_pair(tmp_path: Path) -> None:
    image = decoded(cut_out("jar"))
    with LocalGallery.create(tmp_path / "gallery", PARTS.manifest()) as gallery:
        gallery.add([entry("jar")], [description(image)])
        hits = searcher_over(gallery).search(image).hits
    found = pair_features(description(image), hits)
    flagged = [NAMES.index(name) for name in ("query_flagged", "hit_flagged")]
    assert found.comparable.all() and not found.rows[:, flagged].any()
    assert hits[0].record.description.quality.own_alpha and hits[0].iou == 1.0


def of_before(settings: Settings) -> Settings:
    """As a gallery holds them that was made before own alpha was a mask, small products were
    segmented twice, or JPEGs kept the size they are decoded at."""
    tables = settings.tables()
    for later in ("alpha", "closer_look", "drafted"):
        del tables["images"][later]
    return Settings.from_tables(tables)


def test_a_gallery_of_before_keeps_its_fingerprint_and_its_answers(tmp_path: Path) -> None:
    before = assemble(of_before(read_profile("classic")))
    without = [f"images.{name}=false" for name in ("alpha", "closer_look", "drafted")]
    assert before.fingerprint == parts_with(*without).fingerprint
    assert before.fingerprint != PARTS.fingerprint
    image = decoded(cut_out("bottle"))
    with LocalGallery.create(tmp_path / "gallery", before.manifest()) as gallery:
        gallery.add([entry("bottle")], [description(image, before)])
    for profile in (None, "classic"):
        with open_searcher(tmp_path / "gallery", profile=profile) as searcher:
            assert not searcher.search(image).query.quality.own_alpha
            assert searcher.search(far_away(100, (200, 40, 40))).query.quality.empty


@pytest.mark.parametrize("alpha", ["true", "false"])
@pytest.mark.parametrize("closer", ["true", "false"])
@pytest.mark.parametrize("drafted", ["true", "false"])
def test_what_was_fitted_without_the_settings_of_few_images_fits_with_them(
    alpha: str, closer: str, drafted: str
) -> None:
    """The shipped reranker learned from descriptions of before."""
    few = [f"images.alpha={alpha}", f"images.closer_look={closer}", f"images.drafted={drafted}"]
    assert parts_with("rerank=none", "rerank.name=learned", "rerank.weights=rerank_classic", *few)


def test_a_cut_out_of_a_tenth_of_the_frame_is_masked_by_its_alpha() -> None:
    canvas = Image.new("RGBA", (1000, 1000), (0, 0, 0, 0))
    canvas.paste(cut_out("bottle", 110), (300, 500))
    photo = decoded(canvas)
    assert photo.alpha is not None and overlap(cut_of(photo), photo.alpha) > 0.95
    assert description(photo).quality.flags == ("own_alpha",)
    x1, y1, x2, y2 = cut_of(photo).cutout.box
    assert max(x2 - x1, y2 - y1) < 130
