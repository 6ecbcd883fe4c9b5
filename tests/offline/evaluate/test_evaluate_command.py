"""`packsight evaluate STAGE`: a report in three forms, systems side by side, and its errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from offline.report.files import read_report
from stages.profiles import DEFAULT
from tests.drawn_catalogue import QUICK_FLAGS, package, save, write_catalogue
from tests.offline.evaluate.killed_runs import kill_after_keeping
from tests.packsight_command import Command

SECTIONS = ["segment", "classify", "retrieve", "no-match", "end-to-end", "efficiency"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Photos of four products in each of three categories, searched among other views; and of one
    product that the catalogue does not have."""
    write_catalogue(tmp_path / "data" / "gallery", products=4, views=3)
    for category in ("bottle", "jar"):
        for product in range(5):
            folder = tmp_path / "data" / "query" / category / f"p{product}"
            save(folder / "photo.png", package(category, product, view=5))
    return tmp_path / "data"


def flags(data: Path, stage: str, *more: str | Path) -> list[str]:
    given = ["evaluate", stage, "--data", data, "--cache", data.parent / "cache"]
    out = ["--out", data.parent / "report", "--quiet", "--no-adapt"]
    return [str(part) for part in (*given, *out, *QUICK_FLAGS, *more)]


def test_all_stages_make_one_report_in_three_forms(packsight: Command, data: Path) -> None:
    done = packsight(*flags(data, "all", "--ablate", "--timed", "2"))
    assert (done.code, done.err) == (0, "")
    report = read_report(data.parent / "report" / "report.json")
    (system,) = report.systems
    assert (system.name, system.settings["segment"]["name"]) == (DEFAULT, "whole")
    assert [section.stage for section in system.sections] == SECTIONS
    assert report.provenance.pictures == {"queries": 10, "gallery": 36}
    assert len(report.provenance.dataset_checksum) == 64
    assert "<html" in (data.parent / "report" / "report.html").read_text("utf-8")
    assert "top@1" in (data.parent / "report" / "report.md").read_text("utf-8")
    assert "retrieve" in done.out


@pytest.mark.parametrize(
    ("stage", "sections"),
    [
        ("segment", SECTIONS[:1]),
        ("classify", SECTIONS[1:2]),
        ("retrieve", SECTIONS[2:3]),
        ("end-to-end", SECTIONS[3:]),
    ],
)
def test_a_stage_alone_gives_its_own_sections(
    packsight: Command, data: Path, stage: str, sections: list[str]
) -> None:
    more = ["--timed", "2"] if stage == "end-to-end" else []
    assert packsight(*flags(data, stage, *more)).code == 0
    report = read_report(data.parent / "report" / "report.json")
    assert [section.stage for section in report.systems[0].sections] == sections


def test_a_gallery_is_adapted_where_the_settings_do_so(packsight: Command, data: Path) -> None:
    given = [flag for flag in flags(data, "retrieve") if flag != "--no-adapt"]
    reports = []
    for more in ([], ["--no-adapt"], ["--set", "adapt.auto=false"]):
        assert packsight(*given, *more).code == 0
        reports.append(read_report(data.parent / "report" / "report.json").systems[0])
    fitted, without, off = reports
    assert any("centring" in line for line in fitted.adaptation)
    assert any("centring" in note for note in fitted.sections[0].notes)
    assert without.adaptation == off.adaptation == ()
    assert without.sections == off.sections


def test_a_gallery_is_adapted_to_photos_that_are_no_queries(packsight: Command, data: Path) -> None:
    photos = data.parent / "photos"
    for number in range(12):
        save(photos / f"{number}.png", package("jar", number, view=4))
    query = next((data / "query").rglob("*.png"))
    shutil.copy(query, photos / "a-query.png")
    given = [flag for flag in flags(data, "retrieve", "--photos", photos) if flag != "--no-adapt"]
    done = packsight(*given, "--set", "adapt.auto=false")
    assert (done.code, done.err) == (0, "")
    (system,) = read_report(data.parent / "report" / "report.json").systems
    assert any("photos by 12" in line for line in system.adaptation)
    given[given.index(str(photos))] = str(data / "query")
    assert "are queries of the evaluation" in packsight(*given).line


def test_systems_stand_side_by_side(packsight: Command, data: Path) -> None:
    file = data.parent / "bare.toml"
    file.write_text('[rerank]\nname = "none"\n')
    done = packsight(*flags(data, "retrieve", "--profile", "compact", "--config", file))
    assert done.code == 0
    report = read_report(data.parent / "report" / "report.json")
    assert [system.name for system in report.systems] == ["compact", "bare"]
    assert report.systems[1].settings["rerank"] == {"name": "none"}
    assert report.systems[0].fingerprint == report.systems[1].fingerprint
    assert "compact" in done.out.splitlines()[0]


def test_the_same_command_gives_the_same_figures(packsight: Command, data: Path) -> None:
    found = []
    for _ in range(2):
        assert packsight(*flags(data, "retrieve")).code == 0
        text = (data.parent / "report" / "report.json").read_text("utf-8")
        found.append(json.loads(text)["systems"])
    assert found[0] == found[1]


def test_a_query_that_nothing_answers_is_counted_and_left_out(
    packsight: Command, data: Path
) -> None:
    packsight(*flags(data, "retrieve"))
    report = read_report(data.parent / "report" / "report.json")
    (section,) = report.systems[0].sections
    assert len(section.groups[0].items) == 8
    assert any(note.startswith("2 queries") for note in section.notes)


def test_images_that_cannot_be_read_are_named_and_stop_nothing(
    packsight: Command, data: Path
) -> None:
    (data / "query" / "jar" / "p1" / "photo.png").write_bytes(b"text")
    (data / "gallery" / "jar" / "p1" / "v0.png").write_bytes(b"text")
    done = packsight(*flags(data, "all", "--timed", "2"))
    assert done.code == 0
    assert done.err.count("left out") == 2
    assert "Traceback" not in done.err


def test_a_limit_asks_evenly_spread_queries(packsight: Command, data: Path) -> None:
    packsight(*flags(data, "classify", "--limit", "5"))
    report = read_report(data.parent / "report" / "report.json")
    assert report.provenance.pictures["queries"] == 5


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--protocol", "nothing"], "no retrieval protocol 'nothing'"),
        (["--set", "embed.name=magic"], "magic"),
        (["--config", "absent.toml"], "no such settings file"),
        (["--profile", "classic", "--profile", "classic"], "two systems are called 'classic'"),
    ],
)
def test_mistakes_are_one_line(packsight: Command, data: Path, more: list[str], said: str) -> None:
    done = packsight(*flags(data, "retrieve", *more))
    assert done.code == 1
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_folder_of_nothing_is_refused(packsight: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = packsight(*flags(tmp_path / "empty", "all"))
    assert done.code == 1
    assert len(done.err.strip().splitlines()) == 1


def test_a_report_that_cannot_be_written_is_still_shown(packsight: Command, data: Path) -> None:
    (data.parent / "report").write_text("a file in its place")
    done = packsight(*flags(data, "retrieve"))
    assert done.code == 1
    assert "top@1" in done.out
    assert "cannot be written" in done.err


def test_a_killed_run_goes_on_where_it_stopped(packsight: Command, data: Path) -> None:
    kill_after_keeping("descriptions", flags(data, "retrieve"))
    done = packsight(*flags(data, "retrieve"))
    assert (done.code, done.err) == (0, "")
    whole = (data.parent / "report" / "report.json").read_text("utf-8")
    other = [*flags(data, "retrieve"), "--cache", str(data.parent / "fresh")]
    assert packsight(*other).code == 0
    fresh = (data.parent / "report" / "report.json").read_text("utf-8")
    assert json.loads(whole)["systems"] == json.loads(fresh)["systems"]


def test_a_damaged_cache_is_one_line_that_says_it_may_be_deleted(
    packsight: Command, data: Path
) -> None:
    assert packsight(*flags(data, "retrieve")).code == 0
    figures = read_report(data.parent / "report" / "report.json").systems
    (folder,) = (data.parent / "cache").glob("described-*")
    database = folder / "blobs.sqlite"
    database.write_bytes(database.read_bytes()[:4096])
    done = packsight(*flags(data, "retrieve"))
    assert done.code == 1
    assert "damaged" in done.line and f"Delete {folder}" in done.line
    shutil.rmtree(folder)
    assert packsight(*flags(data, "retrieve")).code == 0
    assert read_report(data.parent / "report" / "report.json").systems == figures


def test_queries_whose_very_file_is_in_the_gallery_are_told(packsight: Command, data: Path) -> None:
    photo = data / "query" / "jar" / "p1" / "photo.png"
    shutil.copy(photo, data / "gallery" / "jar" / "p1" / "the-same.png")
    assert packsight(*flags(data, "retrieve")).code == 0
    (section,) = read_report(data.parent / "report" / "report.json").systems[0].sections
    assert sum("very same file" in note for note in section.notes) == 1
    assert any(note.startswith("1 queries are in the gallery") for note in section.notes)


def test_masks_alone_need_no_retrieval(packsight: Command, tmp_path: Path) -> None:
    for at in range(3):
        pixels = package("jar", at)
        save(tmp_path / "masks" / "images" / f"{at}.png", pixels)
        save(tmp_path / "masks" / "masks" / f"{at}.png", (pixels.min(2) < 240).astype("u1") * 255)
    done = packsight(*flags(tmp_path / "masks", "segment"))
    assert (done.code, done.err) == (0, "")
    report = read_report(tmp_path / "report" / "report.json")
    assert report.provenance.pictures == {"pictures": 3}
    refused = packsight(*flags(tmp_path / "masks", "all"))
    assert refused.code == 1
    assert "evaluate segment" in refused.err


def test_masks_judged_alone_are_of_the_same_data_as_a_whole_report(
    packsight: Command, tmp_path: Path
) -> None:
    """Where every image is searched among all others, too: each counts once."""
    write_catalogue(tmp_path / "data", products=1)
    found = []
    for stage in ("segment", "retrieve"):
        assert packsight(*flags(tmp_path / "data", stage)).code == 0
        found.append(read_report(tmp_path / "report" / "report.json").provenance)
    assert found[0].dataset_checksum == found[1].dataset_checksum


def test_data_in_which_nothing_answers_anything_is_refused(
    packsight: Command, tmp_path: Path
) -> None:
    for at in range(3):
        save(tmp_path / "data" / "gallery" / "jar" / f"p{at}" / "v.png", package("jar", at))
        save(tmp_path / "data" / "query" / "tube" / f"x{at}" / "v.png", package("stick", at))
    done = packsight(*flags(tmp_path / "data", "all", "--ablate", "--timed", "1"))
    assert done.code == 1
    assert "two images of some product" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_report_of_queries_that_nothing_answers_says_so(packsight: Command, data: Path) -> None:
    """The answers are there when the data is opened, and cannot be read: what is left has none."""
    for path in (data / "query").glob("*/p[0-3]/*.png"):
        path.unlink()
    save(data / "query" / "jar" / "p0" / "photo.png", package("jar", 0)).write_bytes(b"no picture")
    done = packsight(*flags(data, "all", "--ablate", "--timed", "1"))
    assert done.code == 0
    assert done.err.count("left out") == 1
    report = read_report(data.parent / "report" / "report.json")
    sections = {section.stage: section for section in report.systems[0].sections}
    assert sections["end-to-end"].groups == ()
    assert not any(group.name.startswith("product") for group in sections["retrieve"].groups)
