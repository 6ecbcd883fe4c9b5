"""The README's story of the page in twelve frames, from a real service over the shipped catalogue.

    python -m tests.online.web.story --out docs/screenshots/story.webp

Look at it before it is committed.
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
from offline.datasets import open_dataset
from online.service.app import application
from online.service.options import ServiceOptions
from tests.online.web.fake_service import serving

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
            browser.close()
    _sheet(frames).save(args.out, "WEBP", quality=82, method=6)
    print(f"{args.out}: {len(frames)} frames, {args.out.stat().st_size // 1000} kB")


def _page(browser: Browser, address: str, *, phone: bool = False, dark: bool = False) -> Page:
    size = {"width": 390, "height": 844} if phone else {"width": 1060, "height": 740}
    context = browser.new_context(viewport=size, color_scheme="dark" if dark else "light")  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    return page


def _choose(page: Page, photo: Path) -> None:
    page.set_input_files("#choose", str(photo))
    page.locator(".chip .quiet").first.wait_for()
    page.wait_for_timeout(300)


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
    page.click("#crop")
    page.wait_for_timeout(500)
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
    page.get_by_label("Value").fill("PP, matt")
    page.get_by_label("Value").press("Enter")
    page.wait_for_timeout(900)
    yield "8  Filters on attributes", page.screenshot()
    phone = _page(browser, address, phone=True, dark=True)
    _choose(phone, photos / "stick" / "stick-f00-p00" / "photo1.jpg")
    _found(phone)
    phone.evaluate("document.querySelector('#hits').scrollIntoView()")
    phone.wait_for_timeout(300)
    yield "9  On a phone, in the dark", phone.screenshot()


def _unlabelled(data: Path, folder: Path) -> Path:
    """Phone photos as the images of a catalogue: their masks are in doubt, their categories
    predicted."""
    folder.mkdir()
    for number, photo in enumerate(sorted((data / "queries").rglob("*.jpg"))):
        shutil.copy(photo, folder / f"image-{number:02}.jpg")
    return folder


def _review(browser: Browser, address: str) -> Iterator[Frame]:
    page = _page(browser, f"{address}#review")
    page.locator(".review select").select_option("photos")
    page.locator("#accept:enabled").wait_for()
    page.wait_for_timeout(800)
    yield "10  Review: the masks in doubt, one key each", page.screenshot()
    page.click("#brush")
    board = page.locator("#mask-board").bounding_box()
    assert board is not None
    middle = board["x"] + board["width"] / 2, board["y"] + board["height"] / 2
    page.mouse.move(middle[0] - 60, middle[1] - 40)
    page.mouse.down()
    page.mouse.move(middle[0] + 50, middle[1] + 60, steps=8)
    page.mouse.up()
    page.wait_for_timeout(500)
    yield "11  Strokes, a box, and a brush that always wins", page.screenshot()
    page.click("#review-categories")
    page.locator(".tile").first.wait_for()
    page.wait_for_timeout(800)
    yield "12  Predicted categories, a page at a time", page.screenshot()


def _sheet(frames: list[Frame]) -> Image.Image:
    rows = -(-len(frames) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * WIDTH, rows * (HEIGHT + CAPTION)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(17)
    for number, (caption, png) in enumerate(frames):
        left, top = number % COLUMNS * WIDTH, number // COLUMNS * (HEIGHT + CAPTION)
        image = Image.open(io.BytesIO(png)).convert("RGB")
        image.thumbnail((WIDTH - 12, HEIGHT - 6), Image.Resampling.LANCZOS)
        sheet.paste(image, (left + (WIDTH - image.width) // 2, top + CAPTION))
        draw.text((left + 8, top + 8), caption, fill="#202630", font=font)
    return sheet


if __name__ == "__main__":
    main()
