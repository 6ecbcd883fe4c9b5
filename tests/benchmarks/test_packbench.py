"""The Packbench benchmarks on a few drawn images, and the statistics they compare by."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.packbench import statistics as of
from offline.datasets.packbench.presets import PRESETS, Preset
from tests.benchmarks.running import run_benchmark, table
from tests.offline.datasets.packbench.written_packbench import write_benchmark


def grey(values: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 of (H, W) grey levels."""
    return np.repeat(np.clip(np.round(values), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("sigma", [2.0, 5.0, 12.0])
def test_noise_is_measured_within_a_tenth_on_a_smooth_ground(sigma: float) -> None:
    ramp = np.add.outer(np.linspace(60, 160, 200), np.linspace(0, 30, 200))
    noise = np.random.default_rng(1).normal(0, sigma, ramp.shape)
    assert of.noise(grey(ramp + noise)) == pytest.approx(sigma, rel=0.1)
    assert of.noise(grey(ramp)) < 0.5


@pytest.mark.parametrize("power", [1.0, 2.0, 3.0])
def test_the_slope_of_a_spectrum_is_the_one_that_a_image_was_made_with(power: float) -> None:
    rng, side = np.random.default_rng(2), 256
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = 1
    phases = rng.normal(size=(*frequency.shape, 2)) @ (1, 1j)
    plane = np.fft.irfft2(phases / frequency ** (power / 2), (side, side))
    image = grey(128 + 30 * (plane - plane.mean()) / plane.std())
    assert of.slope(image) == pytest.approx(power, abs=0.2)


def test_grey_has_no_colour_and_a_blur_has_fewer_edges() -> None:
    checks = grey(np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((16, 16))) * 200)
    assert of.colourfulness(checks) == of.saturation(checks) == 0
    assert of.brightness(checks) == of.contrast(checks) == pytest.approx(100)
    soft = cv2.GaussianBlur(checks, (0, 0), 3)
    assert of.edges(soft) < of.edges(checks)
    coloured = checks.copy()
    coloured[..., 2] = 0
    assert of.colourfulness(coloured) > 50


@pytest.mark.slow
def test_difficulty_measures_every_kind_of_query_of_a_finished_benchmark(tmp_path: Path) -> None:
    write_benchmark(tmp_path / "data", side=48)
    places = ("--data", tmp_path / "data", "--out", tmp_path / "out")
    done = run_benchmark("packbench_difficulty.py", *places)
    assert done.returncode == 0, done.stderr
    found = table(done.stdout, "difficulty, query, chain")
    assert list(found) == ["0.5, phone, classic", "0.5, view, classic"]
    assert found["0.5, phone, classic"][0] == "1"  # the other photo is of an absent product
    assert float(found["0.5, phone, classic"][5]) in (0, 0.5, 1)
    assert found["0.5, view, classic"][0] == "4"
    for cells in found.values():
        assert all(re.fullmatch(r"[01]\.\d{3} \[.*\]", cell) for cell in cells[1:5])
    again = run_benchmark("packbench_difficulty.py", *places)
    assert again.stdout == done.stdout


def test_realism_compares_statistics_and_masks(tmp_path: Path) -> None:
    write_benchmark(tmp_path, side=48)
    done = run_benchmark("packbench_realism.py", "--data", tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(of.STATISTICS) <= set(table(done.stdout, "statistic"))
    masks = table(done.stdout, "segmenter, look")
    assert [masks[name][0] for name in ("grabcut, phone", "grabcut, studio")] == ["2", "8"]
    assert set(table(done.stdout, "category")) == {"jar", "bottle"}


@pytest.mark.parametrize("script", ["packbench_difficulty.py", "packbench_realism.py"])
def test_a_folder_that_is_no_packbench_is_refused_in_one_line(script: str, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out") if "difficulty" in script else ()
    done = run_benchmark(script, "--data", tmp_path, *out)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_rate_times_both_variants_on_both_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mitsuba", reason="needs the extra `render`")
    small = Preset("small", 32, 4, 1, 1, 1, (0, 0, 0), 1, 0, (0, 0, 0))
    monkeypatch.setitem(PRESETS, "small", small)
    few = ("--shots", "2", "--processes", "1")
    done = run_benchmark("packbench_rate.py", *few, "--preset", "small")
    assert done.returncode == 0, done.stderr
    rates = table(done.stdout, "variant, look")
    assert rates["scalar_rgb, studio"][2] == rates["scalar_rgb, phone"][2] == "1.00"
    assert all(float(cells[0]) > 0 for cells in rates.values())
    assert f"All {small.images} images" in done.stdout
