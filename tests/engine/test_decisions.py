"""The values that people decide, and their lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decisions import (
    CategoryDecision,
    Decided,
    Decision,
    Exclusion,
    Judgement,
    Mask,
    MaskDecision,
    Pair,
    Undo,
    from_line,
    to_line,
)
from tests.engine.made_decisions import IMAGES, decisions, mask, masks, names

FIRST, SECOND, THIRD, _ = IMAGES
ID = "0123456789abcdef"
TIME = datetime(2026, 11, 30, 12, 0, 0, 250, tzinfo=UTC)


@given(
    st.one_of(
        decisions,
        st.builds(MaskDecision, st.just(FIRST), masks()),
        st.builds(Judgement, st.just(FIRST), names, st.booleans()),
        st.just(Undo(ID)),
    ),
    st.one_of(st.just(""), names),
)
def test_a_line_holds_the_whole_decision(decision: Decision, who: str) -> None:
    decided = Decided(ID, TIME, who, decision)
    line = to_line(decided)
    assert "\n" not in line and from_line(line) == decided


def test_a_mask_is_kept_bit_by_bit() -> None:
    bits = np.random.default_rng(3).random((37, 53)) < 0.5
    kept = Mask.from_bits(bits)
    assert (kept.width, kept.height, len(kept.packed)) == (53, 37, (37 * 53 + 7) // 8)
    np.testing.assert_array_equal(kept.bits(), bits)


def test_a_mask_is_a_matte_of_any_image_size() -> None:
    drawn = mask(40, 20, left=10)
    same = drawn.matte(20, 40)
    np.testing.assert_array_equal(same.alpha, drawn.bits().astype(np.float32))
    for height, width in ((200, 400), (10, 20), (7, 90)):
        matte = drawn.matte(height, width)
        assert matte.alpha.shape == (height, width) and matte.precise
        assert matte.alpha[:, -1].max() == 1 and matte.alpha[:, 0].max() == 0
        assert abs(float(matte.alpha.mean()) - float(drawn.bits().mean())) < 0.05


def test_the_digest_is_of_sides_and_bits() -> None:
    bits = np.ones((4, 8), np.bool_)
    assert Mask.from_bits(bits).digest == Mask.from_bits(bits.copy()).digest
    assert Mask.from_bits(bits).digest != Mask.from_bits(bits.reshape(8, 4)).digest
    assert Mask.from_bits(bits).digest != mask(8, 4).digest


@pytest.mark.parametrize(
    ("width", "height", "packed"),
    [(513, 1, bytes(65)), (0, 4, b""), (8, 2, b"\xff"), (8, 1, b"\x00"), (4, 1, b"\xff")],
)
def test_what_is_no_mask_is_refused(width: int, height: int, packed: bytes) -> None:
    with pytest.raises(ValueError, match="mask"):
        Mask(width, height, packed)


def test_a_pair_has_no_order() -> None:
    assert Pair(SECOND, FIRST, "same product") == Pair(FIRST, SECOND, "same product")
    assert Pair(SECOND, FIRST, "same image", keep=SECOND).dropped == FIRST
    assert Pair(SECOND, FIRST, "same image").dropped is None


def test_what_does_not_fit_is_refused() -> None:
    wrong: list[Any] = [
        lambda: Exclusion("A" * 64),
        lambda: Exclusion("../../etc"),
        lambda: CategoryDecision(FIRST, ""),
        lambda: CategoryDecision(FIRST, "\ud800"),
        lambda: Judgement(FIRST, "x" * 5000, True),
        lambda: Pair(FIRST, FIRST, "same product"),
        lambda: Pair(FIRST, SECOND, "alike"),  # type: ignore[arg-type]
        lambda: Pair(FIRST, SECOND, "same product", keep=FIRST),
        lambda: Pair(FIRST, SECOND, "same image", keep=THIRD),
        lambda: Undo("12"),
        lambda: Decided(ID, datetime(2026, 1, 1), "", Exclusion(FIRST)),
        lambda: Decided(ID, TIME, "x" * 201, Exclusion(FIRST)),
    ]
    for make in wrong:
        with pytest.raises(ValueError, match=r"."):
            make()


def test_names_are_kept_in_one_unicode_form() -> None:
    assert CategoryDecision(FIRST, "cafe\u0301").category == "caf\u00e9"


GOOD = json.loads(to_line(Decided(ID, TIME, "", MaskDecision(FIRST, mask()))))


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "rumour"},
        {"kind": "exclusion"},
        {"time": "yesterday"},
        {"id": 12},
        {"bits": "%%%"},
        {"bits": None},
        {"width": True},
        {"width": 9},
        {"image": None},
        {"more": 1},
    ],
)
def test_a_damaged_line_is_refused(changed: dict[str, object]) -> None:
    assert from_line(json.dumps(GOOD)).decision == MaskDecision(FIRST, mask())
    with pytest.raises(ValueError, match=r"."):
        from_line(json.dumps({**GOOD, **changed}))
    with pytest.raises(ValueError, match=r"."):
        from_line(json.dumps(GOOD)[:-5])


@pytest.mark.parametrize("line", ["[]", "1", "null", "{}", "", '{"id": "x"}'])
def test_what_is_no_decision_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_line(line)
