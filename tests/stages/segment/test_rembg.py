"""The adapter to rembg: its calls, and its errors where something is missing."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from engine.errors import ConfigError, WeightsError
from engine.types import RGBImage
from stages.context import BuildContext
from stages.segment import rembg as stage
from weights.fetch import FetchPolicy


class FakeModule(ModuleType):
    sessions = SimpleNamespace(sessions_names=["u2net", "isnet-general-use"])

    def new_session(self, model: str, *, providers: list[str]) -> FakeModule:
        if model not in self.sessions.sessions_names:
            raise ValueError(f"No session class found for model '{model}'")
        return self

    def predict(self, img: Image.Image) -> list[Image.Image]:
        left, right = Image.new("L", img.size), Image.new("L", img.size)
        left.paste(255, (0, 0, img.width // 4, img.height))
        right.paste(128, (img.width // 2, 0, img.width, img.height))
        return [left, right]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setitem(sys.modules, "rembg", FakeModule("rembg"))
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    monkeypatch.delenv("PACKSIGHT_OFFLINE", raising=False)
    return tmp_path


def test_several_masks_become_their_union(home: Path) -> None:
    segmenter = stage.build(stage.Options(), BuildContext())
    (matte,) = segmenter.segment([RGBImage(np.zeros((4, 8, 3), np.uint8))])
    np.testing.assert_allclose(matte.alpha[0], [1, 1, 0, 0, *[128 / 255] * 4])


def test_a_forbidden_download_names_the_command(home: Path) -> None:
    context = BuildContext(policy=FetchPolicy(download=False))
    with pytest.raises(WeightsError, match=r"rembg\.new_session\('u2net'\)"):
        stage.build(stage.Options(model="u2net"), context)


def test_present_weights_need_no_download_and_are_fingerprinted(home: Path) -> None:
    (home / "u2net.onnx").write_bytes(b"weights")
    context = BuildContext(policy=FetchPolicy(download=False))
    stage.build(stage.Options(model="u2net"), context)
    assert context.used == {"u2net": hashlib.sha256(b"weights").hexdigest()}


def test_an_unknown_model_lists_the_valid_ones(home: Path) -> None:
    with pytest.raises(ConfigError, match="isnet-general-use, u2net"):
        stage.build(stage.Options(model="u3net"), BuildContext())


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rembg", None)
    with pytest.raises(ConfigError, match=r'pip install "packsight\[rembg\]"'):
        stage.build(stage.Options(), BuildContext())


@pytest.mark.slow
def test_the_real_package_segments_with_weights_that_are_there() -> None:
    pytest.importorskip("rembg")
    present = [m for m in ("u2netp", "u2net", "silueta") if stage.model_path(m).is_file()]
    if not present:
        pytest.skip("needs a model in rembg's own cache")
    context = BuildContext(policy=FetchPolicy(download=False))
    segmenter = stage.build(stage.Options(model=present[0]), context)
    (matte,) = segmenter.segment([RGBImage(np.full((50, 40, 3), 200, np.uint8))])
    assert matte.alpha.shape == (50, 40)
