"""The network before it learns: trunk from a checkpoint, normalisation revived, projection set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from engine.types import FloatArray
from offline.train.embedder.recipe import EmbedderRecipe, find_backbone
from weights.input_spec import InputSpec

# Pictures of which a folded checkpoint's normalisation takes its statistics, and how many at once.
REVIVAL, AT_ONCE = 64, 16


@dataclass(frozen=True)
class Start:
    """``embedder`` is on the CPU; its projection is still drawn by chance. ``free_sides``: see
    ``to_onnx.store_embedder``."""

    embedder: Any
    spec: InputSpec
    free_sides: int


def build_start(recipe: EmbedderRecipe, checkpoint: Path | None) -> Start:
    """Drawn from torch's generator, seeded by the recipe, where no checkpoint says otherwise.

    Raises WeightsError for layers and checkpoints that do not fit, ConfigError for a dimension
    beyond the pooled features' and for a stage to freeze that there is not.
    """
    import torch

    from offline.train.embedder.learner import freeze
    from offline.train.embedder.network import Embedder
    from weights.frameworks.backbones import read_backbone

    torch.manual_seed(recipe.seed)
    chosen = recipe.network
    entry = find_backbone(chosen.backbone)
    trunk = read_backbone(entry, checkpoint, chosen.layers)
    if chosen.dimension is not None and chosen.dimension > sum(trunk.channels):
        raise ConfigError(
            f"--dimension {chosen.dimension}: {chosen.backbone} gives {sum(trunk.channels)} "
            f"features ({', '.join(trunk.layers)}).",
            remedy="Give at most as many, or more --layers.",
        )
    embedder = Embedder(
        trunk.module,
        trunk.channels,
        chosen.pooling,
        chosen.p,
        dimension=chosen.dimension,
        learn_statistics=recipe.learns_statistics,
    )
    if not trunk.free_sides and recipe.size != entry.input.height:
        raise ConfigError(
            f"--size {recipe.size}: {chosen.backbone} takes {entry.input.height} pixels only.",
            remedy=f"Give --size {entry.input.height}.",
        )
    spec = replace(entry.input, height=recipe.size, width=recipe.size, layout="nchw")
    if chosen.grey:
        embedder.see_grey(spec)
    freeze(embedder.trunk, chosen.freeze)
    return Start(embedder.to(memory_format=torch.channels_last), spec, trunk.free_sides)


def settle_statistics(
    embedder: Any, images: Callable[[int, int], Any], count: int, *, drawn: bool
) -> bool:
    """Set the statistics of batch normalisation that nobody has set; whether that was needed.

    A folded checkpoint gets them back and computes what it did. Weights that were ``drawn`` by
    chance would make next to nothing of a picture without them: they are measured. ``images``:
    (first, last) -> prepared training pictures (n, 3, H, W), of ``count`` there are.
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


def _measure(trunk: Any, layers: Sequence[Any], batches: Iterable[Any]) -> None:
    """The mean of the batches' statistics, each layer behind normalised ones."""
    import torch

    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean of all batches
        layer.train()
    with torch.no_grad():
        for batch in batches:
            trunk(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
        layer.eval()


def set_projection(embedder: Any, weights: FloatArray, bias: FloatArray) -> None:
    """(D, C) and (D,)"""
    import torch

    with torch.no_grad():
        embedder.projection.weight.copy_(torch.from_numpy(weights))
        embedder.projection.bias.copy_(torch.from_numpy(bias))
