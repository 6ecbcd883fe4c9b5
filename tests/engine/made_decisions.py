"""Decisions of every kind, drawn by hypothesis, about few images, so that they meet."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from engine.decisions import (
    AcceptedMask,
    CategoryDecision,
    Decision,
    Exclusion,
    Judgement,
    Mask,
    MaskDecision,
    Pair,
)

IMAGES = tuple(f"{number:x}" * 64 for number in range(1, 5))


def mask(width: int = 8, height: int = 6, left: int = 2) -> Mask:
    bits = np.zeros((height, width), np.bool_)
    bits[1:, left:] = True
    return Mask.from_bits(bits)


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    width, height = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    cells = draw(st.lists(st.booleans(), min_size=width * height, max_size=width * height))
    cells[draw(st.integers(0, len(cells) - 1))] = True
    return Mask.from_bits(np.array(cells, np.bool_).reshape(height, width))


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    first, second = draw(st.permutations(IMAGES))[:2]
    verdict = draw(st.sampled_from(["same product", "different products", "same image"]))
    kept = draw(st.sampled_from([None, first, second])) if verdict == "same image" else None
    return Pair(first, second, verdict, kept)


images = st.sampled_from(IMAGES)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
few_masks = st.sampled_from([mask(), mask(left=3), mask(9, 9)])
decisions: st.SearchStrategy[Decision] = st.one_of(
    st.builds(MaskDecision, images, few_masks),
    st.builds(AcceptedMask, images, few_masks),
    st.builds(Exclusion, images, st.booleans()),
    st.builds(CategoryDecision, images, st.sampled_from(["jar", "bottle"])),
    pairs(),
    st.builds(Judgement, images, st.sampled_from(["a", "b"]), st.booleans()),
)
