"""The first hits by their print: compared with a twin that verifies all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import DamageError
from engine.keypoints import KeypointMatch, Keypoints, TentativeMatch
from engine.protocols import KeypointMatcher, Vocabulary
from engine.types import Description, Hit, Matte, Record, RGBImage
from engine.verification import (
    evidence,
    explained,
    matches,
    other_reasons,
    verified,
    words,
)
from stages.keypoints._vocabulary import shipped_vocabulary
from tests.engine.made_descriptions import described

LEAST = 5
WIDTH = 3


def keypoints(count: int = 1, width: int = WIDTH) -> Keypoints:
    return Keypoints(np.zeros((count, 4), np.float32), np.zeros((count, width), np.int8))


def match_of(inliers: int, *, mirrored: bool = False) -> KeypointMatch:
    return KeypointMatch(np.zeros((inliers, 4), np.float32), mirrored=mirrored)


class MadeMatcher:
    """Of the nth candidate ``inliers[n]`` places match, and it is known that ``at_most[n]`` do.
    Notes which of them were verified."""

    least = LEAST

    def __init__(
        self,
        inliers: Sequence[int],
        at_most: Sequence[int] | None = None,
        *,
        checked: int = 20,
        weight: float = 1.0,
        mirrored: bool = False,
    ) -> None:
        self._inliers, self._at_most = inliers, at_most or inliers
        self.checked, self.weight = checked, weight
        self._mirrored = mirrored
        self.verified: list[int] = []

    @property
    def vocabulary(self) -> Vocabulary:
        return shipped_vocabulary()

    def detect(self, images: Sequence[RGBImage], mattes: Sequence[Matte | None]) -> list[Keypoints]:
        raise NotImplementedError

    def mirrored(self, keypoints: Keypoints) -> Keypoints:
        raise NotImplementedError

    def match(self, query: Keypoints, candidates: Sequence[Keypoints]) -> list[TentativeMatch]:
        def tentative(at: int) -> TentativeMatch:
            def verify() -> KeypointMatch:
                self.verified.append(at)
                return match_of(self._inliers[at], mirrored=self._mirrored)

            return TentativeMatch(self._at_most[at], verify)

        return [
            tentative(at) if len(one) else TentativeMatch(0, lambda: match_of(0))
            for at, one in enumerate(candidates)
        ]


def photo(found: Keypoints | None = None) -> Description:
    return replace(described((1, 1)), keypoints=found or keypoints())


def hits(count: int, *, without: Sequence[int] = (), ranks_from: int = 1) -> list[Hit]:
    """Those ``without`` keypoints, by their place in the list."""
    made = []
    for at in range(count):
        description = replace(described((at, 1)), keypoints=None if at in without else keypoints())
        record = Record(at, "0" * 64, f"p{at}", "jar", True, f"{at}.jpg", {}, description)
        made.append(Hit(record, ranks_from + at, 1 - at / 100, at / 100))
    return made


def order(answer: Sequence[Hit]) -> list[int]:
    return [hit.record.id for hit in answer]


def twin(count: int, inliers: Sequence[int], weight: float, checked: int) -> list[int]:
    """The order by verifying every hit."""
    head = min(count, checked)
    gain = [max(0.0, float(np.log2(max(n, 1) / LEAST))) for n in inliers]
    values = [1 / (at + 1) + weight * gain[at] for at in range(head)]
    return [*sorted(range(head), key=lambda at: -values[at]), *range(head, count)]


places = st.integers(0, 40)


@given(
    st.lists(st.tuples(places, places), max_size=12),
    st.sampled_from((0.0, 0.1, 0.5, 1.0, 3.0)),
    st.integers(0, 14),
)
@example([(10, 0), (10, 0), (10, 0)], 0.5, 20)  # values that tie
def test_the_order_is_that_of_verifying_every_hit(
    pairs: list[tuple[int, int]], weight: float, checked: int
) -> None:
    inliers = [n for n, _ in pairs]
    at_most = [n + more for n, more in pairs]
    matcher = MadeMatcher(inliers, at_most, weight=weight, checked=checked)
    answer = verified(photo(), hits(len(pairs)), matcher)
    assert order(answer) == twin(len(pairs), inliers, weight, checked)
    assert [hit.rank for hit in answer] == list(range(1, len(pairs) + 1))
    assert len(set(matcher.verified)) == len(matcher.verified)


@given(st.lists(st.integers(0, LEAST), max_size=12))
def test_no_evidence_keeps_the_order_and_verifies_nothing(inliers: list[int]) -> None:
    matcher = MadeMatcher(inliers)
    answer = verified(photo(), hits(len(inliers)), matcher)
    assert order(answer) == list(range(len(inliers)))
    assert matcher.verified == []
    assert all(hit.match is None and hit.why == "" for hit in answer)


@given(st.sets(st.integers(0, 7)), st.lists(places, min_size=8, max_size=8))
def test_a_hit_without_keypoints_ranks_like_one_without_evidence(
    without: set[int], inliers: list[int]
) -> None:
    answer = verified(photo(), hits(8, without=sorted(without)), MadeMatcher(inliers))
    as_none = [0 if at in without else n for at, n in enumerate(inliers)]
    assert order(answer) == twin(8, as_none, 1.0, 20)
    left = [at for at in order(answer) if as_none[at] <= LEAST]
    assert left == sorted(left)


def test_a_query_or_hits_without_keypoints_are_left_as_they_are() -> None:
    matcher = MadeMatcher([40, 40, 40])
    bare = replace(photo(), keypoints=None)
    assert order(verified(bare, hits(3), matcher)) == [0, 1, 2]
    assert order(verified(photo(), hits(3, without=(0, 1, 2)), matcher)) == [0, 1, 2]
    assert matcher.verified == []


def test_only_hits_that_may_pass_or_be_passed_are_verified() -> None:
    # 2 doublings at rank 4 may pass all; ranks 2, 5 and 6 have none that could count.
    matcher = MadeMatcher([0, 0, 9, 20, 3, 5])
    assert order(verified(photo(), hits(6), matcher)) == [3, 2, 0, 1, 4, 5]
    assert sorted(matcher.verified) == [2, 3]


def test_a_hit_that_is_too_far_behind_is_not_verified() -> None:
    # Two doublings are worth 0.1: 1 / 3 does not become 1 / 2, and rank 4 has no evidence.
    matcher = MadeMatcher([0, 0, 20, 5], weight=0.05)
    assert order(verified(photo(), hits(4), matcher)) == [0, 1, 2, 3]
    assert matcher.verified == []


def test_the_first_hit_is_verified_also_where_nothing_can_pass_it() -> None:
    matcher = MadeMatcher([30, 0, 0])
    (first, *others) = verified(photo(), hits(3), matcher)
    assert matcher.verified == [0]
    assert first.match is not None and first.match.inliers == 30
    assert [hit.match for hit in others] == [None, None]


def test_places_that_only_look_alike_move_no_hit() -> None:
    matcher = MadeMatcher([0, 0, 2], at_most=[0, 0, 40])
    assert order(verified(photo(), hits(3), matcher)) == [0, 1, 2]
    assert matcher.verified == [2]


def test_hits_beyond_those_that_are_checked_stay() -> None:
    matcher = MadeMatcher([0, 40], checked=2)
    answer = verified(photo(), hits(5, ranks_from=7), matcher)
    assert order(answer) == [1, 0, 2, 3, 4]
    assert [hit.rank for hit in answer] == [1, 2, 3, 4, 5]
    assert all(hit.match is None for hit in answer[2:])


def test_checking_no_hits_changes_nothing() -> None:
    given_hits = hits(3)
    assert verified(photo(), given_hits, MadeMatcher([40] * 3, checked=0)) == given_hits
    assert verified(photo(), [], MadeMatcher([])) == []


def test_scores_distances_and_the_input_are_left_as_they_were() -> None:
    given_hits = hits(4)
    kept = list(given_hits)
    for hit in verified(photo(), given_hits, MadeMatcher([0, 10, 20, 40])):
        before = kept[hit.record.id]
        assert (hit.score, hit.distance) == (before.score, before.distance)
    assert all(one is other for one, other in zip(given_hits, kept, strict=True))


def test_keypoints_of_another_stage_are_damage_that_names_the_image() -> None:
    (hit,) = hits(1)
    description = replace(hit.record.description, keypoints=keypoints(2, WIDTH + 1))
    strange = replace(hit, record=replace(hit.record, description=description))
    with pytest.raises(DamageError, match=r"0\.jpg"):
        matches(photo(), [strange], MadeMatcher([1]))


def test_an_image_in_which_nothing_was_found_may_have_keypoints_of_any_width() -> None:
    (hit,) = hits(1)
    description = replace(hit.record.description, keypoints=Keypoints.none())
    bare = replace(hit, record=replace(hit.record, description=description))
    found = matches(photo(), [*hits(1), bare], MadeMatcher([9, 9]))
    assert found is not None and [one.at_most for one in found] == [9, 0]


@given(st.integers(0, 200))
def test_evidence_grows_by_one_with_every_doubling(inliers: int) -> None:
    once, twice = evidence([inliers, 2 * inliers], LEAST)
    assert once == 0 if inliers <= LEAST else once > 0
    if inliers >= LEAST:
        assert twice == pytest.approx(once + 1)


def test_words_name_the_places_and_what_is_mirrored() -> None:
    (hit,) = hits(1)

    def explanation(match: KeypointMatch) -> str:
        return explained(replace(hit, match=match), LEAST).why

    assert "34 matching places" in explanation(match_of(34))
    assert "mirrored" not in explanation(match_of(34))
    assert "mirrored" in explanation(match_of(34, mirrored=True))
    assert explanation(match_of(LEAST)) == explained(hit, LEAST).why == words(None) == ""


def test_a_match_is_evident_where_it_is_explained() -> None:
    answer = verified(photo(), hits(2), MadeMatcher([2, 34], at_most=[40, 34]))
    assert [hit.match.evident for hit in answer if hit.match] == [True, False]
    assert [bool(hit.why) for hit in answer] == [True, False]


@given(st.lists(places, min_size=1, max_size=8), st.booleans())
def test_a_hit_that_print_raises_is_explained_by_it(inliers: list[int], mirrored: bool) -> None:
    matcher = MadeMatcher(inliers, mirrored=mirrored)
    given_hits = [replace(hit, why="as it was") for hit in hits(len(inliers))]
    for hit in verified(photo(), given_hits, matcher):
        raised = hit.rank <= hit.record.id  # its place before, from 0
        assert (f"raise its image to place {hit.rank}" in hit.why) == raised
        if raised:
            assert f"; {inliers[hit.record.id]} " in hit.why
            assert ("mirrored" in hit.why) == mirrored
        assert other_reasons(hit) == "as it was"


@pytest.mark.parametrize(("count", "evident"), [(LEAST + 1, False), (9, False), (10, True)])
def test_as_many_places_as_agree_by_chance_now_and_then_are_no_evidence_to_users(
    count: int, evident: bool
) -> None:
    (stays, *_) = verified(photo(), hits(2), MadeMatcher([count, 0]))
    (raised, *_) = verified(photo(), hits(2), MadeMatcher([0, count], weight=3.0))
    assert stays.match is not None and stays.match.evident == evident
    assert (stays.why != "") == evident
    assert (stays.record.id, raised.record.id) == (0, 1)
    assert ("by chance" in raised.why) == (not evident)
    assert ("matching places" in raised.why) == evident


def test_the_made_matcher_is_one() -> None:
    assert isinstance(MadeMatcher([]), KeypointMatcher)


def test_why_keeps_the_reason_of_the_reranker() -> None:
    (hit,) = hits(1)
    (answer,) = verified(photo(), [replace(hit, why="kept its place")], MadeMatcher([40]))
    assert answer.why.startswith("kept its place; ")
    assert "40" in answer.why


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_all_matches_where_they_are_needed_change_no_order(inliers: list[int]) -> None:
    found = verified(photo(), hits(len(inliers)), MadeMatcher(inliers), all_matches=True)
    as_ever = verified(photo(), hits(len(inliers)), MadeMatcher(inliers))
    assert [hit.record.id for hit in found] == [hit.record.id for hit in as_ever]
    for hit in found:
        count = inliers[hit.record.id]
        assert (hit.match.inliers if hit.match else 0) == (count if count > LEAST else 0)
