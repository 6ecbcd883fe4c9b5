"""A network that is trained anew on all images, as long as validation found best."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.types import FloatArray
from offline.store.run_folder import RunFolder
from offline.train.classifier.loop import best_epoch, compile_model, refit
from offline.train.classifier.recipe import Schedule
from offline.train.classifier.sources import FeatureSource

HISTORY = [
    {"epoch": 1.0, "val_loss": 0.9, "rate": 0.1},
    {"epoch": 2.0, "val_loss": 0.8, "rate": 0.1},
    {"epoch": 3.0, "val_loss": 0.5, "rate": 0.05},
    {"epoch": 4.0, "val_loss": 0.5, "rate": 0.05},
]


def test_the_best_epoch_is_the_first_of_the_lowest_validation_loss() -> None:
    assert best_epoch(HISTORY) == 3
    assert best_epoch(HISTORY[:2]) == 2


@pytest.mark.slow
def test_a_refit_that_was_stopped_goes_on_exactly(keras: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    source = FeatureSource(
        random.normal(size=(24, 2, 5)).astype(np.float32), random.integers(0, 3, 24)
    )

    def trained(folder: str, *histories: list[dict[str, float]]) -> list[FloatArray]:
        run = RunFolder(tmp_path).within(folder)
        for history in histories:  # each from a new model, as in a new process
            keras.utils.set_random_seed(1)
            model = keras.Sequential(
                [
                    keras.layers.Input((5,)),
                    keras.layers.Dropout(0.5),
                    keras.layers.Dense(3, activation="softmax"),
                ]
            )
            compile_model(keras, model, Schedule())
            refit(model, source, history, Schedule(batch_size=7), run, seed=3)
        assert len(run.history()) == best_epoch(histories[-1])
        assert [epoch["rate"] for epoch in run.history()] == [0.1, 0.1, 0.05]
        return [np.asarray(weight) for weight in model.get_weights()]

    whole = trained("whole", HISTORY)
    for one, other in zip(whole, trained("twice", HISTORY[:2], HISTORY), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(whole, trained("again", HISTORY, HISTORY), strict=True):
        np.testing.assert_array_equal(one, other)
