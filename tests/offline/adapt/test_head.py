"""Category heads for made vectors, whose category lies in some numbers and noise in the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.adaptation import Part
from engine.category_head import CategoryHead
from engine.config import Settings, StageSettings
from engine.galleries import open_gallery
from engine.galleries.local import LocalGallery
from engine.retrieval import AdaptedNeighbours
from engine.types import UNCATEGORISED, CategoryScores, Embedding
from offline.adapt.fit import Fitted
from offline.adapt.folds import HeldOut
from offline.adapt.gallery import adapt_gallery
from offline.adapt.head import Categories, fit_head
from offline.adapt.judging import Products, Queries, Vectors, queries_of
from offline.adapt.softmax import fit_softmax
from offline.adapt.spaces import Space
from tests.engine.made_descriptions import described, entry, manifest

NAMES = ("cap", "jar", "tin")
NOISE = 12


def made(
    products: int = 36, views: int = 4, noise: float = 1.0, seed: int = 0, away: float = 0.0
) -> tuple[Vectors, Products]:
    """Products of three categories in turn, with their category. Neighbours are of any category
    where the noise is loud; ``away``: how far all are moved in one direction."""
    random = np.random.default_rng(seed)
    of = np.repeat(np.arange(products), views)
    points = np.random.default_rng(9).normal(size=(products, NOISE))
    category = np.arange(products) % len(NAMES)
    own = 2.5 * np.eye(len(NAMES))[category][of]
    rest = 0.5 * points[of] + noise * random.normal(size=(len(of), NOISE))
    rows = np.concatenate([own + 0.3 * random.normal(size=own.shape), rest], axis=1) + away
    return Vectors(rows.astype(np.float32), of), category


def labels(vectors: Vectors, category: Products) -> Categories:
    of = category[vectors.products]
    return Categories(NAMES, of, np.ones(len(vectors), np.bool_))


def space(away: float = 0.0) -> Space:
    mean = np.zeros(len(NAMES) + NOISE, np.float32)
    return Space(mean, mean + np.float32(away))


def adapted(vectors: Vectors, queries: Queries, found: Space | None = None) -> Fitted:
    """As a fit with three folds would leave it."""
    chosen = found or space()
    products = queries.vectors.products
    folds = [
        HeldOut(
            np.flatnonzero(products // 3 % 3 == fold),
            np.flatnonzero(vectors.products // 3 % 3 == fold),
            chosen,
        )
        for fold in range(3)
    ]
    return Fitted(chosen, (Part(name="centring", taken=True, why="x"),), held_out=tuple(folds))


def fit(vectors: Vectors, categories: Categories) -> tuple[Part, CategoryHead | None]:
    queries = queries_of(vectors, None, 0)
    return fit_head(vectors, None, queries, adapted(vectors, queries), categories)


def test_a_head_is_judged_alike_where_images_are_fewer_than_dimensions() -> None:
    """By coordinates among the images, as by coordinates in which nothing is saved."""
    vectors, category = made(noise=3.0)
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(200, 200)))[0]
    wide = vectors.rows @ turned[: len(NAMES) + NOISE].astype(np.float32)
    zero = np.zeros(200, np.float32)
    queries = queries_of(vectors, None, 0)
    narrow, _ = fit(vectors, labels(vectors, category))
    moved = replace(vectors, rows=wide)
    of_wide = adapted(moved, queries, Space(zero, zero))
    judged, _ = fit_head(
        moved, None, queries_of(moved, None, 0), of_wide, labels(vectors, category)
    )
    assert judged.settings == pytest.approx(narrow.settings, rel=0.01)
    assert judged.gain == pytest.approx(narrow.gain, abs=1e-3)
    assert judged.why == narrow.why


def accuracy(head: CategoryHead, vectors: Vectors, category: Products) -> float:
    """Without a vote."""
    compared = space().compared(vectors).rows
    rows = compared / np.linalg.norm(compared, axis=1, keepdims=True)
    alike = CategoryScores(NAMES, np.full(3, 1 / 3, np.float32))
    found = [head.scores(row, alike).top for row in rows]
    return float(np.mean([NAMES[one] == top for one, top in zip(category, found, strict=True)]))


def test_a_head_is_taken_where_neighbours_mislead() -> None:
    vectors, category = made(noise=1.5)
    part, head = fit(vectors, labels(vectors, category))
    assert part.taken and head is not None and head.names == NAMES and not head.of_photos
    assert head.least is not None and 0 <= head.least <= 1
    # On products that were never seen:
    new, of = made(noise=1.5, seed=7)
    assert accuracy(head, new, of[new.products]) > 0.9


def test_where_the_vote_makes_no_mistake_it_stays() -> None:
    vectors, category = made(noise=0.05)
    part, head = fit(vectors, labels(vectors, category))
    assert not part.taken and head is None
    assert part.gain == pytest.approx(0, abs=0.01)


def test_a_head_of_categories_by_chance_is_not_taken() -> None:
    vectors, _ = made(noise=1.5)
    category = np.random.default_rng(3).permutation(np.arange(36) % 3)
    of = Vectors(vectors.rows, vectors.products)
    assert not fit(of, labels(of, category))[0].taken


def test_predicted_categories_take_no_part() -> None:
    vectors, category = made(noise=1.5)
    right = labels(vectors, category)
    given = np.random.default_rng(0).random(len(vectors)) < 0.7
    wrong = np.where(given, right.of, (right.of + 1) % 3)
    parts = [fit(vectors, replace(right, of=of, given=given))[0] for of in (right.of, wrong)]
    # Predicted as well, with the same settings; where images are searched is another matter.
    assert parts[0].why == parts[1].why and parts[0].taken


def test_photos_of_known_products_take_part_and_judge() -> None:
    images, category = made(views=1, noise=0.5)
    photos, _ = made(views=3, noise=1.5, seed=4, away=2.0)
    photos = replace(photos, photo=np.ones(len(photos), np.bool_))
    queries = queries_of(images, photos, 0)
    assert queries.are_photos
    fitted = adapted(images, queries, space(2.0))
    part, head = fit_head(images, photos, queries, fitted, labels(images, category))
    assert part.gain is not None and part.taken and head is not None and head.of_photos
    unknown = replace(photos, products=np.where(photos.products < 30, photos.products, -1))
    queries = queries_of(images, unknown, 0)
    fitted = adapted(images, queries, space(2.0))
    _, other = fit_head(images, unknown, queries, fitted, labels(images, category))
    assert other is None or not np.array_equal(head.weights, other.weights)


@pytest.mark.parametrize("case", ["no label", "one category", "one is judged", "few products"])
def test_what_cannot_be_judged_is_not_fitted(case: str) -> None:
    vectors, category = made(products=6 if case == "few products" else 36)
    if case == "one category":
        category = np.zeros_like(category)
    categories = labels(vectors, category)
    if case == "no label":
        categories = replace(categories, given=np.zeros(len(vectors), np.bool_))
    if case == "one is judged":
        alone = Vectors(-vectors.rows[:1], np.array([36]))
        vectors = vectors.beside(alone)
        categories = labels(vectors, np.array([0] * 36 + [1]))
    part, head = fit(vectors, categories)
    assert head is None and not part.taken and part.gain is None and part.why


def test_nothing_is_fitted_for_a_classifier_that_does_not_vote() -> None:
    vectors, category = made()
    settings = Settings(classify=StageSettings(name="single"))
    part, head = fit(vectors, replace(labels(vectors, category), settings=settings))
    assert head is None and "single" in part.why


def test_three_products_with_many_images_are_told_why() -> None:
    vectors, category = made(products=3, views=300)
    part, head = fit(vectors, labels(vectors, category))
    assert head is None and "3 labelled products" in part.why


def test_the_softmax_finds_the_ridge_solution() -> None:
    random = np.random.default_rng(2)
    rows = random.normal(size=(80, 3)).astype(np.float32)
    of = random.integers(0, 3, 80)
    weighs = random.random(80)
    found = fit_softmax(rows, of, 3, 0.5, weighs)
    # At the minimum the slope is 0.
    shares = weighs / weighs.sum()
    logits = found.logits(rows)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    residual = (powers / powers.sum(axis=1, keepdims=True) - np.eye(3)[of]) * shares[:, None]
    slope = rows.T @ residual + 0.5 / 80 * found.weights
    assert np.abs(slope).max() < 2e-3
    again = fit_softmax(rows, of, 3, 0.5, weighs, start=found)
    np.testing.assert_allclose(again.weights, found.weights, atol=0.05)


def test_a_gallery_keeps_its_head_and_predicts_by_it(tmp_path: Path) -> None:
    vectors, category = made(products=30)
    rows = vectors.rows / np.linalg.norm(vectors.rows, axis=1, keepdims=True)
    with LocalGallery.create(tmp_path / "g", manifest(len(NAMES) + NOISE)) as gallery:
        for at, (row, product) in enumerate(zip(rows, vectors.products, strict=True)):
            of = NAMES[category[product]]
            gallery.add([entry(str(at), of, f"p{product}")], [described(row.tolist(), of)])
        gallery.add(
            [entry("x", None), entry("y", UNCATEGORISED)],
            [described(row.tolist(), "cap") for row in rows[:2]],
        )
        report = adapt_gallery(gallery).report
    # Nothing else gains: vectors stay as they were described.
    assert [part.name for part in report.parts if part.taken] == ["category head"]
    with open_gallery(tmp_path / "g") as reader:
        made_by = reader.adaptation()
        assert made_by is not None and made_by.head is not None and made_by.head.names == NAMES
        found = AdaptedNeighbours(reader, "catalogue").predicted(
            Embedding(rows[0].copy()), lambda: CategoryScores.certain("cap")
        )
    assert found.names == NAMES and found.top == "cap"
