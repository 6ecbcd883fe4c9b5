"""Batches of an embedder: products with several images each, or tuples around hard negatives.

Mining is that of Radenović, Tolias and Chum, PAMI 2019: the negatives of a query are its nearest
images in the gallery as the network sees it now, at most one of each other product; a positive
is drawn hard, but within bounds, for what lies too far is rather an error of labels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.types import BoolArray, FloatArray, IntArray

AT_ONCE = 512  # queries compared with the gallery in one product of matrices
Gallery = Callable[[], FloatArray]  # embeds all training images as the network is now


@dataclass(frozen=True)
class Grouped:
    """A ``torch_loop.Batches``: every batch holds P products, K images of each.

    Products come in a shuffled round, all of them before any comes again; so do a product's
    images, within the epoch. A product with fewer than K images shows some of them again,
    augmented differently. Fewer than P products: a batch holds them all. With ``families``
    (aligned with ``labels``), the round goes family by family, so that near twins meet in a
    batch. With ``images_per_turn`` a product comes in a round once for every so many of its
    images, rounded up: else forty photos of one weigh as much as two of another. With ``looks``
    (aligned, such as studio and phone) a product shows its looks in turn, so that one studio image
    meets each of its thirty photos.
    """

    labels: IntArray  # (N,) the product of each image
    products: int  # P
    views: int  # K
    families: Sequence[Hashable] | None = None
    images_per_turn: int | None = None
    looks: Sequence[Hashable] | None = None
    _images: dict[int, IntArray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        images = {int(label): np.flatnonzero(self.labels == label) for label in self.names}
        object.__setattr__(self, "_images", images)

    @property
    def names(self) -> IntArray:
        """The products, ascending."""
        return np.unique(self.labels)

    @property
    def steps(self) -> int:
        """As many as show about as many images as there are."""
        return max(1, len(self.labels) // (self.products * self.views))

    def draw(self, epoch: int, random: np.random.Generator) -> list[IntArray]:
        rounds = _rounds(self._round, random)
        shown = {name: _Views(self._by_look(images)) for name, images in self._images.items()}
        at_once = min(self.products, len(shown))
        return [
            np.concatenate(
                [shown[name].next(self.views, random) for name in _distinct(rounds, at_once)]
            )
            for _ in range(self.steps)
        ]

    def _by_look(self, images: IntArray) -> list[IntArray]:
        if self.looks is None:
            return [images]
        looks = [self.looks[at] for at in images.tolist()]
        return [images[[one == look for one in looks]] for look in dict.fromkeys(looks)]

    def _round(self, random: np.random.Generator) -> list[int]:
        names: list[int] = random.permutation(self.names).tolist()
        if self.families is None and self.images_per_turn is None:
            return names
        together: dict[Hashable, list[int]] = {}
        for name in names:
            images = self._images[name]
            family = name if self.families is None else self.families[int(images[0])]
            for turn in range(-(-len(images) // (self.images_per_turn or len(images)))):
                together.setdefault((family, turn), []).append(name)
        groups = list(together.values())
        return [n for at in random.permutation(len(groups)).tolist() for n in groups[at]]


class _Views:
    """One product's images by look, the looks in turn and each in a shuffled round; shuffled anew
    when all of it were shown."""

    def __init__(self, looks: Sequence[IntArray]) -> None:
        self._looks = looks
        self._left: list[deque[int]] = [deque() for _ in looks]
        self._shown = 0

    def next(self, count: int, random: np.random.Generator) -> IntArray:
        chosen: list[int] = []
        while len(chosen) < count:
            look = self._shown % len(self._looks)
            left = self._left[look]
            if not left:
                shuffled = random.permutation(self._looks[look]).tolist()
                # What this batch shows already comes last: it is not to be its own match.
                left.extend(sorted(shuffled, key=lambda image: image in chosen))
            chosen.append(left.popleft())
            self._shown += 1
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


@dataclass(frozen=True)
class Mined:
    """A ``torch_loop.Batches``: T tuples of a query, its positive and N negatives a batch.

    Every epoch takes a fraction of the images as queries, as many tuples as fill ``pictures`` a
    batch. The gallery is embedded before every epoch: what is mined is a function of the network
    at its start, so that a resumed run mines the same.
    """

    labels: IntArray  # (N,)
    images: int  # a batch, at least one tuple
    negatives: int
    gallery: Gallery
    furthest: float = np.inf  # see ``hard_tuples``
    doubts: Sequence[IntArray] | None = field(default=None, repr=False)

    @property
    def tuples(self) -> int:
        """In a batch."""
        return max(1, self.images // (2 + self.negatives))

    @property
    def steps(self) -> int:
        """As many as show about as many images as there are."""
        return max(1, len(self.labels) // (self.tuples * (2 + self.negatives)))

    def draw(self, epoch: int, random: np.random.Generator) -> list[IntArray]:
        queries = self._queries(self.steps * self.tuples, random)
        mined = hard_tuples(
            self.gallery(), self.labels, queries, self.negatives, self.furthest, self.doubts
        )
        starts = range(0, len(mined), self.tuples)
        return [_indices(mined[start : start + self.tuples]) for start in starts]

    def _queries(self, count: int, random: np.random.Generator) -> IntArray:
        rounds = -(-count // len(self.labels))
        order = [random.permutation(len(self.labels)) for _ in range(rounds)]
        return np.asarray(np.concatenate(order)[:count], np.int64)


def _indices(tuples: list[HardTuple]) -> IntArray:
    return np.array([at for one in tuples for at in one.images], np.int64)


@dataclass(frozen=True)
class HardTuple:
    """Positions in the gallery."""

    query: int
    positive: int
    negatives: tuple[int, ...]  # nearest first, each of another product

    @property
    def images(self) -> tuple[int, ...]:
        return (self.query, self.positive, *self.negatives)


def hard_tuples(
    vectors: FloatArray,
    labels: IntArray,
    queries: IntArray,
    negatives: int,
    furthest: float = np.inf,
    doubts: Sequence[IntArray] | None = None,
) -> list[HardTuple]:
    """A tuple for every query, in their order, where its product has another image.

    ``vectors`` (N, D), rows of length 1. The positive is the furthest of the same product within
    the distance ``furthest``, the nearest one where none is; ties go to the first. A single
    image is its own positive: the two differ by augmentation alone. ``doubts``: for every
    image those that may match it and are no negatives of it. Fewer negatives where there are
    not so many products.
    """
    found = []
    for start in range(0, len(queries), AT_ONCE):
        chunk = queries[start : start + AT_ONCE]
        cosines = vectors[chunk] @ vectors.T
        for query, row in zip(chunk.tolist(), cosines, strict=True):
            positive = _positive(query, row, labels, furthest)
            excluded = labels == labels[query]
            if doubts is not None:
                excluded[doubts[query]] = True
            found.append(HardTuple(query, positive, _negatives(row, labels, excluded, negatives)))
    return found


def _positive(query: int, cosines: FloatArray, labels: IntArray, furthest: float) -> int:
    same = np.flatnonzero(labels == labels[query])
    same = same[same != query]
    if not len(same):
        return query
    distances = np.sqrt(np.maximum(0.0, 2.0 - 2.0 * cosines[same]))
    within = distances <= furthest
    if not within.any():
        return int(same[np.argmin(distances)])
    return int(same[np.argmax(np.where(within, distances, -1.0))])


def _negatives(
    cosines: FloatArray, labels: IntArray, excluded: BoolArray, count: int
) -> tuple[int, ...]:
    """The nearest image of each of the ``count`` nearest products."""
    chosen: list[int] = []
    taken: set[int] = set()
    for at in np.argsort(np.where(excluded, np.inf, -cosines), kind="stable").tolist():
        if len(chosen) == count or excluded[at]:
            break
        if int(labels[at]) not in taken:
            taken.add(int(labels[at]))
            chosen.append(at)
    return tuple(chosen)
