"""Screenshots of the page for the documents, from a real service over the shipped catalogue: the
README's story in twelve frames, and three single ones.

    python -m tests.online.web.story --out docs/screenshots

Look at all of them before they are committed.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, Page, sync_playwright

from offline import ingest
from offline.calibration.gallery import Request, calibrate
from offline.datasets import open_dataset
from online.service.app import application
from online.service.options import ServiceOptions
from tests.online.web.fake_service import serving

PHONE = (390, 844)
WIDTH, HEIGHT, CAPTION = 480, 338, 34  # of a frame, pixels
COLUMNS = 3
Frame = tuple[str, bytes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    data = open_dataset("packbench-tiny").root
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        catalogue, photos = Path(folder) / "catalogue", Path(folder) / "photos"
        ingest(data / "catalogue", catalogue)
        ingest(_unlabelled(data, Path(folder) / "images"), photos)
        galleries = {"catalogue": str(catalogue), "photos": str(photos)}
        options = ServiceOptions(galleries=galleries, rate=0)
        with serving(application(options)) as address:
            chromium = shutil.which("chromium") or "chromium"
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--headless", "--no-sandbox"]
            )
            frames = [*_search(browser, address, data), *_review(browser, address)]
            calibrate(Request(catalogue, photos=data), lambda *_: None)
            shots = {"story": _sheet(frames), **_single(browser, address, data)}
            browser.close()
    for name, shot in shots.items():
        path = args.out / f"{name}.webp"
        shot.save(path, "WEBP", quality=82, method=6)
        print(f"{path}: {path.stat().st_size // 1000} kB")


def _page(
    browser: Browser,
    address: str,
    size: tuple[int, int] = (1060, 740),
    *,
    dark: bool = False,
    scale: float = 1,
) -> Page:
    width, height = size
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        device_scale_factor=scale,
        has_touch=size == PHONE,
        is_mobile=size == PHONE,
    )
    page.goto(address)
    page.locator(".gallery select:visible").first.wait_for()
    return page


def _choose(page: Page, photo: Path) -> None:
    page.set_input_files("#choose", str(photo))
    page.locator(".chip .quiet").first.wait_for()
    page.wait_for_timeout(300)


def _crop(page: Page) -> None:
    page.click("#crop")
    page.wait_for_timeout(500)  # until the box rests
    page.locator(".mask .slow").wait_for(state="detached")


def _found(page: Page) -> None:
    page.click("#search")
    page.locator("#hits h3").first.wait_for()
    page.wait_for_timeout(700)  # thumbnails


def _search(browser: Browser, address: str, data: Path) -> Iterator[Frame]:
    photos = data / "queries"
    page = _page(browser, address)
    yield "1  A photo is dropped, pasted or taken", page.screenshot()
    _choose(page, photos / "bottle" / "bottle-f01-p01" / "photo1.jpg")
    yield "2  What was cut out, before the search", page.screenshot()
    _crop(page)
    yield "3  Crop by mouse, finger or keys", page.screenshot()
    page.keyboard.press("Escape")
    page.locator("#board").press("Escape")
    _found(page)
    yield "4  One hit a product, and why", page.screenshot()
    page.locator(".card article").first.hover()
    page.wait_for_timeout(300)
    yield "5  Contours and matching places", page.screenshot()
    page.focus("#balance")
    page.keyboard.press("End")
    page.wait_for_timeout(700)
    yield "6  By shape in place of look", page.screenshot()
    page.click("#as-ranked")
    for number in (0, 1):
        page.get_by_role("button", name=re.compile("^Compare ")).nth(number).click()
    page.click("#side-by-side")
    page.wait_for_timeout(400)
    yield "7  Two hits side by side", page.screenshot()
    page.keyboard.press("Escape")
    page.click("#add-filter")
    page.get_by_label("Attribute").select_option("material")
    for value in ("PP, matt", "PETG"):
        page.get_by_label("Value").fill(value)
        with page.expect_response("**/v1/query*"):
            page.get_by_label("Value").press("Enter")
        page.get_by_role("button", name="or, in place of").click()
    page.locator(".filters").evaluate("(e) => e.scrollIntoView({ block: 'end' })")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(900)
    yield "8  Filters on attributes", page.screenshot()
    phone = _page(browser, address, PHONE, dark=True)
    _choose(phone, photos / "stick" / "stick-f00-p00" / "photo1.jpg")
    _found(phone)
    phone.evaluate("document.querySelector('#hits').scrollIntoView()")
    phone.wait_for_timeout(300)
    yield "9  On a phone, in the dark", phone.screenshot()


def _single(browser: Browser, address: str, data: Path) -> dict[str, Image.Image]:
    """Of the page and of the review."""
    photo = data / "queries" / "palette" / "palette-f01-p00" / "photo1.jpg"
    desk = _page(browser, address, (1280, 900))
    _choose(desk, photo)
    _found(desk)
    desk.locator(".card .image").first.hover()
    desk.wait_for_timeout(300)
    phone = _page(browser, address, PHONE, dark=True, scale=1.5)
    _choose(phone, photo)
    _crop(phone)
    review = _page(browser, f"{address}#review", (1280, 940))
    _open_masks(review)
    review.click("#remove")
    _stroke(review, (0.5, 0.7), (0.7, 0.72), release=False)
    pages = {"page-desk": desk, "page-phone": phone, "review-desk": review}
    return {name: _image(page.screenshot()) for name, page in pages.items()}


def _unlabelled(data: Path, folder: Path) -> Path:
    """Phone photos as the images of a catalogue: their masks are in doubt, their categories
    predicted."""
    folder.mkdir()
    for number, photo in enumerate(sorted((data / "queries").rglob("*.jpg"))):
        shutil.copy(photo, folder / f"image-{number:02}.jpg")
    return folder


def _review(browser: Browser, address: str) -> Iterator[Frame]:
    page = _page(browser, f"{address}#review")
    _open_masks(page)
    yield "10  Review: the masks in doubt, one key each", page.screenshot()
    page.click("#brush")
    _stroke(page, (0.4, 0.45), (0.55, 0.6))
    yield "11  Strokes, a box, and a brush that always wins", page.screenshot()
    page.click("#review-categories")
    page.locator(".tile").first.wait_for()
    page.wait_for_timeout(800)
    yield "12  Predicted categories, a page at a time", page.screenshot()


def _open_masks(page: Page) -> None:
    page.locator(".review select").first.select_option("photos")
    page.locator("#accept:enabled").wait_for()
    page.wait_for_timeout(800)


def _stroke(
    page: Page, begin: tuple[float, float], end: tuple[float, float], release: bool = True
) -> None:
    """Over the board, in fractions of the square in its middle."""
    board = page.locator("#mask-board").bounding_box()
    assert board is not None
    side, middle = board["height"], board["x"] + board["width"] / 2
    places = [(middle + side * (x - 0.5), board["y"] + side * y) for x, y in (begin, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=8)
    if release:
        page.mouse.up()
    page.wait_for_timeout(700)


def _image(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def _sheet(frames: list[Frame]) -> Image.Image:
    rows = -(-len(frames) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * WIDTH, rows * (HEIGHT + CAPTION)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(17)
    for number, (caption, png) in enumerate(frames):
        left, top = number % COLUMNS * WIDTH, number // COLUMNS * (HEIGHT + CAPTION)
        image = _image(png)
        image.thumbnail((WIDTH - 12, HEIGHT - 6), Image.Resampling.LANCZOS)
        sheet.paste(image, (left + (WIDTH - image.width) // 2, top + CAPTION))
        draw.text((left + 8, top + 8), caption, fill="#202630", font=font)
    return sheet


if __name__ == "__main__":
    main()
