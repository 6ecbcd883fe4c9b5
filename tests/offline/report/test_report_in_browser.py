"""The page of a report in Debian's chromium: on a desk, on a phone, in the dark, on paper."""

import re
import subprocess
from pathlib import Path

import pytest

from offline.report.document import Bars, Figure, Group, Matrix, Report, Section, Series, Table
from offline.report.html import html_text
from tests.offline.report.made_report import report, system
from tests.online.test_page_in_browser import CHROMIUM, browse, listener, measure

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


def ordinary() -> Report:
    return report(system("classic", 0), system("compact", 1), system("paper", 2))


def unwieldy() -> Report:
    """Names of 300 letters without a break, in every place, and 81 classes."""
    name = "W" * 300
    names = tuple(f"{name}{number}" for number in range(81))
    places = tuple(map(float, range(81)))
    counts = tuple(tuple(int(row == at) for at in range(81)) for row in range(81))
    blocks = (
        Bars(title=name, labels=names, series=(Series(name=name, xs=places, ys=places),)),
        Matrix(title=name, rows=names, columns=names, counts=counts, row_axis=name),
        Table(title=name, columns=names[:12], rows=(names[:12],), note=name),
    )
    figure = Figure(name=name, value=123456789.0, low=-1e9, high=1e9, unit="images/s")
    groups = tuple(Group(name=one, figures=(figure,), meaning=name) for one in names[:3])
    section = Section(stage="classify", groups=groups, blocks=blocks, notes=(name,))
    one = system().model_copy(update={"name": name, "fingerprint": name, "sections": (section,)})
    other = one.model_copy(update={"name": names[1]})
    return report(one, other).model_copy(update={"title": name, "blocks": blocks})


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("made", [ordinary, unwieldy])
def test_no_width_needs_sideways_scrolling(tmp_path: Path, width: int, made: object) -> None:
    assert callable(made)
    seen = measure(tmp_path, html_text(made()), width=width)
    assert seen.width == width
    assert seen.content_width <= width
    assert seen.broken_images == 0


def test_a_dark_desktop_gets_a_dark_page(tmp_path: Path) -> None:
    html = html_text(ordinary())
    assert measure(tmp_path, html).background == "rgb(245, 246, 248)"
    assert measure(tmp_path, html, dark=True).background == "rgb(16, 19, 24)"


def test_the_browser_complains_of_nothing(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    for made in (ordinary(), unwieldy()):
        file.write_text(html_text(made), "utf-8")
        dom, complaints = browse(file)
        assert "CONSOLE" not in complaints
        assert dom.count("<svg") >= 2


def test_no_name_makes_the_browser_open_a_connection(tmp_path: Path) -> None:
    with listener() as (port, asked):
        load = f"http://127.0.0.1:{port}/x.png"
        bait = f"\"'></p></style></svg><img src={load}><script src={load}></script>"
        group = Group(name=bait, figures=(Figure(name=bait, value=0.5),), meaning=bait)
        section = Section(stage="segment", groups=(group,), notes=(bait,))
        one = system().model_copy(update={"name": bait, "sections": (section,)})
        file = tmp_path / "report.html"
        file.write_text(html_text(report(one).model_copy(update={"title": bait})), "utf-8")
        browse(file)
        assert asked == []


def printed(html: str, folder: Path) -> bytes:
    """The page as PDF."""
    assert CHROMIUM is not None
    file, out = folder / "report.html", folder / "report.pdf"
    file.write_text(html, "utf-8")
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        f"--user-data-dir={folder / 'browser'}",
        "--no-pdf-header-footer",
        f"--print-to-pdf={out}",
        file.as_uri(),
    ]
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    return out.read_bytes()


def test_it_can_be_printed(tmp_path: Path) -> None:
    pdf = printed(html_text(ordinary()), tmp_path)
    assert pdf.startswith(b"%PDF")
    pages = re.search(rb"/Type /Pages.*?/Count (\d+)", pdf, re.DOTALL)
    assert pages is None or 4 <= int(pages[1]) <= 40
