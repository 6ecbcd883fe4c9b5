"""Epochs, checkpoints and resume for the parts that train in torch.

A run that was killed and started again ends like one that was not: batches are a function of
(seed, epoch), and a checkpoint holds the weights, the optimiser and every source of chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from offline.train.run_folder import RunFolder

CHECKPOINT = "checkpoint.pt"
Progress = Callable[[int, int], None]  # (done, total) batches of the whole run


class Task(Protocol):
    """What is trained: a network, its batches, its loss and how it is judged."""

    network: Any  # torch.nn.Module
    samples: int  # training samples an epoch

    def loss(self, indices: npt.NDArray[np.int64], random: np.random.Generator) -> Any:
        """The scalar loss tensor of one batch; all augmentation draws from ``random``."""
        ...

    def validate(self) -> dict[str, float]:
        """Figures on the validation split; ``score`` is higher-is-better."""
        ...


@dataclass(frozen=True)
class Schedule:
    """Adam with a cosine decay to zero, after a linear warm-up of one twentieth of the steps."""

    epochs: int
    batch: int
    rate: float = 1e-3
    decay: float = 0.0  # of weights, decoupled (AdamW)
    clip: float = 1.0  # of the gradient's norm


def fit(
    task: Task, schedule: Schedule, run: RunFolder, *, seed: int, progress: Progress | None = None
) -> list[dict[str, float]]:
    """Train to the end and return the history; the network holds the last epoch's weights.

    Goes on from ``run``'s checkpoint where there is one. Raises ConfigError for a damaged
    checkpoint and for a loss that is not finite.
    """
    import torch

    steps = _steps(task.samples, schedule.batch)
    optimiser = torch.optim.AdamW(
        task.network.parameters(), lr=schedule.rate, weight_decay=schedule.decay
    )
    total = steps * schedule.epochs
    decay = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _factor(step, total))
    torch.manual_seed(seed)
    history = _restore(run, task.network, optimiser, decay)
    for epoch in range(len(history), schedule.epochs):
        random = np.random.default_rng([seed, epoch])
        losses = []
        task.network.train()
        for number, indices in enumerate(_batches(task.samples, schedule.batch, random)):
            loss = task.loss(indices, random)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(task.network.parameters(), schedule.clip)
            optimiser.step()
            decay.step()
            losses.append(float(loss.detach()))
            if not np.isfinite(losses[-1]):
                raise ConfigError(
                    f"epoch {epoch + 1}: the loss is {losses[-1]}: the training has diverged.",
                    remedy="Give a lower --rate and another --out.",
                )
            if progress is not None:
                progress(epoch * steps + number + 1, total)
        task.network.eval()
        figures = {"epoch": float(epoch + 1), "loss": float(np.mean(losses)), **task.validate()}
        history.append(figures)
        _save(run, history, task.network, optimiser, decay)
    task.network.eval()
    return history


def _steps(samples: int, batch: int) -> int:
    return max(1, samples // batch)


def _batches(
    samples: int, batch: int, random: np.random.Generator
) -> Iterator[npt.NDArray[np.int64]]:
    """A shuffled epoch in whole batches; what is left over sits this epoch out."""
    order = random.permutation(samples)
    for step in range(_steps(samples, batch)):
        yield order[step * batch : (step + 1) * batch]


def _factor(step: int, total: int) -> float:
    warm = max(1, total // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1.0 + float(np.cos(np.pi * (step - warm) / max(1, total - warm))))


def _save(
    run: RunFolder, history: list[dict[str, float]], network: Any, optimiser: Any, decay: Any
) -> None:
    import torch

    state = {
        "history": history,
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "decay": decay.state_dict(),
        "random": torch.get_rng_state(),
    }
    run.write(CHECKPOINT, lambda path: torch.save(state, path))
    run.record(history)


def _restore(run: RunFolder, network: Any, optimiser: Any, decay: Any) -> list[dict[str, float]]:
    """The history up to the checkpoint, with everything set as it was then."""
    import torch

    path: Path = run.path / CHECKPOINT
    if not path.is_file():
        return []
    try:
        state = torch.load(path, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        decay.load_state_dict(state["decay"])
        torch.set_rng_state(state["random"])
        history: list[dict[str, float]] = state["history"]
    except Exception as error:  # torch raises many kinds for a file that is no checkpoint
        raise ConfigError(
            f"{path}: not a checkpoint of this run ({str(error).splitlines()[0][:200]}).",
            remedy="Delete it to start the run anew.",
        ) from error
    return history
