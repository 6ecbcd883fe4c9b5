"""The fit of a match's probability, held against bounded optimisation, folds and plain counting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from engine.errors import ConfigError
from engine.match_calibration import MatchModel
from offline.adapt.logistic import INTERCEPT_RIDGE, penalised_loss
from offline.adapt.matching import (
    BINS,
    MISSED,
    RIDGE,
    Answer,
    accepted,
    first_probabilities,
    fit_matching,
    fit_model,
    guide_of,
)
from tests.offline.adapt.drawn_answers import TRUE, answer, drawn_answers, features


def stacked(answers: list[Answer]) -> tuple[np.ndarray, np.ndarray]:
    rows = np.concatenate([one.features for one in answers])
    return rows, np.concatenate([one.right for one in answers]).astype(float)


def bounded(answers: list[Answer], model: MatchModel) -> np.ndarray:
    """(N,) probabilities by the slow way: the same loss within bounds, by scipy."""
    rows, right = stacked(answers)
    rows[:, 0] = np.maximum(rows[:, 0], model.lowest_score)
    rows[:, 1] = np.sign(rows[:, 1]) * np.minimum(np.abs(rows[:, 1]), model.widest_margin)
    means, deviations = rows.mean(0), np.maximum(rows.std(0), 1e-6)
    design = np.column_stack([np.ones(len(rows)), (rows - means) / deviations])
    penalty = np.array([INTERCEPT_RIDGE, RIDGE, RIDGE, RIDGE])
    found = minimize(
        penalised_loss,
        np.zeros(4),
        (design, right, penalty),
        method="L-BFGS-B",
        bounds=[(None, None), *[(0, None)] * 3],
        options={"ftol": 1e-14, "gtol": 1e-9},
    )
    return 1 / (1 + np.exp(-design @ found.x))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("turned", [None, 0, 1, 2])
def test_the_weights_are_the_best_that_are_not_negative(seed: int, turned: int | None) -> None:
    """Also where one feature is inverted."""
    answers = drawn_answers(seed, products=15)
    if turned is not None:
        flip = np.where(np.arange(3) == turned, -1.0, 1.0)
        answers = [replace(one, features=one.features * flip) for one in answers]
    model = fit_model(answers)
    assert min(model.score, model.margin, model.first) >= 0
    rows, _ = stacked(answers)
    np.testing.assert_allclose(model.probability(rows), bounded(answers, model), atol=2e-4)


def test_the_model_of_a_world_without_doubt_is_finite() -> None:
    random = np.random.default_rng(0)
    answers = [
        Answer(f"p{n}", True, features(random, 3), np.array([True, False, False]))
        for n in range(20)
    ]
    found = fit_model(answers)
    assert np.isfinite([found.intercept, found.score, found.margin, found.first]).all()


def test_hits_that_are_far_off_do_not_weigh_in() -> None:
    """Inner products have no lower bound."""
    answers = drawn_answers(2)
    far = [
        replace(
            one,
            features=np.vstack([one.features, [[-1e9, -1e9, 0]]]),
            right=np.append(one.right, False),
        )
        for one in answers
    ]
    near, with_far = (fit_matching(some, 0.1).figures for some in (answers, far))
    assert with_far.auroc == pytest.approx(near.auroc, abs=0.02)
    assert with_far.true_accepts == pytest.approx(near.true_accepts, abs=0.05)


def test_scores_that_are_all_equal_leave_the_share_that_was_right() -> None:
    flat = np.column_stack([np.full(4, 0.5), np.zeros(4), np.arange(4) == 0])
    rights = [np.eye(4, dtype=bool)[0], np.zeros(4, np.bool_)]
    answers = [
        Answer(f"p{n}", present, flat, rights[0] if present else rights[1])
        for n in range(30)
        for present in (True, False)
    ]
    fit = fit_matching(answers, 0.05)
    assert fit.model.score == 0 and fit.model.margin == 0
    assert fit.figures.auroc == 0.5
    assert fit.model.probability(flat)[0] == pytest.approx(0.5, abs=0.05)
    # All are as likely, so all pass or none: none, for all would be too many.
    assert fit.figures.false_accepts <= 0.05


def test_the_true_probabilities_are_found_again() -> None:
    random = np.random.default_rng(5)
    answers = []
    for number in range(1500):
        rows = features(random, 4)
        answers.append(Answer(f"p{number}", True, rows, random.random(4) < TRUE.probability(rows)))
    rows, _ = stacked(answers)
    found = fit_model(answers).probability(rows)
    assert np.abs(found - TRUE.probability(rows)).mean() < 0.02


def test_figures_are_of_products_that_no_fit_had_seen() -> None:
    """Features that name the product: learned by heart, worth nothing for another."""
    answers = drawn_answers(1, products=40)
    fit = fit_matching(answers, 0.1, seed=2)
    products = np.array([one.product for one in answers])
    for fold in np.unique(fit.folds):
        inside, outside = set(products[fit.folds == fold]), set(products[fit.folds != fold])
        assert not inside & outside
        others = [one for one, own in zip(answers, fit.folds, strict=True) if own != fold]
        model = fit_model(others)
        for one, own, held in zip(answers, fit.folds, fit.held_out, strict=True):
            if own == fold:
                np.testing.assert_allclose(held, model.probability(one.features))


def test_the_figures_are_what_counting_says() -> None:
    answers = drawn_answers(7, products=50)
    fit = fit_matching(answers, 0.1, seed=1)
    firsts = [rows[0] for rows in fit.held_out]
    right = [bool(one.right[0]) for one in answers]
    gaps = 0.0
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        mine = [at for at, p in enumerate(firsts) if low < p <= high or (number == 0 and p == 0)]
        if mine:
            stated = sum(firsts[at] for at in mine) / len(mine)
            gaps += len(mine) * abs(stated - sum(right[at] for at in mine) / len(mine))
    figures = fit.figures
    assert figures.ece_first == pytest.approx(gaps / len(answers))
    assert (figures.present, figures.absent, figures.products) == (100, 100, 50)
    assert figures.right_first == sum(right) / 100
    wins = [
        (p > q) + (p == q) / 2
        for p, one in zip(firsts, answers, strict=True)
        for q, other in zip(firsts, answers, strict=True)
        if one.present and not other.present
    ]
    assert figures.auroc == pytest.approx(sum(wins) / len(wins))


def test_what_was_promised_of_absent_products_holds_for_new_ones() -> None:
    fits = [fit_matching(drawn_answers(seed), 0.1, seed) for seed in range(12)]
    random = np.random.default_rng(99)
    new = np.stack([answer(random, "new", False, 0.8).features[0] for _ in range(2000)])
    rates = [(fit.model.probability(new) > fit.threshold).mean() for fit in fits]
    # Of one fit to 120 absent answers the rate deviates by 0.025.
    assert np.mean(rates) == pytest.approx(0.1, abs=0.025)
    assert np.mean([fit.figures.true_accepts for fit in fits]) > 0.3


def test_the_threshold_of_a_fold_comes_from_the_others_by_the_same_fit() -> None:
    by_fit = np.array([[0.9, 0.1, 0.2, 0.8], [0.95, 0.5, 0.3, 0.94]])
    present = np.array([False, False, True, True])
    folds = np.array([0, 1, 0, 1])
    # Fold 0 is judged by the absent 0.1 of fold 1, fold 1 by the 0.95 of fold 0 by its own fit.
    assert accepted(by_fit, present, folds, 0.5).tolist() == [True, False, True, False]


def test_few_correct_hits_are_called_absent_and_many_absent_ones() -> None:
    fits = [fit_matching(drawn_answers(seed, lift=0.95), 0.1, seed) for seed in range(6)]
    random = np.random.default_rng(7)
    new = [[answer(random, "n", kind, 0.95) for _ in range(1000)] for kind in (True, False)]
    correct = np.stack([one.features[0] for one in new[0] if one.right_first])
    absent = np.stack([one.features[0] for one in new[1]])
    rates = []
    for fit in fits:
        assert fit.absent_below is not None and fit.absent_below <= fit.threshold
        rows = (correct, absent)
        rates.append([(fit.model.probability(one) <= fit.absent_below).mean() for one in rows])
    of_correct, of_absent = np.mean(rates, axis=0)
    assert of_correct < MISSED + 0.02 and of_absent > 3 * of_correct
    measured = [fit.figures for fit in fits]
    assert np.mean([one.absent_named or 0 for one in measured]) == pytest.approx(of_absent, abs=0.1)
    assert all((one.correct_named or 0) < 3 * MISSED for one in measured)


@pytest.mark.parametrize("seed", range(8))
def test_without_evidence_no_product_is_called_absent(seed: int) -> None:
    """Present and absent answers from one world; and too few of them in another."""
    random = np.random.default_rng(seed)
    alike = [
        Answer(f"p{n}", present, features(random, 4), np.arange(4) == (0 if present else 9))
        for n in range(30)
        for present in (True, False)
    ]
    # Many photos, of which few find their product: the others look like those of absent ones.
    lost = drawn_answers(seed, products=150, photos=3, lift=0.25)
    few = drawn_answers(seed, 15, 1, 0.5)
    for fit in (fit_matching(some, 0.1) for some in (alike, lost, few)):
        assert fit.absent_below is None
        assert fit.figures.absent_named == 0


def test_of_few_photos_score_and_margin_weigh_in_as_of_the_views() -> None:
    views, photos = drawn_answers(1, products=80), drawn_answers(2, products=12)
    guide = guide_of(views, photos)
    assert guide is not None and guide_of(photos, views) is None
    alone, led = (fit_matching(photos, 0.1, views=some).model for some in ((), views))
    assert led.margin / led.score == pytest.approx(guide.margin / guide.score)
    assert alone.margin / alone.score != pytest.approx(guide.margin / guide.score)
    assert led.score > 0 and led.score != guide.score  # how sure a photo may be is of photos
    assert guide_of([], photos) is None  # and then the photos have to do
    nothing = [replace(one, features=one.features * (0, 0, 1)) for one in views]
    assert guide_of(nothing, photos) is None


def test_an_answer_without_hits_is_no_match() -> None:
    nothing = Answer("p0", False, np.empty((0, 3)), np.empty(0, np.bool_))
    fit = fit_matching([*drawn_answers(0), nothing], 0.1)
    assert first_probabilities(fit.model, [nothing]) == 0
    assert (fit.firsts[:, -1] == 0).all()
    assert not nothing.right_first


def test_too_few_photos_are_refused_with_how_many_it_takes() -> None:
    with pytest.raises(ConfigError, match="4 products photographed, needs 10"):
        fit_matching(drawn_answers(0, products=4))
    with pytest.raises(ConfigError, match="needs 99") as caught:
        fit_matching(drawn_answers(0, products=20), 0.01)
    assert "40 answers about absent products" in str(caught.value)
    absent = [one for one in drawn_answers(0) if not one.present]
    with pytest.raises(ConfigError, match="0 photos with the correct product"):
        fit_matching(absent)


def test_the_same_seed_gives_the_same_fit() -> None:
    one, two = (fit_matching(drawn_answers(3), seed=4) for _ in range(2))
    assert isinstance(one.model, MatchModel)
    assert one.model.model_dump() == two.model.model_dump()
    assert (one.threshold, one.figures) == (two.threshold, two.figures)


def with_places(answers: list[Answer], seed: int) -> list[Answer]:
    """Correct hits share some print with the photo, others by chance."""
    random, found = np.random.default_rng(seed), []
    for one in answers:
        places = np.where(one.right, random.integers(10, 40, len(one.right)), 0)
        places = np.maximum(places, random.integers(0, 9, len(one.right))).astype(float)
        ahead = places - places.max()
        ahead[places.argmax()] = places.max() - np.sort(places)[-2]
        rows = np.column_stack([one.features, places, ahead])
        found.append(replace(one, features=rows))
    return found


@pytest.mark.parametrize("guided", [False, True])
def test_print_has_more_present_products_accepted(guided: bool) -> None:
    answers = drawn_answers(5, products=25, lift=0.3)
    views = drawn_answers(6, products=80) if guided else []
    without = fit_matching(answers, 0.05, 0, views)
    printed = with_places(answers, 7)
    found = fit_matching(printed, 0.05, 0, with_places(views, 8))
    assert found.model.weighs_print and not without.model.weighs_print
    refused = [one.figures.correct_refused for one in (found, without)]
    assert refused[0] is not None and refused[1] is not None and refused[0] < 0.1 < refused[1]
    assert found.figures.true_accepts > without.figures.true_accepts
    assert found.figures.false_accepts < 0.1


def test_without_any_print_the_fit_is_that_of_before() -> None:
    answers = drawn_answers(5, products=25)
    blank = [replace(one, features=np.pad(one.features, ((0, 0), (0, 2)))) for one in answers]
    assert fit_model(blank) == fit_model(answers)
