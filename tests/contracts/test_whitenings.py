"""What every whitening promises, for each stage file found in stages/whiten."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.protocols import Embedder
from engine.types import Cutout, FloatArray
from stages.context import BuildContext
from weights.whitening_artefact import WhiteningArtefact

FOLDER = Path(__file__).resolve().parents[2] / "stages" / "whiten"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


class Means:
    """Mean red, green and blue."""

    normalised = False
    dimension = 3

    def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
        rows = [cutout.pixels.mean(axis=(0, 1)) for cutout in cutouts]
        return np.array(rows, np.float32).reshape(-1, 3)


@pytest.fixture(params=NAMES)
def embedder(request: pytest.FixtureRequest, tmp_path: Path) -> Embedder:
    stage = importlib.import_module(f"stages.whiten.{request.param}")
    values = {}
    if "weights" in stage.Options.model_fields:
        path = tmp_path / "whitening.npz"
        projection = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
        WhiteningArtefact(np.full(3, 90, np.float32), projection, "pca").write(path)
        values["weights"] = str(path)
    found = stage.build(stage.Options.model_validate(values), BuildContext()).around(Means())
    assert isinstance(found, Embedder)
    return found


def cutout(seed: int) -> Cutout:
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return Cutout(pixels, np.ones((4, 4), np.float32), (0, 0, 4, 4))


def test_the_folder_holds_the_stages_of_the_issue() -> None:
    assert {"none", "fitted"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused(name: str) -> None:
    options = importlib.import_module(f"stages.whiten.{name}").Options
    with pytest.raises(ValueError, match="no_such_option\n"):
        options.model_validate({"weights": "x", "no_such_option": 1})


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_cutout_has_a_row_and_its_order_is_kept(embedder: Embedder, count: int) -> None:
    given = [cutout(seed) for seed in range(count)]
    rows = embedder.embed(given)
    assert rows.shape == (count, embedder.dimension) and rows.dtype == np.float32
    assert np.isfinite(rows).all()
    np.testing.assert_array_equal(embedder.embed(given[::-1]), rows[::-1])
    if embedder.normalised and count:
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
