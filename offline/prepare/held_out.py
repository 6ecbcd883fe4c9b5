"""Whether a tuned embedder finds products that it did not learn better than its start did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.config import Settings
from engine.errors import ConfigError, WeightsError
from engine.types import Float64Array, FloatArray, Progress
from offline.datasets import DatasetImage
from offline.datasets.hold_out import family_of
from offline.metrics.retrieval import Found, average_precision, instance_recall_at
from offline.metrics.statistics import Interval, bootstrap, evenly
from offline.prepare.images import product_of
from offline.store.vectors import features
from stages.assemble import assemble_embedding

# Fractions of the families with several images of a product, and numbers of them. Six that all
# gain do so by chance in one case of 64; of a hundred the interval is some hundredths wide.
JUDGED, LEAST_JUDGED, MOST_JUDGED = 0.2, 6, 100
CHOOSING, LEAST_CHOOSING, MOST_CHOOSING = 0.1, 2, 30
LEAST_LEARNED = 4
# Images at most: that are judged, that are searched beside them, that choose the epoch (after every
# epoch).
MOST_QUERIES, MOST_SEARCHED, MOST_VALIDATION = 1000, 2000, 500


@dataclass(frozen=True)
class Divided:
    """No family is in two of them. ``learned``; ``choosing`` the epoch; ``judged``."""

    learned: tuple[DatasetImage, ...]
    choosing: tuple[DatasetImage, ...]
    judged: tuple[DatasetImage, ...]

    @property
    def gallery(self) -> list[DatasetImage]:
        """What is searched: the judged images and others, evenly drawn."""
        others = [*self.learned, *self.choosing]
        return [*self.judged, *_some(others, MOST_SEARCHED)]

    def with_learned(self, most: int) -> Divided:
        """With at most so many learned images, products whole and evenly drawn."""
        products: dict[str, list[DatasetImage]] = {}
        for image in self.learned:
            products.setdefault(product_of(image), []).append(image)
        names = list(products)
        fraction = min(1.0, most / len(self.learned))
        kept = [
            names[at] for at in evenly(len(names), max(LEAST_LEARNED, int(fraction * len(names))))
        ]
        return replace(self, learned=tuple(p for name in kept for p in products[name]))


def divided(images: Sequence[DatasetImage], seed: int) -> Divided:
    """Draw families (products, where there are none) whose products have several images.

    Images without a product are left out. Raises ConfigError where there are too few families.
    """
    known = [image for image in images if image.product is not None]
    counts = Counter(product_of(image) for image in known)
    families = sorted({family_of(image) for image in known if counts[product_of(image)] > 1})
    judged = _part(len(families), JUDGED, LEAST_JUDGED, MOST_JUDGED)
    choosing = _part(len(families), CHOOSING, LEAST_CHOOSING, MOST_CHOOSING)
    needed = LEAST_JUDGED + LEAST_CHOOSING + LEAST_LEARNED
    if len(families) < needed:
        raise ConfigError(
            f"{len(families)} products with several images, of {len(counts)} products in "
            f"{len(images)} images: {needed} are needed, some of them to judge by.",
            remedy="Add photos or views of products: CATEGORY/PRODUCT/view.jpg.",
        )
    order = np.random.default_rng(seed).permutation(len(families)).tolist()
    drawn = [families[at] for at in order]
    place = dict.fromkeys(drawn[:judged], 0)
    place |= dict.fromkeys(drawn[judged : judged + choosing], 1)
    parts: tuple[list[DatasetImage], ...] = ([], [], [])
    for image in known:
        parts[place.get(family_of(image), 2)].append(image)
    validation, queries = _some(parts[1], MOST_VALIDATION), _some(parts[0], MOST_QUERIES)
    return Divided(tuple(parts[2]), tuple(validation), tuple(queries))


def _some(images: Sequence[DatasetImage], most: int) -> list[DatasetImage]:
    return [images[at] for at in evenly(len(images), most)]


def _part(count: int, fraction: float, least: int, most: int) -> int:
    return min(most, max(least, round(fraction * count)))


@dataclass(frozen=True)
class Gain:
    """Of the judged images as queries: means before and after, and the gain in average precision
    with its interval, families drawn whole."""

    queries: int
    products: int
    mean_average_precision: tuple[float, float]
    recall_1: tuple[float, float]
    gain: Interval

    @property
    def is_better(self) -> bool:
        """Average precision beyond noise, and the first hit no less often correct."""
        return self.gain.low > 0 and self.recall_1[1] >= self.recall_1[0]

    def text(self) -> str:
        before, after = self.mean_average_precision
        first, then = self.recall_1
        return (
            f"mAP {before:.3f} before and {after:.3f} after "
            f"({self.gain.mean:+.3f} [{self.gain.low:+.3f}, {self.gain.high:+.3f}]), "
            f"R@1 {first:.3f} and {then:.3f}, {self.queries} images of {self.products} products"
        )


def gain_of(
    before: Settings,
    after: Settings,
    images: Divided,
    cache: Path,
    progress: Progress,
    seed: int,
) -> Gain:
    """Each judged image searches all others by its vector, as either of the settings makes it.

    Raises ConfigError where too few of the images can be read.
    """
    gallery = images.gallery
    found = [features(gallery, assemble_embedding(one), cache, progress) for one in (before, after)]
    there = found[0].readable & found[1].readable
    kept = [image for image, readable in zip(gallery, there, strict=True) if readable]
    products = [product_of(image) for image in kept]
    judged = {image.id for image in images.judged}
    counts = Counter(products)
    queries = [
        at for at, image in enumerate(kept) if image.id in judged and counts[products[at]] > 1
    ]
    if len({products[at] for at in queries}) < 2:
        raise ConfigError(
            "too few held-out products have two readable images.",
            remedy="Mend or replace these files: " + " ".join(found[0].faults[:3]),
        )
    values = np.stack([_values(one.values[there], products, queries) for one in found])
    difference = values[1, :, 0] - values[0, :, 0]
    families = [family_of(kept[at]) for at in queries]
    means = values.mean(axis=1)
    return Gain(
        len(queries),
        len({products[at] for at in queries}),
        (float(means[0, 0]), float(means[1, 0])),
        (float(means[0, 1]), float(means[1, 1])),
        bootstrap(difference.tolist(), seed=seed, clusters=families),
    )


def _values(rows: FloatArray, products: Sequence[str], queries: Sequence[int]) -> Float64Array:
    """(Q, 2): average precision and R@1 of each query among all others, by inner product."""
    names = np.array(products)
    found = []
    for at in queries:
        order = np.argsort(-(rows @ rows[at]), kind="stable")
        relevant = Found.of(names[order[order != at]] == names[at])
        found.append((average_precision(relevant), instance_recall_at(relevant, 1)))
    return np.array(found)


def require_gain(gain: Gain) -> None:
    """Raises WeightsError, with what was found before and after, for one that is not better."""
    if gain.is_better:
        return
    raise WeightsError(
        f"tuning is not better on held-out products: {gain.text()}. No settings were written.",
        remedy="Stay with the profile, or tune on more products with several images each.",
    )
