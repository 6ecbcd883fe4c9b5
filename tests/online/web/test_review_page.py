"""The review in Debian's chromium, at the width of a desk and of a phone, before the service over a
small drawn catalogue."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

import httpx
from playwright.sync_api import Browser, Locator, Page, Route, expect

from engine.curation import Curation
from engine.types import BoolArray
from online.service.app import application
from online.service.options import ServiceOptions
from tests.online.web.accessibility import assert_accessible
from tests.online.web.fake_service import SHAPES, serving
from tests.online.web.reviewed_gallery import NEW, make_gallery
from tests.online.web.test_search_page import DESK, PHONE, until

pytestmark = pytest.mark.browser

WIDTHS = pytest.mark.parametrize("width", [DESK, PHONE])
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("reviewed"))


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "gallery"))


@pytest.fixture
def open_page(browser: Browser, folder: Path) -> Iterator[Open]:
    """Opens the review at a width. At the end the console has no error but of what was refused."""
    complaints: list[str] = []
    contexts = []
    app = application(ServiceOptions({"small": str(folder)}, rate=0))
    with serving(app) as address:

        def opened(width: int = DESK, *, dark: bool = False) -> Page:
            phone = width == PHONE
            context = browser.new_context(
                viewport={"width": width, "height": 844 if phone else 900},
                has_touch=phone,
                is_mobile=phone,
                color_scheme="dark" if dark else "light",
            )
            contexts.append(context)
            context.set_default_timeout(60_000)
            page = context.new_page()
            page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
            page.on("response", lambda r: r.status >= 400 and complaints.append(r.url))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(address + "#review")
            expect(page.locator("#accept")).to_be_enabled()
            return page

        yield opened
        for context in contexts:
            context.close()
    assert [one for one in complaints if "412" not in one and not one.endswith("/mask")] == []


def at(page: Page) -> str:
    return page.locator("#place").inner_text()


def drag(page: Page, *points: tuple[float, float]) -> None:
    """Over the board, in fractions of the square in its middle."""
    board = page.locator("#mask-board").bounding_box()
    assert board is not None
    side, middle = board["height"], board["x"] + board["width"] / 2
    places = [(middle + side * (x - 0.5), board["y"] + side * y) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def touch(page: Page, *points: tuple[float, float]) -> None:
    """One finger over the board."""
    board = page.locator("#mask-board").bounding_box()
    assert board is not None
    session = page.context.new_cdp_session(page)
    for kind, point in zip(["touchStart", *["touchMove"] * len(points[1:])], points, strict=True):
        place = {
            "x": board["x"] + board["width"] / 2 + board["height"] * (point[0] - 0.5),
            "y": board["y"] + board["height"] * point[1],
        }
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def shown(page: Page) -> str:
    """What the board shows."""
    found: str = page.locator("#mask-board").evaluate("(e) => e.toDataURL()")
    return found


def drawn(folder: Path) -> list[BoolArray]:
    """The masks that were saved."""
    with Curation.open(folder) as curation:
        return [mask.bits() for one in curation.masks() if (mask := curation.mask_of(one))]


def is_excluded(folder: Path) -> bool:
    """Whether an image is."""
    with Curation.open(folder) as curation:
        return bool(curation.excluded())


def counts(folder: Path) -> dict[str, int]:
    with Curation.open(folder) as curation:
        return dict(curation.counts())


@WIDTHS
def test_one_key_accepts_and_goes_on_and_is_undone(
    open_page: Open, folder: Path, width: int
) -> None:
    page = open_page(width)
    assert at(page) == "1 of 3"
    assert "touches the border" in page.locator("#reason").inner_text()
    page.keyboard.press("Enter")
    expect(page.locator("#place")).to_have_text("2 of 3")
    until(page, lambda: counts(folder) == {"accepted mask": 1})
    page.keyboard.press("u")
    expect(page.locator("#place")).to_have_text("1 of 3")
    until(page, lambda: counts(folder) == {})
    page.keyboard.press("x")
    expect(page.locator("#place")).to_have_text("2 of 3")
    until(page, lambda: counts(folder) == {"exclusion": 1})
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#place")).to_have_text("2 of 3")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_was_decided_does_not_come_again(open_page: Open) -> None:
    page = open_page()
    page.click("#accept")
    page.click("#exclude")
    expect(page.locator("#place")).to_have_text("3 of 3")
    expect(page.locator("#undo-decision")).to_be_visible()
    page.reload()
    expect(page.locator("#place")).to_have_text("1 of 1")


@WIDTHS
def test_a_mask_is_repaired_by_the_brush_and_each_stroke_is_undone(
    open_page: Open, folder: Path, width: int
) -> None:
    page = open_page(width)
    stroke = touch if width == PHONE else drag
    page.click("#brush")
    before = shown(page)
    stroke(page, (0.6, 0.2), (0.6, 0.8))
    expect(page.locator("#save")).to_be_visible()
    once = shown(page)
    page.click("#remove")
    stroke(page, (0.35, 0.5), (0.5, 0.5))
    until(page, lambda: shown(page) not in (before, once))
    page.click("#undo")
    page.click("#undo")
    expect(page.locator("#accept")).to_be_visible()
    page.click("#redo")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+Shift+Z")
    expect(page.locator("#save")).to_be_visible()
    page.click("#save")
    expect(page.locator("#place")).to_have_text("2 of 3")
    expect(page.locator(".undo")).to_contain_text("Still: the product touches the border")
    (bits,) = drawn(folder)
    height, middle = bits.shape[0], bits.shape[1] / 2
    column = round(middle + 0.1 * height)
    assert bits[round(0.25 * height) : round(0.75 * height), column].all()


def test_strokes_are_hints_by_which_the_service_cuts(open_page: Open, folder: Path) -> None:
    page = open_page()
    sent: list[dict[str, object]] = []
    page.on("request", lambda r: r.url.endswith(":refine") and sent.append(r.post_data_json))
    with page.expect_response("**/mask:refine"):
        drag(page, (0.35, 0.4), (0.4, 0.6))
    page.keyboard.down("Alt")
    with page.expect_response("**/mask:refine"):
        drag(page, (0.6, 0.2), (0.7, 0.2))
    page.keyboard.up("Alt")
    kept, both = (one["strokes"] for one in sent)
    assert isinstance(kept, list) and isinstance(both, list)
    assert [one["remove"] for one in both] == [False, True] and both[0] == kept[0]
    assert [one["sequence"] for one in sent] == [1, 2] and sent[0]["from"] == "stored"
    # The brush that Shift gives is painted as it is.
    page.keyboard.down("Shift")
    drag(page, (0.3, 0.9), (0.6, 0.9))
    page.keyboard.up("Shift")
    assert len(sent) == 2
    page.keyboard.press("s")
    expect(page.locator("#place")).to_have_text("2 of 3")
    until(page, lambda: len(drawn(folder)) == 1)
    (bits,) = drawn(folder)
    assert bits[round(0.9 * bits.shape[0]), bits.shape[1] // 2]


def test_a_box_is_drawn_by_mouse_and_by_keys_alone(open_page: Open) -> None:
    page = open_page()
    sent: list[dict[str, object]] = []
    page.on("request", lambda r: r.url.endswith(":refine") and sent.append(r.post_data_json))
    page.keyboard.press("b")
    with page.expect_response("**/mask:refine"):
        drag(page, (0.2, 0.2), (0.6, 0.8))
    box = sent[0]["box"]
    assert isinstance(box, list) and sent[0]["from"] == "box"
    assert box[1] == pytest.approx(0.2, abs=0.02) and box[3] == pytest.approx(0.8, abs=0.02)
    page.keyboard.press("b")
    page.keyboard.press("ArrowRight")
    with page.expect_response("**/mask:refine"):
        page.keyboard.press("Enter")
    moved = sent[1]["box"]
    assert isinstance(moved, list) and moved[0] > box[0] and moved[1] == box[1]


def test_a_polygon_is_four_clicks(open_page: Open, folder: Path) -> None:
    page = open_page()
    page.keyboard.press("p")
    board = page.locator("#mask-board").bounding_box()
    assert board is not None
    middle = board["x"] + board["width"] / 2
    for x, y in ((-0.2, 0.1), (0.2, 0.1), (0.2, 0.3), (-0.2, 0.3)):
        page.mouse.click(middle + x * board["height"], board["y"] + y * board["height"])
    page.keyboard.press("Enter")
    expect(page.locator("#save")).to_be_visible()
    page.keyboard.press("Enter")
    until(page, lambda: len(drawn(folder)) == 1)
    (bits,) = drawn(folder)
    height, width = bits.shape
    assert bits[round(0.12 * height) : round(0.28 * height), width // 2].all()
    assert not bits[round(0.02 * height), width // 2]


def has_line(bits: BoolArray) -> bool:
    """What is painted from (0.6, 0.2) to (0.6, 0.8)."""
    height, width = bits.shape
    return bool(bits[height // 4 : 3 * height // 4, round(width / 2 + 0.1 * height)].all())


@WIDTHS
@pytest.mark.parametrize("over", [True, False])
def test_a_draft_of_a_mask_that_changed_meanwhile_is_kept(
    open_page: Open, folder: Path, width: int, over: bool
) -> None:
    page = open_page(width)
    address = page.url.partition("#")[0]
    first = httpx.get(f"{address}v1/review/masks?limit=1").json()["images"][0]
    mask = httpx.get(address + first["mask_url"])
    page.click("#brush")
    (touch if width == PHONE else drag)(page, (0.6, 0.2), (0.6, 0.8))
    other = httpx.put(
        f"{address}v1/images/{first['id']}/mask",
        content=mask.content,
        headers={"if-match": mask.headers["etag"]},
    )
    assert other.status_code == 200
    page.click("#save")
    expect(page.locator("#mask-changed")).to_contain_text("changed by someone else")
    expect(page.locator("#review-problem")).to_have_count(0)
    expect(page.locator("#place")).to_have_text("1 of 3")
    expect(page.locator("#save")).to_be_visible()
    assert_accessible(page)
    if not over:
        page.click("#load-other")
        expect(page.locator("#accept")).to_be_enabled()  # what is stored now
        expect(page.locator("#mask-changed")).to_have_count(0)
        page.click("#accept")
        expect(page.locator("#place")).to_have_text("2 of 3")
        return
    page.click("#save-over")
    expect(page.locator("#place")).to_have_text("2 of 3")
    until(page, lambda: has_line(drawn(folder)[0]))
    page.click("#back")  # what was saved here was not changed by others
    expect(page.locator("#mask-changed")).to_have_count(0)
    page.click("#save")
    expect(page.locator("#undo-decision")).to_be_visible()
    expect(page.locator("#place")).to_have_text("2 of 3")
    expect(page.locator("#mask-changed")).to_have_count(0)


def test_a_mask_saved_again_before_its_first_save_is_answered_is_no_change_by_others(
    open_page: Open,
) -> None:
    page = open_page()
    held: list[Route] = []
    answered: list[int] = []
    page.on("response", lambda r: r.request.method == "PUT" and answered.append(r.status))

    def hold(route: Route) -> None:
        if route.request.method == "PUT" and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/mask*", hold)
    page.click("#brush")
    drag(page, (0.6, 0.2), (0.6, 0.8))
    page.click("#save")
    until(page, lambda: bool(held))
    page.click("#back")
    page.click("#save")
    expect(page.locator("#place")).to_have_text("2 of 3")
    held[0].continue_()
    until(page, lambda: len(answered) == 2)
    assert answered == [200, 200]
    expect(page.locator("#place")).to_have_text("2 of 3")
    expect(page.locator("#mask-changed")).to_have_count(0)


@WIDTHS
def test_a_page_of_categories_takes_a_key_but_for_what_is_clicked(
    open_page: Open, folder: Path, width: int
) -> None:
    page = open_page(width)
    page.click("#review-categories")
    tiles = page.locator(".tile")
    expect(tiles.first).to_be_visible()
    tiles.first.click()
    expect(page.locator(".chips-of .tiles img")).to_have_count(5)
    chip = page.locator(".chips-of .chip").nth(1).inner_text()
    other = next(name for name in SHAPES if name in chip)
    page.keyboard.press("2")
    expect(tiles.first).to_contain_text(other)
    while (left := NEW - counts(folder).get("category", 0)) > 0:
        expect(page.locator("#accept-rest")).to_be_enabled()
        page.keyboard.press("Enter")
        until(page, lambda before=left: NEW - counts(folder).get("category", 0) < before)
    expect(page.locator("#review-tab .start")).to_contain_text("All predicted categories")
    page.keyboard.press("u")
    expect(tiles.first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_catalogue_with_labels_alone_has_no_predicted_categories(
    open_page: Open, folder: Path
) -> None:
    with closing(sqlite3.connect(folder / "gallery.sqlite")) as connection, connection:
        connection.execute("UPDATE images SET labelled = 1")
    page = open_page()
    page.click("#review-categories")
    expect(page.locator("#review-tab .start")).to_contain_text("no predicted categories")


@WIDTHS
def test_a_pair_is_compared_and_decided(open_page: Open, folder: Path, width: int) -> None:
    page = open_page(width)
    page.click("#review-duplicates")
    expect(page.locator(".pair figure")).to_have_count(2)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.down("Space")
    expect(page.locator("#blink img")).to_be_visible()
    page.keyboard.up("Space")
    expect(page.locator("#blink")).to_have_count(0)
    page.keyboard.press("s")
    until(page, lambda: counts(folder) == {"judgement": 2})  # of one file, what it shows
    page.keyboard.press("u")
    until(page, lambda: counts(folder) == {})
    expect(page.locator("#pair-place")).to_have_text("Pair 1")
    page.click("#keep-left")
    until(page, lambda: counts(folder) == {"judgement": 2})
    with Curation.open(folder) as curation:
        assert sorted(one.same for one in curation.judgements()) == [False, True]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@WIDTHS
def test_an_excluded_image_is_listed_and_brought_back_by_keys_alone(
    open_page: Open, folder: Path, width: int
) -> None:
    page = open_page(width)
    page.keyboard.press("x")
    until(page, lambda: is_excluded(folder))
    back = page.locator("#excluded button")
    until(page, lambda: listed(page, back))
    expect(page.locator("#excluded img")).to_be_visible()
    assert_accessible(page)
    back.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#review-tab .start")).to_contain_text("No image is excluded")
    until(page, lambda: not is_excluded(folder))
    page.keyboard.press("u")
    until(page, lambda: is_excluded(folder))
    expect(back).to_have_count(1)
    page.click("#review-masks")
    expect(page.locator("#accept")).to_be_enabled()
    page.keyboard.press("x")
    until(page, lambda: listed(page, page.locator("#excluded li").nth(1)))
    page.keyboard.press("u")  # what was decided in another part
    expect(back).to_have_count(1)


def listed(page: Page, back: Locator) -> bool:
    """Whether the list, opened anew, has an image."""
    page.click("#review-masks")
    page.click("#review-excluded")
    expect(page.locator("#excluded, #review-tab .start").first).to_be_visible()
    return back.count() == 1


@WIDTHS
def test_the_review_has_no_serious_finding_of_accessibility(open_page: Open, width: int) -> None:
    page = open_page(width)
    assert_accessible(page)
    page.click("#review-categories")
    page.locator(".tile").first.click()
    expect(page.locator(".chips-of img").first).to_be_visible()
    assert_accessible(page)
    page.click("#review-duplicates")
    expect(page.locator(".pair figure")).to_have_count(2)
    assert_accessible(page)


def test_undone_steps_are_bounded_and_never_reach_behind_the_stored_mask(open_page: Open) -> None:
    page = open_page()
    found = page.evaluate(
        """async () => {
          const base = document.querySelector("script[type=module]").src.replace(/[^/]*$/, "");
          const { MaskEditor } = await import(base + "mask-editor.js");
          const editor = new MaskEditor([16, 8], new Uint8Array(128));
          const stroke = (x) => ({ points: [[x, 2]], width: 4, remove: false, painted: true });
          for (let at = 0; at < 130; at += 1) editor.addStroke(stroke((at % 16) * 4 + 2));
          let back = 0;
          while (editor.go(-1)) back += 1;
          return [back, editor.cells.reduce((sum, one) => sum + one, 0)];
        }"""
    )
    assert found == [100, 0]


def test_fast_keys_are_not_lost(open_page: Open, folder: Path) -> None:
    page = open_page()
    page.wait_for_load_state("networkidle")  # the next ones are loaded
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.keyboard.press("x")
    until(page, lambda: counts(folder) == {"accepted mask": 2, "exclusion": 1})
