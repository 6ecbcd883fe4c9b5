"""Codebooks of local features: the file of `packsight train codebook`, and features to one vector.

Bag of words: Sivic and Zisserman, "Video Google", ICCV 2003. VLAD: Jégou, Douze, Schmid, Pérez,
"Aggregating local descriptors into a compact image representation", CVPR 2010; its signed power:
Jégou, Perronnin, Douze, Sánchez, Pérez, Schmid, PAMI 2012; its normalisation word by word:
Arandjelovic and Zisserman, "All about VLAD", CVPR 2013.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from engine.distances import unit_or_zero
from engine.errors import ConfigError, WeightsError
from engine.types import FloatArray, IntArray
from stages.embed._keypoints import FeatureSpec
from weights.array_file import read_arrays, write_arrays

VERSION = 1
SUFFIX = ".npz"
TRAIN = "packsight train codebook --data DIR --out FILE.npz"
_ARRAYS = ("words", "idf")


@dataclass(frozen=True, eq=False)
class Codebook:
    """``words`` (K, d): cluster centres; ``idf`` (K,): their inverse document frequencies over the
    training images. ``spec``: the features. ``data``: the training data, in words."""

    words: FloatArray
    idf: FloatArray
    spec: FeatureSpec
    data: str = ""

    def __post_init__(self) -> None:
        if self.words.ndim != 2 or self.words.shape != (len(self.idf), self.spec.size):
            raise ValueError(
                f"words {self.words.shape} and idf {self.idf.shape} do not fit {self.spec.detector}"
            )
        if not len(self.words) or not all(np.isfinite(a).all() for a in (self.words, self.idf)):
            raise ValueError("words and idf must be finite and not empty")

    @property
    def identity(self) -> str:
        """sha256 of all that changes a vector; ``data`` does not."""
        spec = f"{VERSION}|{self.spec.detector}|{self.spec.rooted}".encode()
        return hashlib.sha256(spec + self.words.tobytes() + self.idf.tobytes()).hexdigest()

    def write(self, path: Path) -> None:
        """OSError where the file cannot be written."""
        facts = {"version": VERSION, "data": self.data, **asdict(self.spec)}
        write_arrays(path, dict(zip(_ARRAYS, (self.words, self.idf), strict=True)), facts)

    def require(self, spec: FeatureSpec, path: str) -> None:
        """ConfigError where the settings' features are not those of the codebook."""
        mine, wanted = _kind(self.spec), _kind(spec)
        if mine != wanted:
            raise ConfigError(
                f"{path}: is a codebook of {mine} features, [embed] uses {wanted}.",
                remedy=f"Set detector and root as it was trained, or train one: {TRAIN} "
                f"--detector {spec.detector}",
            )


def read_codebook(path: Path) -> Codebook:
    """Raises WeightsError for a file that is absent, damaged, or of another version."""
    again = f"Train it again with: {TRAIN}"
    (words, idf), facts = read_arrays(path, "codebook", _ARRAYS, VERSION, again)
    try:
        data = str(facts.pop("data"))
        return Codebook(words, idf, FeatureSpec(**facts), data)
    except (ValueError, TypeError, KeyError) as error:
        raise WeightsError(f"{path}: not a codebook ({error}).", remedy=again) from error


def _kind(spec: FeatureSpec) -> str:
    return "RootSIFT" if spec.rooted else spec.detector.upper()


def assigned(features: FloatArray, words: FloatArray) -> IntArray:
    """(M, d) features and (K, d) words -> (M,): the nearest word, the first of equals."""
    lengths = np.einsum("kd,kd->k", words, words)
    nearest: IntArray = np.argmin(lengths[None] - 2 * (features @ words.T), axis=1)
    return nearest


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
