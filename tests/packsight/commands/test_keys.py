"""`packsight keys` shows a key once and its name for ever."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.packsight_command import Command


@pytest.fixture
def packsight(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Command(capsys)


def test_a_key_is_shown_once_listed_and_revoked(packsight: Command) -> None:
    secret = packsight("keys", "add", "shop", "--scope", "read").out.strip()
    packsight("keys", "add", "office", "--scope", "curate")
    assert secret.startswith("psk_")
    listed = packsight("keys", "list")
    assert secret not in listed.out and "shop" in listed.out and "curate" in listed.out
    assert packsight("keys", "revoke", "shop").code == 0
    assert [key["name"] for key in json.loads(packsight("keys", "list", "--json").out)] == [
        "office"
    ]
    assert packsight("keys", "revoke", "shop").code == 1


def test_a_file_may_be_named(packsight: Command, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.json"
    assert packsight("keys", "add", "shop", "--scope", "read", "--file", file).code == 0
    assert file.exists() and packsight("keys", "list").out == ""
    assert "shop" in packsight("keys", "list", "--file", file).out
    assert "shop" in packsight("keys", "add", "shop", "--scope", "read", "--file", file).line


def test_a_file_that_holds_no_key_is_named(packsight: Command, tmp_path: Path) -> None:
    listed = packsight("keys", "list", "--file", str(tmp_path / "none.json"))
    assert listed.code == 0 and not listed.out and "none.json" in listed.err
