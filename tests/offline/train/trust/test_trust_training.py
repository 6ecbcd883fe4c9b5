"""`packsight train trust`: masks and their truth in, a file that separates correct ones out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.config import load
from engine.errors import ConfigError, ImageError
from engine.types import Matte, RGBImage
from offline.datasets import DatasetImage
from offline.datasets.mattes import read_matte
from offline.datasets.packbench import shipped
from offline.train.trust.recipe import TrustRecipe
from offline.train.trust.samples import MaskSamples, mask_samples
from offline.train.trust.training import (
    fit_trust,
    least_trust,
    quality,
    quality_on,
    train_trust,
)
from stages.profiles import read_profile
from stages.trust._features import NAMES
from stages.trust._model import Segmenter, read_model
from tests.packsight_command import Command

GRABCUT = Segmenter(name="grabcut")


def made_masks(count: int = 200, seed: int = 0, *, looked_twice: bool = True) -> MaskSamples:
    """Half of the masks are right; the border, and less clearly the agreement, tells which."""
    random = np.random.default_rng(seed)
    right = np.arange(count) % 2 == 0
    rows = random.normal(size=(count, len(NAMES)))
    rows[:, NAMES.index("border")] += np.where(right, -1.0, 1.0)
    agreement = np.where(right, 0.8, 0.6) + random.normal(size=count) * 0.1
    return MaskSamples(
        rows,
        agreement.astype(np.float32) if looked_twice else None,
        np.where(right, 0.95, 0.3),
        tuple(str(number // 4) for number in range(count)),
    )


def test_a_fit_tells_right_from_wrong_and_says_how_well() -> None:
    model = fit_trust(made_masks(), GRABCUT, data="made")
    assert model.first.terms["border"].weight < 0
    assert model.figures["auroc"] > 0.85 and model.figures["ece"] < 0.15
    assert model.figures["second_auroc"] >= model.figures["auroc"]
    found = quality_on(model, made_masks(seed=1))
    assert set(found) == {"{}", "{}, second look"}
    assert found["{}"]["auroc"] > 0.85


def test_the_same_masks_and_seed_give_the_same_file() -> None:
    texts = [fit_trust(made_masks(), GRABCUT, seed=s, data="made").text() for s in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_without_a_second_look_none_is_fitted() -> None:
    model = fit_trust(made_masks(looked_twice=False), GRABCUT, data="made")
    assert model.second is None
    assert "second_auroc" not in model.figures
    assert set(quality_on(model, made_masks())) == {"{}"}


def test_what_is_doubtful_surrounds_the_threshold() -> None:
    model = fit_trust(made_masks(), GRABCUT, incorrect_cost=3.0, data="made")
    assert model.threshold == 0.75
    assert model.doubtful[0] <= 0.75 <= model.doubtful[1]


@pytest.mark.parametrize(("cost", "threshold"), [(1.0, 0.5), (3.0, 0.75), (0.25, 0.2)])
def test_the_dearer_a_wrong_mask_the_more_trust_is_asked(cost: float, threshold: float) -> None:
    assert least_trust(cost) == pytest.approx(threshold)


@pytest.mark.parametrize("cost", [0.0, -1.0, float("inf"), float("nan")])
def test_a_cost_that_is_none_is_refused(cost: float) -> None:
    with pytest.raises(ConfigError, match="--incorrect-cost"):
        TrustRecipe(Path("data"), Path("out.toml"), incorrect_cost=cost)


def test_masks_of_one_kind_teach_nothing() -> None:
    masks = made_masks()
    alike = replace(masks, iou=np.full(len(masks), 0.9))
    with pytest.raises(ConfigError, match="0 incorrect"):
        fit_trust(alike, GRABCUT, data="made")


def test_figures_of_a_perfect_and_of_a_blind_score() -> None:
    right = np.array([True, False] * 10)
    perfect = quality(right.astype(float), right)
    assert (perfect["auroc"], perfect["ece"]) == (1.0, 0.0)
    blind = quality(np.full(20, 0.5), right)
    assert (blind["auroc"], blind["ece"]) == (0.5, 0.0)
    assert quality(np.full(4, 0.7), np.ones(4, np.bool_))["auroc"] == 0.5


class Darkness:
    """Segments what is dark; the empty list too."""

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        return [Matte((i.pixels.mean(2) < 128).astype(np.float32)) for i in images]


def drawn(folder: Path, name: str, *, dark: tuple[int, int, int, int]) -> DatasetImage:
    """A dark box in a light image; the truth is the box from (10, 10) to (50, 50)."""
    pixels = np.full((60, 60, 3), 230, np.uint8)
    pixels[dark[1] : dark[3], dark[0] : dark[2]] = 20
    truth = np.zeros((60, 60), np.uint8)
    truth[10:50, 10:50] = 255
    path, mask = folder / f"{name}.png", folder / f"{name}-mask.png"
    Image.fromarray(pixels).save(path)
    Image.fromarray(truth).save(mask)
    return DatasetImage(name, path, product=name, mask=mask)


def test_masks_are_held_against_the_truth_and_what_cannot_be_is_noted(tmp_path: Path) -> None:
    images = [
        drawn(tmp_path, "right", dark=(10, 10, 50, 50)),
        drawn(tmp_path, "half", dark=(10, 10, 50, 30)),
        drawn(tmp_path, "nothing", dark=(0, 0, 0, 0)),
        drawn(tmp_path, "damaged", dark=(10, 10, 50, 50)),
        drawn(tmp_path, "maskless", dark=(10, 10, 50, 50)),
    ]
    images[3].path.write_bytes(b"no picture")
    (tmp_path / "maskless-mask.png").write_bytes(b"no mask")
    seen: list[tuple[int, int]] = []
    found = mask_samples(
        [*images, DatasetImage("x", tmp_path / "right.png")],
        Darkness(),
        second_look=True,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert found.groups == ("right", "half")
    np.testing.assert_allclose(found.iou, [1.0, 0.5])
    assert found.rows.shape == (2, len(NAMES))
    assert found.agreement is not None and found.agreement.tolist() == [1.0, 1.0]
    assert found.features(second=True).shape == (2, len(NAMES) + 1)
    assert len(found.notes) == 3
    assert seen[-1] == (5, 5)


def test_masks_looked_at_once_have_no_second_look(tmp_path: Path) -> None:
    found = mask_samples([drawn(tmp_path, "a", dark=(10, 10, 50, 50))], Darkness())
    assert found.agreement is None
    with pytest.raises(ValueError, match="once"):
        found.features(second=True)


def test_a_mask_is_brought_to_the_images_size(tmp_path: Path) -> None:
    image = drawn(tmp_path, "a", dark=(10, 10, 50, 50))
    assert image.mask is not None
    assert read_matte(image.mask, (30, 30)).alpha[10:20, 10:20].min() == 1.0
    with pytest.raises(ImageError, match="not a mask"):
        read_matte(tmp_path / "none.png", (3, 3))


QUICK = (
    "--profile",
    "classic",
    "--set",
    "segment.cut_side=64",
    "--set",
    "segment.side=64",
    "--quiet",
)


def test_the_command_writes_a_file_that_the_stage_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "trust.toml"
    done = Command(capsys)(
        "train",
        "trust",
        "--data",
        shipped(),
        "--out",
        out,
        "--split",
        "queries",
        "train",
        "--test-split",
        "test",
        "--limit",
        "60",
        *QUICK,
    )
    assert done.code == 0, done.err
    assert "held out in folds" in done.out and "\ntest: " in done.out
    model = read_model(out)
    assert model.segmenter.name == "grabcut"
    assert model.segmenter.options == {"cut_side": 64, "side": 64}
    assert model.second is None


def recipe(out: Path, **values: object) -> TrustRecipe:
    return replace(TrustRecipe(shipped(), out), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"splits": ("no-such",)}, "no-such"),
        ({"limit": 0}, "--limit 0"),
        ({"splits": ("queries",), "test_splits": ("queries",)}, "true mask"),
        ({"splits": ("queries",), "limit": 3}, "at least 20 of each"),
    ],
)
def test_what_cannot_be_fitted_is_one_error(
    tmp_path: Path, values: dict[str, object], said: str
) -> None:
    settings = load(read_profile("classic"), env={}, flags=["segment.side=64"])
    with pytest.raises(ConfigError, match=said):
        train_trust(recipe(tmp_path / "out.toml", **values), settings)
    assert not (tmp_path / "out.toml").exists()


def test_a_data_set_without_masks_says_where_there_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for product in "ab":
        (tmp_path / "jar" / product).mkdir(parents=True)
        Image.new("RGB", (30, 30)).save(tmp_path / "jar" / product / "1.png")
    done = Command(capsys)("train", "trust", "--data", tmp_path, "--out", tmp_path / "t.toml")
    assert done.code == 1
    assert "true mask" in done.line and "packsight data packbench" in done.line


def test_a_place_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    done = Command(capsys)(
        "train",
        "trust",
        "--data",
        shipped(),
        "--split",
        "queries",
        "train",
        "--limit",
        "60",
        "--out",
        tmp_path / "file" / "t.toml",
        *QUICK,
    )
    assert done.code == 1
    assert "--out" in done.line
