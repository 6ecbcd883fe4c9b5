"""The words of local features: a file of `packsight train codebook`."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from engine.errors import ConfigError, WeightsError
from engine.types import FloatArray
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
