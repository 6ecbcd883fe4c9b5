"""Answers to photos in which no product, or more than one, was found; photos without colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest

from engine.config import load
from engine.galleries.local import LocalGallery
from engine.quality import is_colourless, is_shadow
from engine.search import photo_notes
from engine.types import MatteQuality, Results, RGBImage
from offline.store.descriptions import _decoded, _encoded
from online import page
from online.results_json import results_json
from packsight.commands.query import _text
from stages.assemble import assemble
from stages.open_searcher import searcher_over
from stages.profiles import read_profile
from tests.engine.made_calibrations import calibration
from tests.engine.made_descriptions import entry
from tests.hard_photos import bottles, far_away, grey, white_on_white, with_soft_shadow
from tests.online.page_samples import cutout, made_image

RED, GREEN, BLUE = (200, 40, 40), (40, 160, 60), (40, 60, 200)
PARTS = assemble(read_profile("classic"))


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGallery]:
    folder = tmp_path_factory.mktemp("guesses") / "gallery"
    colours = {"red": RED, "green": GREEN, "blue": BLUE}
    with LocalGallery.create(folder, PARTS.manifest()) as opened:
        for level in range(232, 248, 3):  # enough views for a clear vote on the category
            images = [bottles(colour, background=level) for colour in colours.values()]
            described = PARTS.describer.describe(images, list(colours))
            entries = [entry(f"{name}-{level}", name, name) for name in colours]
            opened.add(entries, [one.description for one in described])
        opened.calibrate(calibration().model_copy(update={"identity": PARTS.answering}))
        yield opened


def answer(
    gallery: LocalGallery, image: RGBImage, categories: Sequence[str] | None = None
) -> Results:
    return searcher_over(gallery).search(image, categories=categories)


@pytest.mark.parametrize("level", [250, 252, 254])
def test_white_on_white_is_answered_by_guesses(gallery: LocalGallery, level: int) -> None:
    results = answer(gallery, white_on_white(level))
    assert results.query.quality.empty and results.guesses and results.hits
    assert any("no product" in note and "guesses" in note for note in results.notes)
    assert results_json(results)["guesses"] is True
    assert any(
        "no product" in line and "guesses" in line for line in _text(results, 3, 0.05).split("\n")
    )


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (90, 120, 200)])
def test_a_photo_of_one_colour_is_answered_by_guesses(
    gallery: LocalGallery, colour: tuple[int, int, int]
) -> None:
    results = answer(gallery, RGBImage(np.full((320, 240, 3), colour, np.uint8)))
    assert results.guesses and results.no_match and results.hits
    assert any("no product" in note and "whole photo" in note for note in results.notes)


def test_a_mask_that_covers_the_photo_is_noted_where_hits_are_cut_out(
    gallery: LocalGallery,
) -> None:
    covers, hits = MatteQuality(nearly_everything=True), answer(gallery, bottles(RED)).hits
    (note,) = photo_notes(covers, hits)
    assert "whole photo" in note and "crop" in note
    record = hits[0].record
    whole = replace(record, description=replace(record.description, quality=covers))
    assert photo_notes(covers, [replace(hits[0], record=whole)]) == ()
    assert photo_notes(MatteQuality(untrusted=True), hits) == ()


@pytest.mark.parametrize("level", [243, 247, 250])
@pytest.mark.parametrize("depth", [40, 70, 100])
def test_a_mask_that_is_a_shadow_is_answered_by_guesses(
    gallery: LocalGallery, level: int, depth: int
) -> None:
    results = answer(gallery, with_soft_shadow(level, depth=depth))
    assert results.query.quality.shadow and results.query.quality.untrusted
    assert results.guesses
    assert any("shadow" in note and "guesses" in note for note in results.notes)


def test_a_product_of_a_tenth_of_the_frame_is_found_by_a_closer_look(
    gallery: LocalGallery,
) -> None:
    for name, colour in {"red": RED, "green": GREEN, "blue": BLUE}.items():
        results = answer(gallery, far_away(100, colour))
        assert results.hits[0].record.product_id == name
        assert results.query.quality.flags == () and not results.guesses


def test_without_a_closer_look_a_product_of_a_tenth_of_the_frame_is_guessed() -> None:
    once = load(read_profile("classic"), env={}, flags=["images.closer_look=false"])
    (described,) = assemble(once).describer.describe([far_away(100, RED)])
    assert described.description.quality.empty


def test_guesses_are_no_match_and_have_no_probability(gallery: LocalGallery) -> None:
    sure, unsure = answer(gallery, bottles(RED)), answer(gallery, white_on_white())
    assert not sure.guesses and sure.hits[0].probability is not None
    assert unsure.no_match and all(hit.probability is None for hit in unsure.hits)
    text = _text(unsure, 3, 0.05).splitlines()
    assert not any(line.startswith(("a match", "not in this catalogue")) for line in text)
    assert any("guesses" in line for line in text)


def test_the_page_shows_that_hits_are_guesses(gallery: LocalGallery) -> None:
    def shown(results: Results) -> str:
        photo = made_image(1)
        return page.render(results, photo, cutout(), thumbnails=lambda uri: None)

    unsure = shown(answer(gallery, white_on_white()))
    assert "No product was found in the photo." in unsure and "Best hit" not in unsure
    assert "No product was found" not in shown(answer(gallery, bottles(RED)))
    assert "several products" in shown(answer(gallery, bottles(RED, GREEN)))


def test_several_products_are_answered_with_the_advice_to_crop(gallery: LocalGallery) -> None:
    one, three = answer(gallery, bottles(RED)), answer(gallery, bottles(RED, GREEN, BLUE))
    assert three.query.quality.several_objects and not three.guesses
    assert any("several products" in note and "crop" in note for note in three.notes)
    assert not any("crop" in note for note in one.notes)


@pytest.mark.parametrize("colours", [(RED, GREEN), (RED, GREEN, BLUE)])
def test_several_small_products_are_answered_with_the_advice_to_crop(
    gallery: LocalGallery, colours: tuple[tuple[int, int, int], ...]
) -> None:
    results = answer(gallery, far_away(120, *colours, at=(420, 500)))
    assert any("several products" in note and "crop" in note for note in results.notes)


def test_a_photo_without_colour_is_searched_in_every_category(gallery: LocalGallery) -> None:
    coloured, without = answer(gallery, bottles(RED)), answer(gallery, grey(bottles(RED)))
    assert coloured.route.categories == ("red",)
    assert set(without.route.categories) == {"red", "green", "blue"}
    assert without.route.unsure and "colour" in without.route.why


def test_a_requested_category_is_searched_alone_without_colour_too(
    gallery: LocalGallery,
) -> None:
    results = answer(gallery, grey(bottles(RED)), ["blue"])
    assert results.route.categories == ("blue",)


@pytest.mark.parametrize("flag", ["cutout.name=grey_on_white", "embed.colour=0"])
def test_colour_is_not_missed_where_describing_uses_none(flag: str) -> None:
    parts = assemble(load(read_profile("classic"), env={}, flags=[flag]))
    (described,) = parts.describer.describe([grey(bottles(RED))])
    assert not described.description.colourless


def test_kept_descriptions_keep_that_colour_is_missing() -> None:
    for image in (bottles(RED), grey(bottles(RED))):
        (described,) = PARTS.describer.describe([image])
        kept = _decoded(_encoded(described.description))
        assert kept.colourless is described.description.colourless is is_colourless(image)


def test_a_grey_product_in_a_photo_with_colour_is_not_colourless() -> None:
    assert is_colourless(bottles((90, 90, 90)))
    pixels = bottles((90, 90, 90)).pixels.copy()
    pixels[370:390, 370:390] = RED  # a four-hundredth of the frame
    assert not is_colourless(RGBImage(pixels))


def test_noise_and_compression_give_a_grey_photo_no_colour() -> None:
    pixels = grey(bottles(RED, GREEN)).pixels
    noise = np.random.default_rng(0).normal(0, 6, pixels.shape[:2])[:, :, None]
    noisy = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    _, file = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 60])
    assert is_colourless(RGBImage(np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)))


@pytest.mark.parametrize("colour", [(120, 120, 120), (200, 200, 200), (230, 228, 226), RED])
def test_a_product_with_edges_is_no_shadow(colour: tuple[int, int, int]) -> None:
    image = bottles(colour)
    (cut,) = PARTS.describer.cutting.cut([image])
    assert (cut.matte.alpha >= 0.5).any() and not is_shadow(image, cut.matte)
