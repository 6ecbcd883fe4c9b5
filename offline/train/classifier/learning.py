"""The network learns: all of it, or its head on what a frozen trunk makes of the pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from offline.store.cutouts import Cutouts
from offline.store.run_folder import RunFolder
from offline.train.classifier.crossfit import can_cross_fit, cross_fit
from offline.train.classifier.frozen import described, fit_head
from offline.train.classifier.loop import compile_model, fit
from offline.train.classifier.network import (
    build_network,
    import_keras,
    keep_statistics,
    load_trunk_weights,
    set_precision,
    trunk_of,
)
from offline.train.classifier.recipe import NO_WEIGHTS, Listeners, Plan
from offline.train.classifier.sources import CutoutSource, class_weights, cutout_source
from offline.train.classifier.unfold import is_folded, unfold
from offline.train.training_set import Labelled


@dataclass(frozen=True)
class Learned:
    """``held_out``: logits and labels of families that the one who gave them had not seen; see
    ``crossfit``."""

    network: Any
    history: list[dict[str, float]]
    held_out: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]] | None = None


def learn(
    run: RunFolder,
    labelled: Labelled,
    cutouts: Cutouts,
    plan: Plan,
    checkpoint: Path | None,
    listeners: Listeners,
) -> Learned:
    """Build the network, start it from ``checkpoint``, train it or go on with the run."""
    keras = import_keras()
    set_precision(keras, plan.precision)
    keras.utils.set_random_seed(plan.seed)
    network = build_network(plan.backbone, len(labelled.names), plan.side)
    if checkpoint is not None:
        load_trunk_weights(network, plan.backbone, checkpoint)
    train, validation = (
        cutout_source(cutouts, samples, plan.side, plan.augmentation)
        for samples in (labelled.train, labelled.validation)
    )
    shares = class_weights(train.labels, len(labelled.names)) if plan.balanced else None
    if not _learns_statistics(plan, network, train, listeners):
        keep_statistics(network, plan.backbone)
    if plan.frozen:
        task = described(network, train, validation, plan, run, shares, listeners)
        history = fit_head(network, task, plan, run, listeners)
        held_out = None
        if labelled.shares_families and can_cross_fit(labelled):
            best = 1 + int(np.argmin([epoch["val_loss"] for epoch in history]))
            held_out = cross_fit(task, labelled, plan, run, best)
        return Learned(network, history, held_out)
    compile_model(keras, network, plan.schedule)
    history = fit(
        network,
        train,
        validation,
        plan.schedule,
        run,
        seed=plan.seed,
        weights=shares,
        progress=listeners.training,
        report=listeners.epoch,
    )
    return Learned(network, history)


def _learns_statistics(plan: Plan, network: Any, train: CutoutSource, listeners: Listeners) -> bool:
    """As the plan says; by default where the trunk starts from nothing, or from a checkpoint
    whose normalisation was folded away and is given back here."""
    trunk = trunk_of(network, plan.backbone)
    folded = plan.weights != NO_WEIGHTS and not plan.frozen and is_folded(trunk)
    if folded:
        listeners.say("the checkpoint's batch normalisation is folded: measured anew")
        backbone = plan.backbone
        unfold(
            trunk,
            (
                ((train.batch(at, None) - backbone.mean) / backbone.std).astype(np.float32)
                for at in _some(len(train.labels), plan.seed)
            ),
        )
    if plan.learn_statistics is not None:
        return plan.learn_statistics
    return folded or plan.weights == NO_WEIGHTS


def _some(count: int, seed: int) -> list[npt.NDArray[np.int64]]:
    """Batches of positions of a few hundred pictures: every channel then has its millions of
    values, or thousands in the last layers."""
    chosen = np.random.default_rng(seed).permutation(count)[:256]
    return [chosen[start : start + 8] for start in range(0, len(chosen), 8)]
