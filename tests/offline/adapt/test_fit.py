"""What is fitted to made vectors: products as points, in another light, with noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.adapt import judging
from offline.adapt.fit import Fit, Fitted
from offline.adapt.judging import (
    Queries,
    Vectors,
    average_precisions,
    queries_of,
)
from offline.adapt.projection import axes_of_few
from offline.adapt.whitening import fit_pca
from stages.embed.joined import Descriptor

DIMENSION = 24


def made(
    products: int = 30,
    views: int = 4,
    noise: float = 0.3,
    loud: float = 0.0,
    shift: float = 0.0,
    seed: int = 0,
) -> Vectors:
    """Views of products round points of the first half of the dimensions; ``loud``: how much views
    of one product vary in the other half; ``shift``: of all of them, in one direction."""
    random = np.random.default_rng(seed)
    points = np.random.default_rng(99).normal(size=(products, DIMENSION))
    points[:, DIMENSION // 2 :] = 0
    of = np.repeat(np.arange(products), views)
    rows = points[of] + noise * random.normal(size=(len(of), DIMENSION))
    rows[:, DIMENSION // 2 :] += loud * random.normal(size=(len(of), DIMENSION // 2))
    rows[:, 0] += shift
    return Vectors(rows.astype(np.float32), of)


def as_photos(vectors: Vectors, *, known: bool = True) -> Vectors:
    products = vectors.products if known else np.full(len(vectors), -1, np.int64)
    return Vectors(vectors.rows, products, np.ones(len(vectors), np.bool_))


def fit(gallery: Vectors, photos: Vectors | None = None) -> Fitted:
    return Fit(gallery, photos, queries_of(gallery, photos, 0)).run()


def quality(fitted: Fitted, gallery: Vectors, photos: Vectors) -> tuple[float, float]:
    """Mean average precision of photos, as described and as fitted."""
    queries = queries_of(gallery, photos, 0)
    assert queries.are_photos and fitted.space is not None
    before = average_precisions(queries, queries.vectors.rows, gallery).mean()
    rows = fitted.space.compared(queries.vectors).rows
    after = average_precisions(queries, rows, fitted.space.compared(gallery)).mean()
    return float(before), float(after)


def taken(fitted: Fitted) -> dict[str, bool]:
    return {part.name: part.taken for part in fitted.parts}


def test_what_varies_within_products_is_projected_away() -> None:
    fitted = fit(made(loud=3))
    assert taken(fitted)["projection"]
    assert fitted.after.mean() > fitted.before.mean() + 0.2
    space = fitted.space
    assert space is not None and space.projection is not None
    # On vectors of products that were never seen:
    random = np.random.default_rng(5)
    points = np.concatenate([random.normal(size=(20, 12)), np.zeros((20, 12))], axis=1)
    of = np.repeat(np.arange(20), 2)
    rows = points[of] + 0.3 * random.normal(size=(40, DIMENSION))
    rows[:, 12:] += 3 * random.normal(size=(40, 12))
    new = Vectors(rows.astype(np.float32), of)
    queries = queries_of(new, None, 0)
    before = average_precisions(queries, new.rows, new).mean()
    compared = space.compared(new)
    assert average_precisions(queries, compared.rows, compared).mean() > before + 0.1


def test_nothing_is_taken_where_nothing_gains() -> None:
    random = np.random.default_rng(1)
    rows = random.normal(size=(120, DIMENSION)).astype(np.float32)
    fitted = fit(Vectors(rows, np.repeat(np.arange(30), 4)))
    assert taken(fitted) == {"centring": False, "projection": False}
    assert fitted.space is None
    np.testing.assert_array_equal(fitted.before, fitted.after)


@pytest.mark.parametrize("known", [True, False])
def test_another_light_in_photos_is_taken_out(known: bool) -> None:
    gallery, photos = made(views=1, noise=0.1), made(views=2, noise=0.1, shift=6, seed=3)
    fitted = fit(gallery, as_photos(photos, known=known))
    assert taken(fitted)["centring"]
    before, after = quality(fitted, gallery, as_photos(photos))
    assert after > before + 0.2
    if known:
        assert fitted.after.mean() == pytest.approx(after, abs=0.1)


def test_unlabelled_photos_are_centred_where_the_views_of_the_catalogue_gain_nothing() -> None:
    views = made(views=3, noise=0.1)
    rows = views.rows - views.rows.mean(axis=0)
    gallery = Vectors(rows, views.products)
    photos = made(views=2, noise=0.1, shift=6, seed=3)
    fitted = fit(gallery, as_photos(photos, known=False))
    assert taken(fitted)["centring"] and "photos by 60" in fitted.parts[0].why
    before, after = quality(fitted, gallery, as_photos(photos))
    assert after > before + 0.2


def test_photos_that_the_gallery_holds_are_a_side_of_their_own() -> None:
    images, photos = made(views=1, noise=0.1), made(views=2, noise=0.1, shift=6, seed=3)
    gallery = images.beside(as_photos(photos))
    fitted = fit(gallery)
    assert taken(fitted)["centring"] and "photos by 60" in fitted.parts[0].why
    new = as_photos(made(views=1, noise=0.1, shift=6, seed=4))
    before, after = quality(fitted, images, new)
    assert after > before + 0.2


def test_a_projection_is_judged_by_other_photos_of_the_products_that_it_saw() -> None:
    gallery = made(views=1, loud=3)
    fitted = fit(gallery, as_photos(made(views=4, loud=3, seed=3)))
    assert taken(fitted)["projection"]
    before, after = quality(fitted, gallery, as_photos(made(views=4, loud=3, seed=4)))
    assert after > before + 0.1
    assert fitted.after.mean() == pytest.approx(after, abs=0.1)


def test_a_projection_that_harms_products_whose_photos_it_has_not_seen_is_not_taken() -> None:
    """Photos are moved in a direction of their product's own: to project it away blurs others."""
    random = np.random.default_rng(7)
    points, moves = random.normal(size=(2, 30, 96))
    of = np.repeat(np.arange(30), 6)
    rows = points[of] + 3 * moves[of] + 0.3 * random.normal(size=(len(of), 96))
    gallery = Vectors(points.astype(np.float32), np.arange(30))
    fitted = fit(gallery, as_photos(Vectors(rows.astype(np.float32), of)))
    projection = fitted.parts[1]
    assert projection.low is not None and projection.low > 0
    assert not projection.taken


def test_copies_of_a_photo_do_not_judge_what_was_fitted_to_it() -> None:
    """Vectors by chance, every photo twice: a copy gives the answer away."""
    random = np.random.default_rng(1)
    gallery = Vectors(random.normal(size=(30, DIMENSION)).astype(np.float32), np.arange(30))
    rows = random.normal(size=(60, DIMENSION)).astype(np.float32)
    photos = as_photos(Vectors(np.tile(rows, (2, 1)), np.tile(np.arange(60) % 30, 2)))
    assert not taken(fit(gallery, photos))["projection"]


def beside_noise(gallery: Vectors, noise: float, seed: int) -> Vectors:
    """Two descriptors: one of the products, one that varies by chance alone, as loud."""
    random = np.random.default_rng(seed)
    chance = noise * random.normal(size=gallery.rows.shape)
    return Vectors(np.hstack([gallery.rows, chance]).astype(np.float32), gallery.products)


JOINED = (Descriptor("good", DIMENSION), Descriptor("noise", DIMENSION))


def test_a_descriptor_that_only_disturbs_weighs_less_or_nothing() -> None:
    gallery = beside_noise(made(views=3, noise=0.5), 3, 5)
    fitted = Fit(gallery, None, queries_of(gallery, None, 0), descriptors=JOINED).run()
    parts = {part.name: part for part in fitted.parts}
    good, noise = parts["descriptor good"], parts["descriptor noise"]
    assert good.low is not None and good.low > 0
    assert noise.gain is not None and noise.gain < 0
    assert parts["weights of descriptors"].taken and good.taken and not noise.taken
    space = fitted.space
    assert space is not None and space.scale is not None
    assert (space.scale[:DIMENSION] == 1).all() and (space.scale[DIMENSION:] == 0).all()
    new = beside_noise(made(views=3, noise=0.5, seed=8), 3, 9)
    before, after = quality(fitted, new, as_photos(new))
    assert after > before + 0.1


def test_descriptors_that_serve_alike_keep_their_weights() -> None:
    one, other = made(views=3, noise=2), made(views=3, noise=2, seed=4)
    gallery = Vectors(np.hstack([one.rows, other.rows]), one.products)
    fitted = Fit(gallery, None, queries_of(gallery, None, 0), descriptors=JOINED).run()
    parts = {part.name: part for part in fitted.parts}
    assert not parts["weights of descriptors"].taken
    assert parts["descriptor good"].taken and parts["descriptor noise"].taken
    assert fitted.space is None or fitted.space.scale is None


@pytest.mark.parametrize(("of", "together"), [(2, True), (15, False)])
def test_products_of_one_family_are_held_out_together_where_families_are_enough(
    of: int, together: bool
) -> None:
    gallery = made(views=3)
    family = gallery.products // of
    fitted = fit(replace(gallery, family=family))
    folds = [set(family[fold.images].tolist()) for fold in fitted.held_out]
    assert sum(map(len, folds)) == len(set(family.tolist())) or not together
    assert sum(len(set(gallery.products[one.images].tolist())) for one in fitted.held_out) == 30


def test_axes_by_inner_products_are_those_by_covariances() -> None:
    rows = np.random.default_rng(0).normal(size=(12, 40)).astype(np.float32)
    by_covariances = fit_pca(rows).projection
    expected = by_covariances / np.linalg.norm(by_covariances, axis=0)
    np.testing.assert_allclose(axes_of_few(rows), expected[:, :11], atol=1e-4)


def test_photos_of_the_same_light_are_not_shifted() -> None:
    """Where the catalogue is centred already, its mean tells nothing."""
    gallery = made(views=1, noise=0.1)
    rows = gallery.rows - gallery.rows.mean(axis=0)
    fitted = fit(Vectors(rows, gallery.products), None)
    assert fitted.space is None


@pytest.mark.parametrize(
    ("gallery", "why"),
    [
        (made(products=1, views=50), "1 product "),
        (made(products=3, views=2000), "3 products"),
        (made(products=40, views=1), "0 products"),
        (Vectors(np.ones((40, 8), np.float32), np.repeat(np.arange(20), 2)), "same vector"),
    ],
)
def test_where_nothing_can_be_judged_nothing_is_fitted_and_why_is_told(
    gallery: Vectors, why: str
) -> None:
    fitted = fit(gallery)
    assert fitted.space is None
    assert all(not part.taken and why in part.why for part in fitted.parts)


@pytest.mark.parametrize("products", [10, 11, 13])
def test_few_products_and_dimensions_break_nothing(products: int) -> None:
    small = made(products=products, views=2)
    for width in (1, 2, 24):
        fit(Vectors(np.ascontiguousarray(small.rows[:, :width]), small.products))


@pytest.mark.parametrize("same", ["photos", "product"])
def test_photos_without_any_contrast_centre_nothing(same: str) -> None:
    gallery = made(products=1 if same == "product" else 20, views=1)
    photos = as_photos(made(products=15, views=1, seed=2), known=False)
    if same == "photos":
        photos = as_photos(Vectors(np.ones((15, DIMENSION), np.float32), photos.products))
    assert not taken(fit(gallery, photos))["centring"]


def slow_precision(line: np.ndarray, relevant: np.ndarray) -> float:
    order = np.argsort(-line, kind="stable")
    hits = np.flatnonzero(relevant[order])
    return float(np.mean([(n + 1) / (rank + 1) for n, rank in enumerate(hits)]))


def test_average_precision_is_that_of_a_sorted_ranking() -> None:
    gallery = made(products=12, views=3, noise=1)
    queries = queries_of(gallery, None, 0)
    unit = gallery.rows / np.linalg.norm(gallery.rows, axis=1, keepdims=True)
    found = average_precisions(queries, gallery.rows, gallery)
    for at in range(len(queries)):
        near = unit @ unit[at]
        others = np.arange(len(near)) != at
        relevant = gallery.products[others] == gallery.products[at]
        assert found[at] == pytest.approx(slow_precision(near[others], relevant))


SIMILARITIES = st.sampled_from([-np.inf, -0.5, -0.0, 0.0, 0.25, 1.0])


@given(
    st.integers(1, 6).flatmap(
        lambda count: st.lists(
            st.lists(st.tuples(SIMILARITIES, st.booleans()), min_size=count, max_size=count),
            min_size=1,
            max_size=4,
        )
    )
)
def test_ties_count_against_the_query_and_what_is_not_reached_counts_nothing(
    lines: list[list[tuple[float, bool]]],
) -> None:
    near = np.array([[value for value, _ in line] for line in lines], np.float32)
    relevant = np.array([[one for _, one in line] for line in lines])
    for found, line in zip(judging._average_precisions(near, relevant), lines, strict=True):
        values = sorted((value for value, one in line if one), reverse=True)
        precisions = [
            number / sum(other >= value for other, _ in line) if np.isfinite(value) else 0.0
            for number, value in enumerate(values, start=1)
        ]
        assert found == pytest.approx(np.mean(precisions) if precisions else 0.0)


def test_queries_are_drawn_and_have_others_of_their_product() -> None:
    random = np.random.default_rng(0)
    of = np.concatenate([np.repeat(np.arange(700), 3), np.arange(700, 900)])
    gallery = Vectors(random.normal(size=(len(of), 4)).astype(np.float32), of)
    queries: Queries = queries_of(gallery, None, 0)
    assert len(queries) == 1000
    assert queries.vectors.products.max() < 700
    np.testing.assert_array_equal(gallery.products[queries.own], queries.vectors.products)


def test_photos_are_left_out_by_product_and_alone() -> None:
    """Every query once of either kind; where a product is left out, so are its images."""
    gallery, photos = made(views=1, noise=0.1), made(views=3, noise=0.1, shift=6, seed=3)
    fitted = fit(gallery, as_photos(photos))
    assert fitted.photographed == 1
    for kind in (fitted.held_out, fitted.photos_held_out):
        places = np.sort(np.concatenate([one.queries for one in kind]))
        np.testing.assert_array_equal(places, np.arange(len(photos)))
    assert all(len(one.images) == len(gallery) for one in fitted.photos_held_out)
    assert sum(len(one.images) for one in fitted.held_out) == len(gallery)
    assert fit(gallery.beside(made(seed=5)), None).photos_held_out == ()
