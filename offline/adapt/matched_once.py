"""Keypoints of one query, compared with each set of candidates once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from engine.keypoints import Keypoints, TentativeMatch
from engine.protocols import KeypointMatcher, Vocabulary
from engine.types import Matte, RGBImage


class MatchedOnce:
    """As its matcher, for one query: orders of the same candidates by several rerankers are judged,
    and to compare them is what takes the time. Which are compared together may change what is
    found, their order does not."""

    def __init__(self, matcher: KeypointMatcher) -> None:
        self._matcher = matcher
        self._found: dict[frozenset[int], Mapping[int, TentativeMatch]] = {}

    @property
    def checked(self) -> int:
        return self._matcher.checked

    @property
    def least(self) -> int:
        return self._matcher.least

    @property
    def weight(self) -> float:
        return self._matcher.weight

    @property
    def vocabulary(self) -> Vocabulary:
        return self._matcher.vocabulary

    def detect(self, images: Sequence[RGBImage], mattes: Sequence[Matte | None]) -> list[Keypoints]:
        return self._matcher.detect(images, mattes)

    def mirrored(self, keypoints: Keypoints) -> Keypoints:
        return self._matcher.mirrored(keypoints)

    def match(self, query: Keypoints, candidates: Sequence[Keypoints]) -> list[TentativeMatch]:
        """Aligned with the candidates."""
        places = [id(one) for one in candidates]
        if (key := frozenset(places)) not in self._found:
            pairs = zip(places, self._matcher.match(query, candidates), strict=True)
            self._found[key] = {
                place: TentativeMatch(one.at_most, cache(one.verify)) for place, one in pairs
            }
        return [self._found[key][place] for place in places]
