"""What every embedder promises, for each stage file found in stages/embed."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from engine.protocols import Embedder
from engine.types import Cutout
from stages.context import BuildContext
from stages.embed._codebook import Codebook
from stages.embed._keypoints import FeatureSpec

FOLDER = Path(__file__).resolve().parents[2] / "stages" / "embed"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def write_backbone(folder: Path) -> Path:
    """One convolution with random weights: (N, 3, 16, 16) in, a map of 5 channels out."""
    kernel = np.random.default_rng(0).normal(size=(5, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "kernel"], ["map"], strides=[2, 2])],
        "backbone",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", 5, 7, 7])],
        [helper.make_tensor("kernel", TensorProto.FLOAT, kernel.shape, kernel.ravel())],
    )
    path = folder / "backbone.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    path.with_suffix(".toml").write_text(
        "[input]\nheight = 16\nwidth = 16\nrange = 'unit'\nmean = [0.5, 0.5, 0.5]\n"
        "std = [0.2, 0.2, 0.2]\ninterpolation = 'bilinear'\nlayout = 'nchw'\n"
    )
    return path


def write_codebook(folder: Path) -> Path:
    """A few words that no training found."""
    words = np.abs(np.random.default_rng(0).normal(size=(3, 128))).astype(np.float32)
    path = folder / "codebook.npz"
    Codebook(words, np.ones(3, np.float32), FeatureSpec("sift")).write(path)
    return path


@pytest.fixture(scope="module", params=NAMES)
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    """Each stage with its default options, and with a model made here where it needs one."""
    stage = importlib.import_module(f"stages.embed.{request.param}")
    makers = {"weights": write_backbone, "codebook": write_codebook}
    values: dict[str, object] = {
        option: str(make(tmp_path_factory.mktemp("model")))
        for option, make in makers.items()
        if option in stage.Options.model_fields
    }
    if "parts" in stage.Options.model_fields:
        model = write_backbone(tmp_path_factory.mktemp("model"))
        values["parts"] = [{"name": "handcrafted"}, {"name": "onnx", "weights": str(model)}]
    built = stage.build(stage.Options.model_validate(values), BuildContext(threads=2))
    assert isinstance(built, Embedder)
    return built


def cutout(seed: int, side: int = 24, *, matte: bool = True) -> Cutout:
    random = np.random.default_rng(seed)
    alpha = np.zeros((side, side), np.float32)
    if matte:
        alpha[side // 4 :, : max(1, side // 2)] = 1
    return Cutout(random.integers(0, 256, (side, side, 3), np.uint8), alpha, (0, 0, side, side))


def plain(value: int, alpha: float, side: int = 24) -> Cutout:
    pixels = np.full((side, side, 3), value, np.uint8)
    return Cutout(pixels, np.full((side, side), alpha, np.float32), (0, 0, side, side))


def check(embedder: Embedder, cutouts: Sequence[Cutout]) -> None:
    rows = embedder.embed(cutouts)
    assert rows.shape == (len(cutouts), embedder.dimension)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    if embedder.normalised:
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_the_folder_holds_the_stages_of_the_issue() -> None:
    assert {"handcrafted", "local_features", "onnx"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused(name: str) -> None:
    options = importlib.import_module(f"stages.embed.{name}").Options
    with pytest.raises(ValueError, match="no_such_option\n"):
        options.model_validate({"weights": "x", "codebook": "x", "no_such_option": 1})


@pytest.mark.parametrize("count", [0, 1, 2, 19])
def test_a_batch_has_a_row_a_cutout(embedder: Embedder, count: int) -> None:
    check(embedder, [cutout(seed) for seed in range(count)])


@pytest.mark.parametrize("side", [1, 2, 3, 15, 16, 17, 224, 500])
def test_any_side_is_taken(embedder: Embedder, side: int) -> None:
    check(embedder, [cutout(1, side), cutout(2, side, matte=False)])


@pytest.mark.parametrize("value", [0, 127, 255])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_an_image_of_one_colour_has_a_finite_row(
    embedder: Embedder, value: int, alpha: float
) -> None:
    check(embedder, [plain(value, alpha)])


def test_a_row_does_not_depend_on_the_batch_and_the_order_is_kept(embedder: Embedder) -> None:
    cutouts = [cutout(seed, side) for seed, side in ((1, 24), (2, 40), (3, 16), (1, 24))]
    together = embedder.embed(cutouts)
    alone = np.concatenate([embedder.embed([one]) for one in cutouts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(embedder.embed(cutouts[::-1]), together[::-1], atol=1e-5)


def test_the_same_cutout_has_the_same_row_twice(embedder: Embedder) -> None:
    np.testing.assert_array_equal(embedder.embed([cutout(1)]), embedder.embed([cutout(1)]))


def test_other_images_have_other_rows(embedder: Embedder) -> None:
    one, other = embedder.embed([plain(40, 1.0), cutout(5, 96)])
    assert np.abs(one - other).max() > 1e-3


def test_a_cutout_is_left_as_it_was(embedder: Embedder) -> None:
    one = cutout(4)
    pixels, alpha = one.pixels.copy(), one.alpha.copy()
    embedder.embed([one])
    np.testing.assert_array_equal(one.pixels, pixels)
    np.testing.assert_array_equal(one.alpha, alpha)


@given(seed=st.integers(0, 1000), side=st.integers(1, 48), matte=st.booleans())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cutout_has_a_finite_row(embedder: Embedder, seed: int, side: int, matte: bool) -> None:
    check(embedder, [cutout(seed, side, matte=matte)])
