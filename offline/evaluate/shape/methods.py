"""The shape descriptors that are compared: how each describes, and how far apart it finds two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.contours import ious
from engine.types import Contour, FloatArray
from offline.evaluate.shape.silhouettes import Silhouettes
from stages.shape.descriptor import describe_shapes, shape_distances
from stages.shape.fourier import fourier_descriptor
from stages.shape.proportions import profile_similarities, width_profile

Distances = npt.NDArray[np.floating[Any]]  # (N,), lower is more alike


@dataclass(frozen=True)
class Method:
    """``describe`` gives a row for each contour, ``apart`` the distances of a row to rows.

    Rows are numbers (N, D), or for the overlaps the contours themselves. ``aligned``: it looks at
    contours normalised for position and size.
    """

    name: str
    describe: Callable[[Sequence[Contour]], Any]
    apart: Callable[[Any, Any], Distances]
    aligned: bool = True

    def contours(self, silhouettes: Silhouettes) -> list[Contour]:
        return silhouettes.aligned if self.aligned else silhouettes.framed


def _fourier(contours: Sequence[Contour]) -> FloatArray:
    return np.stack([fourier_descriptor(contour) for contour in contours])


def _euclidean(query: FloatArray, gallery: FloatArray) -> Distances:
    return np.asarray(np.linalg.norm(gallery - query, axis=1))


def _widths(contours: Sequence[Contour]) -> FloatArray:
    return np.stack([width_profile(contour) for contour in contours])


def _unlike(query: FloatArray, gallery: FloatArray) -> Distances:
    return 1 - profile_similarities(query, gallery)


def _little_shared(query: Contour, gallery: Sequence[Contour]) -> Distances:
    return 1 - ious(query, gallery)


OURS = "string cuts, best start"

METHODS = (
    Method("IoU in the frame", list, _little_shared, aligned=False),
    Method("IoU aligned", list, _little_shared),
    Method("width profile", _widths, _unlike),
    Method("Fourier descriptor", _fourier, _euclidean),
    Method(OURS, describe_shapes, shape_distances),
)
