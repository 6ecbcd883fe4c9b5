"""The models of a learned rerank: as scikit-learn's, without scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from offline.train.reranker.models import boosted
from weights.reranker_models import REACH, Linear, Scorer, Tree, Trees

FEATURES = ("score", "a", "b")
LEAF = Tree(feature=(-1,), threshold=(0.0,), left=(0,), right=(0,), value=(2.5,))

ASKING = Tree(
    feature=(1, -1, -1),
    threshold=(0.5, 0.0, 0.0),
    left=(1, 0, 0),
    right=(2, 0, 0),
    value=(0.0, -1.0, 1.0),
)


def drawn(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that repeat values, so that a threshold is met exactly, and answers with noise."""
    random = np.random.default_rng(seed)
    rows = np.round(random.normal(size=(count, 3)), 1)
    right = rows[:, 0] * rows[:, 1] + 0.5 * random.normal(size=count) > 0
    right[:2] = [True, False]
    return rows, right


def probabilities(log_odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-log_odds))


def scorer(model: object, /, **changed: object) -> Scorer:
    given = {
        "features": FEATURES,
        "means": (0.0,) * 3,
        "scales": (1.0,) * 3,
        "slope": 2.0,
        "model": model,
    }
    return Scorer.model_validate({**given, **changed})


LINEAR = Linear(intercept=0.5, coefficients=(1.0, -2.0, 0.25))


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 30))
@settings(max_examples=15, deadline=None)
def test_boosted_trees_say_what_scikit_learn_says(seed: int, depth: int, trees: int) -> None:
    rows, right = drawn(80, seed)
    model = GradientBoostingClassifier(
        n_estimators=trees, max_depth=depth, subsample=0.5, random_state=seed
    ).fit(rows, right)
    others = np.concatenate([rows, drawn(40, seed + 1)[0] * 3])
    found = probabilities(boosted(model).log_odds(others))
    np.testing.assert_allclose(found, model.predict_proba(others)[:, 1], atol=1e-6)


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_a_linear_model_says_what_scikit_learn_says(seed: int) -> None:
    rows, right = drawn(60, seed)
    model = LogisticRegression(C=0.7).fit(rows, right)
    ours = Linear(intercept=float(model.intercept_[0]), coefficients=tuple(model.coef_[0].tolist()))
    found = probabilities(ours.log_odds(rows))
    np.testing.assert_allclose(found, model.predict_proba(rows)[:, 1], atol=1e-12)


@pytest.mark.parametrize("model", [LINEAR, Trees(baseline=0.1, trees=(LEAF,))])
def test_a_row_is_worth_the_same_alone_and_among_others(model: Linear | Trees) -> None:
    rows, _ = drawn(9, seed=1)
    together = scorer(model).values(rows, 0.5)
    alone = [scorer(model).values(row[None], 0.5)[0] for row in rows]
    np.testing.assert_array_equal(together, alone)
    assert scorer(model).values(rows[:0], 0.5).shape == (0,)


def test_trees_of_unlike_depth_and_many_rows_are_read_as_one_walks_them() -> None:
    rows, right = drawn(600, seed=3)
    deep = boosted(GradientBoostingClassifier(n_estimators=9, random_state=0).fit(rows, right))
    model = Trees(baseline=0.5, trees=(LEAF, ASKING, *deep.trees, LEAF))

    def walked(tree: Tree, row: np.ndarray) -> float:
        at = 0
        while tree.feature[at] >= 0:
            left = np.float32(row[tree.feature[at]]) <= tree.threshold[at]
            at = tree.left[at] if left else tree.right[at]
        return tree.value[at]

    slow = [0.5 + sum(walked(tree, row) for tree in model.trees) for row in rows]
    np.testing.assert_allclose(model.log_odds(rows), slow, atol=1e-12)
    one_by_one = [model.log_odds(row[None])[0] for row in rows[:200]]
    np.testing.assert_array_equal(model.log_odds(rows)[:200], one_by_one)


def test_a_tree_of_one_leaf_says_one_thing() -> None:
    assert Trees(baseline=1.0, trees=(LEAF, LEAF)).log_odds(np.zeros((2, 3))).tolist() == [6, 6]


def test_a_row_goes_left_where_it_equals_the_threshold() -> None:
    rows = np.array([[0, 0.5, 0], [0, 0.51, 0]])
    assert Trees(baseline=0.0, trees=(ASKING, LEAF)).log_odds(rows).tolist() == [1.5, 3.5]


def test_share_0_is_the_score_and_share_1_what_was_learned() -> None:
    rows, _ = drawn(20, seed=2)
    found = scorer(LINEAR)
    np.testing.assert_array_equal(found.values(rows, 0), 2.0 * rows[:, 0])
    np.testing.assert_array_equal(found.values(rows, 1), found.log_odds(rows))
    between = 0.25 * found.log_odds(rows) + 0.75 * 2.0 * rows[:, 0]
    np.testing.assert_allclose(found.values(rows, 0.25), between)


def test_what_no_training_pair_had_counts_as_the_farthest_that_it_had() -> None:
    far = scorer(LINEAR).log_odds(np.array([[0.0, 1e9, 0.0]]))
    assert far == scorer(LINEAR).log_odds(np.array([[0.0, REACH, 0.0]]))


@pytest.mark.parametrize(
    "changed",
    [
        {"means": (0.0, 0.0)},
        {"scales": (1.0, 0.0, 1.0)},
        {"slope": 0.0},
        {"slope": float("nan")},
        {"score": "no such feature"},
        {"features": ("score", "a", "a")},
        {"model": Linear(intercept=0.0, coefficients=(1.0,))},
        {"model": Trees(baseline=0.0, trees=(ASKING.model_copy(update={"feature": (3, -1, -1)}),))},
    ],
)
def test_numbers_that_do_not_fit_each_other_are_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        scorer(LINEAR, **changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"feature": (0,)},  # a question without children behind it
        {"feature": ()},
        {"value": (1.0, 2.0)},
        {"value": (float("inf"),)},
    ],
)
def test_lists_that_are_no_tree_are_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Tree.model_validate({**LEAF.model_dump(), **changed})


def test_weights_are_coefficients_or_the_share_of_questions() -> None:
    tree = Tree(
        feature=(2, 2, -1, -1, 0, -1, -1),
        threshold=(0.0,) * 7,
        value=(0.0,) * 7,
        left=(1, 2, 0, 0, 5, 0, 0),
        right=(4, 3, 0, 0, 6, 0, 0),
    )
    assert LINEAR.weights(3) == (1.0, -2.0, 0.25)
    assert Trees(baseline=0.0, trees=(tree,)).weights(3) == pytest.approx((1 / 3, 0, 2 / 3))
    assert Trees(baseline=0.0, trees=(LEAF,)).weights(3) == (0, 0, 0)
