"""Many local features to one vector: a bag of words, or VLAD.

Bag of words: Sivic and Zisserman, "Video Google", ICCV 2003. VLAD: Jégou, Douze, Schmid, Pérez,
"Aggregating local descriptors into a compact image representation", CVPR 2010; its signed power:
Jégou, Perronnin, Douze, Sánchez, Pérez, Schmid, PAMI 2012; its normalisation word by word:
Arandjelovic and Zisserman, "All about VLAD", CVPR 2013.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.distances import unit_or_zero
from engine.types import FloatArray, IntArray


def assigned(features: FloatArray, words: FloatArray) -> IntArray:
    """(M, d) features and (K, d) words -> (M,): the nearest word, the first of equals."""
    lengths = np.einsum("kd,kd->k", words, words)
    nearest: IntArray = np.argmin(lengths[None] - 2 * (features @ words.T), axis=1)
    return nearest


def inverse_document_frequency(found: npt.NDArray[np.int64], images: int) -> FloatArray:
    """(K,): log(N / n_k), n_k of the N images having the word; one for a word that none has."""
    return np.log(images / np.maximum(found, 1)).astype(np.float32)


def bag_of_words(features: FloatArray, words: FloatArray, idf: FloatArray) -> FloatArray:
    """(K,): the fraction of the features that a word has (term frequency), times its idf."""
    counts = np.bincount(assigned(features, words), minlength=len(words))
    frequencies = counts / max(1, len(features))
    return (frequencies * idf).astype(np.float32)


def vlad(features: FloatArray, words: FloatArray, power: float, *, intra: bool) -> FloatArray:
    """(K * d,): for every word the sum of (feature - word) over its features, every number to
    ``power`` with its sign kept, every word's part brought to length 1 if ``intra``."""
    nearest = assigned(features, words)
    sums = np.zeros(words.shape, np.float32)
    np.add.at(sums, nearest, features - words[nearest])
    rooted = np.sign(sums) * np.abs(sums) ** np.float32(power)
    return (unit_or_zero(rooted) if intra else rooted).reshape(-1)
