"""A whitening that `packsight train whitening` fitted: centre, project, bring to length 1.

Radenović, Tolias, Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", PAMI 2019,
section 4.2, after Mikolajczyk and Matas, "Improving Descriptors for Fast Tree Matching by Optimal
Linear Projection", ICCV 2007.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import Field

from engine.distances import unit_rows
from engine.errors import ConfigError
from engine.protocols import Embedder
from engine.types import Cutout, FloatArray
from engine.user_folders import expanded
from stages.context import BuildContext
from stages.options import StageOptions, in_words
from weights.whitening_artefact import WhiteningArtefact, read_whitening


class Options(StageOptions):
    """``weights``: the file. ``dimension``: keep only its first so many axes, the most telling
    ones. ``any_embedding``: take a file that was fitted to vectors of other stages."""

    weights: str = Field(min_length=1)
    dimension: int | None = Field(None, ge=1)
    # Permits, changes nothing: left out of the dump that is fingerprinted.
    any_embedding: bool = Field(False, exclude=True)


class Fitted:
    def __init__(self, mean: FloatArray, projection: FloatArray, path: str) -> None:
        self._mean = mean  # (D,)
        self._projection = projection  # (D, K)
        self._path = path

    def around(self, embedder: Embedder) -> Embedder:
        """Raises ConfigError where the embedder's vectors have another dimension."""
        if embedder.dimension != len(self._mean):
            raise ConfigError(
                f"{self._path}: whitens vectors of {len(self._mean)} dimensions, the embedder "
                f"gives {embedder.dimension}.",
                remedy="Fit one to these vectors: packsight train whitening",
            )
        return _Whitened(embedder, self)

    @property
    def dimension(self) -> int:
        return int(self._projection.shape[1])

    def project(self, rows: FloatArray) -> FloatArray:
        """(N, D) -> (N, K), rows of length 1.

        A row at a time: what BLAS makes of a row would else depend, in its last bits, on how
        many it is given together. And without BLAS: its threads wait for each other where the
        cores have other work (2048 to 256 numbers on a busy machine: 80 ms with, 0.06 without).
        """
        centred = rows - self._mean
        projected = [np.einsum("d,dk->k", row, self._projection) for row in centred]
        shape = (len(rows), self.dimension)
        return unit_rows(np.asarray(projected, np.float32).reshape(shape))


class _Whitened:
    """An embedder like the one it holds, its vectors projected."""

    normalised = True

    def __init__(self, embedder: Embedder, whitening: Fitted) -> None:
        self._embedder = embedder
        self._whitening = whitening
        self.dimension = whitening.dimension

    def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
        return self._whitening.project(self._embedder.embed(cutouts))


def build(options: Options, context: BuildContext) -> Fitted:
    path = expanded(options.weights)
    artefact = read_whitening(path)
    if not options.any_embedding:
        _check_embedding(artefact, context.embedding, path)
    context.used[options.weights] = artefact.identity
    kept = options.dimension
    if kept is not None and kept > artefact.projection.shape[1]:
        raise ConfigError(
            f"whiten.dimension = {kept}: {path} has {artefact.projection.shape[1]} axes.",
            remedy="Ask for fewer, or fit it anew with a larger --dimension.",
        )
    projection = np.ascontiguousarray(artefact.projection[:, :kept])
    return Fitted(artefact.mean, projection, str(path))


def _check_embedding(artefact: WhiteningArtefact, served: frozenset[str], path: Path) -> None:
    if not served or artefact.embedding in ("", *served):
        return
    wanted = in_words(artefact.embedded_by)
    raise ConfigError(
        f"{path}: was fitted to vectors that other stages made: {wanted or artefact.embedding}.",
        remedy="Use those settings, fit one to these with: packsight train whitening, or set "
        "whiten.any_embedding = true.",
    )
