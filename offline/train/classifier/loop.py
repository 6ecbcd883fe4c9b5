"""Epochs of a Keras model, resumed where a run was killed: batches follow from (seed, epoch)."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engine.types import IntArray, Progress
from offline.store.run_folder import RunFolder
from offline.train.classifier.checkpoint import (
    BEST,
    State,
    load_weights,
    restore_checkpoint,
    save_checkpoint,
)
from offline.train.classifier.network import import_tensorflow
from offline.train.classifier.patience import Waiting
from offline.train.classifier.recipe import Patience, Schedule
from offline.train.run import Callbacks, require_finite

_AHEAD = 4  # batches made ready while the model computes


class Source(Protocol):
    """Inputs by position, randomly augmented for training and plain for validation."""

    @property
    def labels(self) -> IntArray:
        """(N,)"""
        ...

    def batch(
        self, positions: IntArray, random: np.random.Generator | None
    ) -> npt.NDArray[np.float32]:
        """(n, …) inputs; ``random`` None: as they are."""
        ...


def compile_model(keras: Any, model: Any, schedule: Schedule) -> None:
    """Set the optimiser and the loss: cross-entropy with the sparse labels."""
    import_tensorflow()
    made = {
        "sgd": lambda: keras.optimizers.SGD(schedule.learning_rate, momentum=0.9, nesterov=True),
        "adam": lambda: keras.optimizers.Adam(schedule.learning_rate),
        "rmsprop": lambda: keras.optimizers.RMSprop(schedule.learning_rate),
    }
    model.compile(
        optimizer=made[schedule.optimiser](),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # XLA compiles minutes for every new batch size
    )
    model.optimizer.build(model.trainable_variables)


def fit(
    model: Any,
    train: Source,
    validation: Source,
    schedule: Schedule,
    run: RunFolder,
    *,
    seed: int,
    weights: npt.NDArray[np.float32] | None = None,
    callbacks: Callbacks | None = None,
) -> list[dict[str, float]]:
    """Train until the epochs or the patience end; the model then holds the best epoch's weights.

    ``weights`` (C,) multiply the loss of each category. Returns the history: loss, accuracy,
    val_loss, val_accuracy and rate an epoch. Raises ConfigError when the loss is not finite.
    """
    callbacks = callbacks or Callbacks()
    progress = callbacks.progress("training")
    state = restore_checkpoint(run, model) or State([], Waiting(), schedule.learning_rate)
    model.optimizer.learning_rate = state.learning_rate
    history = list(state.history)
    steps = max(1, -(-len(train.labels) // schedule.batch_size))
    while len(history) < schedule.epochs and not state.waiting.stops(schedule.patience):
        epoch = len(history) + 1
        random = _random(seed, epoch)
        metrics = _epoch(model, train, schedule, random, weights, epoch, steps, progress)
        metrics |= _validate(model, validation, schedule.batch_size)
        history.append({"epoch": float(epoch), **metrics, "rate": state.learning_rate})
        state = _next(history, state, schedule.patience)
        model.optimizer.learning_rate = state.learning_rate
        save_checkpoint(run, model, state)
        callbacks.epoch(history[-1])
    load_weights(run.path / BEST, model)
    return history


def refit(
    model: Any,
    source: Source,
    history: Sequence[Mapping[str, float]],
    schedule: Schedule,
    run: RunFolder,
    *,
    seed: int,
    weights: npt.NDArray[np.float32] | None = None,
    callbacks: Callbacks | None = None,
) -> None:
    """Train a new model on all images as ``history`` went up to its best epoch: as many epochs, at
    the same learning rates. No validation is left to stop by.

    Of a history that has grown since, the epochs before its best one are the same: a refit that
    ended at an earlier best one is continued.
    """
    progress = (callbacks or Callbacks()).progress("training on all images")
    rates = [epoch["rate"] for epoch in history[: best_epoch(history)]]
    state = restore_checkpoint(run, model) or State([], Waiting(), rates[0])
    done = list(state.history)
    steps = max(1, -(-len(source.labels) // schedule.batch_size))
    planned = replace(schedule, epochs=len(rates))
    for epoch in range(len(done) + 1, len(rates) + 1):
        rate = model.optimizer.learning_rate = rates[epoch - 1]
        random = _random(seed, epoch)
        metrics = _epoch(model, source, planned, random, weights, epoch, steps, progress)
        done.append({"epoch": float(epoch), **metrics, "rate": rate})
        save_checkpoint(run, model, State(done, Waiting(), rate))


def _random(seed: int, epoch: int) -> np.random.Generator:
    """On torch Keras draws dropout from torch's own generator, which no checkpoint holds."""
    if "torch" in sys.modules:
        drawn = np.random.default_rng([seed, epoch, 1]).integers(2**31)
        sys.modules["torch"].manual_seed(int(drawn))
    return np.random.default_rng([seed, epoch])


def best_epoch(history: Sequence[Mapping[str, float]]) -> int:
    """From 1: that of the lowest validation loss, whose weights ``fit`` leaves in the model."""
    return 1 + int(np.argmin([epoch["val_loss"] for epoch in history]))


def _next(history: list[dict[str, float]], state: State, patience: Patience) -> State:
    waiting = state.waiting.after(len(history), history[-1]["val_loss"])
    if waiting.lowers(patience):
        return State(history, waiting.lowered(), state.learning_rate * patience.factor)
    return State(history, waiting, state.learning_rate)


def _epoch(
    model: Any,
    train: Source,
    schedule: Schedule,
    random: np.random.Generator,
    weights: npt.NDArray[np.float32] | None,
    epoch: int,
    steps: int,
    progress: Progress,
) -> dict[str, float]:
    # Summed here: what Keras returns of a batch is, depending on its version, that batch's own
    # value or a running mean; after a reset it is the former in all of them.
    sums = np.zeros(2)
    order = random.permutation(len(train.labels))
    chunks = [
        order[at * schedule.batch_size : (at + 1) * schedule.batch_size] for at in range(steps)
    ]
    for step, (inputs, labels) in enumerate(_ahead(train, chunks, random), start=1):
        sample_weight = None if weights is None else weights[labels]
        model.reset_metrics()
        found = model.train_on_batch(inputs, labels, sample_weight=sample_weight, return_dict=True)
        sums += len(labels) * np.array([float(found["loss"]), float(found["accuracy"])])
        progress((epoch - 1) * steps + step, schedule.epochs * steps)
    loss, accuracy = (sums / len(train.labels)).tolist()
    require_finite(loss, epoch)
    return {"loss": loss, "accuracy": accuracy}


def _validate(model: Any, source: Source, batch: int) -> dict[str, float]:
    """Loss and accuracy by ourselves: Keras would weigh a short last batch like a whole one."""
    rows = predict(model, source, batch)
    at = np.arange(len(rows))
    right = rows.argmax(axis=1) == source.labels
    losses = -np.log(np.maximum(rows[at, source.labels], 1e-7))
    return {"val_loss": float(losses.mean()), "val_accuracy": float(right.mean())}


def predict(model: Any, source: Source, batch: int) -> npt.NDArray[np.float32]:
    """(N, …) outputs of the model, in the order of the source."""
    rows = []
    for start in range(0, len(source.labels), batch):
        positions = np.arange(start, min(start + batch, len(source.labels)))
        rows.append(np.asarray(model.predict_on_batch(source.batch(positions, None))))
    return np.concatenate(rows)


def _ahead(
    source: Source, chunks: list[IntArray], random: np.random.Generator
) -> Iterator[tuple[npt.NDArray[np.float32], IntArray]]:
    """Batches made in their order by one thread, while the model computes."""
    ready: queue.Queue[tuple[npt.NDArray[np.float32], IntArray] | BaseException | None]
    ready = queue.Queue(_AHEAD)
    stop = threading.Event()

    def make() -> None:
        try:
            for chunk in chunks:
                if stop.is_set():
                    return
                ready.put((source.batch(chunk, random), source.labels[chunk]))
            ready.put(None)
        except BaseException as error:  # raised again where the batches are used
            ready.put(error)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
