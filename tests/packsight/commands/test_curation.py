"""`packsight curation`, and what `packsight gallery info` shows of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine.curation import Curation
from engine.decisions import AcceptedMask, CategoryDecision, Exclusion, MaskDecision, Pair
from packsight.cli import main
from tests.engine.made_decisions import IMAGES, mask

FIRST, SECOND, *_ = IMAGES


@pytest.fixture
def curated(gallery: Path, tmp_path: Path) -> Path:
    """A copy of the gallery with five decisions, one of them void."""
    copied = tmp_path / "curated"
    shutil.copytree(gallery, copied)
    with Curation.open(copied) as curation:
        made = curation.decide(
            [
                MaskDecision(FIRST, mask()),
                AcceptedMask(SECOND, mask()),
                CategoryDecision(FIRST, "Dose ä"),
                Pair(FIRST, SECOND, "same product"),
                Exclusion(SECOND),
            ],
            "anna",
        )
        curation.undo(made[-1].id)
    return copied


def log(folder: Path) -> list[object]:
    with Curation.open(folder) as curation:
        return list(curation.log())


def test_decisions_are_carried_to_another_gallery_once(
    curated: Path, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, file = tmp_path / "other", tmp_path / "c.jsonl"
    shutil.copytree(gallery, other)
    assert main(["curation", "export", str(curated), "--out", str(file)]) == 0
    assert len(file.read_text("utf-8").splitlines()) == 6
    for new in (6, 0):
        capsys.readouterr()
        assert main(["curation", "import", str(other), str(file)]) == 0
        assert f"{new} new" in capsys.readouterr().out
        assert log(other) == log(curated)


def test_a_gallery_without_decisions_exports_none(gallery: Path, tmp_path: Path) -> None:
    assert main(["curation", "export", str(gallery), "--out", str(tmp_path / "c.jsonl")]) == 0
    assert (tmp_path / "c.jsonl").read_bytes() == b""
    assert not (gallery / "curation.sqlite").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[:-9],
        lambda line: line.replace("category", "rumour"),
        lambda line: "[" * 100_000,
        lambda line: "\x00",
        lambda line: line.replace("Dose", "\udcff"),
    ],
)
def test_a_damaged_line_is_refused_by_its_number_and_nothing_is_kept(
    curated: Path,
    gallery: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: object,
) -> None:
    other, file = tmp_path / "other", tmp_path / "c.jsonl"
    shutil.copytree(gallery, other)
    main(["curation", "export", str(curated), "--out", str(file)])
    lines = file.read_text("utf-8").splitlines()
    lines[2] = damage(lines[2])  # type: ignore[operator]
    file.write_text("\n".join(lines), "utf-8", errors="surrogateescape")
    capsys.readouterr()
    assert main(["curation", "import", str(other), str(file)]) == 1
    shown = capsys.readouterr().err
    assert "line 3" in shown and "Traceback" not in shown and shown.count("\n") == 1
    assert log(other) == []


def test_what_is_missing_is_named(gallery: Path, tmp_path: Path) -> None:
    assert main(["curation", "import", str(gallery), str(tmp_path / "none.jsonl")]) == 1
    assert main(["curation", "export", str(tmp_path / "none"), "--out", str(tmp_path / "c")]) == 1
    assert main(["curation", "export", str(gallery), "--out", str(tmp_path / "no" / "c")]) == 1


def test_info_counts_the_decisions_in_force(
    curated: Path, gallery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gallery", "info", str(curated)]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "curation" in line)
    assert "1 accepted mask, 1 category, 1 mask, 1 pair" in line
    assert main(["gallery", "info", str(curated), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["curation"] == {
        "accepted mask": 1,
        "category": 1,
        "mask": 1,
        "pair": 1,
    }
    assert main(["gallery", "info", str(gallery)]) == 0
    assert "curation" not in capsys.readouterr().out


def test_info_names_decisions_that_cannot_be_read(
    curated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in curated.glob("curation.sqlite*"):
        path.write_bytes(b"damaged" * 100)
    assert main(["gallery", "info", str(curated)]) == 0
    assert "is damaged" in capsys.readouterr().out
