import base64
import io
import re
import unicodedata
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.types import CategoryScores, MatteQuality, Route
from online import page
from tests.online.page_samples import (
    EMPTY,
    NASTY,
    ParsedPage,
    cutout,
    description,
    hit,
    made_image,
    rendered,
    results,
)
from tests.page_colours import contrast, schemes

CSS = (Path(page.__file__).parent / "web" / "result.css").read_text(encoding="utf-8")


def survives(text: str) -> str:
    """What a page may show of a text: HTML has no control characters, UTF-8 no surrogates."""
    shown = "".join(
        "\ufffd" if c not in "\t\n" and unicodedata.category(c) == "Cc" else c for c in text
    )
    return shown.encode("utf-8", "replace").decode("utf-8")


def test_every_hit_stands_in_its_order_with_its_numbers() -> None:
    hits = [hit(rank, product_id=f"jar-{rank}", iou=0.5 + rank / 100) for rank in (1, 2, 3)]
    cards = ParsedPage(rendered(results(hits))).all("article")
    assert len(cards) == 3
    for rank, card in enumerate(cards, start=1):
        words = " ".join(card.text.split())
        assert f"jar-{rank}" in words
        assert f"rank {rank}" in words.lower()
        assert f"Score {0.9 - 0.01 * rank:.3f}" in words
        assert f"Distance {0.25 * rank:.3f}" in words
        assert f"Contour IoU {0.5 + rank / 100:.3f}" in words


def test_only_the_first_hit_is_called_the_best() -> None:
    shown = ParsedPage(rendered(results([hit(1), hit(2), hit(3)])))
    assert [("Best hit" in card.text) for card in shown.all("article")] == [True, False, False]
    assert len(shown.all("li", "best")) == 1


def test_a_hit_shows_its_category_views_and_attributes() -> None:
    shown = hit(labelled=False, views=4, attributes={"volume": "50 ml", "brand": "Nord"})
    words = ParsedPage(rendered(results([shown]))).words
    assert "jar (predicted)" in words
    assert "best of 4 views" in words
    assert "volume 50 ml" in words
    assert "brand Nord" in words


def test_a_hit_without_contour_has_a_reason() -> None:
    why = "kept its place: the mask touches the border"
    words = ParsedPage(rendered(results([hit(iou=None, why=why)]))).words
    assert "Contour IoU not used" in words
    assert why in words


def test_a_hit_without_contour_and_without_reason_is_noted() -> None:
    words = ParsedPage(rendered(results([hit(iou=None)]))).words
    assert "No contour took part" in words


def test_the_overlay_draws_both_contours_and_a_legend() -> None:
    shown = ParsedPage(rendered(results([hit()])))
    lines = shown.all("path", "line")
    assert len(lines) == 4  # photo and hit, aligned and in the frame
    assert all(line.attributes["d"].startswith("M") for line in lines)
    assert lines[0].attributes["d"] != lines[1].attributes["d"]
    assert "only in the photo" in shown.words
    assert "only in the hit" in shown.words


def test_holes_stay_holes_where_both_contours_are_compared() -> None:
    elements = ParsedPage(rendered(results([hit()]))).elements
    clips = [after for before, after in pairwise(elements) if before.tag == "clippath"]
    assert len(clips) == 2
    assert all(clip.attributes["clip-rule"] == "evenodd" for clip in clips)
    assert ".fill { fill-rule: evenodd" in CSS


def test_a_contour_without_partner_is_drawn_once() -> None:
    shown = ParsedPage(rendered(results([hit(described=description(EMPTY))])))
    assert len(shown.all("svg")) == 1
    assert shown.words.count("no contour in the catalogue image") == 1


def test_clips_have_names_of_their_own() -> None:
    shown = ParsedPage(rendered(results([hit(1), hit(1), hit(2)])))
    names = [e.attributes["id"] for e in shown.elements if "id" in e.attributes]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("query_too", [True, False])
def test_an_empty_contour_reads_no_contour(query_too: bool) -> None:
    query = description(EMPTY if query_too else None)
    shown = ParsedPage(rendered(results([hit(described=description(EMPTY))], query=query)))
    assert "no contour" in shown.words
    assert bool(shown.all("svg")) is not query_too


def test_flags_of_both_masks_are_shown_in_words() -> None:
    query = description(quality=MatteQuality(several_objects=True))
    described = description(quality=MatteQuality(touches_border=True))
    words = ParsedPage(rendered(results([hit(described=described)], query=query))).words
    assert "Take care with this photo: it shows several objects." in words
    assert "Take care with this image: the product touches the border." in words


def test_the_route_lists_its_categories_likeliest_first() -> None:
    route = Route(("cap", "jar"), (0.205, 0.75), False, "they hold 0.95")
    shown = ParsedPage(rendered(results([hit()], route=route)))
    rows = [" ".join(row.text.split()) for row in shown.all("ul", "bars")[0:1]]
    assert rows == ["jar 75.0 % cap 20.5 %"]
    assert "they hold 0.95" in shown.words
    assert "unsure" not in shown.words


def test_an_unsure_route_is_marked_and_lists_every_category() -> None:
    names = tuple(f"category-{index:02d}" for index in range(20))
    route = Route(names, (0.05,) * 20, True, "nothing stands out")
    words = ParsedPage(rendered(results([hit()], route=route))).words
    assert "unsure" in words
    assert "Every category was searched" in words
    assert all(name in words for name in names)


def test_a_photo_of_no_known_category_is_shown_as_unknown_and_not_as_unsure() -> None:
    scores = replace(CategoryScores.certain("jar"), unknown=True)
    route = Route(("jar", "cap"), (1.0, 0.0), True, "looks like no known category")
    query = replace(description(), scores=scores)
    shown = ParsedPage(rendered(results([hit()], query=query, route=route)))
    assert "looks like none of the categories that the classifier knows" in shown.words
    assert "Every category was searched" in shown.words
    assert [badge.text for badge in shown.all("strong", "badge")] == ["unknown"]


def test_no_hits_have_a_reason_and_remedies() -> None:
    shown = ParsedPage(rendered(results([])))
    assert not shown.all("article")
    assert "No hits" in shown.words
    assert "jar, cap" in shown.words
    assert "packsight gallery info" in shown.words
    assert "packsight ingest" in shown.words


def test_stages_show_their_times_and_the_sum() -> None:
    timings = {"segment": 1.25, "embed": 0.0315, "search": 0.00042}
    shown = ParsedPage(rendered(results([hit()], timings=timings)))
    rows = [" ".join(row.text.split()) for row in shown.all("tr")[1:]]
    assert rows == [
        "segment 1.25 s",
        "embed 31.5 ms",
        "search 0.42 ms",
        "Sum, some overlap 1.28 s",
    ]


def test_no_timings_are_no_trouble() -> None:
    assert "Sum, some overlap 0.00 ms" in ParsedPage(rendered(results([hit()], timings={}))).words


def test_the_fingerprint_is_short_to_read_and_whole_on_hover() -> None:
    codes = ParsedPage(rendered(results([hit()]))).all("code")
    assert codes[-1].text == "0123456789ab"
    assert codes[-1].attributes["title"] == "0123456789abcdef" * 4


def test_tiny_and_large_fractions_are_not_rounded_to_0_and_100() -> None:
    route = Route(("a", "b", "c", "d"), (0.9999, 0.0001, 0.0, 1.0), False, "")
    words = ParsedPage(rendered(results([hit()], route=route))).words
    for expected in ("> 99.9 %", "< 0.1 %", "0.0 %", "100.0 %"):
        assert expected in words


def test_an_image_that_cannot_be_loaded_is_replaced_by_its_uri() -> None:
    answer = results([hit(uri="moved/away.png"), hit(2, uri="here.png")])
    html = page.render(
        answer,
        made_image(1),
        cutout(),
        thumbnails=lambda uri: None if uri == "moved/away.png" else made_image(2),
    )
    first, second = ParsedPage(html).all("article")
    assert "cannot be shown" in first.text
    assert "moved/away.png" in first.text
    assert "cannot be shown" not in second.text
    assert len(ParsedPage(html).all("img")) == 3


@pytest.mark.parametrize(("height", "width"), [(3000, 2000), (1, 4000), (4000, 1), (5, 5)])
def test_images_are_small_jpegs_whatever_comes_in(height: int, width: int) -> None:
    large = made_image(3, height, width)
    html = page.render(results([hit()]), large, cutout(), thumbnails=lambda uri: large)
    sources = [image.attributes["src"] for image in ParsedPage(html).all("img")]
    sizes = []
    for source in sources:
        kind, _, data = source.partition(",")
        assert kind == "data:image/jpeg;base64"
        image = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
        assert image.format == "JPEG"
        sizes.append(max(image.size))
    assert sizes[0] <= page.PHOTO_SIDE
    assert sizes[2] == min(256, max(height, width))


def test_a_page_with_ten_hits_stays_well_under_a_megabyte() -> None:
    hits = [hit(rank) for rank in range(1, 11)]
    large = made_image(3, 2000, 1500)
    html = page.render(results(hits), large, cutout(), thumbnails=lambda uri: large)
    assert len(html.encode()) < 500_000


def test_every_image_has_a_text_alternative() -> None:
    shown = ParsedPage(rendered(results([hit(product_id="jar-1")])))
    assert all(image.attributes["alt"] for image in shown.all("img"))
    assert shown.all("img")[2].attributes["alt"] == "Catalogue image of jar-1"
    assert all(drawing.attributes["aria-label"] for drawing in shown.all("svg"))
    levels = [int(e.tag[1]) for e in shown.elements if re.fullmatch("h[1-6]", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_page_makes_no_network_request() -> None:
    far = "https://example.org/a.png"
    shown = ParsedPage(
        rendered(
            results([hit(uri=far, product_id=far, attributes={"link": far})]),
            title=far,
            photo_uri=far,
        )
    )
    assert not {"script", "iframe", "object", "embed", "base", "audio", "video", "form"} & {
        element.tag for element in shown.elements
    }
    for element in shown.elements:
        for name, value in element.attributes.items():
            if name in {"src", "srcset", "data", "action", "poster"}:
                assert value.startswith("data:image/jpeg;base64,")
            if name == "href":
                assert value.startswith(("#", "data:,"))
            if name not in {"alt", "title"}:
                assert "//" not in value or name == "src"
    styles = "".join(style.text for style in shown.all("style"))
    assert "url(" not in styles
    assert "@import" not in styles


def test_the_page_forbids_all_but_its_own_images_and_styles() -> None:
    metas = ParsedPage(rendered(results([hit()]))).all("meta")
    policies = [m.attributes["content"] for m in metas if "http-equiv" in m.attributes]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), max_size=60))
@example(NASTY)
@example("x" * 500)
@example("file-\udcff.jpg")
def test_no_text_changes_the_page_around_it(text: str) -> None:
    def page_of(word: str) -> ParsedPage:
        shown = hit(product_id=word, category=word, uri=word, attributes={word: word}, why=word)
        route = Route((word,), (1.0,), True, word)
        answer = results([shown], route=route, timings={word: 0.1})
        return ParsedPage(rendered(answer, title=word, photo_uri=word))

    shown = page_of(text)
    if text:  # the page is shorter where there is no reason to show
        assert shown.structure == page_of("plain").structure
    assert shown.all("h3")[-1].text == survives(text)
    assert shown.all("title")[0].text == survives(text)
    kept = survives(text.replace("\0", ""))  # no attribute has it
    assert shown.all("dl", "attributes")[0].text.count(kept) >= 2


def test_names_of_another_direction_do_not_turn_their_surroundings() -> None:
    heading = ParsedPage(rendered(results([hit(product_id="\u202eabc")]))).all("bdi")
    assert any(element.text == "\u202eabc" for element in heading)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "background"),
    [
        ("ink", "panel"),
        ("ink", "background"),
        ("quiet", "panel"),
        ("quiet", "background"),
        ("accent", "panel"),
        ("accent", "background"),
        ("warn-ink", "warn-background"),
    ],
)
def test_text_stands_out_from_its_background(scheme: str, ink: str, background: str) -> None:
    light, dark = schemes(CSS)
    colours = light if scheme == "light" else dark
    assert contrast(colours[ink], colours[background]) >= 4.5  # WCAG 2.2, AA
