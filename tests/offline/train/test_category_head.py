"""`packsight train category-head`, and galleries without labels that are categorised by one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.errors import WeightsError
from engine.types import UNCATEGORISED
from offline.ingest import ingest
from offline.train.category_head.training import LabelledVectors, fit_category_head
from online.query import query
from packsight.cli import main
from stages.classify._head_file import read_head_file
from tests.drawn_catalogue import CATEGORIES, QUICK, QUICK_FLAGS, package, save, write_catalogue
from tests.packsight_command import Command


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("head") / "labelled"
    write_catalogue(folder, products=6)
    return folder


def train(data: Path, out: Path, *more: str) -> int:
    flags = ["--data", str(data), "--out", str(out), "--quiet", *more, *QUICK_FLAGS]
    return main(["train", "category-head", *flags])


@pytest.fixture(scope="module")
def head(labelled: Path) -> Path:
    out = labelled.parent / "head.json"
    assert train(labelled, out, "--cache", str(labelled.parent / "cache")) == 0
    return out


@pytest.fixture
def unlabelled(tmp_path: Path) -> Path:
    """A flat folder: products that took no part, with no categories."""
    for category in CATEGORIES:
        save(tmp_path / "flat" / f"{category}-9.png", package(category, 9))
    return tmp_path / "flat"


def test_a_gallery_without_labels_is_categorised_and_searched_by_the_head(
    head: Path, unlabelled: Path, tmp_path: Path
) -> None:
    overrides = [*QUICK, f"classify.head={head}"]
    report = ingest(unlabelled, tmp_path / "gallery", overrides=overrides)
    assert (report.categories_from.labelled, report.categories_from.predicted) == (0, 3)
    assert f"3 images predicted by the head {head}" in report.text()
    for category in CATEGORIES:
        found = query(unlabelled / f"{category}-9.png", tmp_path / "gallery")
        assert found.hits[0].record.category == category
        assert found.route.categories[0] == category


def test_without_a_head_such_a_gallery_stays_uncategorised(
    unlabelled: Path, tmp_path: Path
) -> None:
    ingest(unlabelled, tmp_path / "gallery", overrides=QUICK)
    found = query(unlabelled / "jar-9.png", tmp_path / "gallery")
    assert {hit.record.category for hit in found.hits} == {UNCATEGORISED}


def test_labels_of_the_gallery_come_before_the_head(head: Path, tmp_path: Path) -> None:
    for product in range(2):
        save(tmp_path / "own" / "tin" / f"p{product}" / "v.png", package("jar", product))
    overrides = [*QUICK, f"classify.head={head}"]
    ingest(tmp_path / "own", tmp_path / "gallery", overrides=overrides)
    photo = save(tmp_path / "photo.png", package("jar", 5, view=1))
    assert query(photo, tmp_path / "gallery").route.categories == ("tin",)


def test_a_few_labels_do_not_hide_images_that_the_head_categorised(
    head: Path, tmp_path: Path
) -> None:
    for product in range(8):
        for category in ("bottle", "stick"):
            save(tmp_path / "own" / f"{category}-{product}.png", package(category, product))
    overrides = [*QUICK, f"classify.head={head}", "classify.k=3"]
    ingest(tmp_path / "own", tmp_path / "gallery", overrides=overrides)
    save(tmp_path / "own" / "tin" / "p0" / "v.png", package("jar", 3))
    ingest(tmp_path / "own", tmp_path / "gallery")
    for category in ("bottle", "stick"):
        photo = save(tmp_path / f"{category}.png", package(category, 4, view=1))
        found = query(photo, tmp_path / "gallery")
        assert found.route.categories[0] == category
    photo = save(tmp_path / "tin.png", package("jar", 3, view=1))
    assert query(photo, tmp_path / "gallery").route.categories[0] == "tin"


def test_products_left_out_are_predicted_and_the_same_data_give_the_same_bytes(
    labelled: Path, head: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.json"
    assert train(labelled, again, "--cache", str(labelled.parent / "cache")) == 0
    assert again.read_bytes() == head.read_bytes()
    kept = read_head_file(head)
    assert kept.head.names == tuple(sorted(CATEGORIES))
    assert kept.figures["accuracy"] > 0.7  # chance: 0.33
    assert kept.figures["route_reach"] > 0.95


def test_vectors_of_no_category_set_what_counts_as_unknown() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(300) % 3
    rows = (np.eye(8)[labels] + 0.1 * random.normal(size=(300, 8))).astype(np.float32)
    data = LabelledVectors(rows, labels, ("a", "b", "c"), np.arange(300) // 3 % 5)
    others = (np.eye(8)[5] + 0.1 * random.normal(size=(40, 8))).astype(np.float32)
    head, figures = fit_category_head(data, others)
    assert figures["accuracy"] > 0.98 and figures["unknown_found"] > 0.9
    assert not head.alone(rows[0]).unknown and head.alone(others[0]).unknown


def test_equal_categories_are_fitted_whatever_their_number_of_images() -> None:
    random = np.random.default_rng(1)
    labels = np.repeat([0, 1], [360, 40])
    rows = (1.5 * labels[:, None] + random.normal(size=(400, 2))).astype(np.float32)
    head, _ = fit_category_head(LabelledVectors(rows, labels, ("a", "b"), np.arange(400) % 5))
    predicted = np.array([head.alone(row).top == "b" for row in rows])
    assert predicted[labels == 1].mean() > 0.5


def test_a_head_of_other_vectors_is_refused(
    head: Path, unlabelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = ["--set", f"classify.head={head}", "--set", "embed.cell=16"]
    done = Command(capsys).ingest(unlabelled, tmp_path / "gallery", *other)
    assert done.code == 1 and "train category-head" in done.line


@pytest.mark.parametrize("damage", ["{", "[]", '{"version": 1}', '{"version": 9, "head": {}}'])
def test_a_damaged_head_is_one_error(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "head.json"
    path.write_text(damage)
    with pytest.raises(WeightsError):
        read_head_file(path)


def test_a_head_of_a_later_version_is_refused(head: Path, tmp_path: Path) -> None:
    later = tmp_path / "later.json"
    later.write_text(json.dumps({**json.loads(head.read_text()), "version": 2}))
    with pytest.raises(WeightsError, match="version 2"):
        read_head_file(later)


def test_a_category_of_one_product_and_a_single_category_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalogue(tmp_path / "one", products=1)
    write_catalogue(tmp_path / "single", products=3, categories=["jar"])
    for data, words in (("one", "two products"), ("single", "two categories")):
        assert train(tmp_path / data, tmp_path / "h.json") == 1
        assert words in capsys.readouterr().err
    assert not (tmp_path / "h.json").exists()
