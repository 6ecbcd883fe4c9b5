"""The vote among neighbours against its plain formula, and its edges."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.category_head import CategoryHead
from engine.config import RouteSettings
from engine.routing import route
from engine.types import UNCATEGORISED, CategoryScores, Cutout, Embedding, Neighbour
from stages.classify import nearest
from stages.context import BuildContext


class ListedNeighbours:
    """A gallery of one list, for the classifier under test."""

    def __init__(self, neighbours: Sequence[Neighbour], unlabelled: Collection[int] = ()) -> None:
        self.neighbours = list(neighbours)
        self.unlabelled = unlabelled
        self.asked: list[tuple[int, Sequence[str] | None, bool]] = []

    def search(
        self,
        embedding: Embedding,
        k: int,
        categories: Sequence[str] | None = None,
        *,
        labelled_only: bool = False,
    ) -> list[Neighbour]:
        self.asked.append((k, categories, labelled_only))
        left_out = self.unlabelled if labelled_only else ()
        return [one for one in self.neighbours if one.id not in left_out][:k]

    def predicted(self, embedding: Embedding, vote: Callable[[], CategoryScores]) -> CategoryScores:
        return vote()


def cutout() -> Cutout:
    return Cutout(np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), np.float32), (0, 0, 4, 4))


def listed(*pairs: tuple[float, str]) -> list[Neighbour]:
    return [Neighbour(i, d, c) for i, (d, c) in enumerate(sorted(pairs))]


def test_equal_distances_weigh_the_same() -> None:
    scores = nearest.vote(listed((0.5, "jar"), (0.5, "cap"), (0.5, "jar"), (0.5, "jar")), 8)
    assert dict(scores.ranked()) == pytest.approx({"jar": 0.75, "cap": 0.25})


def test_the_nearest_outvotes_two_far_ones() -> None:
    scores = nearest.vote(listed((0.4, "jar"), (0.8, "cap"), (0.8, "cap")), 8)
    assert scores.top == "jar"
    assert dict(scores.ranked())["cap"] == pytest.approx(2 / (2 + 2**8))


def test_power_0_counts_heads_even_with_an_exact_match() -> None:
    scores = nearest.vote(listed((0.0, "jar"), (0.8, "cap"), (0.9, "cap")), 0)
    assert dict(scores.ranked()) == pytest.approx({"cap": 2 / 3, "jar": 1 / 3})


def test_exact_matches_have_all_the_weight() -> None:
    scores = nearest.vote(listed((0.0, "jar"), (0.0, "cap"), (1e-6, "puff")), 8)
    assert dict(scores.ranked()) == pytest.approx({"jar": 0.5, "cap": 0.5, "puff": 0.0})


def test_a_distance_next_to_nothing_does_not_overflow() -> None:
    scores = nearest.vote(listed((5e-324, "jar"), (1e308, "cap")), 8)
    assert dict(scores.ranked()) == pytest.approx({"jar": 1.0, "cap": 0.0})


@given(
    pairs=st.lists(
        st.tuples(st.floats(0.01, 10), st.sampled_from(["jar", "cap", "puff"])), min_size=1
    ),
    power=st.sampled_from([0.0, 1.0, 2.5, 8.0]),
    scale=st.sampled_from([0.01, 1.0, 300.0]),
)
def test_the_weights_are_those_of_the_formula_at_any_scale(
    pairs: list[tuple[float, str]], power: float, scale: float
) -> None:
    scores = nearest.vote(listed(*((d * scale, c) for d, c in pairs)), power)
    weights = [(min(d for d, _ in pairs) / d) ** power for d, _ in pairs]
    for name, probability in scores.ranked():
        mine = sum(w for w, (_, c) in zip(weights, pairs, strict=True) if c == name)
        assert probability == pytest.approx(mine / sum(weights), abs=1e-5)
    assert set(scores.names) == {c for _, c in pairs}


def test_no_gallery_and_no_labelled_record_are_uncategorised() -> None:
    rows = np.ones((2, 3), np.float32)
    options = nearest.Options()
    for gallery in (None, ListedNeighbours([])):
        context = BuildContext(gallery=lambda found=gallery: found)
        scores = nearest.build(options, context).classify([cutout(), cutout()], rows)
        assert [s.ranked() for s in scores] == [[(UNCATEGORISED, 1.0)]] * 2


def test_only_labelled_records_vote_and_the_gallery_opens_at_the_first_vote() -> None:
    gallery, opened = ListedNeighbours(listed((0.1, "jar"))), []

    def opens() -> ListedNeighbours:
        opened.append(True)
        return gallery

    stage = nearest.build(nearest.Options.model_validate({"k": 3}), BuildContext(gallery=opens))
    assert not opened
    stage.classify([cutout()], np.ones((1, 3), np.float32))
    assert gallery.asked == [(3, None, True)]


def test_embeddings_stay_writable() -> None:
    rows = np.ones((1, 3), np.float32)
    context = BuildContext(gallery=lambda: ListedNeighbours(listed((0.1, "jar"))))
    nearest.build(nearest.Options(), context).classify([cutout()], rows)
    assert rows.flags.writeable


HEAD = CategoryHead(("cap", "jar"), np.zeros((2, 2), np.float32), np.array([99, 0], np.float32))


@pytest.mark.parametrize(
    ("unlabelled", "expected"),
    [
        ([], {"cap": 0.5, "jar": 0.5}),  # the mean
        ([0, 1], {"cap": 0.5, "jar": 0.5}),  # the third of the three nearest is labelled
        ([0, 1, 2], {"cap": 1.0, "jar": 0.0}),  # the fourth is
        ([0, 1, 2, 3], {"cap": 1.0, "jar": 0.0}),  # none is
    ],
)
def test_beside_a_head_labelled_images_vote_where_one_is_among_the_nearest(
    unlabelled: list[int], expected: dict[str, float]
) -> None:
    neighbours = listed((0.1, "jar"), (0.2, "jar"), (0.3, "jar"), (0.4, "jar"))
    gallery = ListedNeighbours(neighbours, unlabelled)
    stage = nearest.Nearest(nearest.Options(k=3), lambda: gallery, HEAD)
    (found,) = stage.classify([], np.ones((1, 2), np.float32))
    assert dict(found.ranked()) == pytest.approx(expected)


def test_a_head_predicts_alone_where_nothing_is_labelled() -> None:
    for gallery in (None, ListedNeighbours([])):
        stage = nearest.Nearest(nearest.Options(), lambda found=gallery: found, HEAD)
        (found,) = stage.classify([], np.ones((1, 2), np.float32))
        assert found.ranked() == HEAD.alone(np.ones(2, np.float32)).ranked()


def scores(**probabilities: float) -> CategoryScores:
    return CategoryScores(tuple(probabilities), np.array(list(probabilities.values()), np.float32))


def test_a_head_that_knows_all_categories_counts_as_much_as_the_gallery() -> None:
    found = nearest.mean_of(scores(cap=1.0), scores(cap=0.2, jar=0.7, puff=0.1))
    assert dict(found.ranked()) == pytest.approx({"cap": 0.6, "jar": 0.35, "puff": 0.05})


def test_a_head_has_no_part_where_the_gallery_has_other_categories() -> None:
    own = scores(cap=0.9, tin=0.1)
    assert nearest.mean_of(own, scores(cap=0.2, jar=0.8)) is own


def test_beside_a_head_a_category_is_searched_wherever_the_gallery_alone_would_search_it() -> None:
    own = CategoryScores(("cap", "jar"), np.array([0.9, 0.1], np.float32), least=0.1)
    mean = nearest.mean_of(own, scores(cap=1.0, jar=0.0))
    by_least = RouteSettings(by="probability")
    assert route(mean, ("cap", "jar"), by_least).categories == ("cap", "jar")
