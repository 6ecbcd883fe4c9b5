"""The gate of half precision: what is lost beyond chance is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engine.config import Settings, load
from engine.errors import WeightsError
from offline.datasets import DatasetImage
from offline.prepare import half_precision
from stages.profiles import read_profile

PRODUCTS = 60


def gate(monkeypatch: pytest.MonkeyPatch, lost: Sequence[int]) -> dict[str, float]:
    """Two images a product, found in float32; in half precision not those of the ``lost``."""
    full, halved = (load(read_profile("classic")) for _ in range(2))
    images = [
        DatasetImage(id=f"{product}-{view}", path=Path("x"), product=str(product), category="jar")
        for product in range(PRODUCTS)
        for view in range(2)
    ]

    def vectors(chosen: Sequence[DatasetImage], used: Settings, *_: object) -> SimpleNamespace:
        rows = np.zeros((len(chosen), 2 * PRODUCTS), np.float32)
        for row, image in zip(rows, chosen, strict=True):
            apart = used is halved and int(str(image.product)) in lost and image.id.endswith("1")
            row[int(str(image.product)) + (PRODUCTS if apart else 0)] = 1
        return SimpleNamespace(values=rows)

    monkeypatch.setattr(half_precision, "assemble_embedding", lambda settings: settings)
    monkeypatch.setattr(half_precision, "features", vectors)
    return half_precision.require_same_finds(full, halved, images, Path("cache"))


def test_what_finds_the_same_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gate(monkeypatch, []) == {"full": 1.0, "half": 1.0, "images": 2 * PRODUCTS}


def test_a_loss_beyond_the_margin_and_chance_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match=r"1\.000"):
        gate(monkeypatch, range(20))


def test_one_product_of_many_may_be_lost_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gate(monkeypatch, [3])["half"] < 1 - half_precision.MARGIN
