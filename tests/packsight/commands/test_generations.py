"""`packsight gallery migrate` and `rollback`, and what `info` shows of generations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from packsight import open_gallery
from packsight.cli import main
from tests.drawn_catalogue import QUICK_FLAGS, package, save, write_catalogue

pytestmark = pytest.mark.slow
PLAIN = [*QUICK_FLAGS, "--set", "keypoints.name=none", "--set", "adapt.auto=false"]


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    write_catalogue(tmp_path / "c")
    arguments = ["ingest", str(tmp_path / "c"), "--gallery", str(tmp_path / "g"), *PLAIN]
    assert main([*arguments, "--workers", "1", "--quiet"]) == 0
    return tmp_path / "g"


def run(*words: str | Path) -> int:
    return main([*map(str, words), "--quiet", "--workers", "1"])


def info(gallery: Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(["gallery", "info", str(gallery)]) == 0
    return capsys.readouterr().out


def test_a_gallery_is_migrated_shown_and_rolled_back(
    gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "generation" not in info(gallery, capsys)
    migrate = ("gallery", "migrate", gallery, "--set", "embed.side=16")
    assert run(*migrate, "--data", tmp_path / "c", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["in_use"] and report["after"] == "2"
    assert set(report["comparisons"]) == {"views", str(tmp_path / "c")}
    shown = info(gallery, capsys)
    assert "generation   2 of 1, 2, since 20" in shown and "1, before it: 12 images" in shown
    assert main(["gallery", "info", str(gallery), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["generations"]
    assert (found["current"], found["names"], found["before"]) == ("2", ["1", "2"], "1")
    assert run(*migrate) == 0 and "were in use already" in capsys.readouterr().out
    assert run("gallery", "migrate", gallery) == 1  # to nothing else
    assert run("gallery", "rollback", gallery) == 0
    assert "generation 1 is in use" in capsys.readouterr().out
    assert "generation   1 of 1, 2" in info(gallery, capsys)
    assert run("gallery", "rollback", gallery, "--now", "--to", "2", "--json") == 0
    assert json.loads(capsys.readouterr().out)["after"] == "2"
    assert run("gallery", "rollback", gallery, "--to", "7") == 1


def test_what_is_refused_has_an_exit_status_and_a_reason(
    gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "c/jar/p0/v0.png"
    gone.unlink()
    migrate = ("gallery", "migrate", gallery, "--set", "embed.side=16")
    assert run(*migrate) == 1
    printed = capsys.readouterr().out
    assert f"{gone}: " in printed and "stays in use; 2 is kept" in printed
    assert "2, unfinished: 11 images" in info(gallery, capsys)
    assert run(*migrate, "--force") == 0
    assert "in use by force" in capsys.readouterr().out
    with open_gallery(gallery) as opened:
        assert len(opened) == 11


def test_a_regression_on_a_data_set_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One image a product, so that the gallery has no views to compare by."""
    for number in range(20):
        for view in range(2):
            save(tmp_path / f"data/jar/p{number}/v{view}.png", package("jar", number, view))
        save(tmp_path / f"c/jar/p{number}/v0.png", package("jar", number))
    gallery = tmp_path / "g"
    flags = [*PLAIN, "--set", "rerank.name=none"]
    assert main(["ingest", str(tmp_path / "c"), "--gallery", str(gallery), *flags, "--quiet"]) == 0
    blind = ("gallery", "migrate", gallery, "--set", "embed.colour=0")
    assert run(*blind, "--data", tmp_path / "data") == 1
    printed = capsys.readouterr().out
    assert "a regression" in printed and "nothing to compare by" in printed
    assert run(*blind) == 0  # nothing shows it
