"""Hits and queries with contours that are given as boolean masks."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import pytest

from engine.types import (
    BoolArray,
    CategoryScores,
    Contour,
    Description,
    Embedding,
    Hit,
    MatteQuality,
    Record,
)

MakeDescription = Callable[..., Description]
MakeHit = Callable[..., Hit]


@pytest.fixture
def described() -> MakeDescription:
    def make(mask: BoolArray, *flags: str, aligned: BoolArray | None = None) -> Description:
        return Description(
            CategoryScores.certain("jar"),
            Embedding(np.ones(2, np.float32)),
            Contour.from_mask(mask),
            Contour.from_mask(mask if aligned is None else aligned),
            MatteQuality.from_flags(flags),
        )

    return make


@pytest.fixture
def found() -> MakeHit:
    def make(id_: int, score: float, description: Description, why: str = "") -> Hit:
        record = Record(
            id_, "0" * 64, f"p{id_}", "jar", True, f"{id_}.jpg", MappingProxyType({}), description
        )
        return Hit(record, rank=id_, score=score, distance=1 - score, why=why)

    return make
