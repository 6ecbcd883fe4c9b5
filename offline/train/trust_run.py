"""One run of `packsight train trust`: pictures with masks in, a trust file and its figures out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.config import Settings, StageSettings
from engine.errors import ConfigError
from engine.images import ImageLimits
from engine.protocols import Segmenter
from engine.types import Progress
from offline.datasets import Dataset, Picture, open_dataset
from offline.store.run_folder import RunFolder
from offline.train.judged_masks import JudgedMasks, judge_masks
from offline.train.trust import Fit, figures, fit_trust
from stages.assemble import assemble_cutting
from stages.context import StageIdentity
from stages.trust._model import Segmenter as FittedTo
from stages.trust._model import TrustModel

NOTES_SHOWN = 5


@dataclass(frozen=True)
class TrustRun:
    """What is asked. No ``splits``: all of the data set. ``known_as``: names in the catalogue of
    weights under which the same network may be used."""

    data: Path
    out: Path
    splits: tuple[str, ...] = ()
    test_splits: tuple[str, ...] = ()
    limit: int | None = None
    second_look: bool = False
    known_as: tuple[str, ...] = ()
    fit: Fit = field(default_factory=Fit)


@dataclass(frozen=True)
class TrustReport:
    """What came out; ``tests`` are figures by split of pictures that took no part in the fit."""

    out: Path
    model: TrustModel
    tests: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...]

    def text(self) -> str:
        lines = [f"{self.out}: believes masks from a probability of {self.model.threshold:.2f} on"]
        lines.append(_line("held out in folds", self.model.figures))
        lines += [_line(name, found) for name, found in self.tests.items()]
        lines += self.notes[:NOTES_SHOWN]
        if len(self.notes) > NOTES_SHOWN:
            lines.append(f"and {len(self.notes) - NOTES_SHOWN} more were left out")
        return "\n".join(lines)


def train_trust(run: TrustRun, settings: Settings, progress: Progress | None = None) -> TrustReport:
    """Fit, write and report. Raises ConfigError for data without masks, splits there are not,
    too few masks of a kind and a file that cannot be written; WeightsError as assembling does."""
    if run.limit is not None and run.limit < 1:
        raise ConfigError(f"--limit {run.limit}: must be at least 1.")
    dataset = open_dataset(run.data)
    tested = {name: _chosen(dataset, [name], run, taken=()) for name in run.test_splits}
    taken = {picture.id for pictures in tested.values() for picture in pictures}
    names = run.splits or tuple(n for n in dataset.splits if n not in run.test_splits)
    learned = _chosen(dataset, names, run, taken)
    parts = assemble_cutting(_segmenting_only(settings))
    judge = _Judge(parts.cutting.segmenter, run.second_look, _limits(settings), progress)
    masks = judge(learned)
    said = f"{len(masks)} masks of {dataset.name}: {', '.join(names)}"
    model = fit_trust(masks, _fitted_to(parts.segmenter, run.known_as), run.fit, said)
    tests: dict[str, Mapping[str, float]] = {}
    for name, pictures in tested.items():
        found = judge(pictures)
        tests |= {key.format(name): value for key, value in figures_on(model, found).items()}
    _write(run.out, model.text())
    return TrustReport(run.out, model, tests, masks.notes)


def figures_on(model: TrustModel, masks: JudgedMasks) -> dict[str, Mapping[str, float]]:
    """Figures of masks that the model never saw, by "{}" (one look) and "{}, second look"."""
    if not len(masks):
        return {}
    right = masks.iou >= model.right_iou
    shares = {"masks": float(len(masks)), "right": float(right.mean())}
    once = model.first.probability(masks.features(second=False))
    found: dict[str, Mapping[str, float]] = {"{}": {**shares, **figures(once, right)}}
    if model.second is not None and masks.agreement is not None:
        twice = model.second.probability(masks.features(second=True))
        found["{}, second look"] = {**shares, **figures(twice, right)}
    return found


@dataclass(frozen=True)
class _Judge:
    segmenter: Segmenter
    second_look: bool
    limits: ImageLimits
    progress: Progress | None

    def __call__(self, pictures: Sequence[Picture]) -> JudgedMasks:
        return judge_masks(
            pictures,
            self.segmenter,
            second_look=self.second_look,
            limits=self.limits,
            progress=self.progress,
        )


def _chosen(
    dataset: Dataset, names: Iterable[str], run: TrustRun, taken: Iterable[str]
) -> list[Picture]:
    """Pictures with masks, each once, at most ``limit`` a split, drawn at random."""
    random = np.random.default_rng(run.fit.seed)
    chosen: dict[str, Picture] = {}
    for name in names:
        pictures = [p for p in dataset.pictures(name) if p.mask is not None and p.id not in taken]
        if run.limit is not None and len(pictures) > run.limit:
            drawn = np.sort(random.permutation(len(pictures))[: run.limit])
            pictures = [pictures[position] for position in drawn]
        chosen |= {picture.id: picture for picture in pictures}
    if not chosen:
        raise ConfigError(
            f"{dataset.root}: no picture of {', '.join(names) or 'it'} has a true mask.",
            remedy="Give a data set with masks: packsight data packbench --out DIR renders one.",
        )
    return list(chosen.values())


def _segmenting_only(settings: Settings) -> Settings:
    """Without matting, which comes after the trust, and without a trust that may not fit yet."""
    none = StageSettings(name="none")
    return settings.model_copy(update={"matting": none, "trust": none})


def _limits(settings: Settings) -> ImageLimits:
    return ImageLimits.of(settings.images)


def _fitted_to(segmenter: StageIdentity, known_as: tuple[str, ...]) -> FittedTo:
    return FittedTo(
        name=segmenter.name,
        weights=tuple(sorted(segmenter.weights.values())),
        known_as=known_as,
        options=segmenter.options,
    )


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{path.parent}: cannot be made ({error.strerror or error}).",
            remedy="Choose another --out.",
        ) from error
    RunFolder(path.parent).write_text(path.name, text)


def _line(name: str, found: Mapping[str, float]) -> str:
    said = [f"{key} {value:.3f}" for key, value in found.items() if key != "masks"]
    return f"{name}: {found['masks']:.0f} masks, {', '.join(said)}"
