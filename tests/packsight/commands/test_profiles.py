"""`packsight profiles`: what is printed can be used as a profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import load
from packsight.cli import main
from stages.profiles import read_profile

JOINED = 'embed.parts=[{name="handcrafted", hog=0.25}, {name="handcrafted", side=32}]'


@pytest.mark.parametrize(
    "flags", [[], ["--set", "rerank.top_n=20"], ["--set", "embed.name=joined", "--set", JOINED]]
)
def test_a_printed_profile_reads_as_it_was(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profiles", "classic", *flags]) == 0
    printed = tmp_path / "printed.toml"
    printed.write_text(capsys.readouterr().out, "utf-8")
    expected = load(read_profile("classic"), flags=flags[1::2])
    found = read_profile(str(printed))
    for section, table in expected.tables().items():
        assert found.tables()[section].items() >= table.items()


def test_a_file_is_laid_over_a_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.toml").write_text("[route]\nhard = true\n[adapt]\nauto = false\n")
    assert main(["profiles", "classic", "--config", str(tmp_path / "mine.toml")]) == 0
    out = capsys.readouterr().out
    assert "hard = true" in out and "auto = false" in out


def test_settings_without_a_profile_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "--set", "route.hard=true"]) == 1
    assert "packsight profiles compact" in capsys.readouterr().err
