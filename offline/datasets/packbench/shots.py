"""The images of a benchmark: every shot of every split, from a preset and a seed alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Literal

from offline.datasets.packbench.categories import CATEGORIES, category
from offline.datasets.packbench.families import Product, family, generator
from offline.datasets.packbench.labels import WEARERS, line
from offline.datasets.packbench.parameters import View
from offline.datasets.packbench.presets import Preset

Split = Literal["catalogue", "test", "queries", "unseen"]
Role = Literal["train", "validation", "test", "query", "gallery"]
Look = Literal["studio", "phone", "flat"]

# Family numbers: a split's families are its own, whatever the sizes of the others.
TEST, UNSEEN = 1000, 2000


@dataclass(frozen=True)
class Shot:
    """One image to be taken; ``view`` counts the category's views, None on a phone."""

    path: str  # catalogue/jar/jar-f01-p02/front.jpg
    split: Split
    role: Role
    look: Look
    product: Product
    in_catalogue: bool
    view: int | None = None  # none of flat art either


@dataclass(frozen=True)
class Benchmark:
    """Determines every image: the same three values give the same images."""

    preset: Preset
    seed: int
    difficulty: float

    def shots(self) -> Iterator[Shot]:
        """Every shot, split by split and category by category; the order has no other meaning."""
        if self.preset.is_labels:
            yield from _labels(self)
            return
        for make in (_catalogue, _test, _queries, _unseen):
            for name in CATEGORIES:
                yield from make(self, name)

    def members(self, name: str, number: int, count: int) -> Iterator[Product]:
        return family(name, number, count, self.difficulty, self.seed)


def _catalogue(benchmark: Benchmark, name: str) -> Iterator[Shot]:
    sizes = benchmark.preset
    for index, product in enumerate(_products(benchmark, name)):
        for view in range(sizes.views):
            # The view for validation takes turns, so that every view is trained on.
            held_out = view == (index + index // sizes.views) % sizes.views
            role: Role = "validation" if held_out else "train"
            yield _studio("catalogue", role, product, view, in_catalogue=True)


def _products(benchmark: Benchmark, name: str) -> Iterator[Product]:
    """The catalogue's products of a category."""
    for number in range(benchmark.preset.families):
        yield from benchmark.members(name, number, benchmark.preset.members)


def _test(benchmark: Benchmark, name: str) -> Iterator[Shot]:
    families, members, views = benchmark.preset.test
    for number in range(families):
        for product in benchmark.members(name, TEST + number, members):
            start = int(generator(benchmark.seed, product.id).integers(5))
            for view in range(start, start + views):
                yield _studio("test", "test", product, view)


def _queries(benchmark: Benchmark, name: str) -> Iterator[Shot]:
    """Photos of catalogue products, drawn without repeats while there are any, and of siblings."""
    sizes, rng = benchmark.preset, generator(benchmark.seed, f"queries {name}")
    catalogue = list(_products(benchmark, name))
    order = [int(i) for i in rng.permutation(len(catalogue))]
    for turn in range(sizes.present):
        product = catalogue[order[turn % len(order)]]
        yield _photo("queries", product, turn // len(order), in_catalogue=True)
    for turn in range(sizes.absent):
        number, rank = turn % sizes.families, sizes.members + turn // sizes.families
        siblings = benchmark.members(name, number, rank + 1)
        yield _photo("queries", next(islice(siblings, rank, None)), 0)


def _unseen(benchmark: Benchmark, name: str) -> Iterator[Shot]:
    families, members, views = benchmark.preset.unseen
    for number in range(families):
        for product in benchmark.members(name, UNSEEN + number, members):
            for view in range(views):
                yield _studio("unseen", "gallery", product, view)
            yield _photo("unseen", product, 0)


def _labels(benchmark: Benchmark) -> Iterator[Shot]:
    """The flat art of every label, then photos of what wears them: of each category in turn."""
    sizes = benchmark.preset
    photos = []
    for name in WEARERS:
        labels = [
            label
            for number in range(sizes.families)
            for label in line(name, number, sizes.members, benchmark.seed)
        ]
        for label in labels:
            path = f"catalogue/{name}/{label.id}/flat.jpg"
            yield Shot(path, "catalogue", "train", "flat", label, True)
        order = generator(benchmark.seed, f"label queries {name}").permutation(len(labels))
        photos.append(
            [
                _photo("queries", labels[order[turn % len(order)]], turn // len(order), True)
                for turn in range(sizes.present)
            ]
        )
    yield from chain.from_iterable(zip(*photos, strict=True))


def _studio(
    split: Split, role: Role, product: Product, view: int, *, in_catalogue: bool = False
) -> Shot:
    name = view_of(product.category, view).name
    path = f"{split}/{product.category}/{product.id}/{name}.jpg"
    return Shot(path, split, role, "studio", product, in_catalogue, view)


def _photo(split: Split, product: Product, number: int, in_catalogue: bool = False) -> Shot:
    path = f"{split}/{product.category}/{product.id}/photo{number + 1}.jpg"
    return Shot(path, split, "query", "phone", product, in_catalogue)


def view_of(category_name: str, index: int) -> View:
    """View ``index`` of a category; beyond its own they repeat, turned further."""
    views = category(category_name).views
    turns, place = divmod(index, len(views))
    view = views[place]
    if not turns:
        return view
    return replace(view, name=f"{view.name}{turns + 1}", azimuth=view.azimuth + 67.0 * turns)
