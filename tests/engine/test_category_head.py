"""A category head of two numbers and three categories, alone and with a vote."""

from __future__ import annotations

import numpy as np
import pytest

from engine.category_head import CategoryHead, read_head
from engine.probabilities import UnknownRule
from engine.types import CategoryScores
from tests.engine.made_adaptations import head

VECTOR = np.array([1, 0.5], np.float32)


VOTE = CategoryScores(("jar",), np.ones(1, np.float32))


def test_probabilities_are_the_softmax_of_the_logits() -> None:
    made = head(temperature=2)
    logits = VECTOR.astype(np.float64) @ made.weights + made.bias
    powers = np.exp(logits / 2)
    scores = made.scores(VECTOR, VOTE)
    assert scores.names == made.names and not scores.unknown and scores.least is None
    np.testing.assert_allclose(scores.probabilities, powers / powers.sum(), rtol=1e-6)


def test_a_vote_moves_the_head_as_much_as_it_weighs() -> None:
    vote = CategoryScores(("cap", "jar"), np.array([0.9, 0.1], np.float32))
    alone = dict(head().scores(VECTOR, vote).ranked())
    pooled = dict(head(vote_weight=2.0).scores(VECTOR, vote).ranked())
    assert pooled["cap"] / pooled["jar"] == pytest.approx(
        alone["cap"] / alone["jar"] * (0.9 / 0.1) ** 2, rel=1e-4
    )
    # No neighbour is a tin, which does not rule it out.
    assert pooled["tin"] / pooled["jar"] == pytest.approx(
        alone["tin"] / alone["jar"] * (0.01 / 0.1) ** 2, rel=1e-4
    )


def test_a_category_that_came_after_the_fit_keeps_its_vote() -> None:
    vote = CategoryScores(("lid", "cap"), np.array([0.7, 0.3], np.float32))
    rule = UnknownRule(score="max_probability", threshold=0.999)
    found = head(unknown=rule).scores(VECTOR, vote)
    assert dict(found.ranked())["lid"] == pytest.approx(0.7) and not found.unknown
    rest = head().scores(VECTOR, VOTE).probabilities
    np.testing.assert_allclose(found.probabilities[:3], 0.3 * rest, rtol=1e-5)
    assert head().scores(VECTOR, CategoryScores.certain("lid")).top == "lid"


def test_a_rule_calls_a_vector_unknown() -> None:
    rule = UnknownRule(score="max_probability", threshold=0.999)
    assert head(unknown=rule, least=0.125).scores(VECTOR, VOTE).unknown
    assert head(least=0.125).scores(VECTOR, VOTE).least == 0.125


def test_it_is_read_back_as_it_was_written() -> None:
    rule = UnknownRule(score="energy", threshold=-2.5)
    made = head(temperature=0.3, vote_weight=0.5, unknown=rule, least=0.01, of_photos=False)
    again = read_head(made.text())
    assert again.text() == made.text()
    np.testing.assert_array_equal(again.weights, made.weights)
    assert (again.names, again.unknown, again.least) == (made.names, rule, 0.01)
    assert not again.of_photos


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"names": ["a"], "weights": "x", "bias": "y"}'])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_head(text)


def test_parts_that_do_not_fit_together_are_refused() -> None:
    made = head()
    with pytest.raises(ValueError):
        CategoryHead(made.names[:2], made.weights, made.bias)
    with pytest.raises(ValueError):
        CategoryHead(made.names, made.weights, made.bias[:2])
    with pytest.raises(ValueError):
        CategoryHead(made.names, made.weights * np.float32("nan"), made.bias)
