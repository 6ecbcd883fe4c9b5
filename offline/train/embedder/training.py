"""One embedder from a data set: cut, learn, keep the best epoch, export, write it all down."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.config import Settings
from engine.errors import ConfigError
from offline.datasets import Dataset
from offline.evaluate.true_masks import cutting_by_true_masks
from offline.store.run_folder import Recipe, RunFolder, open_run
from offline.train.backgrounds import background_files
from offline.train.card import Card, bullets, epoch_table, export_note, recipe_table, usage
from offline.train.embedder.data import EmbedderData, cut, read_data
from offline.train.embedder.preparing import Prepared, prepare
from offline.train.embedder.recipe import NOTHING, EmbedderRecipe
from offline.train.embedder.start import (
    NAMES,
    find_backbone,
    find_weights,
    pca_axes,
    set_projection,
)
from offline.train.embedder.task import validated
from offline.train.run import Callbacks, Splits, Trained, Values
from offline.train.torch_loop import CHECKPOINT, Schedule, fit, save_state
from stages.assemble import CuttingParts, assemble_cutting
from weights.checksums import digests_of
from weights.export import ExportReport, store_network
from weights.frameworks.network import import_framework
from weights.probe import image_probe
from weights.sidecar import SourceFacts

BEST = "best.pth"  # all that learned, after the epoch with the highest mAP
STATE = "embedder.pth"  # the network's part of it
BEFORE = "before.json"  # how the start does
CARD = "card.md"
MODEL = "embedder.onnx"


def train_embedder(
    dataset: Dataset,
    out: Path,
    recipe: EmbedderRecipe,
    settings: Settings,
    *,
    splits: Splits | None = None,
    cache: Path | None = None,
    callbacks: Callbacks | None = None,
) -> Trained:
    """Train into the folder ``out``, or continue the run that is in it.

    ``settings`` decide how images are cut, as in serving. Leaves embedder.onnx with its sidecar,
    card.md, the recipe, the history and the checkpoint. ``before`` holds the metrics of the
    backbone's own pooled features, and after "start_" those with a first projection. Raises
    ConfigError and WeightsError for whatever a user can mend.
    """
    callbacks, splits = callbacks or Callbacks(), splits or Splits()
    find_backbone(recipe.network.backbone)
    import_framework("torch")
    data = read_data(
        dataset,
        splits,
        recipe.learning.positives,
        augment_single=recipe.learning.augment_single,
        seed=recipe.seed,
    )
    checkpoint = find_weights(recipe.network, settings)
    cutting = assemble_cutting(settings)
    if recipe.masks == "exact":
        images = [sample.image for sample in (*data.train, *data.validation)]
        cutting = cutting_by_true_masks(cutting, images)
    facts = _facts(dataset, data, recipe, cutting, checkpoint)
    with open_run(out, facts) as run:
        cutouts, data = cut(cache or out / "cutouts", data, cutting, callbacks.progress("cutting"))
        fresh = not (run.path / CHECKPOINT).is_file()
        prepared = prepare(recipe, checkpoint, data, cutouts, cutting, fresh=fresh)
        for note in (*data.notes, *prepared.notes):
            callbacks.note(note)
        before = run.once(BEFORE, lambda: _before(prepared))
        started = time.monotonic()
        history = _learn(recipe, prepared, run, callbacks)
        seconds = time.monotonic() - started
        report = _export(recipe, prepared, run, callbacks)
        trained = Trained(report, run.path / CARD, history, before)
        card = _card(dataset.name, facts, data, prepared, trained, seconds)
        run.write_text(CARD, card.text())
    return trained


def _learn(
    recipe: EmbedderRecipe, prepared: Prepared, run: RunFolder, callbacks: Callbacks
) -> list[Values]:
    from offline.train.embedder.learner import make_optimiser

    learning = recipe.learning
    optimiser = make_optimiser(
        prepared.task.network, learning.optimiser, recipe.learning_rate, learning.weight_decay
    )
    return fit(
        prepared.task,
        Schedule(
            learning.epochs,
            learning.products_per_batch * learning.views_per_product,
            recipe.learning_rate,
        ),
        run,
        seed=recipe.seed,
        callbacks=callbacks,
        batches=prepared.batches,
        optimiser=optimiser,
        best=BEST,
    )


def _before(prepared: Prepared) -> Values:
    task, embedder = prepared.task, prepared.task.network.embedder
    pooled = validated(task.validation, task.source, embedder, pooled=True)
    if embedder.projection is None:
        return pooled
    start = validated(task.validation, task.source, embedder)
    return {**pooled, **{f"start_{name}": value for name, value in start.items()}}


def _export(
    recipe: EmbedderRecipe, prepared: Prepared, run: RunFolder, callbacks: Callbacks
) -> ExportReport:
    """The best epoch."""
    import torch

    path = run.path / BEST
    network: Any = prepared.task.network
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises many kinds for a file that is no state dict
        raise ConfigError(
            f"{path}: does not hold the run's best epoch ({type(error).__name__}).",
            remedy="Delete the run's folder, or give another --out, to train anew.",
        ) from error
    if recipe.network.projection_end == "pca" and network.embedder.projection is not None:
        callbacks.note(_with_pca_axes(prepared))
    embedder = network.embedder.cpu().eval()
    state = run.write(STATE, lambda path: save_state(embedder.state_dict(), path))
    return _store(embedder, prepared, run, state, f"{recipe.network.backbone}, trained")


def _with_pca_axes(prepared: Prepared) -> str:
    """Set them; a sentence with how they validate."""
    task, source = prepared.task, prepared.task.source
    embedder = task.network.embedder
    features = source.vectors(embedder, task.rows, source.plain, pooled=True)
    set_projection(embedder, *pca_axes(features, embedder.dimension))
    found = validated(task.validation, source, embedder)
    return (
        "exported with PCA axes in place of the trained projection: mAP "
        f"{found['score']:.4f}, R@1 {found['recall_1']:.4f}"
    )


def _store(
    embedder: Any, prepared: Prepared, run: RunFolder, state: Path, name: str
) -> ExportReport:
    """An ONNX file that `[embed] name = "onnx"` runs. It takes every height and width that the
    start's ``free_sides`` divides; the spec's only where it does not divide those, or is 0."""
    from weights.frameworks.torch_export import as_network

    spec, free_sides = prepared.start.spec, prepared.start.free_sides
    source = SourceFacts(state.name, digests_of(state).sha256, verified=False)
    network = as_network(
        embedder, image_probe(spec), (embedder.dimension,), NAMES, free_sides=free_sides
    )
    return store_network(network, run.path / MODEL, name, source, spec)


def _card(
    dataset: str,
    recipe: Recipe,
    data: EmbedderData,
    prepared: Prepared,
    trained: Trained,
    seconds: float,
) -> Card:
    before, best = trained.before or {}, trained.best
    started = {name.removeprefix("start_"): v for name, v in before.items() if "start_" in name}
    summary = [
        f"{len(data.train)} images of {len(data.names)} groups to learn from, "
        f"{len(data.validation)} for validation.",
        *bullets((*data.notes, *prepared.notes)),
    ]
    limits = (
        "The best epoch was chosen by these same validation metrics, which overrate it a little. "
        "Photos of another kind than the validation's may do worse."
    )
    if best["score"] <= (started or before)["score"]:
        limits += " No epoch was better on validation than the start: training gained nothing."
    rows = {"the backbone's pooled features": before, "with the first projection": started or None}
    columns = (("loss", "loss", ".4f"), ("mAP", "score", ".4f"), ("R@1", "recall_1", ".4f"))
    return Card(
        f"Embedder: {recipe['backbone']}, trained on {dataset}",
        "Trained with `packsight train embedder`. To use it:\n\n"
        + usage("embed", "onnx", trained.report.path.name)
        + "\n\nImages must be cut as they were for the training (fingerprint "
        f"{str(recipe['cutting'])[:16]}).",
        {
            "Data": "\n".join(summary),
            "Metrics": f"On validation: {prepared.task.validation.description}. Epoch "
            f"{best['epoch']:.0f} is kept; the last start of the training took {seconds:.0f} s.\n\n"
            + epoch_table(columns, trained.history, rows),
            "Recipe": recipe_table(recipe),
            "Export": export_note(trained.report),
            "Limits": limits,
        },
    )


def _facts(
    dataset: Dataset,
    data: EmbedderData,
    recipe: EmbedderRecipe,
    cutting: CuttingParts,
    checkpoint: Path | None,
) -> Recipe:
    """Everything that changes the course of a training."""
    content = "".join(f"{s.sha256}{s.label}" for s in (*data.train, *data.validation))
    backgrounds = recipe.backgrounds
    files = background_files(backgrounds) if isinstance(backgrounds, Path) else []
    network = {**asdict(recipe.network), "layers": list(recipe.network.layers)}
    return {
        "data": dataset.name,
        "pictures": hashlib.sha256(content.encode()).hexdigest(),
        "cutting": cutting.fingerprint,
        **network,
        "weights": digests_of(checkpoint).sha256 if checkpoint else NOTHING,
        "learn_statistics": recipe.learns_statistics,
        **asdict(recipe.learning),
        "margin": recipe.margin,
        "learning_rate": recipe.learning_rate,
        **asdict(recipe.augmentation.framing),
        **asdict(recipe.augmentation.lighting),
        "background": recipe.augmentation.background,
        "backgrounds": [file.name for file in files] if files else str(backgrounds),
        "input_size": recipe.input_size,
        "seed": recipe.seed,
    }
