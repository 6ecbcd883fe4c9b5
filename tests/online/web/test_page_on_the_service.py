"""The page before the real service over a small drawn gallery: both hold to one contract."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import Browser, Page, expect

from engine.curation import Curation
from online.service.app import application
from online.service.options import ServiceOptions
from tests.online.service.small_service import make_gallery, photo_of
from tests.online.web.fake_service import serving

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def address(gallery: Path) -> Iterator[str]:
    with serving(application(ServiceOptions(galleries={"small": str(gallery)}))) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    complaints: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda r: r.status >= 400 and complaints.append(r.url))
    page.goto(address)
    yield page
    page.close()
    assert complaints == []


def test_the_page_searches_crops_filters_and_downloads_on_the_service(
    page: Page, tmp_path: Path
) -> None:
    file = {"name": "p.png", "mimeType": "image/png", "buffer": photo_of("jar", 1)}
    page.set_input_files("#choose", file)  # type: ignore[arg-type]
    expect(page.locator(".chip .quiet").first).to_be_visible()  # predicted by /v1/mask
    page.click("#search")
    first = page.locator("#hits h3").first
    expect(first).to_be_focused()
    assert page.locator(".card").count() == 3  # of the predicted category
    image = page.locator(".card img").first
    assert image.evaluate("(e) => e.decode().then(() => e.naturalWidth)") > 0
    # The contour of the hit lies on its image, in the middle of the square.
    frame = page.locator(".card .image").first.bounding_box()
    line = page.locator(".card .contours .hit").first.bounding_box()
    assert frame is not None and line is not None
    assert frame["x"] < line["x"] and line["x"] + line["width"] < frame["x"] + frame["width"]

    page.click("#add-filter")
    page.get_by_label("Attribute").select_option("colour")
    page.get_by_label("Value").fill("green")
    page.get_by_label("Value").press("Enter")
    expect(page.locator(".card")).to_have_count(1)
    page.get_by_role("button", name="Remove the filter").click()
    expect(page.locator(".card")).to_have_count(3)
    page.click("#crop")
    page.click("#search")
    expect(first).to_be_focused()
    for button, beginning in (("#csv-semicolon", b"\xef\xbb\xbfrank;"), ("#html", b"<!DOCTYPE")):
        with page.expect_download() as download:
            page.click(button)
        saved = tmp_path / download.value.suggested_filename
        download.value.save_as(saved)
        assert saved.read_bytes().lstrip().startswith(beginning)


def test_a_link_to_a_catalogue_image_and_its_part_is_answered(page: Page, address: str) -> None:
    page.goto(f"{address}#image=1&shape=80")
    page.reload()
    expect(page.locator(".photo .uri")).to_have_text("Catalogue image 1")
    expect(page.locator("#hits h3").first).to_be_visible()
    assert page.locator(".card").count() == 2  # its own product is left out
    page.get_by_role("button", name="Find similar").first.click()
    expect(page.locator(".searches button")).to_have_count(2)
    page.go_back()
    expect(page.locator(".photo .uri")).to_have_text("Catalogue image 1")
    page.click("#crop")
    page.click("#search")
    expect(page.locator(".card")).to_have_count(3)  # a part is a photo like any other


def test_what_a_person_judges_of_a_hit_is_kept(page: Page, gallery: Path) -> None:
    photo = photo_of("jar", 1)
    file = {"name": "p.png", "mimeType": "image/png", "buffer": photo}
    page.set_input_files("#choose", file)  # type: ignore[arg-type]
    page.click("#search")
    expect(page.locator(".card")).to_have_count(3)
    first, second = page.locator(".card").nth(0), page.locator(".card").nth(1)
    for card, name in ((first, "Yes"), (second, "Yes"), (second, "No")):
        button = card.get_by_role("button", name=name, exact=True)
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
    names = [card.locator("h3").inner_text() for card in (first, second)]
    with Curation.open(gallery) as curation:
        kept = {(one.query, one.product): one.same for one in curation.judgements()}
    sha256 = hashlib.sha256(photo).hexdigest()
    assert kept == {(sha256, names[0]): True, (sha256, names[1]): False}
