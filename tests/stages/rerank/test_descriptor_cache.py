"""Silhouettes are described once, and the most recently used are kept."""

from __future__ import annotations

import numpy as np
import pytest

from engine.types import Contour
from stages.rerank import _descriptor_cache
from stages.rerank._descriptor_cache import DescriptorCache
from stages.shape.descriptor import describe_shapes


def silhouette(width: int) -> Contour:
    mask = np.zeros((32, 32), np.bool_)
    mask[4:20, :width] = True
    return Contour.from_mask(mask)


def test_every_silhouette_has_its_own_descriptors() -> None:
    contours = [silhouette(width) for width in (4, 9, 0, 30, 9)]
    found = DescriptorCache().of(contours)
    assert [one.aspect for one in found] == [4 / 16, 9 / 16, 0, 30 / 16, 9 / 16]
    for contour, one in zip(contours, found, strict=True):
        np.testing.assert_allclose(one.shape, describe_shapes([contour])[0], atol=1e-5)
    assert DescriptorCache().of([]) == []


def test_the_most_recently_used_are_not_described_again(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []
    real = _descriptor_cache._described
    monkeypatch.setattr(
        _descriptor_cache, "_described", lambda new: [measured.append(len(new)), real(new)][1]
    )
    measures = DescriptorCache(kept=2)
    first = measures.of([silhouette(4), silhouette(9)])
    assert all(
        a is b for a, b in zip(first, measures.of([silhouette(4), silhouette(9)]), strict=True)
    )
    measures.of([silhouette(9), silhouette(20)])  # 4 was used longest ago
    measures.of([silhouette(20)])
    measures.of([silhouette(4)])
    assert measured == [2, 0, 1, 0, 1]
