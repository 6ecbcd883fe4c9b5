"""The network before training: backbone from a checkpoint, normalisation and projection set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.config import Settings
from engine.errors import ConfigError
from engine.types import FloatArray, IntArray
from engine.user_folders import expanded
from offline.adapt.scatter import scatter_of_groups
from offline.adapt.whitening import Whitening, fit_learned, fit_pca
from offline.train.embedder.recipe import CATALOGUE, NOTHING, EmbedderRecipe, NetworkRecipe
from weights.catalog import CatalogEntry, load_catalog
from weights.export import find_exportable
from weights.fetch import TIMM, FetchPolicy, fetch_checkpoint, resolve
from weights.frameworks.network import GraphNames
from weights.input_spec import InputSpec

# Radenović, Tolias and Chum, PAMI 2019, put their learned whitening behind the pooling after
# training; as a fully connected layer that goes on learning it comes before. On 450 images of 90
# held-out products of Packbench standard, whose families were learned (MobileNetV2 of ImageNet,
# GeM, 128 px, no training), mAP was 0.555 without a projection, 0.799 with learned whitening to 256
# dimensions, 0.558 with PCA-whitening as it is here, and 0.512 with PCA-whitening not shrunk.
# PCA whitening is therefore shrunk towards no whitening at all.
PCA_SHRINKAGE = 0.9
# Images of which a folded checkpoint's normalisation takes its statistics, and how many at once.
REVIVAL, AT_ONCE = 64, 16
NAMES = GraphNames("embedder", "image", "features")  # of the exported graph


@dataclass(frozen=True)
class Start:
    """``embedder`` is on the CPU. ``whole``: it was an embedder before; else its projection is
    still random. ``free_sides``: see ``training``."""

    embedder: Any
    spec: InputSpec
    free_sides: int
    whole: bool = False


def find_backbone(name: str) -> CatalogEntry:
    """The backbone of that name in the catalogue, or timm/NAME; ConfigError lists those there are,
    WeightsError where timm has no such model."""
    if name.startswith(TIMM):
        return find_exportable(name)
    known = {entry.name: entry for entry in load_catalog().values() if entry.kind == "backbone"}
    if name not in known:
        valid = ", ".join(known)
        raise ConfigError(f"unknown --backbone {name!r}.", remedy=f"Valid: {valid}, timm/NAME.")
    return known[name]


def find_weights(network: NetworkRecipe, settings: Settings) -> Path | None:
    """The checkpoint that the backbone starts from; None to start from nothing.

    Raises ConfigError for a file that does not exist, WeightsError where a published one
    cannot be had.
    """
    if network.weights == NOTHING:
        return None
    if network.weights == CATALOGUE:
        return fetch_checkpoint(find_backbone(network.backbone), _policy(settings)).path
    if network.weights in load_catalog():
        return resolve(network.weights, _policy(settings)).path
    path = expanded(network.weights)
    if not path.is_file():
        raise ConfigError(
            f"--weights {network.weights}: there is no such file.",
            remedy=f"Give a checkpoint of {network.backbone}, {CATALOGUE}, or {NOTHING}.",
        )
    return path


def _policy(settings: Settings) -> FetchPolicy:
    directory = Path(settings.weights.directory) if settings.weights.directory else None
    return FetchPolicy(directory=directory, download=settings.weights.download)


def build_start(recipe: EmbedderRecipe, checkpoint: Path | None) -> Start:
    """The network with the checkpoint's weights, random ones (torch's generator) elsewhere; an
    ONNX file is an embedder that was exported, and gives all of them.

    Raises WeightsError for layers and checkpoints that do not fit, ConfigError for a dimension
    beyond the pooled features' and for an unknown stage to freeze.
    """
    import torch

    from offline.train.embedder.exported import SUFFIX, load_exported
    from offline.train.embedder.learner import freeze
    from offline.train.embedder.network import Embedder
    from weights.frameworks.backbones import read_backbone

    torch.manual_seed(recipe.seed)
    chosen = recipe.network
    entry = find_backbone(chosen.backbone)
    exported = checkpoint if checkpoint is not None and checkpoint.suffix == SUFFIX else None
    backbone = read_backbone(entry, None if exported else checkpoint, chosen.layers)
    if chosen.dimension is not None and chosen.dimension > sum(backbone.channels):
        raise ConfigError(
            f"--dimension {chosen.dimension}: {chosen.backbone} gives {sum(backbone.channels)} "
            f"features ({', '.join(backbone.layers)}).",
            remedy="Give at most as many, or more --layers.",
        )
    embedder = Embedder(
        backbone.module,
        backbone.channels,
        chosen.pooling,
        chosen.gem_p,
        dimension=chosen.dimension,
        learn_statistics=recipe.learns_statistics,
    )
    if not backbone.free_sides and recipe.input_size != entry.input.height:
        raise ConfigError(
            f"--input-size {recipe.input_size}: {chosen.backbone} takes {entry.input.height} "
            "pixels only.",
            remedy=f"Give --input-size {entry.input.height}.",
        )
    spec = replace(entry.input, height=recipe.input_size, width=recipe.input_size, layout="nchw")
    if chosen.grey:
        embedder.see_grey(spec)
    if exported is not None:
        load_exported(embedder.eval(), exported, spec, NAMES)
    freeze(embedder.trunk, chosen.freeze)
    whole = exported is not None
    return Start(embedder.to(memory_format=torch.channels_last), spec, backbone.free_sides, whole)


def settle_statistics(
    embedder: Any, images: Callable[[int, int], Any], count: int, *, drawn: bool
) -> bool:
    """Set missing statistics of batch normalisation; returns whether any were missing.

    A folded checkpoint gets them back and computes what it did. Random weights (``drawn``)
    would make next to nothing of an image without them: they are measured. ``images``:
    (first, last) -> prepared training images (n, 3, H, W), of ``count`` there are.
    """
    from weights.frameworks.normalisation import is_folded, normalisations, revive

    if not drawn and not is_folded(embedder.trunk):
        return False
    last = min(count, REVIVAL)
    batches = (embedder.seen(images(at, min(at + AT_ONCE, last))) for at in range(0, last, AT_ONCE))
    if not drawn:
        revive(embedder.trunk, batches)
        return True
    layers = list(normalisations(embedder.trunk))
    _measure(embedder.trunk, layers, batches)
    return bool(layers)


def _measure(backbone: Any, layers: Sequence[Any], batches: Iterable[Any]) -> None:
    """The mean of the batches' statistics, each layer behind normalised ones."""
    import torch

    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean of all batches
        layer.train()
    with torch.no_grad():
        for batch in batches:
            backbone(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
        layer.eval()


def set_projection(embedder: Any, weights: FloatArray, bias: FloatArray) -> None:
    """(D, C) and (D,)"""
    import torch

    with torch.no_grad():
        embedder.projection.weight.copy_(torch.from_numpy(weights))
        embedder.projection.bias.copy_(torch.from_numpy(bias))


def learned_start(
    features: FloatArray, labels: IntArray, dimension: int
) -> tuple[FloatArray, FloatArray]:
    """Weights (dimension, C) and bias (dimension,) of learned whitening; features with one label
    match. Raises ConfigError for a dimension beyond what ``features`` (N, C) span."""
    scatter = scatter_of_groups(features, labels)
    return _layer(fit_learned(features, scatter, dimension), features)


def pca_start(features: FloatArray, dimension: int) -> tuple[FloatArray, FloatArray]:
    """The same of PCA-whitening, which needs no labels."""
    return _layer(fit_pca(features, dimension, PCA_SHRINKAGE), features)


def pca_axes(features: FloatArray, dimension: int) -> tuple[FloatArray, FloatArray]:
    """The axes of most variance of (N, C), neither centred nor scaled, and no bias: cosines of
    features stay nearly what they were."""
    axes = np.linalg.eigh(np.cov(features, rowvar=False))[1][:, ::-1]
    weights = np.ascontiguousarray(axes[:, :dimension].T, np.float32)
    return weights, np.zeros(dimension, np.float32)


def _layer(found: Whitening, features: FloatArray) -> tuple[FloatArray, FloatArray]:
    """y = Pᵀ (x - μ), scaled so that y has length 1 in the mean of squares: a learning rate then
    means the same whatever the backbone's features are like."""
    projected = (features - found.mean) @ found.projection
    weights = found.projection.T / np.sqrt((projected**2).sum(axis=1).mean())
    return weights.astype(np.float32), (-weights @ found.mean).astype(np.float32)
