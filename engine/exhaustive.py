"""Candidates by print: images whose keypoints look like a photo's, wherever their vectors lie."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.distances import rounded_distances
from engine.errors import ConfigError
from engine.keypoints import KeypointMatch, Keypoints, TentativeMatch
from engine.parallel import one_blas_thread
from engine.protocols import KeypointMatcher, Searchable
from engine.retrieval import GalleryIndex, Ranking, Scope
from engine.types import FloatArray, Hit
from engine.verification import compared

WHOLE = 500  # images: a scope of at most so many is compared one by one
PROPOSED = 50  # images that join those found by vectors, at most


def require_keypoints(matcher: KeypointMatcher | None, gallery: str) -> KeypointMatcher:
    """ConfigError where the gallery is described without keypoints."""
    if matcher is None:
        raise ConfigError(
            f"query.exhaustive: {gallery} has no keypoints.",
            remedy="Describe its images with them, in a gallery of their own: packsight ingest "
            "FOLDER --gallery NEW --set keypoints.name=sift",
        )
    return matcher


@dataclass(frozen=True)
class PrintSearch:
    """The images of a gallery that share print with a photo.

    A scope of at most ``whole`` images is compared one by one; of a larger one as many as are
    ``proposed`` by the words of their keypoints.
    """

    gallery: Searchable
    matcher: KeypointMatcher
    whole: int = WHOLE
    proposed: int = PROPOSED

    @one_blas_thread()
    def alike(self, query: Keypoints | None, scope: Scope) -> dict[int, TentativeMatch]:
        """By id, those of which more places lie alike than may by chance, the most first, with
        their matches; ``proposed`` at most. Call within a snapshot of the gallery."""
        if query is None or not len(query):
            return {}
        left_out = set(scope.without)
        wanted = self.whole + len(left_out)
        ids = self._within(scope, wanted + 1)
        if len(ids) <= wanted:
            return self._compared(query, ids, left_out)
        found = self._compared(query, self._proposed(query, scope), left_out)
        if all(one.at_most < 2 * self.matcher.least for one in found.values()):
            mirrored = self._proposed(self.matcher.mirrored(query), scope)
            found |= self._compared(query, mirrored, left_out | set(found))
        return dict(sorted(found.items(), key=lambda pair: (-pair[1].at_most, pair[0])))

    def _within(self, scope: Scope, most: int) -> list[int]:
        if scope.among is not None:
            return [int(identity) for identity in scope.among[:most]]
        return self.gallery.image_ids(scope.categories, most)

    def _proposed(self, query: Keypoints, scope: Scope) -> list[int]:
        """Of a filtered scope those that pass among as many as are proposed of all."""
        count = self.proposed + len(scope.without)
        found = self.gallery.sharing_print(query, self.matcher, count, scope.categories)
        if scope.among is None:
            return found
        among = set(scope.among.tolist())
        return [identity for identity in found if identity in among]

    def _compared(
        self, query: Keypoints, ids: Sequence[int], left_out: Collection[int]
    ) -> dict[int, TentativeMatch]:
        ids = [identity for identity in ids if identity not in left_out]
        names = [f"{self.gallery.name}: image {identity}" for identity in ids]
        theirs = self.gallery.keypoints(ids)
        look = zip(ids, compared(query, theirs, names, self.matcher), strict=True)
        likely = [(identity, one) for identity, one in look if one.at_most > self.matcher.least]
        likely.sort(key=lambda pair: (-pair[1].at_most, pair[0]))
        lie = [(identity, one.verify()) for identity, one in likely[: self.proposed]]
        lie.sort(key=lambda pair: (-pair[1].inliers, pair[0]))
        return {
            identity: TentativeMatch(match.inliers, partial(_itself, match))
            for identity, match in lie
            if match.inliers > self.matcher.least
        }


def with_print_first(
    hits: Sequence[Hit], alike: Mapping[int, TentativeMatch], checked: int
) -> list[Hit]:
    """The hits with those alike in print, the strongest ``checked`` / 2, within the first
    ``checked``: what compares print there compares these. The others keep their order."""
    strongest = set(list(alike)[: checked // 2])
    if not strongest:
        return list(hits)
    stay = checked - len(strongest)
    moved = [hit for hit in hits[stay:] if hit.record.id in strongest]
    others = [hit for hit in hits[stay:] if hit.record.id not in strongest]
    every = enumerate([*hits[:stay], *moved, *others], start=1)
    return [hit.at(rank) for rank, hit in every]


def _itself(match: KeypointMatch) -> KeypointMatch:
    return match


def joined(index: GalleryIndex, query: FloatArray, ranking: Ranking, ids: set[int]) -> Ranking:
    """The ranking of a query (D,) with these images too, wherever their vectors put them."""
    more = np.array(sorted(ids - set(ranking.ids.tolist())), np.int64)
    if not len(more):
        return ranking
    (line,) = rounded_distances(query[None], index.vectors(more), index.metric)
    every = np.concatenate([ranking.ids, more])
    distances = np.concatenate([ranking.distances, line.astype(np.float64)])
    order = np.lexsort((every, distances))
    return Ranking(every[order], distances[order])
