"""A frozen backbone: its features are made once and kept; the head alone learns, in minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ConfigError
from engine.types import FloatArray
from offline.store.run_folder import RunFolder
from offline.train.classifier.loop import compile_model, fit, refit
from offline.train.classifier.network import FEATURES, head, import_keras, part
from offline.train.classifier.recipe import ClassifierRecipe
from offline.train.classifier.sources import CutoutSource, FeatureSource, class_weights
from offline.train.run import Callbacks

HEAD_LAYERS = ("wide", "narrow", "logits")
KEPT = "features_{}.npy"
_BATCH = 32


@dataclass(frozen=True)
class HeadTask:
    """The head alone: its features, how it is trained, and the weights of the categories."""

    train: FeatureSource
    validation: FeatureSource
    classes: int
    category_weights: FloatArray | None


def described(
    network: Any,
    train: CutoutSource,
    validation: CutoutSource,
    recipe: ClassifierRecipe,
    run: RunFolder,
    category_weights: FloatArray | None,
    callbacks: Callbacks,
) -> HeadTask:
    """The backbone's features of all images, made once and kept in the run's folder.

    Of every image that is learned ``recipe.views`` views are described, the first as it is and the
    others augmented; an epoch draws one of them for each.
    """
    backbone = part(network, FEATURES)
    learned = recipe.views if recipe.refits else 1
    train_features, validation_features = (
        FeatureSource(
            _kept(run, name, backbone, source, views, recipe.seed, callbacks), source.labels
        )
        for name, source, views in (
            ("train", train, recipe.views),
            ("validation" if learned == 1 else "validation_views", validation, learned),
        )
    )
    return HeadTask(
        train_features, validation_features, int(network.output.shape[-1]), category_weights
    )


def fit_head(
    network: Any, task: HeadTask, recipe: ClassifierRecipe, run: RunFolder, callbacks: Callbacks
) -> list[dict[str, float]]:
    """Train the head and put it into ``network``; returns the history."""
    alone = head_model(task)
    compile_model(import_keras(), alone, recipe.schedule)
    history = fit(
        alone,
        task.train,
        task.validation,
        recipe.schedule,
        run,
        seed=recipe.seed,
        weights=task.category_weights,
        callbacks=callbacks,
    )
    _put_head(network, alone)
    return history


def refit_head(
    network: Any,
    task: HeadTask,
    history: Sequence[Mapping[str, float]],
    recipe: ClassifierRecipe,
    run: RunFolder,
    callbacks: Callbacks,
) -> None:
    """Train a new head on the images of both splits, see ``loop.refit``, and put it into
    ``network``."""
    keras = import_keras()
    keras.utils.set_random_seed(recipe.seed)  # so that a resumed run starts from the same head
    alone = head_model(task)
    compile_model(keras, alone, recipe.schedule)
    everything = FeatureSource(
        np.concatenate([task.train.features, task.validation.features]),
        np.concatenate([task.train.labels, task.validation.labels]),
    )
    refit(
        alone,
        everything,
        history,
        recipe.schedule,
        run,
        seed=recipe.seed,
        weights=class_weights(everything.labels, task.classes) if recipe.balanced else None,
        callbacks=callbacks,
    )
    _put_head(network, alone)


def _put_head(network: Any, alone: Any) -> None:
    for layer in HEAD_LAYERS:
        network.get_layer(layer).set_weights(alone.get_layer(layer).get_weights())


def head_model(task: HeadTask) -> Any:
    """A keras.Model (N, D) features -> (N, C) probabilities, with new weights."""
    keras = import_keras()
    features = keras.Input((task.train.features.shape[2],), name="features_in")
    return keras.Model(features, head(keras, features, task.classes))


def _kept(
    run: RunFolder,
    name: str,
    backbone: Any,
    source: CutoutSource,
    views: int,
    seed: int,
    callbacks: Callbacks,
) -> FloatArray:
    """(N, V, D) float32, from the run's folder where an earlier start has made them."""
    path: Path = run.path / KEPT.format(name)
    if path.is_file():
        try:
            return np.asarray(np.load(path, allow_pickle=False), np.float32)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{path}: not the features of this run ({error}).", remedy="Delete it."
            ) from error
    made = _features(backbone, source, views, seed, callbacks)
    run.write(path.name, lambda beside: _save(beside, made))
    return made


def _features(
    backbone: Any, source: CutoutSource, views: int, seed: int, callbacks: Callbacks
) -> FloatArray:
    count, progress = len(source.labels), callbacks.progress("describing")
    rows: list[FloatArray] = []
    for view in range(views):
        random = np.random.default_rng([seed, view]) if view else None
        for start in range(0, count, _BATCH):
            positions = np.arange(start, min(start + _BATCH, count))
            rows.append(np.asarray(backbone.predict_on_batch(source.batch(positions, random))))
            progress(view * count + len(positions) + start, views * count)
    together = np.concatenate(rows)
    return np.ascontiguousarray(together.reshape(views, count, -1).transpose(1, 0, 2))


def _save(path: Path, array: FloatArray) -> None:
    with path.open("wb") as file:
        np.save(file, array)
