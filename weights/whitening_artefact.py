"""A fitted whitening as a file: the mean, the projection, and what they were fitted to.

One .npz (arrays, no pickle): ``mean`` (D,), ``projection`` (D, K), both float32, and ``facts``, a
text in JSON. The same numbers and facts give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import WeightsError
from engine.types import FloatArray
from weights.array_file import read_arrays, write_arrays

# Increased when an older reader would misread the file.
VERSION = 1
SUFFIX = ".npz"
_AGAIN = "Fit it again with: packsight train whitening"


@dataclass(frozen=True, eq=False)
class WhiteningArtefact:
    """x -> (x - mean) projection, then length 1.

    ``method``: "learned" or "pca". ``embedding``: fingerprint of the stages whose vectors it was
    fitted to, and ``embedded_by`` their settings, a table a section; both empty where
    unknown. ``figures``: values measured while it was fitted.
    """

    mean: FloatArray  # (D,)
    projection: FloatArray  # (D, K)
    method: str
    embedding: str = ""
    embedded_by: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        mean, projection = self.mean, self.projection
        if mean.ndim != 1 or projection.ndim != 2 or len(mean) != len(projection):
            raise ValueError(
                f"mean {mean.shape} and projection {projection.shape} do not fit each other"
            )
        if 0 in projection.shape or not (np.isfinite(mean).all() and np.isfinite(projection).all()):
            raise ValueError("mean and projection must be finite and not empty")

    @property
    def identity(self) -> str:
        """sha256 of all that changes a vector; ``figures`` do not."""
        parts = (str(VERSION).encode(), self.mean.tobytes(), self.projection.tobytes())
        return hashlib.sha256(b"|".join(parts)).hexdigest()

    def write(self, path: Path) -> None:
        """OSError where the file cannot be written."""
        facts = {
            "version": VERSION,
            "method": self.method,
            "embedding": self.embedding,
            "embedded_by": self.embedded_by,
            "figures": self.figures,
        }
        arrays = dict(zip(_ARRAYS, (self.mean, self.projection), strict=True))
        write_arrays(path, arrays, facts)


def read_whitening(path: Path) -> WhiteningArtefact:
    """Raises WeightsError for a file that is absent, damaged, or of a later version."""
    (mean, projection), facts = read_arrays(path, "fitted whitening", _ARRAYS, VERSION, _AGAIN)
    try:
        return WhiteningArtefact(mean, projection, **_known(facts))
    except (ValueError, TypeError) as error:
        raise WeightsError(f"{path}: not a fitted whitening ({error}).", remedy=_AGAIN) from error


_ARRAYS = ("mean", "projection")
_FACTS = ("method", "embedding", "embedded_by", "figures")


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    if set(facts) != set(_FACTS):
        raise ValueError(f"its facts are {', '.join(sorted(facts))}")
    return facts
