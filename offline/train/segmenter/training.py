"""Train a segmenter: from images with masks to an ONNX file with a card."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from offline.datasets import Dataset, DatasetImage, open_dataset
from offline.store.run_folder import Recipe, RunFolder, open_run
from offline.train.backgrounds import background_files
from offline.train.card import Card, bullets, epoch_table, export_note, recipe_table, usage
from offline.train.run import Callbacks, Trained, Values
from offline.train.segmenter.augmentation import Backgrounds
from offline.train.segmenter.recipe import LITE0, NOTHING, SegmenterRecipe, find_start
from offline.train.segmenter.samples import (
    SampleStore,
    Usable,
    chosen_splits,
    held_out,
    spread,
    usable,
)
from offline.train.segmenter.task import SegmenterTask, longest
from offline.train.torch_loop import Schedule, fit, save_state
from weights.checksums import digests_of
from weights.export import ExportReport, store_network
from weights.frameworks import from_lite0_saliency
from weights.frameworks.from_u2net import for_serving, new_network, read_network
from weights.frameworks.network import import_framework
from weights.frameworks.normalisation import is_folded, revive
from weights.sidecar import SourceFacts

MODEL = "segmenter.onnx"
STATE = "segmenter.pth"  # the same network for further training
BEFORE = "before.json"  # how the start did on the validation split
CARD = "card.md"
ENCODER_RATE = 0.3  # of the decoder's; chosen, not measured
MAKERS = {  # by network, for the card
    "u2net": "A U²-Net (Qin et al., Pattern Recognition 2020)",
    "u2netp": "A U²-Net (Qin et al., Pattern Recognition 2020)",
    LITE0: "A feature pyramid on EfficientNet-Lite0 (Tan and Le, ICML 2019)",
}
REVIVAL = 8  # images of which a folded start's normalisation takes its statistics


def train_segmenter(
    recipe: SegmenterRecipe, out: Path, callbacks: Callbacks | None = None
) -> Trained:
    """Run a recipe in a folder, or go on with it.

    Raises ConfigError for data, folders and recipes that do not do, WeightsError for a start that
    is absent or holds another network.
    """
    callbacks = callbacks or Callbacks()
    import_framework("torch")
    datasets = [open_dataset(folder) for folder in recipe.data]
    files = background_files(recipe.backgrounds) if recipe.backgrounds else []
    start = find_start(recipe)
    rate = recipe.learning_rate_from(start)
    store = SampleStore(longest(recipe.side))
    train, validation = (
        usable(spread(part, limit), store, callbacks.progress("reading"))
        for part, limit in zip(
            _splits(recipe, datasets), (recipe.limit, recipe.validation_limit), strict=True
        )
    )
    names = ", ".join(dataset.name for dataset in datasets)
    facts = {
        **asdict(recipe),
        "data": names,
        "input_size": recipe.side,
        "start": _digest_of(start),
        "learning_rate": rate,
        "backgrounds": _digest([file.name for file in files]) if files else NOTHING,
        "pictures": _digest([p.id for p in (*train.images, *validation.images)]),
    }
    with open_run(out, facts) as run:
        task = _task(recipe, start, train.images, validation.images, files, store)
        before = run.once(BEFORE, task.validate) if start else None
        if start and is_folded(task.network):
            indices = np.arange(min(REVIVAL, task.samples))
            images, _ = task.batch(indices, np.random.default_rng(recipe.seed))
            revive(task.network, task.tensor(images))
        history = fit(
            task,
            Schedule(recipe.epochs, recipe.batch_size, rate),
            run,
            seed=recipe.seed,
            callbacks=callbacks,
            optimiser=_optimiser(recipe, task.network, rate),
        )
        report = _export(recipe, task, run)
        card = card_of(names, facts, start, train, validation, before, history, report)
        written = run.write_text(CARD, card.text())
    return Trained(report, written, history, before, left_out=train.left_out + validation.left_out)


def _task(
    recipe: SegmenterRecipe,
    start: Path | None,
    train: Sequence[DatasetImage],
    validation: Sequence[DatasetImage],
    files: Sequence[Path],
    store: SampleStore,
) -> SegmenterTask:
    import torch

    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    backgrounds = Backgrounds(files, train, store, recipe.scenes)
    return SegmenterTask(
        _network(recipe, start).to(device),
        device,
        train,
        validation,
        backgrounds,
        recipe.spec,
        recipe.iou_weight,
        recipe.ssim_weight,
    )


def _splits(
    recipe: SegmenterRecipe, datasets: Sequence[Dataset]
) -> tuple[list[DatasetImage], list[DatasetImage]]:
    if recipe.hold_out != "split":
        return held_out(datasets, recipe.hold_out, recipe.seed)
    both = [chosen_splits(d, recipe.train_split, recipe.validation_split) for d in datasets]
    return [i for train, _ in both for i in train], [i for _, held in both for i in held]


def _network(recipe: SegmenterRecipe, start: Path | None) -> Any:
    import torch

    if recipe.network != LITE0:
        architecture = recipe.architecture
        return read_network(architecture, start) if start else new_network(architecture)
    network = (
        from_lite0_saliency.read_network(start) if start else from_lite0_saliency.new_network()
    )
    # Separable convolutions train a quarter faster so, on a CPU.
    return network.to(memory_format=torch.channels_last)


def _optimiser(recipe: SegmenterRecipe, network: Any, rate: float) -> Any:
    """Of lite0, whose decoder is new: a lower rate for the encoder. None: one rate for all."""
    if recipe.network != LITE0:
        return None
    import torch

    encoder = list(network.encoder.parameters())
    decoder = [p for name, p in network.named_parameters() if not name.startswith("encoder.")]
    groups = [{"params": encoder, "lr": ENCODER_RATE * rate}, {"params": decoder, "lr": rate}]
    return torch.optim.AdamW(groups, weight_decay=0.0)


def _export(recipe: SegmenterRecipe, task: SegmenterTask, run: RunFolder) -> ExportReport:
    network: Any = task.network.cpu().eval()
    state = run.write(STATE, lambda path: save_state(network.state_dict(), path))
    source = SourceFacts(STATE, digests_of(state).sha256, verified=False)
    serving = from_lite0_saliency.for_serving if recipe.network == LITE0 else for_serving
    served = serving(network, recipe.spec)
    return store_network(served, run.path / MODEL, recipe.network, source, recipe.spec)


def card_of(
    dataset: str,
    recipe: Recipe,
    start: Path | None,
    train: Usable,
    validation: Usable,
    before: Values | None,
    history: Sequence[Values],
    report: ExportReport,
) -> Card:
    left_out = (*train.left_out, *validation.left_out)
    data = [
        f"{len(train.images)} images with masks to learn from, {len(validation.images)} for "
        f"validation, {len(left_out)} left out.",
        *bullets(left_out),
    ]
    columns = (("loss", "loss", ".4f"), ("IoU at 0.5", "score", ".4f"), ("MAE", "mae", ".4f"))
    limits = (
        "The last epoch is kept, not the best. Validation images are of the same data set: photos "
        "of another kind may do worse."
    )
    if start is not None:
        limits += " The licence of the start and of what it was trained on reaches this network."
    return Card(
        f"Segmenter: {recipe['network']}, trained on {dataset} from "
        f"{start.name if start else 'random weights'}",
        f"{MAKERS[str(recipe['network'])]}, trained with `packsight train segmenter`. To use it:"
        "\n\n" + usage("segment", "u2net", report.path.name),
        {
            "Data": "\n".join(data),
            "Recipe": recipe_table(recipe),
            "Metrics": "Means over the validation images, at their own size.\n\n"
            + epoch_table(columns, history, {"start": before}),
            "Export": export_note(report),
            "Limits": limits,
        },
    )


def _digest_of(path: Path | None) -> str:
    return NOTHING if path is None else digests_of(path).sha256


def _digest(names: Sequence[str]) -> str:
    """Tells two lists apart; the recipe need not hold ten thousand names."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
