"""Training in torch: killed and resumed ends like uninterrupted; a broken run is refused."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from engine.errors import ConfigError
from offline.store.run_folder import RunFolder, open_run
from offline.train.run import Callbacks
from offline.train.torch_loop import CHECKPOINT, Schedule, fit

ROOT = Path(__file__).resolve().parents[3]
SCHEDULE = Schedule(epochs=4, batch_size=3, learning_rate=0.05)

pytestmark = pytest.mark.slow


class LineTask:
    """Fits a line with batch normalisation; every batch draws noise, as augmentation does."""

    def __init__(self, samples: int = 10, broken_at: int | None = None) -> None:
        torch: Any = pytest.importorskip("torch", reason="needs the extra `train`")
        torch.manual_seed(7)
        self.network = torch.nn.Sequential(torch.nn.BatchNorm1d(1), torch.nn.Linear(1, 1))
        self.samples = samples
        self.steps = 0
        self.broken_at = broken_at
        self.seen: list[list[int]] = []

    def loss(self, indices: npt.NDArray[np.int64], random: np.random.Generator) -> Any:
        import torch

        self.steps += 1
        self.seen.append(indices.tolist())
        given = torch.from_numpy(indices[:, None].astype(np.float32))
        noise = float(random.normal(0.0, 0.1))
        if self.steps == self.broken_at:
            noise = float("nan")
        return ((self.network(given) - (2.0 * given + noise)) ** 2).mean()

    def validate(self) -> dict[str, float]:
        assert not self.network.training
        return {"score": np.float64(self.network[1].bias.detach().item())}  # type: ignore[dict-item]


def weights(task: LineTask) -> list[float]:
    return [float(v) for t in task.network.state_dict().values() for v in t.numpy().ravel()]


def test_the_same_seed_ends_the_same_and_another_does_not(tmp_path: Path) -> None:
    ends = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        task = LineTask()
        with open_run(tmp_path / name, {}) as run:
            fit(task, SCHEDULE, run, seed=seed)
        ends.append(weights(task))
    assert ends[0] == ends[1] != ends[2]


@pytest.mark.parametrize("killed_at", [2, 8])
def test_killed_and_resumed_ends_like_the_uninterrupted_run(tmp_path: Path, killed_at: int) -> None:
    whole = LineTask()
    with open_run(tmp_path / "whole", {}) as run:
        expected = fit(whole, SCHEDULE, run, seed=3)
    code = textwrap.dedent(
        f"""
        import os, signal, sys
        from pathlib import Path
        from offline.store.run_folder import open_run
        from offline.train.run import Callbacks
        from offline.train.torch_loop import fit
        from tests.offline.train.test_torch_loop import SCHEDULE, LineTask
        task = LineTask()
        def progress(done, total):
            if task.steps == {killed_at}:
                os.kill(os.getpid(), signal.SIGKILL)
        with open_run(Path(sys.argv[1]), {{}}) as run:
            fit(task, SCHEDULE, run, seed=3, callbacks=Callbacks(lambda title: progress))
        """
    )
    folder = str(tmp_path / "killed")
    killed = subprocess.run([sys.executable, "-c", code, folder], cwd=ROOT, check=False)
    assert killed.returncode == -9
    resumed = LineTask()
    with open_run(tmp_path / "killed", {}) as run:
        found = fit(resumed, SCHEDULE, run, seed=3)
        assert run.history() == found
    # Two processes may add up in another order: equal but for rounding.
    assert [list(epoch) for epoch in found] == [list(epoch) for epoch in expected]
    for one, other in zip(found, expected, strict=True):
        assert list(one.values()) == pytest.approx(list(other.values()), rel=1e-5)
    assert weights(resumed) == pytest.approx(weights(whole), rel=1e-5)
    assert resumed.steps < whole.steps or killed_at <= 3  # it went on, it did not start anew


def test_every_sample_is_seen_once_an_epoch_but_for_the_rest_of_a_batch(tmp_path: Path) -> None:
    task = LineTask()
    fit(task, Schedule(epochs=1, batch_size=3), RunFolder(tmp_path), seed=0)
    seen = [index for batch in task.seen for index in batch]
    assert len(task.seen) == 3
    assert len(set(seen)) == 9


def test_fewer_samples_than_a_batch_make_one_batch(tmp_path: Path) -> None:
    task = LineTask(samples=2)
    reported: list[tuple[int, int]] = []
    fit(
        task,
        Schedule(2, 8),
        RunFolder(tmp_path),
        seed=0,
        callbacks=Callbacks(lambda title: lambda *at: reported.append(at)),
    )
    assert reported == [(2, 4), (4, 4)]


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    with open_run(tmp_path, {}) as run:
        history = fit(LineTask(), SCHEDULE, run, seed=0)
        run.record(history[:-1])  # killed between the last checkpoint and the history
        again = LineTask()
        assert fit(again, SCHEDULE, run, seed=0) == history == run.history()
    assert again.steps == 0


def test_a_loss_that_is_not_finite_stops_the_run_before_it_spoils_the_weights(
    tmp_path: Path,
) -> None:
    task = LineTask(broken_at=2)
    with pytest.raises(ConfigError, match=r"epoch 1.*nan.*--learning-rate"):
        fit(task, SCHEDULE, RunFolder(tmp_path), seed=0)
    assert np.isfinite(weights(task)).all()


def test_a_damaged_checkpoint_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"PK")
    with pytest.raises(ConfigError, match=r"checkpoint\.pt.*Delete"):
        fit(LineTask(), SCHEDULE, RunFolder(tmp_path), seed=0)


def test_a_full_disk_is_an_error_and_no_traceback() -> None:
    from offline.train.torch_loop import save_state

    pytest.importorskip("torch", reason="needs the extra `train`")
    with pytest.raises(OSError, match="No space left"):
        save_state({"history": [1.0] * 10_000}, Path("/dev/full"))
