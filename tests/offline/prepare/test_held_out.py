"""What a tuned embedder is judged by: products that nothing was learned from, before and after."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError, WeightsError
from offline.datasets import DatasetImage
from offline.datasets.hold_out import family_of
from offline.prepare import held_out
from offline.prepare.held_out import Divided, divided, gain_of, require_gain
from offline.store.vectors import Features


def images(products: int, views: int = 3, family: int = 1) -> list[DatasetImage]:
    """``family`` products in each."""
    return [
        DatasetImage(
            f"{product}-{view}", Path("x.png"), "jar", f"f{product // family}", f"p{product}"
        )
        for product in range(products)
        for view in range(views)
    ]


def test_no_family_is_learned_and_judged() -> None:
    found = divided(images(90, family=3), seed=0)
    parts = [{family_of(image) for image in part} for part in _parts(found)]
    assert all(len(part) >= 2 for part in parts) and len(parts[2]) == 6
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    assert sum(map(len, _parts(found))) == 270


def test_products_of_one_image_are_learned_and_searched_and_judge_nothing() -> None:
    single = [DatasetImage(f"s{at}", Path("x.png"), "jar", None, f"s{at}") for at in range(40)]
    loose = DatasetImage("loose", Path("x.png"), "jar")
    found = divided([*images(12), *single, loose], seed=0)
    assert set(single) <= set(found.learned) and set(single) <= set(found.gallery)
    assert not any(loose in part for part in _parts(found))


def test_of_many_products_some_are_judged_and_fewer_are_learned_where_time_is_short() -> None:
    found = divided(images(2000, views=2), seed=0)
    assert len({family_of(image) for image in found.judged}) == 100
    less = found.with_learned(500)
    assert 400 <= len(less.learned) <= 500 and less.judged == found.judged
    assert {len([p for p in less.learned if p.product == one.product]) for one in less.learned} == {
        2
    }


def test_too_few_products_with_several_images_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"11 products .* 12 are needed"):
        divided([*images(11), *images(40, views=1)[11:]], seed=0)


def test_a_gain_is_judged_by_what_searches_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    found = divided(images(40), seed=0)
    blurred = _judged(monkeypatch, found, before=0.9, after=0.1)
    assert blurred.is_better and blurred.queries == 24 and blurred.products == 8
    assert blurred.mean_average_precision[1] > blurred.mean_average_precision[0]
    require_gain(blurred)


def test_what_is_no_better_is_refused_with_both_values(monkeypatch: pytest.MonkeyPatch) -> None:
    found = divided(images(40), seed=0)
    same = _judged(monkeypatch, found, before=0.5, after=0.5)
    worse = _judged(monkeypatch, found, before=0.1, after=0.9)
    for gain in (same, worse):
        with pytest.raises(WeightsError) as refusal:
            require_gain(gain)
        for value in (*gain.mean_average_precision, *gain.recall_1):
            assert f"{value:.3f}" in refusal.value.message


def _parts(found: Divided) -> tuple[tuple[DatasetImage, ...], ...]:
    return found.learned, found.choosing, found.judged


def _judged(
    monkeypatch: pytest.MonkeyPatch, found: Divided, *, before: float, after: float
) -> held_out.Gain:
    """Vectors are a product's own direction and noise of that length."""

    def features(chosen, noise, cache, progress):  # type: ignore[no-untyped-def]
        random = np.random.default_rng(0)
        names = sorted({image.product for image in chosen})
        own = np.eye(len(names))[[names.index(image.product) for image in chosen]]
        rows = own + noise * random.standard_normal(own.shape)
        there = np.ones(len(rows), np.bool_)
        return Features(rows.astype(np.float32), there, ("",) * len(rows), ())

    monkeypatch.setattr(held_out, "features", features)
    monkeypatch.setattr(held_out, "assemble_embedding", lambda noise: noise)
    return gain_of(before, after, found, Path(), lambda *_: None, 0)  # type: ignore[arg-type]
