"""`packsight train compact`: its plan by the data that is given, and all of it in small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.config import load
from engine.errors import ConfigError, WeightsError
from offline.prepare import half_precision
from offline.prepare.compact import SETTINGS, Request, plan_compact
from offline.train.recipe_file import read_recipes, shipped_recipes
from packsight.cli import main
from stages.profiles import read_profile
from tests.drawn_catalogue import write_catalogue
from tests.packsight_command import Command


def request(out: Path, *data: Path, **tables: dict[str, object]) -> Request:
    recipes = {**read_recipes(shipped_recipes("compact-small")), **tables}
    recipes["embedder"] = {**recipes["embedder"], "train_split": "train, catalogue"}
    return Request(out, data, recipes, load(read_profile("compact")))


def test_images_without_masks_are_first_given_those_of_a_teacher(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "photos" / "train")
    write_catalogue(tmp_path / "photos" / "validation", products=1)
    plan = plan_compact(request(tmp_path / "out", Path("packbench-tiny"), tmp_path / "photos"))
    names = [step.name for step in plan.steps]
    assert names[:3] == ["teacher", "segmenter-first", "segmenter"]
    assert names[-1] == "settings" and not plan.done
    needs = {step.name: step.needs for step in plan.steps}
    assert "teacher" in needs["segmenter"] and "segmenter" in needs["embedder"]
    assert all(step.estimate.seconds > 0 for step in plan.steps)
    assert not (tmp_path / "out").exists()


def test_where_all_have_masks_nothing_is_taught(tmp_path: Path) -> None:
    plan = plan_compact(request(tmp_path / "out", Path("packbench-tiny")))
    assert "teacher" not in [step.name for step in plan.steps]


def test_a_plain_folder_without_masks_is_learned_whole_by_the_shipped_recipe(
    tmp_path: Path,
) -> None:
    write_catalogue(tmp_path / "photos", products=3)
    recipes = read_recipes(shipped_recipes("compact"))
    base = load(read_profile("compact"))
    plan = plan_compact(Request(tmp_path / "out", (tmp_path / "photos",), recipes, base))
    reads = {step.name: step.reads for step in plan.steps}
    assert reads["teacher"].startswith("18 images")
    assert reads["embedder"] == "18 images of 9 products"
    assert reads["category-head"] == "18 images of 3 categories"
    beside = (Path("packbench-tiny"), tmp_path / "photos")
    both = plan_compact(Request(tmp_path / "out", beside, recipes, base))
    learned = {step.name: step.reads for step in both.steps}["embedder"]
    assert int(learned.split()[0]) > 18 + 270


def test_categories_that_no_head_can_be_fitted_to_have_none(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "photos", products=1)
    plan = plan_compact(request(tmp_path / "out", tmp_path / "photos"))
    assert "category-head" not in [step.name for step in plan.steps]


def test_other_splits_and_unknown_settings_are_refused_before_anything_starts(
    tmp_path: Path,
) -> None:
    write_catalogue(tmp_path / "photos" / "train")
    photos = tmp_path / "photos"
    with pytest.raises(ConfigError, match="splits"):
        plan_compact(
            request(tmp_path, Path("packbench-tiny"), photos, teacher={"splits": ["shelf"]})
        )
    with pytest.raises(ConfigError, match="epoch"):
        plan_compact(request(tmp_path, Path("packbench-tiny"), segmenter={"epoch": 1}))
    with pytest.raises(ConfigError, match="foo"):
        plan_compact(request(tmp_path, Path("packbench-tiny"), foo={"epoch": 1}))


def test_without_data_the_command_names_some(capsys: pytest.CaptureFixture[str]) -> None:
    done = Command(capsys)("train", "compact")
    assert done.code == 1 and "--preset training" in done.line


def test_half_precision_that_loses_products_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from offline.datasets import open_dataset
    from offline.store.vectors import Features

    write_catalogue(tmp_path / "d", products=4)
    dataset = open_dataset(tmp_path / "d")
    images = [image for split in dataset.splits for image in dataset.images(split)]
    names = sorted({f"{image.category}/{image.product}" for image in images})

    def found(chosen, parts, cache, progress):  # type: ignore[no-untyped-def]
        rows = np.stack(
            [np.eye(len(names))[names.index(f"{p.category}/{p.product}")] for p in chosen]
        )
        if parts == "half":
            rows = np.roll(rows, 1, axis=0) + 0.01 * rows
        there = np.ones(len(chosen), np.bool_)
        return Features(rows.astype(np.float32), there, ("",) * len(chosen), ())

    monkeypatch.setattr(half_precision, "features", found)
    monkeypatch.setattr(half_precision, "assemble_embedding", lambda settings: settings)
    same = half_precision.require_same_finds("full", "full", images, tmp_path)  # type: ignore[arg-type]
    assert same["full"] == same["half"] == 1 and same["images"] == len(images)
    with pytest.raises(WeightsError, match="half precision"):
        half_precision.require_same_finds("full", "half", images, tmp_path)  # type: ignore[arg-type]


@pytest.mark.slow
def test_every_step_is_taken_in_small_and_what_is_made_finds_its_own(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    flags = ["train", "compact", "--small", "--out", str(tmp_path / "compact"), "--quiet"]
    assert main(flags) == 0
    made = {path.name for path in (tmp_path / "compact").iterdir()}
    assert {"segmenter.onnx", "embedder.onnx", "categories.json", SETTINGS} <= made
    write_catalogue(tmp_path / "catalogue")
    gallery = ["--gallery", str(tmp_path / "gallery")]
    config = ["--config", str(tmp_path / "compact" / SETTINGS)]
    assert main(["ingest", str(tmp_path / "catalogue"), *gallery, *config, "--quiet"]) == 0
    photo = sorted((tmp_path / "catalogue").rglob("*.png"))[0]
    assert main(["query", str(photo), *gallery]) == 0
    before = (tmp_path / "compact" / "embedder.onnx").stat().st_mtime_ns
    assert main(flags) == 0  # all is done
    assert (tmp_path / "compact" / "embedder.onnx").stat().st_mtime_ns == before
