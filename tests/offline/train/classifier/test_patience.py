"""The rate falls and the training ends when Keras' own callbacks would have it so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from offline.train.classifier.patience import LEAST_GAIN, Waiting
from offline.train.classifier.recipe import Patience

PAPER = Patience()


def play(losses: list[float], patience: Patience = PAPER) -> tuple[list[int], int | None, Waiting]:
    """Epochs after which the rate fell, the epoch after which it stopped, the last state."""
    waiting, fell = Waiting(), []
    for epoch, loss in enumerate(losses, start=1):
        waiting = waiting.after(epoch, loss)
        if waiting.lowers(patience):
            waiting = waiting.lowered()
            fell.append(epoch)
        if waiting.stops(patience):
            return fell, epoch, waiting
    return fell, None, waiting


def test_the_paper_waits_five_epochs_to_lower_and_ten_to_stop() -> None:
    assert (PAPER.plateau, PAPER.factor, PAPER.stop) == (5, 0.5, 10)
    fell, stopped, waiting = play([1.0] * 30)
    assert fell == [6, 11] and stopped == 11 and waiting.best_epoch == 1


def test_a_falling_loss_changes_nothing() -> None:
    fell, stopped, waiting = play([1 / epoch for epoch in range(1, 40)])
    assert fell == [] and stopped is None and waiting.best_epoch == 39


def test_a_gain_too_small_to_keep_the_learning_rate_still_counts_as_better() -> None:
    losses = [1 - epoch * LEAST_GAIN / 10 for epoch in range(12)]
    fell, stopped, waiting = play(losses)
    assert fell and stopped is None and waiting.best_epoch == 12


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60), st.integers(1, 6), st.integers(1, 12))
def test_it_stops_exactly_after_so_many_epochs_without_a_better_loss(
    losses: list[float], plateau: int, stop: int
) -> None:
    _, stopped, waiting = play(losses, Patience(plateau, 0.5, stop))
    last = stopped or len(losses)
    best = min(range(last), key=lambda at: (losses[at], at))
    assert waiting.best_epoch == best + 1 and waiting.best == losses[best]
    assert (stopped is not None) == (last - (best + 1) >= stop)
