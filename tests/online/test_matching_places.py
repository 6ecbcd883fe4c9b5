"""The matching places of photo and hit on the page, in JSON and in text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.keypoints import KeypointMatch
from engine.matching_places import APART, COLOURS, DRAWN, NUMBERED, RADIUS
from engine.types import Hit
from engine.verification import explained
from online import page
from online.match_drawing import SIDE, match_drawing
from online.results_json import results_json
from tests.drawn_catalogue import save
from tests.drawn_labels import label
from tests.online.page_samples import ParsedPage, cutout, hit, made_image, rendered, results
from tests.packsight_command import Command
from tests.page_colours import contrast

LEAST = 5


def match_of(count: int, *, mirrored: bool = False, seed: int = 0) -> KeypointMatch:
    """Anywhere on the photo; in the lower half of the hit."""
    places = np.random.default_rng(seed).uniform(0.1, 0.7, (count, 4)).astype(np.float32)
    return KeypointMatch(places, 0.5, 0.25, 0.004, mirrored)


def matching(
    count: int, rank: int = 1, *, why: str = "", mirrored: bool = False, raised: bool = False
) -> Hit:
    shown = replace(hit(rank, product_id=f"jar-{rank}"), why=why, iou=None)
    shown = replace(shown, match=match_of(count, mirrored=mirrored))
    return explained(shown, LEAST, raised_to=rank if raised else None)


def test_a_hit_with_matching_places_has_a_drawing_with_their_number() -> None:
    shown = ParsedPage(rendered(results([matching(34)])))
    (figure,) = shown.all("figure", "match")
    assert "34 matching places on the label" in figure.text
    (drawing,) = [
        svg for svg in shown.all("svg") if "34 matching" in svg.attributes.get("aria-label", "")
    ]
    assert drawing.attributes["role"] == "img"
    assert len(shown.all("circle")) == 2 * 34


def test_every_number_stands_once_on_the_photo_and_once_on_the_hit() -> None:
    shown = ParsedPage(rendered(results([matching(34)])))
    numbers = [int(text.text) for text in shown.all("text")]
    drawing = match_drawing(matching(34).match, made_image(1), made_image(2))
    assert drawing is not None
    left = [float(text.attributes["x"]) < drawing.hit.x for text in shown.all("text")]
    for number in range(1, max(numbers) + 1):
        sides = [side for side, n in zip(left, numbers, strict=True) if n == number]
        assert sorted(sides) == [False, True]
    titles = [title.text for title in shown.all("title")[1:]]
    assert len(titles) == max(numbers)


def test_no_more_are_drawn_than_can_be_told_apart() -> None:
    drawing = match_drawing(matching(300).match, made_image(1), made_image(2))
    assert drawing is not None
    assert (drawing.places, len(drawing.pairs)) == (300, DRAWN)
    numbered = [pair for pair in drawing.pairs if pair.number]
    assert len(numbered) <= NUMBERED
    assert sorted(pair.number for pair in numbered) == list(range(1, len(numbered) + 1))
    for places in ([(p.x1, p.y1) for p in numbered], [(p.x2, p.y2) for p in numbered]):
        apart = np.linalg.norm(np.array(places)[:, None] - np.array(places), axis=2)
        assert apart[~np.eye(len(places), dtype=bool)].min() > SIDE * APART * RADIUS - 0.2
    words = ParsedPage(rendered(results([matching(300)]))).words
    assert "300 matching places on the label" in words
    assert f"{DRAWN} of them are drawn" in words


def test_numbers_lie_on_top_of_dots() -> None:
    drawing = match_drawing(matching(40).match, made_image(1), made_image(2))
    assert drawing is not None
    numbered = [bool(pair.number) for pair in drawing.pairs]
    assert numbered == sorted(numbered)


@pytest.mark.parametrize("photo", [(300, 400), (400, 300), (1, 4000), (4000, 1), (7, 7)])
@pytest.mark.parametrize("image", [(300, 400), (1, 4000), (900, 30)])
def test_places_lie_within_their_images(photo: tuple[int, int], image: tuple[int, int]) -> None:
    corners = np.array([(0, 0, 0, 0)] * 6 + [(1, 1, 1, 1)], np.float64)
    ours, theirs = np.array(photo[::-1]) / max(photo), np.array(image[::-1]) / max(image)
    corners *= np.concatenate([ours, theirs])
    found = KeypointMatch(corners.astype(np.float32), evident=True)
    drawing = match_drawing(found, made_image(1, *photo), made_image(2, *image))
    assert drawing is not None
    left, right = drawing.photo, drawing.hit
    assert left.x + left.width < right.x
    assert max(left.width, left.height, right.width, right.height) == SIDE
    for pair in drawing.pairs:
        for frame, x, y in ((left, pair.x1, pair.y1), (right, pair.x2, pair.y2)):
            assert frame.x - 0.1 <= x <= frame.x + frame.width + 0.1 <= drawing.width + 0.2
            assert frame.y - 0.1 <= y <= frame.y + frame.height + 0.1 <= drawing.height + 0.2


@pytest.mark.parametrize("count", [0, LEAST, 2 * LEAST - 1])
def test_places_that_are_no_evidence_are_not_shown(count: int) -> None:
    answer = results([matching(count)])
    html = rendered(answer)
    assert "matching place" not in html
    assert 'id="photo-image"' not in html
    assert json.loads(json.dumps(results_json(answer)))["hits"][0]["match"] is None


def test_a_mirrored_match_is_named_so() -> None:
    assert (
        "matching places on the label, mirrored"
        in ParsedPage(rendered(results([matching(34, mirrored=True)]))).words
    )


def test_the_reason_of_the_reranker_stands_beside_the_drawing() -> None:
    words = ParsedPage(rendered(results([matching(34, why="kept its place")]))).words
    assert "kept its place" in words
    assert words.count("matching places on the label") == 1


def test_what_print_raised_is_named_on_the_page_and_in_json_beside_the_reason_before() -> None:
    answer = results([matching(34, why="its image stays at place 5", raised=True)])
    words = ParsedPage(rendered(answer)).words
    assert "its image stays at place 5" in words
    assert words.count("34 matching places on the label raise its image to place 1") == 1
    (found,) = json.loads(json.dumps(results_json(answer)))["hits"]
    assert found["why"].startswith("its image stays at place 5; 34 matching places")
    assert found["match"]["raised_to"] == 1


def test_a_hit_that_few_places_raised_is_explained_and_not_drawn() -> None:
    answer = results([matching(LEAST + 1, raised=True)])
    shown = ParsedPage(rendered(answer))
    assert not shown.all("figure", "match")
    assert "perhaps by chance, raise it" in shown.words
    assert json.loads(json.dumps(results_json(answer)))["hits"][0]["match"] is None


def test_where_the_image_cannot_be_shown_its_matching_places_are_named() -> None:
    html = page.render(
        results([matching(34)]), made_image(1), cutout(), thumbnails=lambda uri: None
    )
    shown = ParsedPage(html)
    assert not shown.all("figure", "match")
    assert "34 matching places on the label" in shown.words


def test_the_photo_is_kept_once_for_all_drawings() -> None:
    hits = [matching(200, rank) for rank in range(1, 11)]
    large = made_image(3, 2000, 1500)
    html = page.render(results(hits), large, cutout(), thumbnails=lambda uri: large)
    shown = ParsedPage(html)
    assert len(shown.all("figure", "match")) == 10
    assert [use.attributes["href"] for use in shown.all("use")] == ["#photo-image"] * 10
    assert len([e for e in shown.elements if e.attributes.get("id") == "photo-image"]) == 1
    assert len(html.encode()) < 900_000


def test_every_colour_of_a_number_carries_white() -> None:
    assert all(contrast(colour, "#ffffff") >= 4.5 for colour in COLOURS)  # WCAG 2.2, AA


def test_json_has_the_evidence_and_places_that_can_be_drawn() -> None:
    answer = results([matching(300), hit(2)])
    first, second = json.loads(json.dumps(results_json(answer)))["hits"]
    assert second["match"] is None
    match = first["match"]
    assert match["places"] == 300
    assert (match["share"], match["area"], match["residual"]) == (0.5, 0.25, 0.004)
    assert (match["mirrored"], match["raised_to"]) == (False, None)
    assert len(match["points"]) == DRAWN
    assert all(len(row) == 4 and all(0 <= x <= 1 for x in row) for row in match["points"])
    assert len(json.dumps(match)) < 2000


def test_a_query_shows_matching_places_and_the_gallery_names_its_keypoints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packsight = Command(capsys)
    for seed in range(3):
        save(tmp_path / "c" / "carton" / f"p{seed}" / "front.png", label(seed).pixels)
    save(tmp_path / "c" / "carton" / "plain" / "lid.png", np.full_like(label(0).pixels, 240))
    gallery = tmp_path / "g"
    assert packsight.ingest(tmp_path / "c", gallery, "--set", "keypoints.name=sift").code == 0
    facts = json.loads(packsight("gallery", "info", gallery, "--json").out)["keypoints"]
    assert (facts["looked_at"], facts["with_keypoints"]) == (4, 3)
    assert 1_000 < facts["bytes"] <= 12_000
    info = packsight("gallery", "info", gallery).out
    assert "keypoints    sift" in info
    assert "3 of 4 images have keypoints" in info
    photo = save(tmp_path / "photo.png", label(2).pixels[::-1, ::-1])
    out = packsight("query", photo, "--gallery", gallery, "--page", tmp_path / "p.html").out
    lines = [line for line in out.splitlines() if "matching places on the label" in line]
    assert len(lines) == 1 and lines[0].startswith("1: ")
    html = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert len(ParsedPage(html).all("figure", "match")) == 1
    answer = json.loads(packsight("query", photo, "--gallery", gallery, "--json").out)
    first = answer["hits"][0]
    assert first["product"].endswith("p2")
    assert first["match"]["places"] > 20
    assert str(first["match"]["places"]) in first["why"]
