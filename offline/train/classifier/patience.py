"""When to lower the learning rate and when to stop, as plain values that a checkpoint can hold.

The rules are those of Keras' ReduceLROnPlateau and EarlyStopping on the validation loss. Their
own callbacks forget how long they have waited when a run is resumed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from offline.train.classifier.recipe import Patience

# ReduceLROnPlateau's own default; less is no improvement.
LEAST_GAIN = 1e-4


@dataclass(frozen=True)
class Waiting:
    """Epochs since the validation loss was best, and since the learning rate was last lowered."""

    best: float = math.inf
    best_epoch: int = 0
    since_best: int = 0
    plateau_best: float = math.inf
    since_gain: int = 0

    def after(self, epoch: int, loss: float) -> Waiting:
        """The state once ``epoch`` (from 1) ended with this validation loss."""
        better = loss < self.best
        gained = loss < self.plateau_best - LEAST_GAIN
        return Waiting(
            best=loss if better else self.best,
            best_epoch=epoch if better else self.best_epoch,
            since_best=0 if better else self.since_best + 1,
            plateau_best=loss if gained else self.plateau_best,
            since_gain=0 if gained else self.since_gain + 1,
        )

    def lowers(self, patience: Patience) -> bool:
        return self.since_gain >= patience.plateau

    def lowered(self) -> Waiting:
        return replace(self, since_gain=0)

    def stops(self, patience: Patience) -> bool:
        return self.since_best >= patience.stop
