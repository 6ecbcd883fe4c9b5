"""A few images of the shipped Packbench with made saliency maps, for the matting trainer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from offline.datasets import DatasetImage, open_dataset
from offline.datasets.packbench import shipped
from offline.train.matting.batches import worn
from offline.train.matting.pairs import Pair, SaliencyStore, pairs_of, read_grey, save_grey


def images(split: str, count: int) -> list[DatasetImage]:
    """Spread over the categories of the shipped benchmark."""
    every = open_dataset(shipped()).images(split)
    return [every[index] for index in np.linspace(0, len(every) - 1, count).astype(int)]


def worn_store(folder: Path, pairs: list[Pair], seed: int = 0) -> SaliencyStore:
    """A store that holds the true mattes, worn: no segmenter is needed."""
    store = SaliencyStore(folder)
    for number, (image, matte) in enumerate(pairs):
        random = np.random.default_rng([seed, number])
        save_grey(store.path(image), worn(read_grey(matte), random))
    return store


def stored_pairs(
    folder: Path, split: str = "train", count: int = 4
) -> tuple[list[Pair], SaliencyStore]:
    pairs = pairs_of(images(split, count), split)
    return pairs, worn_store(folder, pairs)
