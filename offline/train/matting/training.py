"""Train a matting network: from images with exact mattes to an ONNX file with a card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from engine.config import RuntimeSettings, Settings, StageSettings
from engine.files import file_sha256
from engine.protocols import Segmenter
from offline.datasets import Dataset, open_dataset
from offline.store.run_folder import RunFolder, Value, open_run
from offline.train.backgrounds import background_files
from offline.train.card import Card, epoch_table, export_note, recipe_table, table, usage
from offline.train.matting.batches import BatchMaker
from offline.train.matting.composites import make_composites
from offline.train.matting.pairs import Pair, SaliencyStore, pairs_of
from offline.train.matting.recipe import MattingRecipe
from offline.train.matting.task import MattingTask
from offline.train.run import Callbacks, Trained, Values
from offline.train.torch_loop import Schedule, fit
from stages.matting.fba import Options, input_spec
from weights.export import ExportReport, store_network
from weights.frameworks.from_fba import NETWORKS, for_serving, new_network, read_network
from weights.sidecar import SourceFacts

MODEL = "matting.onnx"
STATE = "matting.pth"
CARD = "card.md"
VALIDATION_SEED = 1  # added to the run's: validation composites are not those of training

_METRICS = {
    "iou": "IoU at 0.5",
    "mae": "mean absolute error",
    "boundary_f": "boundary F, 2 px",
    "sad": "SAD / 1000",
    "mse": "MSE",
    "gradient": "gradient error / 1000",
}


def train_matting(
    recipe: MattingRecipe,
    out: Path,
    callbacks: Callbacks | None = None,
    *,
    saliency: Path | None = None,
) -> Trained:
    """Run a recipe in a folder, or go on with it; the model lies there as ``matting.onnx``.

    ``saliency``: a store that holds saliency maps already, or will (None: one in ``out``).
    Raises ConfigError for data, folders and recipes that do not do, WeightsError for checkpoints.
    """
    callbacks = callbacks or Callbacks()
    dataset = open_dataset(Path(recipe.data))
    with open_run(out, asdict(recipe)) as run:
        store = SaliencyStore(saliency or out / "saliency")
        train, validation = _pairs(recipe, dataset, store, out, callbacks)
        task = _task(recipe, train, validation, store)
        schedule = Schedule(
            recipe.epochs, recipe.batch_size, recipe.learning_rate, recipe.weight_decay
        )
        history = fit(task, schedule, run, seed=recipe.seed, callbacks=callbacks)
        report = _export(recipe, task, run)
        card = run.write_text(CARD, _card(recipe, task, history, report).text())
    return Trained(report, card, history)


def _pairs(
    recipe: MattingRecipe, dataset: Dataset, store: SaliencyStore, out: Path, callbacks: Callbacks
) -> tuple[list[Pair], list[Pair]]:
    """Training and validation pairs, all with saliency."""
    segmenter, count = _Once(recipe.segmenter), recipe.validation_limit
    parts = (
        (recipe.train_split, recipe.limit, recipe.composites, 0),
        (recipe.validation_split, count, count // 8, VALIDATION_SEED),
    )
    backgrounds = background_files(Path(recipe.backgrounds)) if recipe.backgrounds else []
    found: list[list[Pair]] = []
    for split, limit, composites, salt in parts:
        images = dataset.images(split)
        pairs = pairs_of(images, split, limit)
        pairs += make_composites(
            images,
            out / "composites" / split,
            composites,
            seed=recipe.seed + salt,
            backgrounds=backgrounds,
            progress=callbacks.progress(f"compositing {split}"),
        )
        found.append(store.complete(pairs, segmenter, callbacks.progress(f"segmenting {split}")))
    return found[0], found[1]


def _task(
    recipe: MattingRecipe, train: Sequence[Pair], validation: Sequence[Pair], store: SaliencyStore
) -> MattingTask:
    import torch

    torch.manual_seed(recipe.seed)
    if recipe.start:
        network = read_network(recipe.architecture, Path(recipe.start))
    else:
        network = new_network(recipe.architecture)
    with_saliency = NETWORKS[recipe.architecture][1] > NETWORKS["FBA"][1]
    maker = BatchMaker(train, store, recipe.crop_size, with_saliency)
    options = Options()
    network = network.to(memory_format=torch.channels_last)
    return MattingTask(network, maker, validation, options.widths, options.side, recipe.bfloat16)


def _export(recipe: MattingRecipe, task: MattingTask, run: RunFolder) -> ExportReport:
    """The state dict, and the ONNX file with its sidecar."""
    import torch

    state = run.write(STATE, lambda path: torch.save(task.network.state_dict(), path))
    return store_network(
        for_serving(task.network, recipe.architecture, input_spec()),
        run.path / MODEL,
        recipe.architecture,
        SourceFacts(state.name, file_sha256(state), verified=False),
        input_spec(),
    )


def _card(
    recipe: MattingRecipe, task: MattingTask, history: Sequence[Values], report: ExportReport
) -> Card:
    parameters = sum(part.numel() for part in task.network.parameters())
    before, after = asdict(task.scores(refine=False)), asdict(task.scores())
    metrics = [
        [title, f"{before[name]:.4f}", f"{after[name]:.4f}"] for name, title in _METRICS.items()
    ]
    return Card(
        f"Matting network `{recipe.network}`",
        f"{parameters:,} parameters, trained with `packsight train matting` on {task.samples} "
        f"images (the split `{recipe.train_split}` and composites of its products), validated on "
        f"{len(task.validation)} of `{recipe.validation_split}`. To use it:\n\n"
        + usage("matting", "fba", report.path.name),
        {
            "Metrics": table(("validation", "saliency alone", "with this matting"), metrics),
            "Recipe": recipe_table({n: _local(v) for n, v in asdict(recipe).items()}),
            "Epochs": epoch_table(
                (("loss", "loss", ".4f"), ("validation error", "mae", ".4f")), history
            ),
            "Export": export_note(report),
        },
    )


def _local(value: Value) -> Value:
    """Of a path the last part."""
    return Path(value).name if isinstance(value, str) and "/" in value else value


class _Once:
    """A segmenter that is opened at its first use."""

    def __init__(self, weights: str) -> None:
        self._weights = weights
        self._segmenter: Segmenter | None = None

    def __call__(self) -> Segmenter:
        if self._segmenter is None:
            from stages.assemble import assemble_cutting

            u2net = StageSettings(name="u2net", options={"weights": self._weights})
            settings = Settings(segment=u2net, runtime=RuntimeSettings(threads=1))
            self._segmenter = assemble_cutting(settings).cutting.segmenter
        return self._segmenter
