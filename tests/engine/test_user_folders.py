"""Folders of a user with a home, without one, and with one that cannot be written."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.user_folders import expanded, keep_what_numba_compiles, user_cache

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="homes are looked up otherwise")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of a user without a home."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    return tmp_path / f"packsight-{os.getuid()}"


@pytest.fixture
def no_home(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)


def test_a_path_begins_at_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("~/model.onnx") == tmp_path / "model.onnx"
    assert expanded("model.onnx") == Path("model.onnx")
    with pytest.raises(ConfigError, match="~nobody-of-this-name"):
        expanded("~nobody-of-this-name/model.onnx")


@pytest.mark.usefixtures("no_home")
def test_without_a_home_a_path_of_it_is_refused_and_the_cache_is_private(temporary: Path) -> None:
    with pytest.raises(ConfigError, match="no home folder"):
        expanded("~/model.onnx")
    assert user_cache("weights") == temporary / "weights"
    assert temporary.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize("kind", ["others may write", "a link", "a file"])
def test_a_cache_that_another_user_may_have_made_is_refused(
    temporary: Path, tmp_path: Path, kind: str
) -> None:
    if kind == "a link":
        temporary.symlink_to(tmp_path)
    elif kind == "a file":
        temporary.touch()
    else:
        temporary.mkdir()
        temporary.chmod(0o777)
    with pytest.raises(ConfigError, match="XDG_CACHE_HOME"):
        user_cache("weights")


def test_numba_keeps_its_own_cache_unless_the_home_cannot_be_written(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")  # so that it is put back afterwards
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    keep_what_numba_compiles()
    assert "NUMBA_CACHE_DIR" not in os.environ
    monkeypatch.setenv("HOME", "/proc")
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != "/proc")
    keep_what_numba_compiles()
    assert os.environ["NUMBA_CACHE_DIR"] == str(temporary / "numba")
