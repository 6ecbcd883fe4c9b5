"""Training an embedder, whole: it learns what it has not seen, a killed run ends like another."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.config import Settings, load
from engine.errors import ConfigError, WeightsError
from engine.images import load as read
from offline.datasets import DatasetImage, open_dataset
from offline.datasets.listed import ListedDataset
from offline.train.embedder.data import read_data
from offline.train.embedder.recipe import (
    Augmentation,
    EmbedderRecipe,
    Framing,
    LearningRecipe,
    Lighting,
    NetworkRecipe,
)
from offline.train.embedder.training import train_embedder
from offline.train.embedder.validation import retrieval
from offline.train.run import Callbacks, Splits, Trained
from offline.train.torch_loop import CHECKPOINT
from stages.assemble import assemble
from stages.profiles import read_profile
from tests.offline.train.embedder.stripe_pictures import SIDE, write_stripes

pytestmark = pytest.mark.slow
pytest.importorskip("torch", reason="needs the extra `train`")

ROOT = Path(__file__).resolve().parents[4]
# Turned stripes are another product.
STILL = Augmentation(Framing(0, 0, 0), Lighting(0.2, 0.2, 0, 0, 0, 0, 0))
# The first stages of a MobileNetV2 from random weights.
TINY = EmbedderRecipe(
    NetworkRecipe(weights="none", layers=("block6",), pooling="gap"),
    LearningRecipe(epochs=6, products_per_batch=4, views_per_product=4, learning_rate=3e-3),
    STILL,
    backgrounds=0,
    input_size=SIDE,
)


KILLED = """
import os, signal, sys
from pathlib import Path
from offline.train.run import Callbacks
from tests.offline.train.embedder.test_embedder_training import TINY, train
told = []
def progress(done, total):
    told.append(done)
    if len(told) == 20:
        os.kill(os.getpid(), signal.SIGKILL)
def start(title):
    return progress if title == "training" else lambda done, total: None
train(Path(sys.argv[1]), Path(sys.argv[2]), TINY, callbacks=Callbacks(start))
"""


def settings(*more: str) -> Settings:
    flags = ["segment.name=whole", "cutout.name=whole", f"cutout.size={SIDE}", "runtime.threads=1"]
    return load(read_profile("classic"), flags=[*flags, "classify.name=single", *more])


def train(data: Path, out: Path, recipe: EmbedderRecipe, **options: Any) -> Trained:
    return train_embedder(
        open_dataset(data), out, recipe, settings(), splits=Splits(hold_out="product"), **options
    )


def learning(recipe: EmbedderRecipe, **changed: Any) -> EmbedderRecipe:
    return replace(recipe, learning=replace(recipe.learning, **changed))


def network(recipe: EmbedderRecipe, **changed: Any) -> EmbedderRecipe:
    return replace(recipe, network=replace(recipe.network, **changed))


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_stripes(tmp_path_factory.mktemp("stripes") / "data")


@pytest.fixture(scope="module")
def trained(stripes: Path) -> Trained:
    return train(stripes, stripes.parent / "run", TINY)


def test_products_that_no_training_saw_are_found_better(trained: Trained) -> None:
    assert trained.best["recall_1"] > trained.before["recall_1"] + 0.05
    assert trained.best["score"] > trained.before["score"] + 0.1
    assert trained.history[-1]["loss"] < trained.history[0]["loss"]


def test_the_exported_file_serves_the_best_epochs_vectors(trained: Trained, stripes: Path) -> None:
    chosen = settings("embed.name=onnx", f"embed.weights={trained.report.path}")
    data = read_data(
        open_dataset(stripes), Splits(hold_out="product"), "product", augment_single=False, seed=0
    )
    images = [sample.image for sample in data.validation]
    described = assemble(chosen).describer.describe([read(p.path) for p in images])
    vectors = np.stack([one.description.embedding.vector for one in described])
    labels = np.unique([str(p.product) for p in images], return_inverse=True)[1]
    found = retrieval(vectors, labels, vectors, labels, np.arange(len(labels)))
    assert found.mean_average_precision == pytest.approx(trained.best["score"], abs=0.01)
    assert found.recall_at_1 == pytest.approx(trained.best["recall_1"], abs=0.05)


def test_the_card_tells_data_recipe_and_every_epochs_figures(trained: Trained) -> None:
    text = trained.card.read_text("utf-8")
    assert 'weights = "embedder.onnx"' in text
    assert "held out by product (seed 0)" in text
    for figures in trained.history:
        assert f"| {figures['epoch']:.0f} | {figures['loss']:.4f}" in text
    assert f"| {trained.before['score']:.4f} |" in text
    assert "| learning_rate | 0.003 |" in text


def test_killed_and_resumed_ends_like_the_uninterrupted_run(
    trained: Trained, stripes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(stripes), str(out)]
    done = subprocess.run(command, cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (out / CHECKPOINT).is_file()
    epochs: list[dict[str, float]] = []
    resumed = train(stripes, out, TINY, callbacks=Callbacks(epoch=epochs.append))
    assert len(epochs) < len(trained.history)  # it went on, it did not start anew
    for one, other in zip(resumed.history, trained.history, strict=True):
        assert list(one.values()) == pytest.approx(list(other.values()), rel=1e-3, abs=1e-3)
    assert resumed.before == trained.before


def test_another_recipe_in_the_same_folder_is_refused(trained: Trained, stripes: Path) -> None:
    with pytest.raises(ConfigError, match=r"margin.*0\.1.*0\.2.*--out"):
        train(stripes, trained.card.parent, learning(TINY, margin=0.2))


def test_a_loss_that_is_not_a_number_stops_with_a_way_out(stripes: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"epoch 1.*nan.*--learning-rate"):
        train(stripes, tmp_path, learning(TINY, optimiser="sgd", learning_rate=1e30))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"layers": ("block99",)}, "no layer 'block99'.*block6"),
        ({"dimension": 5000}, "--dimension 5000: mobilenet_v2 gives 32 features"),
        ({"freeze": "block99"}, "--freeze block99.*Valid: none, backbone, stem"),
        ({"freeze": "backbone"}, "nothing is left to learn"),
    ],
    ids=["layer", "dimension", "stage", "all frozen"],
)
def test_a_network_that_cannot_be_is_refused_with_the_valid_names(
    changed: dict[str, Any], message: str, stripes: Path, tmp_path: Path
) -> None:
    with pytest.raises((ConfigError, WeightsError), match=message):
        train(stripes, tmp_path, network(TINY, **changed))


SHORT = network(learning(TINY, epochs=1), pooling="gem", dimension=8)


@pytest.mark.parametrize(
    "recipe",
    [
        network(
            learning(SHORT, loss="contrastive", batches="mined"),
            grey=True,
            layers=("block3", "block6"),
        ),
        replace(
            network(learning(SHORT, loss="arcface"), freeze="block2", projection_start="random"),
            input_size=40,
        ),
        network(
            learning(SHORT, loss="triplet", optimiser="sgd", learning_rate=0.01, batches="family"),
            projection_start="pca",
            projection_end="pca",
            pooling="gem_channel",
        ),
        learning(SHORT, loss="triplet_hard", positives="self"),
    ],
    ids=["mined grey layers", "arcface frozen odd size", "sgd family pca", "self"],
)
def test_every_way_of_learning_ends_with_a_file(
    recipe: EmbedderRecipe, stripes: Path, tmp_path: Path
) -> None:
    trained = train(stripes, tmp_path, recipe, cache=stripes.parent / "run" / "cutouts")
    assert trained.report.path.is_file()
    assert np.isfinite(trained.best["loss"])
    assert trained.before.keys() == {"score", "recall_1", "start_score", "start_recall_1"}


def test_images_without_any_label_are_learned_from_themselves(
    stripes: Path, tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for at, path in enumerate(sorted(stripes.rglob("*.png"))[:40]):
        (flat / f"{at}.png").write_bytes(path.read_bytes())
    images = [DatasetImage(f"{at}.png", flat / f"{at}.png") for at in range(40)]
    dataset = ListedDataset("flat", flat, {"all": images}, {})
    notes: list[str] = []
    trained = train_embedder(
        dataset,
        tmp_path / "run",
        learning(SHORT, positives="self", epochs=2),
        settings(),
        splits=Splits(hold_out="image"),
        callbacks=Callbacks(note=notes.append),
    )
    assert any("match by appearance and contour" in note for note in notes)
    assert "augmented, among all of them" in trained.card.read_text("utf-8")
