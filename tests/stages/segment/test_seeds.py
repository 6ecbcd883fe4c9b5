"""GrabCut's seeds: by barriers on quiet backgrounds, by place in clutter."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stages.segment._seeds import seeds_by_barrier, seeds_by_place


def backgrounds(side: int = 64) -> np.ndarray:
    """A Lab wall above a darker table, a little noisy."""
    lab = np.random.default_rng(0).normal(0, 0.3, (side, side, 3))
    lab += (70, 0, 0)
    lab[side // 2 :] -= (30, -8, -12)
    return lab.astype(np.float32)


def test_a_product_before_two_backgrounds_is_sure_and_both_are_background() -> None:
    lab = backgrounds()
    lab[20:50, 24:40] = (60, 50, 30)
    seeds = seeds_by_barrier(lab, noise=2.3)
    assert (seeds[20:50, 24:40] == cv2.GC_FGD).all()
    seeds[20:50, 24:40] = cv2.GC_BGD
    assert (seeds == cv2.GC_BGD).all()


def test_the_fainter_half_of_a_product_is_probable() -> None:
    lab = np.full((64, 64, 3), (60, 0, 0), np.float32)
    lab[16:32, 20:44] = (60, 60, 0)
    lab[32:48, 20:44] = (84, 0, 0)
    seeds = seeds_by_barrier(lab, noise=2.3)
    assert np.isin(seeds[16:48, 20:44], (cv2.GC_FGD, cv2.GC_PR_FGD)).all()


@pytest.mark.parametrize("side", [8, 33, 128])
def test_where_nothing_rises_above_the_noise_all_is_background(side: int) -> None:
    assert (seeds_by_barrier(backgrounds(side), noise=2.3) == cv2.GC_BGD).all()


def test_the_frame_is_background_even_under_a_product() -> None:
    lab = backgrounds()
    lab[10:, 24:40] = (60, 50, 30)
    for seeds in (seeds_by_barrier(lab, noise=2.3), seeds_by_place(64, 48)):
        assert (seeds[[0, -1]] == cv2.GC_BGD).all() and (seeds[:, [0, -1]] == cv2.GC_BGD).all()


@pytest.mark.parametrize("shape", [(8, 8), (64, 48), (33, 97)])
def test_seeds_by_place_grow_less_sure_outwards(shape: tuple[int, int]) -> None:
    seeds = seeds_by_place(*shape)
    assert seeds.shape == shape and seeds[shape[0] // 2, shape[1] // 2] == cv2.GC_FGD
    certainty = {cv2.GC_FGD: 3, cv2.GC_PR_FGD: 2, cv2.GC_PR_BGD: 1, cv2.GC_BGD: 0}
    middle = [certainty[int(kind)] for kind in seeds[shape[0] // 2, shape[1] // 2 :]]
    assert middle == sorted(middle, reverse=True)
