"""GrabCut's two ways: products on a plain sweep, and on anything else."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.images import load
from engine.types import RGBImage
from stages.context import BuildContext
from stages.segment import grabcut
from stages.segment._mask import drop_crumbs, fill_holes
from stages.segment._plain import fit_background

SHARED = Path(__file__).resolve().parents[4] / "shared"
ICONIC = SHARED / "data" / "grocerystore" / "iconic-images-and-descriptions" / "Packages"


def alpha_of(pixels: np.ndarray) -> np.ndarray:
    image = RGBImage(pixels.clip(0, 255).astype(np.uint8))
    (matte,) = grabcut.build(grabcut.Options(), BuildContext()).segment([image])
    return matte.alpha


def overlap(alpha: np.ndarray, truth: np.ndarray) -> float:
    mask = alpha >= 0.5
    return float((mask & truth).sum() / (mask | truth).sum())


def bottle(side: int = 400) -> np.ndarray:
    rows, columns = np.mgrid[0:side, 0:side] / side
    body = (np.abs(columns - 0.5) < 0.15) & (rows > 0.35) & (rows < 0.85)
    return body | ((np.abs(columns - 0.5) < 0.06) & (rows > 0.15) & (rows <= 0.35))


def sweep(side: int = 400, noise: float = 0.0) -> np.ndarray:
    """A white sweep that darkens towards one corner."""
    rows, columns = np.mgrid[0:side, 0:side] / side
    light = 248 - 25 * rows * columns
    random = np.random.default_rng(0)
    return np.repeat(light[:, :, None], 3, 2) + random.normal(0, noise, (side, side, 3))


@pytest.mark.parametrize("colour", [(180, 30, 40), (20, 20, 25), (120, 120, 120), (250, 220, 120)])
@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_a_product_on_an_uneven_sweep_is_found(colour: tuple[int, ...], noise: float) -> None:
    scene = sweep(noise=noise)
    scene[bottle()] = colour
    assert overlap(alpha_of(scene), bottle()) > 0.95


def test_white_parts_and_highlights_inside_the_product_stay() -> None:
    scene = sweep()
    scene[bottle()] = (40, 60, 160)
    scene[200:280, 170:230] = 248  # a label as white as the sweep
    scene[150:300, 145:150] = 255  # a reflection along the side
    assert overlap(alpha_of(scene), bottle()) > 0.95


def test_a_pale_product_on_white_is_found_by_its_edge() -> None:
    scene = sweep()
    scene[bottle()] = scene[bottle()] - 14
    assert overlap(alpha_of(scene), bottle()) > 0.9


def test_a_soft_shadow_is_not_product() -> None:
    rows, columns = np.mgrid[0:400, 0:400] / 400
    depth = 45 * np.exp(-(((columns - 0.72) / 0.13) ** 2) - ((rows - 0.84) / 0.05) ** 2)
    scene = sweep() - depth[:, :, None]
    scene[bottle()] = (180, 30, 40)
    assert overlap(alpha_of(scene), bottle()) > 0.93


def test_a_coloured_sweep_is_as_good_as_a_white_one() -> None:
    scene = np.full((400, 400, 3), (90, 140, 110), float)
    scene[bottle()] = (235, 235, 230)
    assert overlap(alpha_of(scene), bottle()) > 0.95


def test_a_product_that_leaves_the_frame_is_found() -> None:
    scene = sweep()
    truth = np.zeros((400, 400), bool)
    truth[120:, 130:280] = True
    scene[truth] = (30, 90, 60)
    assert overlap(alpha_of(scene), truth) > 0.95


def test_an_empty_sweep_gives_an_empty_matte() -> None:
    assert (alpha_of(sweep(noise=1.0)) >= 0.5).mean() < 0.005


def test_a_cluttered_scene_is_cut_around_its_centre() -> None:
    random = np.random.default_rng(1)
    clutter = cv2.GaussianBlur(random.normal(0, 1, (400, 400, 3)), (0, 0), 8) * 600 + (120, 110, 60)
    scene = clutter + random.normal(0, 6, (400, 400, 3))
    scene[bottle()] = (60, 70, 235)
    lab = cv2.cvtColor((scene.clip(0, 255) / 255).astype(np.float32), cv2.COLOR_RGB2LAB)
    assert not fit_background(lab).plain
    assert overlap(alpha_of(scene), bottle()) > 0.8


def test_threads_and_repetition_change_nothing() -> None:
    random = np.random.default_rng(2)
    scenes = [RGBImage(random.integers(0, 256, (90, 70, 3), np.uint8)) for _ in range(6)]
    options = grabcut.Options()
    one = grabcut.build(options, BuildContext(threads=1)).segment(scenes)
    many = grabcut.build(options, BuildContext(threads=4)).segment(scenes)
    for first, second in zip(one, many, strict=True):
        np.testing.assert_array_equal(first.alpha, second.alpha)


def test_the_edge_is_soft() -> None:
    scene = sweep(800)
    scene[bottle(800)] = (20, 20, 25)
    alpha = alpha_of(scene)
    assert ((alpha > 0.05) & (alpha < 0.95)).sum() > 200


def test_holes_are_filled_and_bays_are_not() -> None:
    mask = np.zeros((20, 20), bool)
    mask[2:18, 2:18] = True
    mask[8:12, 8:12] = False
    mask[2:10, 5:7] = False
    filled = fill_holes(mask)
    assert filled[8:12, 8:12].all() and not filled[2:10, 5:7].any()


def test_crumbs_go_and_large_pieces_stay() -> None:
    mask = np.zeros((40, 40), bool)
    mask[:20, :20] = mask[30:38, 30:38] = mask[39, 0] = True
    kept = drop_crumbs(mask)
    assert kept[:20, :20].all() and kept[30:38, 30:38].all() and not kept[39, 0]
    assert not drop_crumbs(np.zeros((5, 5), bool)).any()


def test_real_cartons_on_white_are_solid() -> None:
    photos = sorted(ICONIC.rglob("*.jpg"))
    if not photos:
        pytest.skip(f"needs the GroceryStoreDataset's product images in {ICONIC}")
    images = [load(photo) for photo in photos]
    mattes = grabcut.build(grabcut.Options(), BuildContext(threads=2)).segment(images)
    fractions = [float((matte.alpha >= 0.5).mean()) for matte in mattes]
    # A carton that stands as high as the frame covers a quarter to nine tenths of it.
    assert min(fractions) > 0.2 and max(fractions) < 0.9
