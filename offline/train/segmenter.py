"""Train a segmenter: from pictures with masks to a U²-Net as an ONNX file with a card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ConfigError
from offline.datasets import Picture, open_dataset
from offline.train.mask_augmentation import Grounds
from offline.train.mask_samples import (
    Progress,
    chosen_splits,
    picture_files,
    spread,
    usable,
)
from offline.train.normalisation import revive
from offline.train.run_folder import RunFolder, open_run
from offline.train.segmenter_card import CardFacts, card
from offline.train.segmenter_task import SegmenterTask, longest
from offline.train.torch_loop import Ended, Figures, Schedule, fit, save_state
from stages.segment.u2net import FAMILY_INPUT
from weights.catalog import load_catalog
from weights.checksums import digests_of
from weights.export import ExportReport, store_network
from weights.fetch import FetchPolicy, fetch_checkpoint
from weights.frameworks.from_u2net import for_serving, is_folded, new_network, read_network
from weights.frameworks.network import import_framework
from weights.input_spec import InputSpec
from weights.sidecar import SourceFacts

ARCHITECTURES = {"u2netp": "U2NETP", "u2net": "U2NET"}
MODEL = "segmenter.onnx"
STATE = "segmenter.pth"  # the same network for further training
BEFORE = "before.json"  # how the start did on the validation split
CARD = "card.md"
NOTHING = "none"  # --start: from random weights
# The smallest input whose deepest maps still hold more than one value an image.
LEAST_SIDE = 64
# Adam's rate from nothing is the authors' (section 4.2); a third of it kept what a start knew.
RATE = 1e-3
TUNING_RATE = 3e-4
REVIVAL = 8  # pictures of which a folded start's normalisation takes its statistics

Watch = Callable[[str], Progress]  # the title of a step -> where its progress goes


@dataclass(frozen=True)
class SegmenterRecipe:
    """All that decides what comes out."""

    data: Path
    network: str = "u2netp"
    start: str | None = None  # .pth, .onnx, a catalogue's name or "none"; None: the network's own
    split: str | None = None
    validation: str | None = None
    limit: int | None = None  # pictures to learn from; None: all
    judged: int | None = None  # pictures to judge by; None: all
    backgrounds: Path | None = None
    side: int = 320
    epochs: int = 20
    batch: int = 8
    rate: float | None = None  # None: by whether there is a start
    iou: float = 0.0
    ssim: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.network not in ARCHITECTURES:
            raise ConfigError(
                f"Unknown network {self.network!r}.",
                remedy=f"Valid names: {', '.join(ARCHITECTURES)}.",
            )
        least = {"side": LEAST_SIDE, "epochs": 1, "batch": 1, "limit": 1, "judged": 1, "seed": 0}
        for name, low in least.items():
            value = getattr(self, name)
            if value is not None and value < low:
                raise ConfigError(f"--{name} {value}: must be at least {low}.")
        for name in ("rate", "iou", "ssim"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ConfigError(f"--{name} {value}: must be a number from 0 up.")

    @property
    def architecture(self) -> str:
        return ARCHITECTURES[self.network]

    @property
    def spec(self) -> InputSpec:
        return replace(FAMILY_INPUT, height=self.side, width=self.side)


@dataclass(frozen=True)
class TrainedSegmenter:
    """What lies in the run's folder. ``score`` is IoU at 0.5."""

    report: ExportReport
    card: Path
    before: Figures | None  # None: nothing was known before
    history: list[Figures]
    left_out: tuple[str, ...]


def train_segmenter(
    recipe: SegmenterRecipe, out: Path, watch: Watch, ended: Ended | None = None
) -> TrainedSegmenter:
    """Run a recipe in a folder, or go on with it.

    Raises ConfigError for data, folders and recipes that do not do, WeightsError for a start that
    is absent or holds another network.
    """
    import_framework("torch")
    dataset = open_dataset(recipe.data)
    files = picture_files(recipe.backgrounds) if recipe.backgrounds else []
    start = find_start(recipe)
    rate = recipe.rate if recipe.rate is not None else TUNING_RATE if start else RATE
    splits = chosen_splits(dataset, recipe.split, recipe.validation)
    learned, judged = (
        usable(spread(part, limit), longest(recipe.side), watch("reading"))
        for part, limit in zip(splits, (recipe.limit, recipe.judged), strict=True)
    )
    facts = {
        **asdict(recipe), "data": dataset.name, "start": _digest_of(start), "rate": rate,
        "backgrounds": _digest([file.name for file in files]) if files else NOTHING,
        "pictures": _digest([p.id for p in (*learned.pictures, *judged.pictures)]),
    }  # fmt: skip
    with open_run(out, facts) as run:
        task = _task(recipe, start, learned.pictures, judged.pictures, files)
        before = _before(run, task) if start else None
        if start and is_folded(task.network):
            indices = np.arange(min(REVIVAL, task.samples))
            images, _ = task.batch(indices, np.random.default_rng(recipe.seed))
            revive(task.network, task.tensor(images))
        history = fit(
            task, Schedule(recipe.epochs, recipe.batch, rate), run,
            seed=recipe.seed, progress=watch("training"), ended=ended,
        )  # fmt: skip
        report = _export(recipe, task, run)
        told = CardFacts(dataset.name, facts, start, learned, judged, before, history, report)
        written = run.write_text(CARD, card(told))
    return TrainedSegmenter(report, written, before, history, learned.left_out + judged.left_out)


def find_start(recipe: SegmenterRecipe) -> Path | None:
    """The file that training starts from; None: from nothing.

    Raises WeightsError where a published checkpoint cannot be had, ConfigError for a name that is
    neither a file nor in the catalogue.
    """
    given = recipe.start or recipe.network
    if given == NOTHING:
        return None
    path = Path(given).expanduser()
    if path.is_file():
        return path
    entry = load_catalog().get(given)
    if entry is None or (entry.architecture or entry.name.upper()) != recipe.architecture:
        raise ConfigError(
            f"--start {given}: neither a file nor published weights of {recipe.architecture}.",
            remedy=f"Give a .pth or .onnx file, {recipe.network}, or {NOTHING}.",
        )
    return fetch_checkpoint(entry, FetchPolicy()).path


def _task(
    recipe: SegmenterRecipe,
    start: Path | None,
    learned: Sequence[Picture],
    judged: Sequence[Picture],
    files: Sequence[Path],
) -> SegmenterTask:
    import torch

    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    architecture = recipe.architecture
    network = read_network(architecture, start) if start else new_network(architecture)
    grounds = Grounds(files, learned, longest(recipe.side))
    return SegmenterTask(
        network.to(device), device, learned, judged, grounds, recipe.spec,
        recipe.iou, recipe.ssim,
    )  # fmt: skip


def _before(run: RunFolder, task: SegmenterTask) -> Figures:
    """How the start does; judged once, for a run that goes on has it already."""
    path = run.path / BEFORE
    if not path.is_file():
        figures = task.validate()
        run.write_text(BEFORE, json.dumps(figures))
    try:
        found: Figures = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error}).",
            remedy="Delete it: the same command writes it anew.",
        ) from error
    return found


def _export(recipe: SegmenterRecipe, task: SegmenterTask, run: RunFolder) -> ExportReport:
    network: Any = task.network.cpu().eval()
    state = run.write(STATE, lambda path: save_state(network.state_dict(), path))
    source = SourceFacts(STATE, digests_of(state).sha256, verified=False)
    served = for_serving(network, recipe.spec)
    return store_network(served, run.path / MODEL, recipe.network, source, recipe.spec)


def _digest_of(path: Path | None) -> str:
    return NOTHING if path is None else digests_of(path).sha256


def _digest(names: Sequence[str]) -> str:
    """Tells two lists apart; the recipe need not hold ten thousand names."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
