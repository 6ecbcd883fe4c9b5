"""Names as long as file systems take them, and file systems that fail beside an image."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from offline.datasets import open_dataset
from offline.ingest import ingest
from packsight.cli import main
from tests.drawn_catalogue import QUICK, QUICK_FLAGS, package, save


def long_name(length: int, suffix: str = ".png") -> str:
    """A name of this many bytes, of Japanese characters, which take three each."""
    characters, rest = divmod(length - len(suffix), 3)
    return "香" * characters + "x" * rest + suffix


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for product, length in enumerate((250, 251, 253, 255)):
        for category in ("jar", long_name(255, "")):
            path = tmp_path / "c" / category / long_name(length)
            assert len(os.fsencode(path.name)) == length
            save(path, package("jar", product + 10 * len(category)))
    (tmp_path / "c" / "jar" / long_name(255, ".json")).write_text('{"category": "pot"}')
    return tmp_path / "c"


def test_images_with_the_longest_names_are_described_and_found(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = ingest(folder, tmp_path / "g", overrides=QUICK, workers=1)
    assert (report.added, report.refused, report.notes) == (8, [], [])
    again = ingest(folder, tmp_path / "g", overrides=QUICK, workers=1)
    assert (again.unchanged, again.refused) == (8, [])
    photo = folder / "jar" / long_name(255)
    page = tmp_path / "page.html"
    given = ["query", str(photo), "--gallery", str(tmp_path / "g"), "--page", str(page)]
    assert main(given) == 0 and page.stat().st_size
    assert photo.name in capsys.readouterr().out


def test_data_sets_hold_images_with_the_longest_names(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(open_dataset(folder).images("all")) == 8
    given = ["evaluate", "retrieve", "--data", str(folder), "--protocol", "category"]
    given += ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"), "--quiet"]
    assert main([*given, *QUICK_FLAGS]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO])
def test_a_look_that_fails_is_one_line_about_its_image(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
) -> None:
    lost = folder / "jar" / long_name(250)
    unlabelled = folder / "jar" / long_name(251)
    broken = {str(lost), str(unlabelled.with_suffix(".json"))}
    look = os.stat

    def failing(path: Any, **options: Any) -> os.stat_result:
        if str(path) in broken:
            raise OSError(number, os.strerror(number), str(path))
        return look(path, **options)

    monkeypatch.setattr(os, "stat", failing)
    report = ingest(folder, tmp_path / "g", overrides=QUICK, workers=1)
    assert {refusal.uri for refusal in report.refused} == broken
    assert all(os.strerror(number) in refusal.reason for refusal in report.refused)
    assert report.added == 7
    given = ["evaluate", "retrieve", "--data", str(folder), "--protocol", "category", "--quiet"]
    given += ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"), *QUICK_FLAGS]
    assert main(given) == 0
    assert [message.count(str(lost)) for message in caplog.messages] == [1, 0]
