"""Batches of P products with K pictures each, drawn by chance or by family."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.types import IntArray


@dataclass(frozen=True)
class Grouped:
    """A ``torch_loop.Batches``: every batch holds P products, K pictures of each.

    Products come in a shuffled round, all of them before any comes again; so do a product's
    pictures, within the epoch. A product with fewer than K pictures shows some of them again,
    augmented differently. Fewer than P products: a batch holds them all. With ``families``
    (aligned with ``labels``), the round goes family by family, so that near twins meet in a
    batch.
    """

    labels: IntArray  # (N,) the product of each picture
    products: int  # P
    views: int  # K
    families: Sequence[Hashable] | None = None
    _pictures: dict[int, IntArray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        pictures = {int(label): np.flatnonzero(self.labels == label) for label in self.names}
        object.__setattr__(self, "_pictures", pictures)

    @property
    def names(self) -> IntArray:
        """The products, ascending."""
        return np.unique(self.labels)

    @property
    def steps(self) -> int:
        """As many as show about as many pictures as there are."""
        return max(1, len(self.labels) // (self.products * self.views))

    def draw(self, epoch: int, random: np.random.Generator) -> list[IntArray]:
        rounds = _rounds(self._round, random)
        shown = {name: _Views(pictures) for name, pictures in self._pictures.items()}
        at_once = min(self.products, len(shown))
        return [
            np.concatenate(
                [shown[name].next(self.views, random) for name in _distinct(rounds, at_once)]
            )
            for _ in range(self.steps)
        ]

    def _round(self, random: np.random.Generator) -> list[int]:
        names: list[int] = random.permutation(self.names).tolist()
        if self.families is None:
            return names
        kin: dict[Hashable, list[int]] = {}
        for name in names:
            kin.setdefault(self.families[int(self._pictures[name][0])], []).append(name)
        families = list(kin.values())
        return [n for at in random.permutation(len(families)).tolist() for n in families[at]]


class _Views:
    """One product's pictures in a shuffled round; shuffled anew when all were shown."""

    def __init__(self, pictures: IntArray) -> None:
        self._pictures = pictures
        self._left: deque[int] = deque()

    def next(self, count: int, random: np.random.Generator) -> IntArray:
        chosen: list[int] = []
        while len(chosen) < count:
            if not self._left:
                shuffled = random.permutation(self._pictures).tolist()
                # What this batch shows already comes last: it is not to be its own match.
                self._left.extend(sorted(shuffled, key=lambda picture: picture in chosen))
            chosen.append(self._left.popleft())
        return np.array(chosen, np.int64)


def _rounds(
    one_round: Callable[[np.random.Generator], list[int]], random: np.random.Generator
) -> Iterator[int]:
    while True:
        yield from one_round(random)


def _distinct(names: Iterator[int], count: int) -> list[int]:
    """The next ``count`` different ones; where two rounds meet, a name may come twice."""
    chosen: list[int] = []
    while len(chosen) < count:
        name = next(names)
        if name not in chosen:
            chosen.append(name)
    return chosen
