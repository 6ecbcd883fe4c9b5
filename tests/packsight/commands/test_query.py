"""`packsight query`: text, JSON, a page, a photo from standard input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from packsight.cli import main
from tests.packsight_command import ENTRY, ROOT


def test_a_query_shows_the_product_first(
    gallery: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", str(photo), "--gallery", str(gallery), "-k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("searched: jar")
    (first,) = [line for line in lines if line.startswith("   1  ")]
    assert "jar/p1" in first


def test_json_is_json(gallery: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "query",
        str(photo),
        "--gallery",
        str(gallery),
        "--json",
        "--category",
        "jar",
        "--category",
        "stick",
    ]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert captured.err == ""
    assert [hit["rank"] for hit in found["hits"]] == list(range(1, 7))
    assert found["hits"][0]["product"] == "jar/p1"
    assert {c["name"] for c in found["route"]["categories"]} == {"jar", "stick"}
    assert main(["gallery", "info", str(gallery), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert (info["images"], info["products"], info["categories"]["jar"]) == (18, 9, 6)
    assert info["fingerprint"] == found["fingerprint"]


def test_a_category_does_not_take_the_photo_for_another_one(
    gallery: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", "--gallery", str(gallery), "--category", "jar", str(photo)]) == 0
    assert capsys.readouterr().out.startswith("searched: jar")


@pytest.mark.parametrize("address", ["https://shop.example/jar.jpg", "data:image/png;base64,AA"])
def test_a_web_address_is_named_as_one(
    gallery: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", address, "--gallery", str(gallery)]) == 1
    error = capsys.readouterr().err
    assert address in error and "is a web address" in error


def test_json_goes_with_a_page(
    gallery: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "out.html"
    arguments = ["query", str(photo), "--gallery", str(gallery), "--json", "--page", str(page)]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["hits"]
    assert page.read_text("utf-8").lstrip().lower().startswith("<!doctype html>")


def test_a_photo_may_come_from_standard_input(gallery: Path, photo: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENTRY, "query", "-", "--gallery", gallery, "--json"],
        cwd=ROOT,
        input=photo.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["hits"][0]["product"] == "jar/p1"
