"""From scores to probabilities, and what a gallery keeps of it."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import GalleryError
from engine.keypoints import KeypointMatch
from engine.match_calibration import (
    FEATURES,
    PRINT_FEATURES,
    match_features,
    read_calibration,
    with_probabilities,
)
from engine.types import Hit, Record, Results, Route
from tests.engine.made_calibrations import calibration, model
from tests.engine.made_descriptions import described


def hits(*scores: float) -> list[Hit]:
    """One a product, ranked in this order."""
    return [
        Hit(
            Record(at, "sha", f"p{at}", "jar", True, f"{at}.png", {}, described((at, 0))),
            rank=at + 1,
            score=score,
            distance=1 - score,
        )
        for at, score in enumerate(scores)
    ]


def twin(scores: list[float]) -> list[list[float]]:
    """The slow way."""
    rows = []
    for at, score in enumerate(scores):
        others = scores[:at] + scores[at + 1 :]
        margin = score - max(others) if others else 0.0
        rows.append([score, margin, float(at == 0)])
    return rows


def results(*found: Hit, threshold: float | None) -> Results:
    route = Route(("jar",), (1.0,), False, "")
    return Results(found, route, described((0, 0)), {}, "f", threshold=threshold)


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 0.5, 0.9]), min_size=1, max_size=8))
def test_a_hit_is_known_by_score_margin_and_first_place(scores: list[float]) -> None:
    """Equal scores are zero apart, whichever of them ranks first."""
    np.testing.assert_allclose(match_features(hits(*scores))[:, :3], twin(scores))


def test_no_hits_have_no_features() -> None:
    assert match_features([]).shape == (0, len((*FEATURES, *PRINT_FEATURES)))
    assert with_probabilities([], calibration().model) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_scores_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        match_features(hits(0.5, bad))


@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=6),
    st.floats(0, 2),
    st.tuples(st.floats(-5, 5), st.floats(0, 50), st.floats(0, 50), st.floats(0, 5)),
    st.floats(0, 2),
)
def test_a_higher_score_never_lowers_the_probability(
    scores: list[float],
    more: float,
    weights: tuple[float, float, float, float],
    reach: float,
) -> None:
    intercept, score, margin, first = weights
    given = model(intercept, score, margin, first, reach)
    before = with_probabilities(hits(*scores), given)[0].probability
    after = with_probabilities(hits(scores[0] + more, *scores[1:]), given)[0].probability
    assert before is not None and after is not None
    assert 0 <= before <= after <= 1


def test_the_probability_is_the_logistic_function_of_the_three() -> None:
    given = model(-1.0, 2.0, 3.0, 0.5, reach=0.5)
    found = [hit.probability for hit in with_probabilities(hits(0.8, -0.1, -0.9), given)]
    # Margins beyond the widest count as 0.5, the score below the lowest as -0.5.
    logits = [-1 + 2 * 0.8 + 3 * 0.5 + 0.5, -1 - 2 * 0.1 - 3 * 0.5, -1 - 2 * 0.5 - 3 * 0.5]
    assert found == pytest.approx([1 / (1 + math.exp(-logit)) for logit in logits])


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        model(0.0, -0.1, 0.0, 0.0)


def test_a_first_hit_at_the_threshold_is_no_match_and_above_it_one() -> None:
    (hit,) = hits(0.5)
    at = replace(hit, probability=0.3)
    assert results(at, threshold=0.3).no_match
    assert not results(at, threshold=0.29).no_match
    assert results(hit, threshold=0.1).no_match  # its probability is not known
    assert results(at, threshold=None).calibrated is False
    assert not results(at, threshold=None).no_match
    assert results(threshold=None).no_match and results(threshold=0.5).no_match


def test_a_calibration_is_read_as_it_was_written() -> None:
    said = calibration()
    assert read_calibration(said.model_dump_json(), "g") == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "null",
        calibration().model_dump_json().replace('"version":1', '"version":2'),
        calibration().model_dump_json().replace('"threshold":0.25', '"threshold":7'),
        calibration().model_dump_json().replace('"threshold":0.25', '"threshold":NaN'),
        calibration().model_dump_json()[:-20],
    ],
)
def test_a_damaged_calibration_is_one_error_with_the_way_out(text: str) -> None:
    with pytest.raises(GalleryError, match=r"packsight calibrate --gallery shelf") as caught:
        read_calibration(text, "shelf")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("images", "told"), [(100, False), (110, False), (90, False), (111, True), (89, True)]
)
def test_a_gallery_that_changed_by_more_than_a_tenth_is_told(images: int, told: bool) -> None:
    said = calibration(images=100).cautions(images)
    assert bool(said) is told
    assert not told or f"had 100 images, it has {images} now" in said[0]


def test_what_is_shaky_is_warned_of() -> None:
    assert calibration().warnings() == ()
    (said,) = calibration(source="views").warnings()
    assert "--photos" in said
    weak = calibration().figures.model_copy(update={"auroc": 0.55})
    (said,) = calibration().model_copy(update={"figures": weak}).warnings()
    assert "hold" in said and "70% count as a match" in said


def printed(scores: list[float], places: list[int]) -> list[Hit]:
    shown = [KeypointMatch(np.zeros((count, 4), np.float32)) for count in places]
    return [replace(hit, match=match) for hit, match in zip(hits(*scores), shown, strict=True)]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_print_is_its_matching_places_and_how_many_no_other_product_has(places: list[int]) -> None:
    found = match_features(printed([0.5] * len(places), places))
    for at, count in enumerate(places):
        others = places[:at] + places[at + 1 :]
        assert found[at, 3:].tolist() == [count, count - max(others, default=count)]


def test_a_calibration_of_before_print_reads_and_answers_as_before() -> None:
    made = calibration()
    kept = json.loads(made.model_dump_json())
    for name in PRINT_FEATURES:
        assert kept["model"].pop(name) == 0
    read = read_calibration(json.dumps(kept), "gallery")
    assert read == made and not read.model.weighs_print
    plain = with_probabilities(hits(0.9, 0.7, 0.2), read.model)
    shown = with_probabilities(printed([0.9, 0.7, 0.2], [80, 0, 3]), read.model)
    assert [hit.probability for hit in plain] == [hit.probability for hit in shown]


def test_more_matching_places_make_a_hit_likelier_up_to_a_lead() -> None:
    weighing = calibration().model.model_copy(update={"places": 0.1, "places_margin": 0.2})
    assert weighing.weighs_print

    def first(places: list[int]) -> float:
        return with_probabilities(printed([0.5, 0.5], places), weighing)[0].probability or 0.0

    assert first([0, 0]) < first([12, 12]) < first([12, 5]) < first([12, 1])
    assert first([12, 2]) == first([12, 0])
    assert first([0, 12]) == first([0, 30]) < first([0, 0])
