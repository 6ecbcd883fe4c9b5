"""What a benchmark will hold is decided by a preset, a seed and a difficulty alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ConfigError
from offline.datasets.packbench.categories import CATEGORIES, category
from offline.datasets.packbench.presets import PRESETS, Preset, preset
from offline.datasets.packbench.shots import Benchmark, Shot, view_of

STANDARD = list(Benchmark(PRESETS["standard"], 7, 0.5).shots())

few = st.integers(0, 2)
sizes = st.builds(
    Preset,
    st.just("any"),
    st.just(32),
    st.just(1),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 7),
    st.tuples(few, few, few),
    few,
    few,
    st.tuples(few, few, few),
)


def of(split: str, shots: Iterable[Shot] = STANDARD) -> list[Shot]:
    return [shot for shot in shots if shot.split == split]


def test_standard_has_the_sizes_of_the_paper() -> None:
    catalogue = of("catalogue")
    assert Counter(shot.role for shot in catalogue) == {"train": 1800, "validation": 450}
    each = Counter(shot.product.category for shot in catalogue)
    assert set(each) == set(CATEGORIES)
    assert set(each.values()) == {150}
    assert len(of("test")) == 360
    assert PRESETS["standard"].images == len(STANDARD)


def test_the_training_set_has_two_photos_of_every_product() -> None:
    shots = list(Benchmark(PRESETS["training"], 101, 0.6).shots())
    photos = Counter(shot.product.id for shot in of("queries", shots))
    assert set(photos) == {shot.product.id for shot in of("catalogue", shots)}
    assert set(photos.values()) == {2}
    assert len(photos) == 15 * 10 * 3
    assert len(shots) == PRESETS["training"].images == 1800


@given(sizes)
@settings(max_examples=20, deadline=None)
def test_a_preset_counts_its_images(preset: Preset) -> None:
    shots = list(Benchmark(preset, 3, 0.5).shots())
    assert preset.images == len(shots)
    assert len({shot.path for shot in shots}) == len(shots)


def test_every_product_of_the_catalogue_is_there_to_train_on_and_to_validate() -> None:
    for role, views in (("train", 4), ("validation", 1)):
        each = Counter(shot.product.id for shot in of("catalogue") if shot.role == role)
        assert set(each.values()) == {views}
        assert len(each) == 15 * 5 * 6


def test_every_view_of_a_category_is_both_trained_on_and_kept_for_validation() -> None:
    for role in ("train", "validation"):
        kept = {(s.product.category, s.view) for s in of("catalogue") if s.role == role}
        assert kept == {(name, view) for name in CATEGORIES for view in range(5)}


def test_every_unseen_product_has_images_to_find_and_a_query_photo() -> None:
    roles = {"gallery": 0, "query": 0}
    for product in {shot.product.id for shot in of("unseen")}:
        found = Counter(shot.role for shot in of("unseen") if shot.product.id == product)
        assert found == {"gallery": 2, "query": 1}
        roles["query"] += 1
    assert roles["query"] == 15 * 2 * 4


@pytest.mark.parametrize("split", ["test", "unseen"])
def test_no_product_and_no_family_leaks_into_the_catalogue(split: str) -> None:
    for name in ("id", "family"):
        known = {getattr(shot.product, name) for shot in of("catalogue")}
        assert not known & {getattr(shot.product, name) for shot in of(split)}
    assert not any(shot.in_catalogue for shot in of(split))


def test_present_queries_are_in_the_catalogue_and_absent_ones_are_only_siblings() -> None:
    products = {shot.product.id for shot in of("catalogue")}
    families = {shot.product.family for shot in of("catalogue")}
    queries = of("queries")
    assert all((shot.product.id in products) == shot.in_catalogue for shot in queries)
    assert all(shot.product.family in families for shot in queries)
    assert Counter(shot.in_catalogue for shot in queries) == {True: 15 * 16, False: 15 * 4}
    assert len({shot.product.id for shot in queries}) == len(queries)


def test_photos_are_by_phone_and_all_other_images_from_the_studio() -> None:
    assert all((shot.look == "phone") == (shot.role == "query") for shot in STANDARD)
    assert all((shot.look == "phone") == (shot.view is None) for shot in STANDARD)


def test_the_same_seed_gives_the_same_plan_and_another_one_other_products() -> None:
    small = preset("tiny")
    again, other = (list(Benchmark(small, seed, 0.5).shots()) for seed in (7, 8))
    first = list(Benchmark(small, 7, 0.5).shots())
    assert first == again
    pairs = zip(of("catalogue", first), of("catalogue", other), strict=True)
    same = [one.product.parameters == two.product.parameters for one, two in pairs]
    assert not any(same)


@pytest.mark.parametrize("changed", [{"families": 3}, {"members": 7}, {"views": 5}])
def test_other_sizes_leave_earlier_products_as_they_are(changed: dict[str, int]) -> None:
    small = PRESETS["tiny"]
    larger = replace(small, **changed)  # type: ignore[arg-type]
    before = {s.path: s.product for s in of("catalogue", Benchmark(small, 7, 0.5).shots())}
    after = {s.path: s.product for s in of("catalogue", Benchmark(larger, 7, 0.5).shots())}
    assert len(after) > len(before)
    assert {path: after[path].parameters for path in before} == {
        path: product.parameters for path, product in before.items()
    }


@pytest.mark.parametrize("split", ["test", "unseen"])
def test_a_larger_catalogue_leaves_the_other_splits_as_they_are(split: str) -> None:
    small = PRESETS["tiny"]
    larger = replace(small, families=4, members=9)
    before, after = (of(split, Benchmark(sizes, 7, 0.5).shots()) for sizes in (small, larger))
    assert before == after


def test_views_beyond_a_categorys_own_come_round_turned_further_under_a_new_name() -> None:
    own = category("jar").views
    again = view_of("jar", len(own))
    assert again.name == f"{own[0].name}2"
    assert again.azimuth != own[0].azimuth


@pytest.mark.parametrize(
    ("name", "given", "named"),
    [("huge", {}, "standard"), ("tiny", {"side": 8}, "--side 8"), ("tiny", {"members": 0}, "99")],
)
def test_a_preset_or_a_size_that_cannot_be_is_refused_with_what_can(
    name: str, given: dict[str, int], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        preset(name, **given)  # type: ignore[arg-type]


def test_sizes_laid_over_a_preset_replace_only_themselves() -> None:
    assert preset("standard", side=64) == replace(PRESETS["standard"], side=64)
