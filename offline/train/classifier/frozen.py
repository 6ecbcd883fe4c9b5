"""A frozen trunk: its features are made once and kept, and the head learns on them in minutes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from offline.train.classifier.checkpoint import BEST, save_weights
from offline.train.classifier.loop import compile_model, fit
from offline.train.classifier.network import FEATURES, head, import_keras, part
from offline.train.classifier.sources import CutoutSource, FeatureSource
from offline.train.run_folder import RunFolder

if TYPE_CHECKING:
    from offline.train.classifier.training import Listeners, Plan

Rows = npt.NDArray[np.float32]
HEAD_LAYERS = ("wide", "narrow", "logits")
KEPT = "features_{}.npy"
_BATCH = 32


def fit_head(
    network: Any,
    train: CutoutSource,
    validation: CutoutSource,
    plan: Plan,
    run: RunFolder,
    shares: Rows | None,
    listeners: Listeners,
) -> list[dict[str, float]]:
    """Train the head alone and put it into ``network``; returns the history.

    Of every training picture ``plan.views`` views are described, the first as it is and the
    others augmented; an epoch draws one of them for each.
    """
    keras = import_keras()
    trunk = part(network, FEATURES)
    sources = [
        FeatureSource(_kept(run, name, trunk, source, views, plan.seed, listeners), source.labels)
        for name, source, views in (
            ("train", train, plan.views), ("validation", validation, 1),
        )
    ]  # fmt: skip
    features = keras.Input((sources[0].features.shape[2],), name="features_in")
    alone = keras.Model(features, head(keras, features, int(network.output.shape[-1])))
    compile_model(keras, alone, plan.schedule)
    history = fit(
        alone, sources[0], sources[1], plan.schedule, run, seed=plan.seed, weights=shares,
        progress=listeners.training, report=listeners.epoch,
    )  # fmt: skip
    for layer in HEAD_LAYERS:
        network.get_layer(layer).set_weights(alone.get_layer(layer).get_weights())
    # From here on the best weights are those of the whole network, trunk and head.
    save_weights(run, BEST_WHOLE, network)
    return history


BEST_WHOLE = f"whole_{BEST}"


def _kept(
    run: RunFolder,
    name: str,
    trunk: Any,
    source: CutoutSource,
    views: int,
    seed: int,
    listeners: Listeners,
) -> Rows:
    """(N, V, D) float32, from the run's folder where an earlier start has made them."""
    path: Path = run.path / KEPT.format(name)
    if path.is_file():
        try:
            return np.asarray(np.load(path, allow_pickle=False), np.float32)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{path}: not the features of this run ({error}).", remedy="Delete it."
            ) from error
    made = _features(trunk, source, views, seed, listeners)
    run.write(path.name, lambda beside: _save(beside, made))
    return made


def _features(
    trunk: Any, source: CutoutSource, views: int, seed: int, listeners: Listeners
) -> Rows:
    count = len(source.labels)
    rows: list[Rows] = []
    for view in range(views):
        random = np.random.default_rng([seed, view]) if view else None
        for start in range(0, count, _BATCH):
            positions = np.arange(start, min(start + _BATCH, count))
            rows.append(np.asarray(trunk.predict_on_batch(source.batch(positions, random))))
            if listeners.cutting is not None:
                listeners.cutting(view * count + len(positions) + start, views * count)
    together = np.concatenate(rows)
    return np.ascontiguousarray(together.reshape(views, count, -1).transpose(1, 0, 2))


def _save(path: Path, array: Rows) -> None:
    with path.open("wb") as file:
        np.save(file, array)
