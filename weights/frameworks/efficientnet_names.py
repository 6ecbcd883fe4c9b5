"""EfficientNet-PyTorch's names of tensors (_blocks.3._bn1.bias) as timm's (blocks.2.0.bn2.bias).

Both networks hold the same tensors in the same order, which is how one name is found for another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_STEM = "_conv_stem.weight"  # the first tensor, a name that timm's networks do not have
_HEAD = ("_fc.weight", "_fc.bias")  # the last two: the classifier


def timm_names(state: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    """A file's tensors under the names of ``own``, timm's state dict without classifier.

    ``state`` is returned as it is where its names are not EfficientNet-PyTorch's. Raises
    ValueError where number, kinds (weight, running_mean, …) or shapes differ.
    """
    if _STEM not in state:
        return state
    names = [name for name in state if name not in _HEAD]
    if len(names) != len(own):
        raise ValueError(f"it holds {len(names)} tensors, and the network {len(own)}")
    for theirs, ours in zip(names, own, strict=True):
        if _kind(theirs) != _kind(ours) or state[theirs].shape != own[ours].shape:
            raise ValueError(
                f"its {theirs} {tuple(state[theirs].shape)} is not the network's "
                f"{ours} {tuple(own[ours].shape)}"
            )
    return {ours: state[theirs] for theirs, ours in zip(names, own, strict=True)}


def _kind(name: str) -> str:
    return name.rpartition(".")[2]
