"""Out-of-fold logits of a frozen backbone's heads, to calibrate on families not seen.

Where validation shares its families with training, nothing there shows how sure the network may
be on new ones. A head costs seconds, so one is trained without each fold of families and predicts
that fold; the classifier itself still learns from all (Platt, Advances in Large Margin
Classifiers, 1999, fits his sigmoid on such predictions).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.types import IntArray
from offline.datasets.hold_out import FOLDS, family_folds, family_of
from offline.store.run_folder import RunFolder
from offline.train.classifier.frozen import HeadTask, head_model
from offline.train.classifier.loop import compile_model, fit, predict
from offline.train.classifier.network import LOGITS, import_keras, part
from offline.train.classifier.recipe import ClassifierRecipe, Patience, Schedule
from offline.train.classifier.sources import FeatureSource
from offline.train.training_set import Labelled

Logits = npt.NDArray[np.float64]


def can_cross_fit(labelled: Labelled) -> bool:
    """Whether every category has families for at least two folds."""
    families: dict[int, set[str]] = {}
    for sample in labelled.train:
        families.setdefault(sample.label, set()).add(family_of(sample.image))
    return all(len(names) >= 2 for names in families.values())


def cross_fit(
    task: HeadTask, labelled: Labelled, recipe: ClassifierRecipe, run: RunFolder, epochs: int
) -> tuple[Logits, IntArray]:
    """(N, C) logits of the training images, each by a head that saw nothing of its family, and
    their (N,) labels. Every head trains ``epochs`` epochs, as many as the classifier's best."""
    names = [family_of(sample.image) for sample in labelled.train]
    categories = [labelled.names[sample.label] for sample in labelled.train]
    folds = family_folds(names, categories, FOLDS, np.random.default_rng(recipe.seed))
    fold_of = dict(zip(names, folds.tolist(), strict=True))
    validation_folds = np.array([fold_of.get(family_of(s.image), -1) for s in labelled.validation])
    logits = np.zeros((len(names), task.classes))
    for fold in sorted(set(folds.tolist())):
        rest = replace(
            task,
            train=_only(task.train, folds != fold),
            validation=_only(task.validation, validation_folds != fold),
        )
        model = _fitted(rest, recipe, run.within(f"fold{fold}"), epochs)
        held = _only(task.train, folds == fold)
        logits[folds == fold] = predict(part(model, LOGITS), held, recipe.schedule.batch_size)
    return logits, task.train.labels


def _fitted(task: HeadTask, recipe: ClassifierRecipe, run: RunFolder, epochs: int) -> Any:
    model = head_model(task)
    schedule = Schedule(
        epochs,
        recipe.schedule.batch_size,
        recipe.schedule.optimiser,
        recipe.schedule.learning_rate,
        Patience(epochs + 1, 1.0, epochs + 1),
    )
    compile_model(import_keras(), model, schedule)
    fit(
        model,
        task.train,
        task.validation,
        schedule,
        run,
        seed=recipe.seed,
        weights=task.category_weights,
    )
    return model


def _only(source: FeatureSource, chosen: npt.NDArray[np.bool_] | Sequence[bool]) -> FeatureSource:
    kept = np.asarray(chosen, np.bool_)
    return FeatureSource(source.features[kept], source.labels[kept])
