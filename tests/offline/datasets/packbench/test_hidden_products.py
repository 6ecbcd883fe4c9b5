"""A photo whose product is hidden is drawn anew; a shot that fails does not end the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mitsuba", reason="needs the extra `render`")

from engine.errors import PacksightError
from offline.datasets import open_dataset
from offline.datasets.packbench import build as building
from offline.datasets.packbench import phone, processes
from offline.datasets.packbench import take as taking
from offline.datasets.packbench.check import faults
from offline.datasets.packbench.journal import JOURNAL
from offline.datasets.packbench.manifest import HEADER_FILE, Row
from offline.datasets.packbench.presets import PRESETS, Preset
from offline.datasets.packbench.processes import Failure
from offline.datasets.packbench.render import Exposure, use_variant
from offline.datasets.packbench.setting import Setting
from offline.datasets.packbench.shots import Benchmark, Shot
from offline.datasets.packbench.take import DRAWS, LEAST_SHOWN, take
from packsight.cli import main

NONE = (0, 0, 0)
BENCHMARK = Benchmark(Preset("small", 32, 1, 1, 1, 1, NONE, 1, 0, NONE), 7, 0.5)
SHOTS = list(BENCHMARK.shots())
PHOTO = next(shot for shot in SHOTS if shot.look == "phone" and shot.product.category == "jar")


@pytest.fixture(autouse=True)
def renderer() -> None:
    use_variant("scalar_rgb")


def exposed(visible: float) -> Exposure:
    """A grey image with a square product, of which ``visible`` is to be seen."""
    alpha = np.zeros((32, 24), np.float32)
    alpha[8:24, 8 : 8 + round(16 * visible)] = 1
    return Exposure(np.full((32, 24, 3), 0.3, np.float32), alpha, None, visible)


def seen_in(monkeypatch: pytest.MonkeyPatch, *visible: float) -> list[tuple[float, ...]]:
    """Stand in for things and renderer: scenes that show so much in turn. Returns the eyes."""
    shown, eyes = iter(visible), []

    def photograph(product: object, camera: taking.Camera, *rest: object, **named: object):  # type: ignore[no-untyped-def]
        eyes.append(camera.eye)
        return exposed(next(shown))

    monkeypatch.setattr(taking, "photograph", photograph)
    monkeypatch.setattr(taking, "studio", lambda *given: Setting({}, {}))
    monkeypatch.setattr(phone, "scene", lambda *given, **named: Setting({}, {}))
    return eyes


def test_a_photo_that_shows_too_little_is_drawn_anew_and_always_alike(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hidden, rows = (0.0, LEAST_SHOWN - 0.01), []
    for name in ("once", "again"):
        eyes = seen_in(monkeypatch, *hidden, 0.8)
        rows.append(take(PHOTO, BENCHMARK, tmp_path / name))
        assert len(set(eyes)) == 3
    assert rows[0] == rows[1]
    assert rows[0].visible == 0.8


def test_a_photo_that_shows_enough_is_taken_as_it_was_first_drawn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = seen_in(monkeypatch, LEAST_SHOWN)
    take(PHOTO, BENCHMARK, tmp_path)
    redrawn = seen_in(monkeypatch, 0.0, 1.0)
    take(PHOTO, BENCHMARK, tmp_path)
    assert first == redrawn[:1]


def test_a_photo_that_never_shows_its_product_is_given_up_by_name_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen_in(monkeypatch, *(0.0,) * DRAWS)
    with pytest.raises(PacksightError, match=PHOTO.path):
        take(PHOTO, BENCHMARK, tmp_path)
    assert not list(tmp_path.rglob("*.jpg")) + list(tmp_path.rglob("*.png"))


@pytest.mark.slow
def test_the_photo_with_the_camera_inside_a_carton_shows_its_product(tmp_path: Path) -> None:
    training = Benchmark(PRESETS["training"], 101, 0.6)
    path = "queries/cap-dropper/cap-dropper-f07-p02/photo2.jpg"
    shot = next(shot for shot in training.shots() if shot.path == path)
    small = Benchmark(Preset("training", 48, 1, 10, 3, 2, NONE, 60, 0, NONE), 101, 0.6)
    row = take(shot, small, tmp_path)
    assert row.visible >= LEAST_SHOWN
    assert row.x2 > row.x1 and row.y2 > row.y1


def test_a_process_names_the_shot_that_fails_and_passes_on_a_full_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processes, "_STATE", (BENCHMARK, SHOTS, tmp_path))
    for raised in (ValueError("zero-size array"), PacksightError(f"{SHOTS[1].path}: is hidden")):
        monkeypatch.setattr(taking, "take", raising(raised))
        failure = processes._take(1)
        assert isinstance(failure, Failure)
        assert failure.reason.startswith(f"{SHOTS[1].path}: ")
        assert str(raised) in failure.reason
    monkeypatch.setattr(taking, "take", raising(OSError("no space")))
    with pytest.raises(OSError, match="no space"):
        processes._take(1)


def raising(error: Exception):  # type: ignore[no-untyped-def]
    def take(*given: object) -> Row:
        raise error

    return take


def test_a_shot_that_fails_is_named_the_others_go_on_and_the_same_command_finishes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {SHOTS[3].path, SHOTS[-1].path}
    taken: list[str] = []

    def one(shot: Shot) -> Row | Failure:
        if shot.path in broken:
            return Failure(f"{shot.path}: ValueError: zero-size array")
        taken.append(shot.path)
        seen_in(monkeypatch, 1.0)
        return take(shot, benchmark, tmp_path / "made")

    def rendered(plan: Benchmark, missing: list[int], *rest: object) -> Iterator[Row | Failure]:
        yield from (one(shots[index]) for index in missing)

    sizes = Preset("tiny", 32, 1, 1, 1, 1, NONE, 1, 0, NONE)
    benchmark = Benchmark(sizes, 7, 0.5)
    shots = list(benchmark.shots())
    monkeypatch.setattr(building, "rendered", rendered)
    monkeypatch.setitem(PRESETS, "tiny", sizes)
    command = ["data", "packbench", "--preset", "tiny", "--seed", "7", "--difficulty", "0.5"]
    command += ["--variant", "scalar_rgb", "--quiet", "--out", str(tmp_path / "made")]

    assert main(command) == 1
    message = capsys.readouterr().err
    assert all(path in message for path in broken)
    assert f"2 of {len(shots)} images" in message
    assert len(taken) == len(shots) - 2
    assert (tmp_path / "made" / JOURNAL).exists()
    assert not (tmp_path / "made" / HEADER_FILE).exists()

    mended, broken = broken, set()
    taken.clear()
    assert main(command) == 0
    assert set(taken) == mended
    assert list(faults(tmp_path / "made")) == []
    assert len(open_dataset(tmp_path / "made").images("catalogue")) == 15


def test_the_first_failures_are_named_and_the_others_counted(tmp_path: Path) -> None:
    reasons = [f"queries/{place}.jpg: hidden" for place in range(building.NAMED + 3)]
    message = str(building._failed(tmp_path, reasons, 100))
    assert reasons[building.NAMED - 1] in message
    assert reasons[building.NAMED] not in message
    assert "and 3 more" in message
