"""Every number a resumed run needs: weights, optimiser, chance of dropout, and the waiting.

Arrays in one .npz, by position: Keras names variables differently in every process. It holds
arrays and no pickles, so that a checkpoint from elsewhere can be read without running its code.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from offline.store.run_folder import RunFolder
from offline.train.classifier.patience import Waiting
from offline.train.run import damaged_checkpoint

CHECKPOINT = "checkpoint.npz"
BEST = "best.npz"  # the weights alone, of the epoch with the lowest validation loss


@dataclass(frozen=True)
class State:
    """What a checkpoint holds besides its arrays. ``learning_rate``: after the last epoch."""

    history: list[dict[str, float]]
    waiting: Waiting
    learning_rate: float


def save_checkpoint(run: RunFolder, model: Any, state: State) -> None:
    """The whole state; and the weights as the best ones where the last epoch was the best."""
    if state.waiting.since_best == 0:
        save_weights(run, BEST, model)
    state_json = json.dumps(
        {"history": state.history, "waiting": asdict(state.waiting), "rate": state.learning_rate}
    )
    arrays = {f"model_{at}": value for at, value in enumerate(_values(model.variables))}
    optimiser = _values(model.optimizer.variables)
    arrays |= {f"optimiser_{at}": value for at, value in enumerate(optimiser)}
    arrays["state"] = np.frombuffer(state_json.encode(), np.uint8)
    run.write(CHECKPOINT, lambda path: _save(path, arrays))
    run.record(state.history)


def restore_checkpoint(run: RunFolder, model: Any) -> State | None:
    """Set the model and its optimiser as they were; None where no epoch has ended yet.

    Raises ConfigError for a file that is no checkpoint of this model.
    """
    path = run.path / CHECKPOINT
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            saved = json.loads(arrays["state"].tobytes())
            _assign(model.variables, arrays, "model")
            _assign(model.optimizer.variables, arrays, "optimiser")
        return State(saved["history"], Waiting(**saved["waiting"]), saved["rate"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise damaged_checkpoint(path, error) from error


def save_weights(run: RunFolder, name: str, model: Any) -> None:
    arrays = {f"model_{at}": value for at, value in enumerate(_values(model.weights))}
    run.write(name, lambda path: _save(path, arrays))


def load_weights(path: Path, model: Any) -> None:
    """Raises ConfigError for a file that does not fit the model."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            _assign(model.weights, arrays, "model")
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise damaged_checkpoint(path, error) from error


def _values(variables: Any) -> list[np.ndarray]:
    from keras import ops

    return [np.asarray(ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables: Any, arrays: Any, prefix: str) -> None:
    there = sum(1 for name in arrays.files if name.startswith(f"{prefix}_"))
    if there != len(variables):
        raise ValueError(f"it has {there} arrays of the {prefix}, {len(variables)} are needed")
    for at, variable in enumerate(variables):
        variable.assign(arrays[f"{prefix}_{at}"])


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
