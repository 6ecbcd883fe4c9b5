"""The models of the learned reranker: as scikit-learn's, without scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.ensemble import GradientBoostingClassifier

from offline.adapt.reranking.models import boosted
from stages.rerank._artefact import RerankerArtefact
from stages.rerank._scorer import REACH, Coefficients, Scorer
from stages.rerank._trees import Boosting, Tree, Trees

FEATURES = ("score", "a", "b")
LEAF = Tree(feature=(-1,), threshold=(0.0,), left=(0,), right=(0,), value=(2.5,))

ASKING = Tree(
    feature=(1, -1, -1),
    threshold=(0.5, 0.0, 0.0),
    left=(1, 0, 0),
    right=(2, 0, 0),
    value=(0.0, -1.0, 1.0),
)


def trees(*parts: Tree, baseline: float = 0.0) -> Trees:
    return Boosting(baseline=baseline, trees=parts).compiled(3)


def walked(tree: Tree, row: np.ndarray) -> float:
    """The slow way, with the threshold in float64."""
    at = 0
    while tree.feature[at] >= 0:
        with np.errstate(over="ignore"):
            left = float(np.float32(row[tree.feature[at]])) <= tree.threshold[at]
        at = tree.left[at] if left else tree.right[at]
    return tree.value[at]


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


LINEAR = Coefficients(intercept=0.5, coefficients=(1.0, -2.0, 0.25))


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 30))
@settings(max_examples=15, deadline=None)
def test_boosted_trees_say_what_scikit_learn_says(seed: int, depth: int, count: int) -> None:
    rows, right = drawn(80, seed)
    model = GradientBoostingClassifier(
        n_estimators=count, max_depth=depth, subsample=0.5, random_state=seed
    ).fit(rows, right)
    others = np.concatenate([rows, drawn(40, seed + 1)[0] * 3])
    found = probabilities(boosted(model).compiled(3).log_odds(others))
    np.testing.assert_allclose(found, model.predict_proba(others)[:, 1], atol=1e-6)


@pytest.mark.parametrize("model", [LINEAR, trees(ASKING, LEAF, baseline=0.1)])
def test_a_row_is_worth_the_same_alone_and_among_others(model: Coefficients | Trees) -> None:
    rows, _ = drawn(9, seed=1)
    together = scorer(model).values(rows, 0.5)
    alone = [scorer(model).values(row[None], 0.5)[0] for row in rows]
    np.testing.assert_array_equal(together, alone)
    assert scorer(model).values(rows[:0], 0.5).shape == (0,)


def test_trees_of_unlike_depth_and_many_rows_are_evaluated_as_walked() -> None:
    rows, right = drawn(600, seed=3)
    deep = boosted(GradientBoostingClassifier(n_estimators=99, random_state=0).fit(rows, right))
    parts = (LEAF, ASKING, *deep.trees, LEAF)
    model = trees(*parts, baseline=0.5)
    slow = [0.5 + sum(walked(tree, row) for tree in parts) for row in rows]
    np.testing.assert_allclose(model.log_odds(rows), slow, atol=1e-5)
    # Runtimes divide work by the number of rows: no row may notice.
    together = model.log_odds(np.tile(rows, (5, 1)))
    for count in (1, 2, 20, 127, 128, 129, 600):
        np.testing.assert_array_equal(model.log_odds(rows[:count]), together[:count])
    one_by_one = [model.log_odds(row[None])[0] for row in rows[:200]]
    np.testing.assert_array_equal(together[:200], one_by_one)


def test_a_tree_of_one_leaf_has_one_value() -> None:
    assert trees(LEAF, LEAF, baseline=1.0).log_odds(np.zeros((2, 3))).tolist() == [6, 6]


@given(st.floats(-6, 6) | st.floats(allow_nan=False, allow_infinity=False))
@settings(deadline=None, max_examples=60)
def test_rows_at_a_threshold_go_where_float64_sends_them(threshold: float) -> None:
    """At the threshold, at the float32 around it, and around those."""
    tree = ASKING.model_copy(update={"threshold": (threshold, 0.0, 0.0)})
    with np.errstate(over="ignore"):
        near = [np.float32(threshold)]
        near += [np.nextafter(near[0], np.float32(end)) for end in (-np.inf, np.inf)]
    finite = [float(value) for value in near if np.isfinite(value)]
    rows = np.array([[0, value, 0] for value in finite])
    assert trees(tree).log_odds(rows).tolist() == [walked(tree, row) for row in rows]


def test_trees_of_other_features_are_refused() -> None:
    with pytest.raises(ValueError, match="3 features"):
        trees(ASKING.model_copy(update={"feature": (3, -1, -1)}))


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
        {"model": Coefficients(intercept=0.0, coefficients=(1.0,))},
        {"model": Boosting(baseline=0.0, trees=(ASKING,)).compiled(2)},
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


def test_weights_are_coefficients_or_fractions_of_splits() -> None:
    tree = Tree(
        feature=(2, 2, -1, -1, 0, -1, -1),
        threshold=(0.0,) * 7,
        value=(0.0,) * 7,
        left=(1, 2, 0, 0, 5, 0, 0),
        right=(4, 3, 0, 0, 6, 0, 0),
    )
    assert scorer(LINEAR).weights == (1.0, -2.0, 0.25)
    assert scorer(trees(tree)).weights == pytest.approx((1 / 3, 0, 2 / 3))
    assert scorer(trees(LEAF)).weights == (0, 0, 0)


def test_a_linear_model_keeps_the_values_of_earlier_versions() -> None:
    """Recorded when rerankers had a linear model of their own."""
    kept = Scorer(
        features=FEATURES,
        means=(0.1, 1 / 3, -2.0),
        scales=(0.2, 1e-2, 3.0),
        slope=2.0,
        model=Coefficients(intercept=-1.0, coefficients=(0.3, -4.0, 0.7)),
    )
    rows = np.round(np.random.default_rng(4).normal(size=(8, 3)), 6)
    recorded = [
        18.727182433333333,
        20.304174633333332,
        18.0062268,
        20.046970733333332,
        -20.556759800000002,
        21.2237538,
        18.6686775,
        -20.45930293333334,
    ]
    np.testing.assert_allclose(kept.log_odds(rows), recorded, rtol=1e-14)
    identity = RerankerArtefact(scorer=kept, share=0.75, top_n=20).identity
    assert identity == "802d8ef5f0588fda85f038a7009173fac91ddd1c3e87244beb1e2005aa7a35f6"
