"""`packsight gallery`: export, delete, check and rebuild."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine import galleries
from packsight import open_gallery
from packsight.cli import main
from tests.drawn_catalogue import QUICK_FLAGS, write_catalogue
from tests.engine.made_descriptions import described, entry, manifest


def test_an_export_holds_every_record(
    gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gallery", "export", str(gallery), "--vectors"]) == 0
    printed = capsys.readouterr().out
    assert main(["gallery", "export", str(gallery), "--vectors", "--out", str(tmp_path / "x")]) == 0
    assert (tmp_path / "x").read_text("utf-8") == printed
    rows = [json.loads(line) for line in printed.splitlines()]
    assert len(rows) == 18
    assert {row["category"] for row in rows} == {"bottle", "jar", "stick"}
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_images_are_deleted_by_product_file_and_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalogue(tmp_path / "c", products=3)
    gallery = tmp_path / "g"
    arguments = ["ingest", str(tmp_path / "c"), "--gallery", str(gallery), *QUICK_FLAGS]
    assert main([*arguments, "--workers", "1"]) == 0
    monkeypatch.chdir(tmp_path / "c" / "jar")
    delete = ["gallery", "delete", str(gallery)]
    assert main(delete) == 1
    assert main([*delete, "--product", "none"]) == 1
    assert main([*delete, "--file", "../jar/none.png", "--product", "jar/p0"]) == 1
    assert main([*delete, "--under", "../jars", "--product", "jar/p0"]) == 1
    assert count(gallery) == 18, "all or nothing"
    assert main([*delete, "--product", "jar/p0"]) == 0
    assert count(gallery) == 16
    assert main([*delete, "--file", "../jar/p1/v0.png", "--under", "../stick"]) == 0
    assert count(gallery) == 9
    capsys.readouterr()
    assert main(["gallery", "check", str(gallery)]) == 0
    assert "sound, 9 images" in capsys.readouterr().out
    assert main(["gallery", "rebuild", str(gallery)]) == 0
    assert "2 indexes derived anew" in capsys.readouterr().out


def count(gallery: Path) -> int:
    with open_gallery(gallery) as opened:
        return len(opened)


def test_a_fault_found_by_check_changes_the_exit_code_and_names_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalogue(tmp_path / "c", products=1)
    gallery = tmp_path / "g"
    arguments = ["ingest", str(tmp_path / "c"), "--gallery", str(gallery), *QUICK_FLAGS]
    assert main([*arguments, "--workers", "1"]) == 0
    for path in (gallery / "indexes").iterdir():
        data = bytearray(path.read_bytes())
        data[200] ^= 1
        path.write_bytes(data)
    capsys.readouterr()
    assert main(["gallery", "check", str(gallery)]) == 1
    assert "packsight gallery rebuild" in capsys.readouterr().err
    assert main(["gallery", "rebuild", str(gallery)]) == 0
    assert main(["gallery", "check", str(gallery)]) == 0


@pytest.mark.parametrize(
    ("index", "shown"), [("sq8", "index sq8\n"), ("hnsw", ", searched exactly\n")]
)
def test_by_what_a_gallery_is_searched_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], index: str, shown: str
) -> None:
    made = replace(manifest(), settings={"search": {"index": index}})
    galleries.open_gallery(tmp_path / "g", manifest=made).close()
    assert main(["gallery", "info", str(tmp_path / "g")]) == 0
    assert shown in capsys.readouterr().out


def test_the_largest_of_many_categories_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"c{number:02}" for number in range(33)] + ["c07", "c32"]
    with galleries.open_gallery(tmp_path / "g", manifest=manifest()) as gallery:
        gallery.add(
            [entry(f"i{at}", name) for at, name in enumerate(names)],
            [described((at, 1), name) for at, name in enumerate(names)],
        )
    assert main(["gallery", "info", str(tmp_path / "g")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:32] == [
        *(f"        {1 + (n in (7, 32))}  c{n:02}" for n in (*range(29), 32)),
        "        3  in 3 smaller categories (--json has all)",
    ]
    assert main(["gallery", "info", str(tmp_path / "g"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["categories"]) == 33
