"""Names: one Unicode form, and the one that was probably meant."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from engine.names import nearest, same_name
from tests.drawn_catalogue import package, save
from tests.packsight_command import Command

DECOMPOSED = unicodedata.normalize("NFD", "Tübe")


def test_names_are_the_same_in_every_unicode_form() -> None:
    assert same_name(DECOMPOSED, ["Tübe", "tübe"]) == ["Tübe"]
    assert nearest("Tübe ", ["x", "tübe"]) == "tübe"
    assert nearest("bottel", ["jar", "bottle"]) == "bottle"
    assert nearest("zzz", ["jar"]) is None


def test_commands_find_names_in_every_unicode_form_and_suggest_the_nearest(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    packsight = Command(capsys)
    photo = save(tmp_path / "c" / DECOMPOSED / "a.png", package("jar", 1))
    gallery = tmp_path / "g"
    assert packsight.ingest(tmp_path / "c", gallery).code == 0
    for name in ("Tübe", DECOMPOSED):
        assert packsight("query", str(photo), "--gallery", gallery, "--category", name).code == 0
    unknown = packsight("query", str(photo), "--gallery", gallery, "--category", "tübe")
    assert unknown.code == 1 and "Did you mean 'Tübe'?" in unknown.err
    unknown = packsight("gallery", "delete", gallery, "--product", "tübe/a")
    assert unknown.code == 1 and "Did you mean 'Tübe/a'?" in unknown.err
    product = unicodedata.normalize("NFD", "Tübe/a")
    assert "1 images deleted" in packsight("gallery", "delete", gallery, "--product", product).out
    assert packsight.ingest(tmp_path / "c", gallery).code == 0
    under = tmp_path / "c" / "Tübe"
    assert "1 images deleted" in packsight("gallery", "delete", gallery, "--under", under).out
