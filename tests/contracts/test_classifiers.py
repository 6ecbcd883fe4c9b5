"""What every classifier promises, for each stage file found in stages/classify."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from engine.protocols import Classifier
from engine.types import CategoryScores, Cutout, Embedding, FloatArray, Neighbour
from stages.context import BuildContext

FOLDER = Path(__file__).resolve().parents[2] / "stages" / "classify"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
DIMENSION = 4


class PlainNeighbours:
    """Twelve labelled points, searched by sorting."""

    def __init__(self) -> None:
        self.points = np.random.default_rng(0).normal(size=(12, DIMENSION))

    def search(
        self,
        embedding: Embedding,
        k: int,
        categories: Sequence[str] | None = None,
        *,
        labelled_only: bool = False,
    ) -> list[Neighbour]:
        distances = np.linalg.norm(self.points - embedding.vector, axis=1)
        nearest = np.argsort(distances, kind="stable")[:k]
        return [Neighbour(int(i), float(distances[i]), f"c{i % 3}") for i in nearest]

    def predicted(self, embedding: Embedding, vote: Callable[[], CategoryScores]) -> CategoryScores:
        return vote()


def write_head(folder: Path) -> Path:
    """The softmax of the mean of every channel, with three labels."""
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["image"], ["means"], axes=[2, 3], keepdims=0),
            helper.make_node("Softmax", ["means"], ["scores"], axis=1),
        ],
        "head",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
    )
    path = folder / "head.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    path.with_suffix(".toml").write_text(
        "[input]\nheight = 8\nwidth = 8\nrange = 'unit'\nmean = [0.0, 0.0, 0.0]\n"
        "std = [0.1, 0.1, 0.1]\ninterpolation = 'bilinear'\nlayout = 'nchw'\n"
    )
    path.with_name("head.labels.txt").write_text("c0\nc1\nc2\n")
    return path


@pytest.fixture(scope="module", params=NAMES)
def classifier(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Classifier:
    """Each stage with its default options, and with a model made here where it needs one."""
    stage = importlib.import_module(f"stages.classify.{request.param}")
    needs = "weights" in stage.Options.model_fields
    values = {"weights": str(write_head(tmp_path_factory.mktemp("head")))} if needs else {}
    context = BuildContext(gallery=PlainNeighbours)
    built = stage.build(stage.Options.model_validate(values), context)
    assert isinstance(built, Classifier)
    return built


def inputs(seeds: Sequence[int]) -> tuple[list[Cutout], FloatArray]:
    """A cutout and an embedding a seed."""
    cutouts, rows = [], []
    for seed in seeds:
        random = np.random.default_rng(seed)
        colour = np.broadcast_to(random.integers(0, 256, 3, np.uint8), (24, 24, 3)).copy()
        cutouts.append(Cutout(colour, np.ones((24, 24), np.float32), (0, 0, 24, 24)))
        rows.append(random.normal(size=DIMENSION))
    return cutouts, np.array(rows, np.float32).reshape(-1, DIMENSION)


def test_the_folder_holds_the_stages_of_the_issue() -> None:
    assert {"nearest", "onnx", "single"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused(name: str) -> None:
    options = importlib.import_module(f"stages.classify.{name}").Options
    with pytest.raises(ValueError, match="no_such_option\n"):
        options.model_validate({"weights": "x", "no_such_option": 1})


@pytest.mark.parametrize("count", [0, 1, 2, 19])
def test_a_batch_has_scores_a_cutout_that_sum_to_1(classifier: Classifier, count: int) -> None:
    scores = classifier.classify(*inputs(range(count)))
    assert len(scores) == count
    for one in scores:
        assert float(one.probabilities.sum()) == pytest.approx(1, abs=1e-5)
        assert float(one.probabilities.min()) >= 0


def test_no_name_is_predicted_that_the_classifier_does_not_declare(
    classifier: Classifier,
) -> None:
    if classifier.categories is None:
        pytest.skip("its names are those of the gallery")
    for one in classifier.classify(*inputs(range(5))):
        assert set(one.names) <= set(classifier.categories)


def test_scores_do_not_depend_on_the_batch_and_the_order_is_kept(
    classifier: Classifier,
) -> None:
    together = classifier.classify(*inputs([3, 1, 4, 1, 5]))
    for seed, one in zip([3, 1, 4, 1, 5], together, strict=True):
        (alone,) = classifier.classify(*inputs([seed]))
        assert alone.names == one.names
        np.testing.assert_allclose(alone.probabilities, one.probabilities, atol=1e-5)


def test_the_inputs_are_left_as_they_were(classifier: Classifier) -> None:
    cutouts, rows = inputs([1, 2])
    before = rows.copy()
    classifier.classify(cutouts, rows)
    np.testing.assert_array_equal(rows, before)
    assert rows.flags.writeable
