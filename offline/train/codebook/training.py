"""A codebook of local features: the cluster centres of what a data set's cutouts show.

Words by k-means on the features themselves (Sivic and Zisserman, "Video Google", ICCV 2003). ORB's
bits are clustered as numbers: squared Euclidean distance between them is the Hamming distance, and
a centre is how often each bit is set. Rounded, it would be the majority of k-majority (Grana,
Borghesani, Manfredi, Cucchiara, "A fast approach for integrating ORB descriptors in the bag of
words model", SPIE 2013), but then residuals would lose what VLAD adds up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.config import Settings
from engine.errors import ConfigError, ImageError
from engine.images import ImageLimits, load
from engine.inverted_lists import inverse_document_frequency
from engine.parallel import each, one_faiss_thread
from engine.types import Cutout, FloatArray, Progress, RGBImage
from offline.datasets import Dataset, DatasetImage, open_dataset
from offline.datasets.hold_out import TRAIN_NAMES, first_of
from offline.store.images import cropped
from offline.store.run_folder import RunFolder
from offline.train.codebook.recipe import CodebookRecipe
from stages.assemble import CuttingParts, assemble_cutting
from stages.embed._codebook import Codebook, assigned
from stages.embed._keypoints import local_features

BATCH = 8  # images in memory at a time
ROUNDS = 25  # of k-means; FAISS's own default


@dataclass(frozen=True)
class CodebookReport:
    """``notes``: a sentence for every image that was left out."""

    codebook: Codebook
    images: int
    features: int
    notes: tuple[str, ...]


def train_codebook(
    recipe: CodebookRecipe, settings: Settings, progress: Progress | None = None
) -> CodebookReport:
    """Cut, describe, cluster, write. The same run gives the same file.

    Raises ConfigError for an unknown split, for fewer features than words and for a file that
    cannot be written; errors of the cutting stages as assembling does.
    """
    dataset = open_dataset(recipe.data)
    name = _split(dataset, recipe.split)
    notes: list[str] = []
    found = _gathered(dataset.images(name), recipe, assemble_cutting(settings), notes, progress)
    total = sum(map(len, found))
    if total < recipe.words:
        raise ConfigError(
            f"{recipe.data}: {total} local features in {len(found)} images of {name} are too few "
            f"for {recipe.words} words.",
            remedy="Ask for fewer --words, or give more or larger images.",
        )
    words = cluster(np.concatenate(found), recipe.words, recipe.seed)
    trained_on = f"{len(found)} images of {dataset.name}: {name}"
    codebook = Codebook(words, idf_of(found, words), recipe.spec, trained_on)
    RunFolder(recipe.out.parent).write(recipe.out.name, codebook.write)
    return CodebookReport(codebook, len(found), total, tuple(notes))


def cluster(features: FloatArray, words: int, seed: int) -> FloatArray:
    """(M, d) to (words, d) by k-means. Raises ValueError for fewer features than words."""
    import faiss

    if len(features) < words:
        raise ValueError(f"{len(features)} features are too few for {words} words")
    with one_faiss_thread():
        kmeans = faiss.Kmeans(
            features.shape[1],
            words,
            niter=ROUNDS,
            seed=seed,
            # All features count: callers check that there are enough.
            min_points_per_centroid=1,
            max_points_per_centroid=len(features),
        )
        kmeans.train(np.ascontiguousarray(features))
    return np.asarray(kmeans.centroids, np.float32)


def idf_of(images: Sequence[FloatArray], words: FloatArray) -> FloatArray:
    """(K,): see ``inverse_document_frequency``; an image's features are an (M, d) array."""
    having = np.zeros(len(words), np.int64)
    for features in images:
        having[np.unique(assigned(features, words))] += 1
    return inverse_document_frequency(having, len(images))


def _split(dataset: Dataset, asked: str | None) -> str:
    name = asked or first_of((*TRAIN_NAMES, *dataset.splits), dataset.splits)
    if name is None or (asked is None and name not in TRAIN_NAMES and len(dataset.splits) > 1):
        raise ConfigError(
            f"{dataset.root}: has no split train.",
            remedy=f"Name one of {', '.join(dataset.splits)} with --split.",
        )
    return name


def _gathered(
    images: Sequence[DatasetImage],
    recipe: CodebookRecipe,
    parts: CuttingParts,
    notes: list[str],
    progress: Progress | None,
) -> list[FloatArray]:
    """Features of each image, ``total_features`` in all at most."""
    order = np.random.default_rng(recipe.seed).permutation(len(images))
    found: list[FloatArray] = []
    left = recipe.total_features
    for start in range(0, len(order), BATCH):
        chunk = [images[at] for at in order[start : start + BATCH]]
        for cutout in _cutouts(chunk, parts, notes):
            found.append(local_features(cutout, recipe.spec)[:left])
            left -= len(found[-1])
            if left == 0:
                return found
        if progress is not None:
            progress(min(start + BATCH, len(order)), len(order))
    return found


def _cutouts(
    entries: Sequence[DatasetImage], parts: CuttingParts, notes: list[str]
) -> Iterator[Cutout]:
    limits = ImageLimits.of(parts.settings.images)

    def decode(entry: DatasetImage) -> RGBImage | ImageError:
        try:
            return cropped(load(entry.path, limits=limits), entry)
        except ImageError as error:
            return error

    decoded = each(decode, entries, threads=parts.threads)
    notes += [f"{e.uri}: left out, {e.reason}" for e in decoded if isinstance(e, ImageError)]
    images = [image for image in decoded if isinstance(image, RGBImage)]
    return (cut.cutout for cut in parts.cutting.cut(images))
