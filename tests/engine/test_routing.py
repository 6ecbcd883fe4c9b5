"""Which categories are searched, held against trying every subset."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import RouteSettings
from engine.errors import ConfigError
from engine.routing import route
from engine.types import CategoryScores

NAMES = ("bottle", "cap", "jar", "puff", "stick")
HELD = tuple(sorted(NAMES))


def scores(**probabilities: float) -> CategoryScores:
    return CategoryScores(tuple(probabilities), np.array(list(probabilities.values()), np.float32))


weights = st.lists(st.integers(0, 20), min_size=5, max_size=5).filter(any)


@given(weights, st.floats(0.05, 1), st.sets(st.sampled_from(NAMES), min_size=1))
def test_the_routed_set_is_the_smallest_and_then_the_likeliest(
    weights: list[int], mass: float, held: set[str]
) -> None:
    probabilities = np.array(weights) / sum(weights)
    given_scores = CategoryScores(NAMES, probabilities.astype(np.float32))
    settings = RouteSettings(mass=mass, unsure_below=0)
    routed = route(given_scores, sorted(held), settings)
    mine = {n: s for n, s in zip(NAMES, probabilities.tolist(), strict=True) if n in held}
    total = sum(mine.values())
    if total == 0:
        assert routed.unsure and set(routed.categories) == held
        return
    mine = {name: share / total for name, share in mine.items()}
    enough = [
        subset
        for size in range(1, len(mine) + 1)
        for subset in combinations(mine, size)
        if sum(mine[name] for name in subset) >= mass - 1e-6
    ]
    smallest = min(map(len, enough))
    best = max(sum(mine[n] for n in subset) for subset in enough if len(subset) == smallest)
    assert len(routed.categories) == smallest
    assert sum(mine[name] for name in routed.categories) == pytest.approx(best, abs=1e-5)
    assert list(routed.probabilities) == sorted(routed.probabilities, reverse=True)
    assert not routed.unsure


def test_ties_go_in_alphabetical_order() -> None:
    routed = route(scores(stick=0.5, jar=0.5), HELD, RouteSettings(mass=0.5))
    assert routed.categories == ("jar",)


def test_probability_on_what_the_gallery_lacks_counts_for_nothing() -> None:
    routed = route(scores(lamp=0.9, jar=0.08, puff=0.02), HELD, RouteSettings(mass=0.8))
    assert routed.categories == ("jar",)
    assert routed.probabilities == (pytest.approx(0.8),)


def test_when_unsure_every_category_is_searched_and_the_route_is_unsure() -> None:
    probabilities = scores(jar=0.3, puff=0.3, cap=0.2, stick=0.2)
    routed = route(probabilities, HELD, RouteSettings(unsure_below=0.35))
    assert routed.unsure and set(routed.categories) == set(HELD)
    assert "unsure, the likeliest is jar with 30%" in routed.why
    assert not route(probabilities, HELD, RouteSettings(unsure_below=0.3 - 1e-6)).unsure


def test_where_nothing_can_be_predicted_every_category_is_searched() -> None:
    routed = route(scores(lamp=1), HELD, RouteSettings())
    assert routed.unsure and routed.categories == HELD


def test_an_unknown_photo_is_searched_everywhere_however_sure_its_probabilities_look() -> None:
    known = scores(jar=0.98, puff=0.02)
    unknown = replace(known, unknown=True)
    assert route(known, HELD, RouteSettings()).categories == ("jar",)
    routed = route(unknown, HELD, RouteSettings())
    assert routed.unsure and routed.categories[:2] == ("jar", "puff")
    assert set(routed.categories) == set(HELD)
    assert routed.why == "looks like no known category, the likeliest is jar with 98%: all"
    assert route(unknown, HELD, RouteSettings(hard=True)).categories == ("jar",)
    assert route(unknown, HELD, RouteSettings(), chosen=["cap"]).categories == ("cap",)


@given(weights, st.floats(0.01, 1), st.sets(st.sampled_from(NAMES), min_size=1))
def test_by_probability_all_of_at_least_the_least_are_searched_and_always_the_likeliest(
    weights: list[int], least: float, held: set[str]
) -> None:
    given_scores = CategoryScores(NAMES, (np.array(weights) / sum(weights)).astype(np.float32))
    settings = RouteSettings(by="probability", least_probability=least, unsure_below=0)
    routed = route(given_scores, sorted(held), settings)
    mine = {n: w for n, w in zip(NAMES, weights, strict=True) if n in held}
    if sum(mine.values()) == 0:
        assert set(routed.categories) == held
        return
    probabilities = {name: weight / sum(mine.values()) for name, weight in mine.items()}
    assert routed.categories[0] == min(probabilities, key=lambda name: (-probabilities[name], name))
    assert set(routed.categories[1:]) == {
        name for name in probabilities if probabilities[name] >= least - 1e-6
    } - {routed.categories[0]}


def test_the_least_probability_is_the_classifiers_own_unless_one_is_set() -> None:
    probabilities = scores(jar=0.9, puff=0.06, cap=0.04)
    calibrated = replace(probabilities, least=0.05)
    by = RouteSettings(by="probability")
    assert route(calibrated, HELD, by).categories == ("jar", "puff")
    own = RouteSettings(by="probability", least_probability=0.01)
    assert route(calibrated, HELD, own).categories == ("jar", "puff", "cap")
    assert route(probabilities, HELD, own).categories == ("jar", "puff", "cap")
    with pytest.raises(ConfigError, match="no calibrated least probability") as caught:
        route(probabilities, HELD, by)
    assert "route.least_probability" in caught.value.remedy
    assert route(calibrated, HELD, RouteSettings()).categories == ("jar", "puff")  # by mass


@pytest.mark.parametrize("least", [-0.1, 1.1, float("nan")])
def test_a_least_probability_that_is_none_is_refused(least: float) -> None:
    with pytest.raises(ValueError, match="least"):
        replace(scores(jar=1), least=least)


def test_a_category_is_reached_in_either_unicode_form_and_two_forms_are_two_categories() -> None:
    composed, apart = "Tübe", unicodedata.normalize("NFD", "Tübe")
    voted, settings = scores(**{apart: 0.99, "jar": 0.01}), RouteSettings()
    other = route(voted, ["jar", composed], settings, knows=(apart, "jar"))
    assert (other.categories, other.probabilities[0]) == ((composed,), pytest.approx(0.99))
    held = [apart, "jar", composed]
    both = route(scores(**{composed: 0.5, apart: 0.5}), held, settings)
    assert set(both.categories) == {composed, apart}
    assert route(voted, held, settings, knows=(apart, "jar")).categories == (apart, composed)


def test_hard_routing_searches_the_likeliest_alone() -> None:
    probabilities = scores(jar=0.26, puff=0.25, cap=0.25, stick=0.24)
    assert route(probabilities, HELD, RouteSettings(hard=True)).categories == ("jar",)


def test_chosen_categories_are_searched_and_nothing_else() -> None:
    routed = route(scores(jar=1), HELD, RouteSettings(), chosen=["stick", "cap", "stick"])
    assert routed.categories == ("stick", "cap")
    assert (routed.unsure, routed.why) == (False, "as requested")


def test_categories_that_the_classifier_cannot_name_are_always_searched() -> None:
    held = (*HELD, "uncategorised")
    routed = route(scores(jar=1), held, RouteSettings(), knows=("jar", "stick", "bottle"))
    assert routed.categories == ("jar", "cap", "puff", "uncategorised")
    assert "always searched: cap, puff, uncategorised" in routed.why
    assert route(scores(jar=1), held, RouteSettings()).categories == ("jar", "uncategorised")
