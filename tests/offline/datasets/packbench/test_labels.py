"""The preset labels: label art that differs by its print, and containers that wear it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from offline.datasets import missing_files, open_dataset
from offline.datasets.packbench.camera import framed, posed
from offline.datasets.packbench.check import faults
from offline.datasets.packbench.label_art import LINE, PALETTES, SIDE, label_art
from offline.datasets.packbench.labels import WEARERS, label_points, line, view
from offline.datasets.packbench.presets import LABELS, PRESETS, Preset
from offline.datasets.packbench.shots import Benchmark
from offline.datasets.packbench.surfaces import aspect
from offline.datasets.packbench.take import take

NONE = (0, 0, 0)
PLAN = Benchmark(PRESETS[LABELS], 7, 0.6)
SHOTS = list(PLAN.shots())
CONTAINERS = [(name, number) for name in WEARERS for number in range(len(WEARERS[name]))]


@pytest.mark.parametrize("wide", [0.5, 1.0, 1.6, 2.6])
def test_label_art_has_the_proportions_that_it_is_made_for(wide: float) -> None:
    height, width, channels = label_art(12, wide).shape
    assert (max(height, width), channels) == (SIDE, 3)
    assert width / height == pytest.approx(wide, rel=0.01)


def test_equal_seeds_draw_equal_label_art_that_cannot_be_drawn_over() -> None:
    once = label_art(305, 1.2)
    label_art.cache_clear()
    np.testing.assert_array_equal(once, label_art(305, 1.2))
    assert not once.flags.writeable


def test_the_labels_of_a_line_have_one_paper_and_prints_of_their_own() -> None:
    labels = [label_art(4 * LINE + number, 2.0) for number in range(3)]
    assert len({most_frequent_colour(label) for label in labels}) == 1
    different = [
        (np.abs(one.astype(int) - other).max(axis=2) > 40).mean()
        for i, one in enumerate(labels)
        for other in labels[:i]
    ]
    assert min(different) > 0.01


def test_many_lines_share_few_papers() -> None:
    papers = Counter(most_frequent_colour(label_art(number * LINE, 2.5)) for number in range(16))
    assert len(papers) <= 2 * len(PALETTES)  # paper, or the accent where stripes cover more of it
    assert papers.most_common(1)[0][1] > 2


def most_frequent_colour(label: np.ndarray) -> tuple[int, ...]:
    colours, counts = np.unique(label[::4, ::4].reshape(-1, 3), axis=0, return_counts=True)
    return tuple(int(value) for value in colours[counts.argmax()])


def test_every_label_is_in_the_catalogue_once_and_every_photo_shows_one_of_them() -> None:
    flat = [shot for shot in SHOTS if shot.split == "catalogue"]
    photos = [shot for shot in SHOTS if shot.split == "queries"]
    assert len(SHOTS) == len({shot.path for shot in SHOTS}) == PRESETS[LABELS].images
    products = {shot.product.id for shot in flat}
    assert len(products) == len(flat) == 240
    assert len({shot.product.parameters.artwork for shot in flat}) == 240
    assert len(photos) == 120
    assert all(shot.in_catalogue and shot.product.id in products for shot in photos)


def test_another_seed_has_other_labels() -> None:
    other = Benchmark(PRESETS[LABELS], 101, 0.6).shots()
    drawn = {shot.product.parameters.artwork for shot in SHOTS}
    assert not drawn & {shot.product.parameters.artwork for shot in other}


def test_more_labels_in_a_line_leave_the_earlier_ones_as_they_are() -> None:
    assert list(line("jar", 3, 6, 7))[:4] == list(line("jar", 3, 4, 7))


@pytest.mark.parametrize(("category", "number"), CONTAINERS)
def test_every_container_wears_one_label_on_its_front(category: str, number: int) -> None:
    product = next(line(category, number, 1, 7))
    worn = [part for part in product.model().parts if part.material.finish == "label"]
    assert len(worn) == 1
    assert worn[0].material.artwork == product.parameters.artwork
    assert 0.4 < aspect(worn[0].mesh) < 2.7
    assert worn[0].mesh.vertices[:, 1].mean() < 0


@pytest.mark.parametrize("category", WEARERS)
def test_a_label_is_photographed_tilted_and_turned_but_whole(category: str) -> None:
    parts = next(line(category, 0, 1, 7)).model().parts
    rolls = []
    for seed in range(20):
        seen = view(category, np.random.default_rng(seed))
        assert abs(seen.azimuth) <= 45
        assert abs(seen.roll) <= 35
        rolls.append(abs(seen.roll))
        points = label_points(posed(parts, seen))
        places = framed(points, seen, (480, 640)).project(points)
        assert (places > 0).all()
        assert (places < (480, 640)).all()
    assert max(rolls) > 20


def test_flat_art_is_written_without_a_renderer(tmp_path: Path) -> None:
    benchmark = Benchmark(Preset(LABELS, 96, 1, 1, 1, 1, NONE, 1, 0, NONE), 7, 0.6)
    row = take(next(benchmark.shots()), benchmark, tmp_path)
    assert (row.look, row.visible, max(row.width, row.height)) == ("flat", 1, 96)
    assert (row.x1, row.y1, row.x2, row.y2) == (0, 0, row.width, row.height)
    with Image.open(tmp_path / row.path) as image, Image.open(tmp_path / row.matte) as matte:
        assert image.size == matte.size == (row.width, row.height)
        assert matte.getextrema() == (255, 255)


@pytest.mark.slow
def test_a_small_set_of_labels_is_whole_and_its_photos_have_one_relevant_image(
    tmp_path: Path,
) -> None:
    pytest.importorskip("mitsuba", reason="needs the extra `render`")
    from offline.datasets.packbench.build import build

    sizes = Preset(LABELS, 48, 2, 1, 2, 1, NONE, 1, 0, NONE)
    header = build(Benchmark(sizes, 7, 0.6), tmp_path, workers=1, variant="scalar_rgb")
    assert header.pictures == sizes.images == 6
    assert list(faults(tmp_path)) == []
    dataset = open_dataset(tmp_path)
    assert missing_files(dataset) == []
    task = dataset.retrieval("queries")
    assert (len(task.queries), len(task.gallery)) == (2, 4)
    assert all(len(found.relevant) == 1 for found in task.relevance)
