"""Queries by how they were taken and by how good their masks are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.types import BoolArray
from offline.evaluate.reranking.pairs import Asked

# A mask is believed from here on, as in the trust part's own default: likelier right than wrong.
TRUSTED = 0.5


@dataclass(frozen=True, eq=False)
class Kind:
    """``lists`` (Q,): which of the queries are of this kind."""

    name: str
    lists: BoolArray


def kinds(asked: Sequence[Asked]) -> list[Kind]:
    """All; each look, where there are several; masks that raise no flag and those that do; masks
    that are trusted and those that are not, where somebody judged."""
    looks = sorted({one.look for one in asked if one.look})
    judged = any(one.trust is not None for one in asked)
    found = [_kind("all", [True] * len(asked))]
    if len(looks) > 1:
        found += [_kind(f"look: {look}", [one.look == look for one in asked]) for look in looks]
    flagged = [one.flagged for one in asked]
    found.append(_kind("mask without a flag", [not flag for flag in flagged]))
    found.append(_kind("mask with a flag", flagged))
    if judged:
        trusts = [-1.0 if one.trust is None else one.trust for one in asked]
        found.append(_kind("mask trusted", [trust >= TRUSTED for trust in trusts]))
        found.append(_kind("mask not trusted", [0 <= t < TRUSTED for t in trusts]))
    return found


def _kind(name: str, wanted: Sequence[bool]) -> Kind:
    return Kind(name, np.array(wanted, np.bool_))
