"""Any trunk exported to ONNX: features before the head, pooled over the picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import Field

from engine.errors import ConfigError, WeightsError
from engine.types import Cutout, FloatArray
from stages._preprocess import prepare, required_spec
from stages._session import OnnxSession
from stages.context import BuildContext
from stages.embed._normalise import unit_rows
from stages.options import StageOptions
from weights.catalog import InputSpec


class Options(StageOptions):
    """``weights``: a name of the catalogue or a path; ``output``: which of the model's outputs,
    counted from 0, the first if not given; ``normalise``: divide rows by their length."""

    weights: str = Field(min_length=1)
    normalise: bool = True
    batch: int = Field(16, ge=1)
    output: int | None = Field(None, ge=0)


class OnnxEmbedder:
    """Runs the trunk in batches; feature maps are averaged over height and width."""

    def __init__(self, options: Options, session: OnnxSession, spec: InputSpec) -> None:
        self._options = options
        self._session = session
        self._spec = spec
        self._output = options.output or 0
        if self._output >= len(session.output_names):
            raise ConfigError(
                f"embed output = {self._output}: {session.path} has outputs 0 to "
                f"{len(session.output_names) - 1} ({', '.join(session.output_names)}).",
                remedy="Set output to one of them, or leave it out for the first.",
            )

    @property
    def normalised(self) -> bool:
        return self._options.normalise

    @cached_property
    def dimension(self) -> int:
        """From the model's declared shape; a model that declares none is run once on zeros."""
        shape = self._session.output_shapes[self._output]
        channel = {2: 1, 4: 1 if self._spec.layout == "nchw" else 3}.get(len(shape))
        declared = shape[channel] if channel is not None else None
        if isinstance(declared, int):
            return declared
        size = (self._spec.height, self._spec.width)
        probe = (1, 3, *size) if self._spec.layout == "nchw" else (1, *size, 3)
        return int(self._features(np.zeros(probe, np.float32)).shape[1])

    def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
        """(N, dimension) float32, rows L2-normalised if the options ask for it."""
        if not cutouts:
            return np.empty((0, self.dimension), np.float32)
        size = self._options.batch
        starts = range(0, len(cutouts), size)
        rows = np.concatenate(
            [self._features(prepare(cutouts[i : i + size], self._spec)) for i in starts]
        )
        return unit_rows(rows) if self._options.normalise else rows

    def _features(self, batch: FloatArray) -> FloatArray:
        """(N, D) of a prepared batch."""
        rows = pooled(self._session.run(batch, self._output), self._spec, self._session.path)
        if not bool(np.isfinite(rows).all()):
            raise WeightsError(
                f"{self._session.path}: gave features that are not finite.",
                remedy="The file may be damaged or half precision: packsight weights verify",
            )
        return rows


def pooled(features: FloatArray, spec: InputSpec, path: Path) -> FloatArray:
    """(N, D) as it is; (N, C, H, W) or (N, H, W, C), by the spec's layout, averaged to (N, C)."""
    if features.ndim == 2:
        return features
    if features.ndim == 4:
        axes = (2, 3) if spec.layout == "nchw" else (1, 2)
        mean: FloatArray = features.mean(axis=axes)
        return mean
    raise WeightsError(
        f"{path}: gives features of shape {features.shape}, where (N, D) or a feature map with "
        "4 axes is expected.",
        remedy="Set output to a pooled output of the model.",
    )


def build(options: Options, context: BuildContext) -> OnnxEmbedder:
    found = context.weights(options.weights)
    spec = required_spec(found, "embed weights")
    return OnnxEmbedder(options, OnnxSession(found.path, threads=context.threads), spec)
