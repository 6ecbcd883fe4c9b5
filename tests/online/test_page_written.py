import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.errors import PacksightError
from online import page
from tests.online.page_samples import NASTY, ParsedPage, hit, rendered, results


def test_a_written_page_reads_back_and_leaves_nothing_beside(tmp_path: Path) -> None:
    target = tmp_path / "out.html"
    target.write_text("older", encoding="utf-8")
    page.write(target, "<p>ä\n箱</p>")
    assert target.read_bytes() == "<p>ä\n箱</p>".encode()
    assert list(tmp_path.iterdir()) == [target]


def test_a_page_of_nasty_names_can_be_written(tmp_path: Path) -> None:
    page.write(tmp_path / "out.html", rendered(results([hit(uri="\udcff" + NASTY)])))
    ParsedPage((tmp_path / "out.html").read_text(encoding="utf-8"))


def test_a_page_may_have_the_longest_name_there_is(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 250 + ".html")
    page.write(target, "page")
    assert target.read_text(encoding="utf-8") == "page"


def test_a_link_is_written_through(tmp_path: Path) -> None:
    real, link = tmp_path / "real.html", tmp_path / "link.html"
    link.symlink_to(real)
    page.write(link, "page")
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == "page"


def test_a_missing_folder_is_an_error_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(PacksightError, match="no folder") as caught:
        page.write(tmp_path / "nowhere" / "out.html", "page")
    assert "mkdir -p" in caught.value.remedy


@pytest.mark.parametrize("name", ["", "file/out.html", "x" * 300 + ".html", "loop.html"])
def test_a_place_where_no_page_can_be_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    (tmp_path / "loop.html").symlink_to("loop.html")
    with pytest.raises(PacksightError) as caught:
        page.write(tmp_path / name, "page")
    assert caught.value.remedy
    assert (tmp_path / "file").read_text(encoding="utf-8") == "in the way"


def test_a_device_is_never_replaced() -> None:
    with pytest.raises(PacksightError, match="not a regular file"):
        page.write(Path(os.devnull), "page")
    assert Path(os.devnull).is_char_device()


def test_a_folder_that_may_not_be_written_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(PacksightError, match="cannot be written"):
            page.write(tmp_path / "out.html", "page")
    finally:
        tmp_path.chmod(0o700)


@contextmanager
def files_end_at_1000_bytes() -> Iterator[None]:
    """The nearest thing to a full disk that needs no disk: the kernel refuses longer files.

    No fixture: pytest writes its progress between setup and test, perhaps into a longer file.
    """
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def test_a_write_that_fails_half_way_leaves_the_older_page(tmp_path: Path) -> None:
    target = tmp_path / "out.html"
    target.write_text("older", encoding="utf-8")
    with files_end_at_1000_bytes(), pytest.raises(PacksightError, match="cannot be written"):
        page.write(target, "x" * 100_000)
    assert target.read_text(encoding="utf-8") == "older"
    assert list(tmp_path.iterdir()) == [target]
