"""The result page in Debian's chromium, at the width of a desk and of a phone."""

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import numpy as np
import pytest

from engine.keypoints import KeypointMatch
from engine.types import Results, Route
from online import page
from tests.online.page_samples import (
    EMPTY,
    ParsedPage,
    cutout,
    description,
    hit,
    made_image,
    rendered,
    results,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

# The page lies in a frame of the wanted width, because no window is narrower than 500 pixels;
# and so the measuring script stays outside the page, whose policy forbids scripts.
MEASURE = """<!DOCTYPE html><meta name="color-scheme" content="light dark">
<iframe id="frame" style="width:{width}px;height:900px;border:0" srcdoc="{page}"></iframe>
<p id="measured"></p><script>onload = () => {{
  const view = frame.contentWindow, page = view.document;
  const beyond = [...page.querySelectorAll("body *")].filter((e) =>
    !e.closest(".hidden, .skip") && e.getBoundingClientRect().right > view.innerWidth + 0.5);
  const broken = [...page.images].filter((i) => i.naturalWidth === 0);
  const cards = [...page.querySelectorAll(".card")].map((c) => c.getBoundingClientRect().left);
  measured.textContent = [view.innerWidth, page.documentElement.scrollWidth, beyond.length,
    broken.length, new Set(cards).size, view.getComputedStyle(page.body).backgroundColor].join("|");
}}</script>"""


@dataclass(frozen=True)
class Measured:
    """Measurements of a laid out page in a browser; lengths in CSS pixels."""

    width: int
    content_width: int
    elements_beyond: int
    broken_images: int
    columns: int
    background: str


def browse(file: Path, *, dark: bool = False) -> tuple[str, str]:
    """The document after loading and all that the browser complained about."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-background-networking",
        "--no-first-run",
        "--enable-logging=stderr",
        f"--user-data-dir={file.parent / 'browser'}",
        "--window-size=1280,900",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        "--virtual-time-budget=3000",
        "--dump-dom",
        file.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, done.stderr


def measure(folder: Path, html: str, *, width: int = 1280, dark: bool = False) -> Measured:
    file = folder / "measured.html"
    file.write_text(MEASURE.format(width=width, page=escape(html)), encoding="utf-8")
    dom, _ = browse(file, dark=dark)
    found = re.search(r'<p id="measured">(.+?)</p>', dom)
    assert found is not None
    text = found[1]
    *numbers, background = text.split("|")
    seen, content, beyond, broken, columns = map(int, numbers)
    return Measured(seen, content, beyond, broken, columns, background)


def ordinary() -> Results:
    return results([hit(rank, product_id=f"jar-{rank}") for rank in range(1, 8)])


def unwieldy() -> Results:
    """Names without a break, of 500 letters, in every place where the page shows one."""
    name = "W" * 500
    spaced = "long words " * 45
    hits = [
        hit(1, product_id=name, category=name, uri=name, attributes={name: name}, why=name),
        hit(2, product_id=spaced, uri=spaced, attributes={f"a{n}": spaced for n in range(9)}),
        hit(3, described=description(EMPTY), iou=None),
    ]
    route = Route((name, *(f"{n}{name}" for n in range(9))), (0.1,) * 10, True, name)
    return results(hits, route=route, timings={name: 1234567.0})


def unmatched() -> Results:
    hits = [replace(hit(rank), probability=0.1 / rank) for rank in (1, 2, 3)]
    return replace(results(hits), threshold=0.5, notes=("not calibrated: " + "W" * 500,))


def matched() -> Results:
    """With as many matching places as are drawn, to the edges of both images."""
    places = np.random.default_rng(0).uniform(0, 0.75, (60, 4)).astype(np.float32)
    match = KeypointMatch(places, evident=True)
    return results([replace(hit(rank), match=match) for rank in (1, 2, 3)])


@contextmanager
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A port of this machine and the requests it got."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:  # the server was shut: the test is over
                    return
                with connection:
                    asked.append(connection.recv(4096))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield server.getsockname()[1], asked
        server.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=10)


def test_a_browser_shows_every_hit_and_complains_of_nothing(tmp_path: Path) -> None:
    file = tmp_path / "out.html"
    page.write(file, rendered(ordinary()))
    dom, complaints = browse(file)
    cards = ParsedPage(dom).all("article")
    assert len(cards) == 7
    assert all(f"jar-{rank}" in card.text for rank, card in enumerate(cards, start=1))
    assert "CONSOLE" not in complaints


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 2560])
@pytest.mark.parametrize("answer", [ordinary, unwieldy, unmatched, matched])
def test_no_width_needs_sideways_scrolling(tmp_path: Path, width: int, answer: object) -> None:
    assert callable(answer)
    html = page.render(
        answer(),
        made_image(1, 400, 3000, uri="p" * 500),
        cutout(),
        title="T" * 500 if answer is unwieldy else page.DEFAULT_TITLE,
        thumbnails=lambda uri: None if uri.startswith("W") else made_image(2),
    )
    seen = measure(tmp_path, html, width=width)
    assert seen.width == width
    assert seen.content_width <= width
    assert seen.elements_beyond == 0
    assert seen.broken_images == 0


def test_hits_stand_below_each_other_on_a_phone_and_beside_on_a_desk(tmp_path: Path) -> None:
    html = rendered(ordinary())
    assert measure(tmp_path, html, width=390).columns == 1
    assert measure(tmp_path, html, width=1280).columns >= 3


def test_a_dark_desktop_gets_a_dark_page(tmp_path: Path) -> None:
    html = rendered(ordinary())
    assert measure(tmp_path, html).background == "rgb(245, 246, 248)"
    assert measure(tmp_path, html, dark=True).background == "rgb(16, 19, 24)"


def test_no_name_can_make_the_browser_send_a_request(tmp_path: Path) -> None:
    with listener() as (port, asked):
        load = f"http://127.0.0.1:{port}/x.png"
        bait = f"\"'></p></style></svg><img src={load}><script src={load}></script>"
        shown = hit(product_id=bait, category=bait, uri=load, attributes={bait: bait}, why=bait)
        file = tmp_path / "out.html"
        page.write(file, rendered(results([shown]), title=bait, photo_uri=load))
        browse(file)
        assert asked == []
        file.write_text(bait, encoding="utf-8")  # the same bait does work on a careless page
        browse(file)
        assert asked != []
