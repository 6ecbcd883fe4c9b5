"""Answers drawn from a world in which the truth about probabilities is known."""

from __future__ import annotations

import numpy as np

from offline.adapt.matching import Answer
from tests.engine.made_calibrations import model

TRUE = model(-6.0, 6.0, 10.0, 1.0)


def features(random: np.random.Generator, hits: int) -> np.ndarray:
    """(hits, 3) as of a search: scores in descending order."""
    scores = np.sort(random.uniform(0.2, 1.0, hits))[::-1]
    margins = scores - scores[0]
    margins[0] = scores[0] - scores[1]
    return np.column_stack([scores, margins, np.arange(hits) == 0])


def answer(
    random: np.random.Generator, product: str, present: bool, lift: float, hits: int = 6
) -> Answer:
    """A present product ranks first as often as ``lift`` requires, and then stands out by it."""
    rows = features(random, hits)
    right = np.zeros(hits, np.bool_)
    if present and random.random() < lift:
        rows[0, :2] += lift * random.uniform(0, 0.5)
        right[0] = True
    elif present:
        right[random.integers(1, hits)] = True
    return Answer(product, present, rows, right)


def drawn_answers(
    seed: int, products: int = 60, photos: int = 2, lift: float = 0.8
) -> list[Answer]:
    """Every photo searched with its product and without."""
    random = np.random.default_rng(seed)
    return [
        answer(random, f"p{number}", present, lift)
        for number in range(products)
        for _ in range(photos)
        for present in (True, False)
    ]
