"""How an adaptation changes vectors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.adaptation import Adaptation, adapt, domain_of
from engine.distances import unit_rows
from engine.galleries import _rows
from engine.types import Embedding, Entry
from tests.engine.made_adaptations import adaptation


def slow(row: np.ndarray, mean: np.ndarray, projection: np.ndarray) -> list[float]:
    """Number by number."""
    found = [
        sum(float(row[d] - mean[d]) * float(projection[d, k]) for d in range(len(row)))
        for k in range(projection.shape[1])
    ]
    length = sum(number**2 for number in found) ** 0.5
    return [number / length for number in found]


@given(seed=st.integers(0, 999))
def test_each_domain_is_centred_on_its_own_mean_projected_and_brought_to_length_1(
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    made = Adaptation(
        random.normal(size=5).astype(np.float32),
        random.normal(size=5).astype(np.float32),
        random.normal(size=(5, 3)).astype(np.float32),
        adaptation().report,
    )
    rows = random.normal(size=(4, 5)).astype(np.float32)
    assert made.projection is not None and made.dimension == 3
    for domain, mean in (("photo", made.photo_mean), ("catalogue", made.catalogue_mean)):
        expected = [slow(row, mean, made.projection) for row in rows]
        found = made.adapted(rows, "photo" if domain == "photo" else "catalogue")
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_numbers_are_scaled_after_centring_and_before_the_projection() -> None:
    made = adaptation()
    scale = np.array([2, 0.5], np.float32)
    scaled = replace(made, scale=scale)
    row = np.array([[3.0, 7.0]], np.float32)
    assert made.projection is not None
    expected = ((row - made.photo_mean) * scale) @ made.projection
    found = scaled.adapted(row, "photo")
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), rtol=1e-6)
    assert scaled.identity != made.identity


def test_a_row_does_not_depend_on_those_beside_it() -> None:
    random = np.random.default_rng(0)
    projection = random.normal(size=(700, 130)).astype(np.float32)
    zero = np.zeros(700, np.float32)
    made = Adaptation(zero, zero, projection, adaptation().report)
    rows = random.normal(size=(33, 700)).astype(np.float32)
    whole = made.adapted(rows, "photo")
    alone = np.concatenate([made.adapted(row[None], "photo") for row in rows])
    np.testing.assert_array_equal(whole, alone)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 7), (64, 2), (320, 128)])
@pytest.mark.parametrize("count", [1, 2, 9])
def test_numbers_are_those_of_a_row_at_a_time_to_the_last_bit(
    size: tuple[int, int], count: int
) -> None:
    random = np.random.default_rng(0)
    projection = random.normal(size=size).astype(np.float32)
    zero = np.zeros(size[0], np.float32)
    rows = random.normal(size=(count, size[0])).astype(np.float32)
    found = Adaptation(zero, zero, projection, adaptation().report).adapted(rows, "photo")
    expected = np.array([np.einsum("d,dk->k", row, projection) for row in rows], np.float32)
    np.testing.assert_array_equal(found, unit_rows(expected))  # else indexes of before are damaged


@given(
    st.dictionaries(
        st.sampled_from(["role", "Role", 'a "role"', "size"]),
        st.sampled_from(["photo", " PHOTO", "role", '"role"', "", "catalogue"]),
    )
)
def test_the_domain_of_a_row_is_that_of_its_attributes(attributes: dict[str, str]) -> None:
    row = _rows.image_row(Entry("a", "0", 1, 1, "p", "jar", attributes), "jar")
    assert _rows.domain(str(row["attributes"])) == domain_of(attributes)


def test_a_vector_at_the_mean_has_some_direction() -> None:
    made = adaptation()
    found = adapt(made, Embedding(made.photo_mean.copy()), "photo")
    assert np.isfinite(found.vector).all()
    assert np.linalg.norm(found.vector) == pytest.approx(1)


def test_without_an_adaptation_a_vector_stays_as_it_is() -> None:
    embedding = Embedding(np.array([3, 4], np.float32))
    assert adapt(None, embedding, "photo") is embedding


@pytest.mark.parametrize("change", ["short", "narrow", "infinite"])
def test_arrays_that_do_not_fit_are_refused(change: str) -> None:
    mean = np.zeros(3, np.float32)
    photo_mean = np.zeros(2 if change == "short" else 3, np.float32)
    projection = np.eye(2 if change == "narrow" else 3, dtype=np.float32)
    if change == "infinite":
        projection[0, 0] = np.inf
    with pytest.raises(ValueError):
        Adaptation(mean, photo_mean, projection, adaptation().report)


def test_the_identity_is_of_the_arrays_alone() -> None:
    assert adaptation().identity == adaptation(products=7).identity
    assert adaptation().identity != adaptation(photo_mean=(0.5, 0.5)).identity


@pytest.mark.parametrize("role", ["photo", "Photo", " PHOTO "])
def test_a_photo_is_marked_in_any_case(role: str) -> None:
    assert domain_of({"role": role}) == "photo"
    assert domain_of({"role": "x" + role}) == domain_of({}) == "catalogue"
