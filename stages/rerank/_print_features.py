"""Features of pairs by their print: how much of it agrees, and how far behind the list's best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.keypoints import NO_MATCH, KeypointMatch
from engine.protocols import KeypointMatcher
from engine.types import Description, Float64Array, Hit
from engine.verification import evidence, matches

CONCEPT = "print"
# Doublings of the matching places beyond those of chance, how far they lie behind the list's best,
# and, 0 without evidence, two numbers of ``KeypointMatch``.
NAMES = ("print", "print_behind", "print_area", "print_share")


@dataclass(frozen=True, eq=False)
class PrintFeatures:
    """Aligned with the hits. ``matches``: None where keypoints were not compared."""

    rows: Float64Array  # (N, 4), columns as in NAMES
    matches: tuple[KeypointMatch | None, ...]


def print_features(
    query: Description, hits: Sequence[Hit], matcher: KeypointMatcher
) -> PrintFeatures:
    """The first ``checked`` hits are compared; the others have no evidence."""
    rows = np.zeros((len(hits), len(NAMES)))
    tentative = matches(query, hits[: matcher.checked], matcher)
    if tentative is None:
        return PrintFeatures(rows, (None,) * len(hits))
    found = [one.verify() if one.at_most > matcher.least else NO_MATCH for one in tentative]
    rows[: len(found), 0] = evidence([one.inliers for one in found], matcher.least)
    rows[:, 1] = rows[:, 0] - rows[:, 0].max()
    rows[: len(found), 2:] = [(one.area, one.share) for one in found]
    rows[rows[:, 0] == 0, 2:] = 0
    return PrintFeatures(rows, (*found, *(None,) * (len(hits) - len(found))))
