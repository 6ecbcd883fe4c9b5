"""Epochs, checkpoints and resume for the parts that train in torch.

A run that was killed and started again ends like one that was not: batches are a function of
(seed, epoch), and a checkpoint holds the weights, the optimiser and every source of chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from engine.types import IntArray, Progress
from offline.store.run_folder import RunFolder
from offline.train.run import Callbacks, Values, damaged_checkpoint, require_finite

CHECKPOINT = "checkpoint.pt"


class Task(Protocol):
    """What is trained: a network, its batches, its loss and its validation."""

    @property
    def network(self) -> Any:
        """A torch.nn.Module, on its device."""
        ...

    @property
    def samples(self) -> int:
        """Training samples an epoch."""
        ...

    def loss(self, indices: IntArray, random: np.random.Generator) -> Any:
        """The scalar loss tensor of one batch; all augmentation draws from ``random``."""
        ...

    def validate(self) -> Values:
        """Metrics on the validation split; ``score`` is higher-is-better."""
        ...


class Batches(Protocol):
    """Which samples learn together, and how many such batches make an epoch."""

    @property
    def steps(self) -> int: ...

    def draw(self, epoch: int, random: np.random.Generator) -> Sequence[IntArray]:
        """``steps`` batches. Of epoch, chance and the network as it stands alone."""
        ...


@dataclass(frozen=True)
class Shuffled:
    """An epoch in whole batches; what is left over sits it out."""

    samples: int
    batch_size: int

    @property
    def steps(self) -> int:
        return max(1, self.samples // self.batch_size)

    def draw(self, epoch: int, random: np.random.Generator) -> Sequence[IntArray]:
        order = random.permutation(self.samples)
        starts = range(0, self.steps * self.batch_size, self.batch_size)
        return [order[start : start + self.batch_size] for start in starts]


@dataclass(frozen=True)
class Schedule:
    """Adam with a cosine decay to zero, after a linear warm-up of one twentieth of the steps."""

    epochs: int
    batch_size: int
    learning_rate: float = 1e-3
    weight_decay: float = 0.0  # decoupled (AdamW)
    clip: float = 1.0  # of the gradient's norm


def fit(
    task: Task,
    schedule: Schedule,
    run: RunFolder,
    *,
    seed: int,
    callbacks: Callbacks | None = None,
    batches: Batches | None = None,
    optimiser: Any = None,
    best: str | None = None,
) -> list[Values]:
    """Train to the end and return the history; the network holds the last epoch's weights.

    Continues from ``run``'s checkpoint where there is one. ``batches`` (None: shuffled) and
    ``optimiser`` (None: AdamW over all parameters; its learning rates are what the cosine starts
    from) may be the caller's own; ``best`` names a file for the network's state dict after the
    epoch with the highest score. Raises ConfigError for a damaged checkpoint and for a loss that
    is not finite.
    """
    import torch

    callbacks = callbacks or Callbacks()
    progress = callbacks.progress("training")
    batches = batches or Shuffled(task.samples, schedule.batch_size)
    optimiser = optimiser or torch.optim.AdamW(
        task.network.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    total = batches.steps * schedule.epochs
    decay = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _factor(step, total))
    torch.manual_seed(seed)
    history = _restore(run, task.network, optimiser, decay)
    run.record(history)  # a run that was killed between checkpoint and history lacks a line
    for epoch in range(len(history), schedule.epochs):
        random = np.random.default_rng([seed, epoch])
        drawn = batches.draw(epoch, random)
        loss = _train_epoch(task, schedule, optimiser, decay, epoch, drawn, random, progress)
        task.network.eval()
        validated = {name: float(value) for name, value in task.validate().items()}
        # Before the checkpoint: a run that is killed in between does this epoch again.
        if best is not None and all(validated["score"] > past["score"] for past in history):
            run.write(best, lambda path: save_state(task.network.state_dict(), path))
        history.append({"epoch": float(epoch + 1), "loss": loss, **validated})
        _save(run, history, task.network, optimiser, decay)
        callbacks.epoch(history[-1])
    task.network.eval()
    return history


def _train_epoch(
    task: Task,
    schedule: Schedule,
    optimiser: Any,
    decay: Any,
    epoch: int,
    batches: Sequence[IntArray],
    random: np.random.Generator,
    progress: Progress,
) -> float:
    """The mean loss of one epoch."""
    import torch

    steps = len(batches)
    at_once = min(schedule.batch_size, task.samples)
    losses = []
    task.network.train()
    for number, indices in enumerate(batches):
        loss = task.loss(indices, random)
        losses.append(require_finite(float(loss.detach()), epoch + 1))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(task.network.parameters(), schedule.clip)
        optimiser.step()
        decay.step()
        progress((epoch * steps + number + 1) * at_once, schedule.epochs * steps * at_once)
    return float(np.mean(losses))


def _factor(step: int, total: int) -> float:
    warm = max(1, total // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1.0 + float(np.cos(np.pi * (step - warm) / max(1, total - warm))))


def _save(run: RunFolder, history: list[Values], network: Any, optimiser: Any, decay: Any) -> None:
    import torch

    state = {
        "history": history,
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "decay": decay.state_dict(),
        "random": torch.get_rng_state(),
    }
    run.write(CHECKPOINT, lambda path: save_state(state, path))
    run.record(history)


def save_state(state: object, path: Path) -> None:
    """``torch.save`` that fails with OSError on a full disk: by path it raises RuntimeError."""
    import torch

    with path.open("wb") as file:
        torch.save(state, file)


def _restore(run: RunFolder, network: Any, optimiser: Any, decay: Any) -> list[Values]:
    """The history up to the checkpoint, with everything set as it was then."""
    import torch

    path: Path = run.path / CHECKPOINT
    if not path.is_file():
        return []
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        decay.load_state_dict(state["decay"])
        torch.set_rng_state(state["random"])
        history: list[Values] = state["history"]
    except Exception as error:  # torch raises many kinds for a file that is no checkpoint
        raise damaged_checkpoint(path, error) from error
    return history
