"""Keys of the service: random, kept as digests, read anew when their file changes."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from online.service.keys import KeyFile, default_key_file


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "settings" / "keys.json")


def test_a_key_is_found_by_its_secret_alone(file: KeyFile) -> None:
    secrets = [file.add("shop", "read"), file.add("office", "curate")]
    assert all(secret.startswith("psk_") and len(secret) >= 4 + 43 for secret in secrets)
    shop, office = (file.find(secret) for secret in secrets)
    assert shop and office and (shop.name, office.name) == ("shop", "office")
    assert shop.opens("read") and not shop.opens("curate")
    assert office.opens("read") and office.opens("curate")
    for wrong in ("", "psk_", secrets[0][:-1], secrets[0] + "A", secrets[0].lower(), shop.sha256):
        assert file.find(wrong) is None


@given(st.text())
def test_no_text_opens_anything_or_fails(text: str) -> None:
    file = KeyFile(Path(__file__).parent / "no such file")
    assert file.find(text) is None


def test_the_file_holds_no_key_and_is_its_owners_alone(file: KeyFile) -> None:
    secret = file.add("shop", "read")
    assert secret not in file.path.read_text() and secret[4:] not in file.path.read_text()
    if os.name == "posix":
        assert file.path.stat().st_mode & 0o777 == 0o600
    file.add("office", "curate")
    if os.name == "posix":
        assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_revoked_key_stops_at_once_in_another_process(file: KeyFile) -> None:
    serving = KeyFile(file.path)
    secret = file.add("shop", "read")
    assert serving.find(secret)
    file.revoke("shop")
    assert serving.find(secret) is None
    again = file.add("shop", "read")
    assert serving.find(secret) is None and serving.find(again)
    file.path.unlink()
    assert serving.find(again) is None


def test_names_are_unique_in_whatever_form_and_unknown_ones_are_guessed(file: KeyFile) -> None:
    file.add("B\u00fcro", "read")
    with pytest.raises(ConfigError):
        file.add("Bu\u0308ro", "curate")
    with pytest.raises(ConfigError) as unknown:
        file.revoke("Buro")
    assert "B\u00fcro" in unknown.value.remedy
    file.revoke("Bu\u0308ro")
    assert not file.all()


@pytest.mark.parametrize("name", ["", "a\nb", "a\x1b[2J", "\u202eshop", "x" * 65])
def test_a_name_that_would_spoil_a_log_is_refused(file: KeyFile, name: str) -> None:
    with pytest.raises(ConfigError):
        file.add(name, "read")
    assert not file.path.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"keys": 3}',
        b'{"keys": [3]}',
        b'{"keys": [{"name": "a"}]}',
        b"[" * 100_000,
        json.dumps(
            {"keys": [{"name": "a", "scope": "read", "sha256": "ab", "created": "x"}]}
        ).encode(),
        json.dumps(
            {"keys": [{"name": "a", "scope": "all", "sha256": "ab" * 32, "created": "x"}]}
        ).encode(),
    ],
)
def test_a_damaged_file_is_an_error_and_opens_nothing(file: KeyFile, content: bytes) -> None:
    secret = file.add("shop", "read")
    file.path.write_bytes(content)
    with pytest.raises(ConfigError):
        file.find(secret)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_file_that_others_may_write_is_refused(file: KeyFile) -> None:
    secret = file.add("shop", "read")
    file.path.chmod(0o622)
    with pytest.raises(ConfigError) as refused:
        file.find(secret)
    assert "chmod 600" in refused.value.remedy


def test_keys_made_at_the_same_time_are_all_kept(file: KeyFile) -> None:
    made = [
        threading.Thread(target=KeyFile(file.path).add, args=(f"k{i}", "read")) for i in range(8)
    ]
    for thread in made:
        thread.start()
    for thread in made:
        thread.join()
    assert {key.name for key in file.all()} == {f"k{i}" for i in range(8)}


def test_without_a_home_a_file_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(*_: object, **__: object) -> Path:
        raise RuntimeError

    monkeypatch.setattr("platformdirs.user_config_path", no_home)
    with pytest.raises(ConfigError) as refused:
        default_key_file()
    assert "--file" in refused.value.remedy
