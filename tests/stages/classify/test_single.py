"""One category for everything."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from engine.types import Cutout
from stages.classify import single
from stages.context import BuildContext


def test_every_cutout_is_the_named_category_for_certain() -> None:
    cutout = Cutout(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.float32), (0, 0, 2, 2))
    stage = single.build(single.Options(category="jars"), BuildContext())
    scores = stage.classify([cutout] * 3, np.zeros((3, 1), np.float32))
    assert [s.ranked() for s in scores] == [[("jars", 1.0)]] * 3
    assert stage.categories == ("jars",)


def test_a_category_without_a_name_is_refused() -> None:
    with pytest.raises(ValidationError):
        single.Options(category="")
