"""Any backbone exported to ONNX: its features, or its maps pooled, fused, at several scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field, field_validator

from engine.distances import unit_rows
from engine.errors import ConfigError, WeightsError
from engine.types import Cutout, FloatArray
from stages._preprocess import prepare, required_spec
from stages._session import OnnxSession
from stages.context import BuildContext
from stages.embed._pooling import Pooling, PoolName, pool_tokens
from stages.embed._views import Join, Views, joined, on_white, trusts
from stages.options import StageOptions
from weights.catalog import InputSpec

# Scaled input sizes are multiples of it: every backbone's strides divide them.
STRIDE = 32


class Options(StageOptions):
    """``weights``: a name of the catalogue or a path; ``output``: which of the model's outputs,
    counted from 0, the first if not given; ``normalise``: divide rows by their length.

    ``layers`` names outputs instead, such as ["layer3", "layer4"]: each is pooled and brought to
    length 1, and they are put one after the other. ``pool``: how feature maps become a vector
    (``stages/embed/_pooling.py``), with GeM's ``p`` and R-MAC's ``levels``; another than "gap"
    takes the model's last output where neither ``layers`` nor ``output`` names one.
    ``prefix_tokens``: of a transformer, how many tokens are no patches. ``scales``: factors of the
    weights' input size; the vectors are averaged. ``views``: the cutout as it was cut, on white,
    or both, joined by ``join`` and weighted by the trust of the mask.
    """

    later: ClassVar[frozenset[str]] = frozenset(
        {"layers", "pool", "p", "levels", "prefix_tokens", "scales", "views", "join"}
    )

    weights: str = Field(min_length=1)
    normalise: bool = True
    batch: int = Field(16, ge=1)
    output: int | None = Field(None, ge=0)
    layers: tuple[str, ...] = ()
    pool: PoolName = "gap"
    p: float = Field(3.0, gt=0)
    levels: int = Field(3, ge=1, le=6)
    prefix_tokens: int = Field(1, ge=0)
    scales: tuple[float, ...] = (1.0,)
    views: Views = "cut"
    join: Join = "concatenate"

    @field_validator("scales")
    @classmethod
    def _sizes(cls, scales: tuple[float, ...]) -> tuple[float, ...]:
        if not scales or not all(0.1 <= scale <= 4 for scale in scales):
            raise ValueError("scales must be numbers from 0.1 to 4")
        return scales

    @property
    def pooling(self) -> Pooling:
        return Pooling(self.pool, self.p, self.levels)


class OnnxEmbedder:
    """Runs the backbone in batches, once a scale and view."""

    def __init__(self, options: Options, session: OnnxSession, spec: InputSpec) -> None:
        self._options = options
        self._session = session
        self._specs = [_scaled(spec, scale) for scale in options.scales]
        self._outputs = _chosen(options, session)

    @property
    def normalised(self) -> bool:
        return self._options.normalise

    @cached_property
    def dimension(self) -> int:
        """From the model's declared shapes; a model that declares none is run once on zeros."""
        sizes = [self._declared(output) for output in self._outputs]
        known = [size for size in sizes if size is not None]
        if len(known) == len(sizes):
            one_view = sum(known)
        else:
            spec = self._specs[0]
            side = (spec.height, spec.width)
            probe = (1, 3, *side) if spec.layout == "nchw" else (1, *side, 3)
            one_view = int(self._features(np.zeros(probe, np.float32)).shape[1])
        options = self._options
        return one_view * (2 if options.views == "both" and options.join == "concatenate" else 1)

    def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
        """(N, dimension) float32, rows L2-normalised with ``normalise``."""
        if not cutouts:
            return np.empty((0, self.dimension), np.float32)
        options = self._options
        if options.views == "both":
            white = self._seen([on_white(cutout) for cutout in cutouts])
            rows = joined(self._seen(cutouts), white, trusts(cutouts), options.join)
        elif options.views == "white":
            rows = self._seen([on_white(cutout) for cutout in cutouts])
        else:
            rows = self._seen(cutouts)
        return unit_rows(rows) if options.normalise else rows

    def _seen(self, cutouts: Sequence[Cutout]) -> FloatArray:
        """(N, D) of one view, averaged over the scales; of several, each has length 1."""
        if len(self._specs) == 1:
            return self._at(cutouts, self._specs[0])
        rows = [unit_rows(self._at(cutouts, spec)) for spec in self._specs]
        return np.asarray(np.mean(rows, axis=0), np.float32)

    def _at(self, cutouts: Sequence[Cutout], spec: InputSpec) -> FloatArray:
        size = self._options.batch
        starts = range(0, len(cutouts), size)
        batches = [self._features(prepare(cutouts[i : i + size], spec)) for i in starts]
        return np.concatenate(batches)

    def _features(self, batch: FloatArray) -> FloatArray:
        """(N, D) of a prepared batch, the layers one after the other."""
        parts = [self._pooled(output) for output in self._session.run_all(batch, self._outputs)]
        rows = parts[0] if len(parts) == 1 else np.concatenate([*map(unit_rows, parts)], axis=1)
        if not bool(np.isfinite(rows).all()):
            raise WeightsError(
                f"{self._session.path}: gave features that are not finite.",
                remedy="The file may be damaged or half precision: packsight weights verify",
            )
        return rows

    def _pooled(self, output: FloatArray) -> FloatArray:
        options = self._options
        return pooled(
            output, self._specs[0], self._session.path, options.pooling, options.prefix_tokens
        )

    def _declared(self, output: int) -> int | None:
        """The number of features that the model's shapes declare for an output."""
        shape = self._session.output_shapes[output]
        channel = {2: 1, 3: 2, 4: 1 if self._specs[0].layout == "nchw" else 3}.get(len(shape))
        declared = shape[channel] if channel is not None else None
        return declared if isinstance(declared, int) else None


def pooled(
    features: FloatArray,
    spec: InputSpec,
    path: Path,
    pooling: Pooling | None = None,
    prefix: int = 1,
) -> FloatArray:
    """(N, D) as it is; maps (N, C, H, W) or (N, H, W, C), by the spec's layout, and tokens
    (N, T, C) pooled to (N, C). WeightsError for what cannot be pooled so."""
    pooling = pooling or Pooling()
    try:
        if features.ndim == 2 and pooling.name == "gap":
            return features
        if features.ndim == 3:
            return pool_tokens(features, pooling, prefix)
        if features.ndim == 4:
            maps = features if spec.layout == "nchw" else features.transpose(0, 3, 1, 2)
            return pooling(maps)
    except ValueError as error:
        raise WeightsError(
            f"{path}: pool = {pooling.name!r} does not fit its output ({error}).",
            remedy='Set another pool ("cls" is for transformers), or another layer.',
        ) from None
    wanted = "(N, D) or a feature map with 4 axes" if pooling.name == "gap" else "a feature map"
    raise WeightsError(
        f"{path}: gives features of shape {features.shape}, where {wanted} is expected"
        f"{'' if pooling.name == 'gap' else f' for pool = {pooling.name!r}'}.",
        remedy="Set output to a pooled output of the model."
        if features.ndim != 2
        else "Export the backbone with its maps: packsight weights export; or set pool = 'gap'.",
    )


def _chosen(options: Options, session: OnnxSession) -> tuple[int, ...]:
    """Positions of the outputs that are read; ConfigError lists those there are."""
    names = session.output_names
    if options.layers:
        if options.output is not None:
            raise ConfigError("embed layers and output both name outputs: leave one out.")
        unknown = [layer for layer in options.layers if layer not in names]
        if unknown:
            raise ConfigError(
                f"embed layers = {unknown[0]!r}: {session.path} has no such output.",
                remedy=f"It has: {', '.join(names)}. Export the backbone with the layers you want.",
            )
        return tuple(names.index(layer) for layer in options.layers)
    if options.output is None:
        return (0,) if options.pool == "gap" else (len(names) - 1,)
    if options.output >= len(names):
        raise ConfigError(
            f"embed output = {options.output}: {session.path} has outputs 0 to "
            f"{len(names) - 1} ({', '.join(names)}).",
            remedy="Set output to one of them, or leave it out for the first.",
        )
    return (options.output,)


def _scaled(spec: InputSpec, scale: float) -> InputSpec:
    if scale == 1:
        return spec
    height, width = (
        max(STRIDE, round(side * scale / STRIDE) * STRIDE) for side in (spec.height, spec.width)
    )
    return replace(spec, height=height, width=width)


def build(options: Options, context: BuildContext) -> OnnxEmbedder:
    file = context.weights(options.weights)
    spec = required_spec(file, "embed weights")
    session = context.session(file)
    _check_scales(options, session)
    return OnnxEmbedder(options, session, spec)


def _check_scales(options: Options, session: OnnxSession) -> None:
    sides = session.input_shape[1:]
    if options.scales != (1.0,) and len([side for side in sides if isinstance(side, int)]) > 1:
        raise ConfigError(
            f"embed scales: {session.path} takes images of one size only {sides}.",
            remedy="Export it anew with free sides: packsight weights export; or leave scales out.",
        )
