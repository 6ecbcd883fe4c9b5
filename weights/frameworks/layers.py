"""Choose among a backbone's layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.errors import WeightsError


def choose_layers(
    architecture: str, valid: Sequence[str], layers: Sequence[str]
) -> tuple[str, ...]:
    """``layers`` in the order of ``valid``, the last one for none; WeightsError lists the valid."""
    unknown = [name for name in layers if name not in valid]
    if unknown:
        raise WeightsError(
            f"{architecture} has no layer {', '.join(map(repr, unknown))}.",
            remedy=f"Valid layers, shallow to deep: {', '.join(valid)}.",
        )
    return tuple(name for name in valid if name in layers) or (valid[-1],)


def coarsest_layers(sides: Mapping[str, int]) -> tuple[str, ...]:
    """From layers and their maps' heights (0 for tokens), shallow to deep: the last one, and the
    last with finer maps, as multi-layer pooling uses them (a ResNet's layer3 and layer4)."""
    *others, last = sides
    finer = [name for name in others if sides[name] > sides[last] > 0]
    return (*finer[-1:], last)
