"""The ground truth of an image is correct: mattes, transmission, boxes, poses.

The products are rendered anew by other means than those that made the ground truth; what must agree
are two estimates from 64 samples a pixel each.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("mitsuba", reason="needs the extra `render`")

from offline.datasets.packbench import phone
from offline.datasets.packbench.camera import Camera, framed, posed
from offline.datasets.packbench.categories import CATEGORIES, category
from offline.datasets.packbench.families import family, generator
from offline.datasets.packbench.manifest import Row
from offline.datasets.packbench.parameters import View
from offline.datasets.packbench.presets import Preset
from offline.datasets.packbench.render import photograph, use_variant
from offline.datasets.packbench.shots import Benchmark, Shot
from offline.datasets.packbench.take import take
from tests.offline.datasets.packbench.lit_stage import blackened, diffuse, glowing, stage

pytestmark = pytest.mark.slow

WHITE, BLACK, GREEN = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.1, 0.7, 0.4)
NONE = (0, 0, 0)
BENCHMARK = Benchmark(Preset("truth", 48, 1, 1, 1, 1, NONE, 1, 0, NONE), 7, 0.5)
SHOTS = list(BENCHMARK.shots())
# See-through in their first or second family: glass with liquid, thick walls, thin pipettes.
CLEAR = {"bottle": 0, "jar": 0, "powder": 1, "roll-on": 0, "cap-dropper": 0}


@pytest.fixture(autouse=True, scope="module")
def renderer() -> None:
    use_variant("scalar_rgb")  # works everywhere, and small images wait for no compiler


@pytest.mark.parametrize("name", CATEGORIES)
def test_a_matte_follows_from_two_backdrops_and_composites_over_a_third(
    name: str, tmp_path: Path
) -> None:
    stood = stage(name, tmp_path, side=32, opaque=True)
    empty, white, black = stood.before(WHITE, empty=True), stood.before(WHITE), stood.before(BLACK)
    alpha = np.round(stood.exposure().alpha * 255) / 255  # as a matte is kept
    edge = (alpha > 0) & (alpha < 1)
    assert edge.sum() > 20 and (alpha == 1).sum() > 20
    alpha_by_triangulation = 1 - ((white - black) / empty).mean(
        axis=2
    )  # Smith and Blinn 1996, theorem 4
    assert np.abs(alpha_by_triangulation - alpha)[edge].mean() < 0.015
    assert np.abs(alpha_by_triangulation - alpha).max() < 0.08
    over = black + (1 - alpha[..., None]) * empty * np.array(GREEN)
    difference = np.abs(over - stood.before(GREEN)).max(axis=2)
    assert difference[edge].mean() < 0.015 * empty.mean()
    assert difference.max() < 0.08 * empty.mean()


@pytest.mark.parametrize("name", CLEAR)
def test_the_transmission_is_what_a_bright_background_adds_through_glass(
    name: str, tmp_path: Path
) -> None:
    stood = stage(name, tmp_path, side=32, number=CLEAR[name], opaque=False)
    truth = stood.exposure()
    assert truth.transmission is not None
    assert np.all(truth.transmission[truth.alpha == 0] == 0)
    shapes = blackened(stood)  # light that contents scatter forward has not passed
    far, near = (
        stood.seen({**shapes, "wall": stood.facing(beyond, 80.0, glowing(radiance))}, depth=12)
        for beyond, radiance in ((4.0, 1.0), (4.0, 0.25))
    )
    added = (far - near) / (1.0 - 0.25)
    expected = (1 - truth.alpha)[..., None] + truth.transmission
    covered = truth.alpha > 0
    assert truth.transmission[covered].mean() > 0.01
    assert added[covered].mean() == pytest.approx(expected[covered].mean(), abs=0.015)
    assert np.abs(added - expected)[covered].mean() < 0.06  # the noise of two renders
    assert (
        np.abs(added - expected)[~covered].max() < 0.04
    )  # two of 64 samples hit the rim after all


def test_a_prop_before_a_product_is_missing_from_its_matte_and_lowers_visible(
    tmp_path: Path,
) -> None:
    stood = stage("bottle", tmp_path, side=32, opaque=False)
    card = stood.facing(-1.5, 1.0, diffuse(WHITE), aside=1.0)  # covers the right half
    alone, behind = stood.exposure(), stood.exposure({"card": card})
    assert alone.visible == 1
    assert behind.visible == pytest.approx(behind.alpha.sum() / alone.alpha.sum(), rel=0.01)
    assert 0.4 < behind.visible < 0.6
    assert np.abs(behind.alpha - alone.alpha)[:, :15].max() < 0.01
    assert behind.alpha[:, 17:].max() == 0
    assert alone.transmission is not None and behind.transmission is not None
    assert alone.transmission[:, 17:].max() > 0
    assert behind.transmission[:, 17:].max() == 0


def test_a_hand_or_prop_of_a_phone_photo_hides_as_much_as_visible_records(tmp_path: Path) -> None:
    hidden = []
    product = next(iter(family("jar", 0, 1, 0.5, 7)))
    for seed in range(7):
        rng = generator(seed, "occluded")
        view = phone.view(category("jar"), rng)
        seen = posed(product.model().parts, view)
        camera = framed(seen.points, view, (24, 32))
        setting = phone.scene(seen, rng, tmp_path, camera=camera)
        if not setting.occluders:
            continue
        with_it = photograph(seen, camera, setting, tmp_path, 1, 1)
        assert with_it.visible < 1
        hidden.append(1 - with_it.visible)
    assert hidden
    assert 0.01 < np.mean(hidden) < 0.5


def photographed(shots: list[Shot], folder: Path) -> list[tuple[Shot, Row]]:
    return [(shot, take(shot, BENCHMARK, folder)) for shot in shots]


def kept_matte(row: Row, folder: Path) -> np.ndarray:
    with Image.open(folder / row.matte) as matte:
        return np.asarray(matte, int)


def seen_by(row: Row) -> Camera:
    """The camera as read from the manifest."""
    eye, target, up = (
        tuple(float(value) for value in text.split()) for text in (row.eye, row.target, row.up)
    )
    return Camera(eye, target, up, row.field_of_view, (row.width, row.height))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[Shot, Row]]]:
    """A studio image of every category and five photos, with all files."""
    folder = tmp_path_factory.mktemp("taken")
    studio = [shot for shot in SHOTS if shot.look == "studio"]
    photos = [shot for shot in SHOTS if shot.look == "phone"][::3]
    return folder, photographed([*studio, *photos], folder)


def test_the_box_bounds_the_matte(taken: tuple[Path, list[tuple[Shot, Row]]]) -> None:
    folder, shots = taken
    for _, row in shots:
        matte = kept_matte(row, folder)
        assert matte.shape == (row.height, row.width)
        inside = matte[row.y1 : row.y2, row.x1 : row.x2]
        outside = matte.copy()
        outside[row.y1 : row.y2, row.x1 : row.x2] = 0
        assert outside.max() <= 128, row.path
        for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
            assert side.max() >= 127, row.path


def test_the_vertices_of_the_product_project_into_the_box(
    taken: tuple[Path, list[tuple[Shot, Row]]],
) -> None:
    """From the manifest's camera and pose alone: what an evaluator of poses would have."""
    for shot, row in taken[1]:
        view = View("", azimuth=row.azimuth, elevation=0, tip=row.tip)
        points = posed(shot.product.model().parts, view).points
        left, top = seen_by(row).project(points).min(axis=0)
        right, bottom = seen_by(row).project(points).max(axis=0)
        reach = (max(left, 0), max(top, 0), min(right, row.width), min(bottom, row.height))
        off = np.array(reach) - (row.x1, row.y1, row.x2, row.y2)
        slack = 2.0  # px: the lens blurs, and what covers less than half a pixel is outside
        assert np.all(off[:2] <= slack) and np.all(off[2:] >= -slack), (row.path, off)
        if row.visible == 1:
            assert np.all(np.abs(off) <= slack), (row.path, off)


def test_a_transmission_is_kept_where_light_passes_and_never_beyond_the_matte(
    taken: tuple[Path, list[tuple[Shot, Row]]],
) -> None:
    folder, shots = taken
    with_it = [row for _, row in shots if row.transmission]
    assert with_it
    for row in with_it:
        with Image.open(folder / row.transmission) as image:
            through = np.asarray(image.convert("RGB"), int).max(axis=2)
        assert through.shape == (row.height, row.width)
        assert through[kept_matte(row, folder) == 0].max(initial=0) <= 1


def test_the_same_shot_gives_the_same_bytes(tmp_path: Path) -> None:
    chosen = [SHOTS[0], SHOTS[-1]]
    one, two = (photographed(chosen, tmp_path / name) for name in ("one", "two"))
    assert [row for _, row in one] == [row for _, row in two]  # checksums of all files included
