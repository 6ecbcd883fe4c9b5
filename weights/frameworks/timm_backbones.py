"""Networks of timm (Wightman, PyTorch Image Models) by name, without their heads.

Layers are named after timm's own modules (layer3, blocks.4, stages.2); the last one, ``last``, is
the input of the head. A network with a class token gives tokens in place of maps.
"""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

from engine.errors import WeightsError
from weights.catalog import CatalogEntry
from weights.fetch import TIMM
from weights.frameworks.efficientnet_names import timm_names
from weights.frameworks.network import does_not_fit, import_framework
from weights.input_spec import InputSpec, Interpolation

LAST = "last"
_WRAPPED = ("state_dict", "model")  # where training scripts put the state dict in a file


def build(name: str) -> Any:
    """An untrained network without classifier; WeightsError names the nearest of timm's names."""
    timm = import_framework("timm")
    try:
        if "/" in name or ":" in name:  # timm would look for a folder, or on a hub
            raise ValueError("names of models only")
        network = timm.create_model(name, pretrained=False, num_classes=0)
    except (RuntimeError, ValueError) as error:
        known = [*timm.list_models(), *timm.list_pretrained()]
        near = difflib.get_close_matches(name, known, n=5)
        raise WeightsError(
            f"timm has no model {name!r} ({str(error)[:200]}).",
            remedy=f"Near to it are: {', '.join(near)}." if near else "See timm.list_models().",
        ) from error
    # timm's own general formula for TensorFlow's padding took the exporter 8 minutes of symbolic
    # arithmetic for one EfficientNetV2-B0.
    same = import_framework("weights.frameworks.nets.same_conv")
    same.pad_same(network, _halves_like_tensorflow)
    return network


def _halves_like_tensorflow(convolution: Any) -> bool:
    return (
        type(convolution).__name__ == "Conv2dSame"
        and (convolution.stride, convolution.dilation) == ((2, 2), (1, 1))
        and all(side % 2 for side in convolution.kernel_size)
    )


def entry_for(name: str) -> CatalogEntry:
    """An entry for timm's NAME or NAME.TAG from timm's configuration.

    Its size, mean, deviation and licence are those of timm's configuration; its weights are offered
    on a web page.
    """
    network = build(name)
    facts = network.pretrained_cfg
    _, height, width = facts["input_size"]
    given = facts.get("interpolation")
    method = cast("Interpolation", given if given in get_args(Interpolation) else "bicubic")
    return CatalogEntry(
        name=f"{TIMM}{name}",
        kind="backbone",
        framework="timm",
        format="safetensors",
        url="",
        page=f"https://huggingface.co/timm/{name}",
        licence=facts.get("license") or "unknown",
        source=f"timm, {name}",
        input=InputSpec(height, width, "unit", facts["mean"], facts["std"], method, "nchw"),
        architecture=name,
        dimension=network.num_features,
    )


def without_head(
    network: Any, state: Mapping[str, Any], checkpoint: Path, name: str
) -> Mapping[str, Any]:
    """A file's state dict under timm's names and without its classifier.

    The authors' own files are translated as timm does it itself (``checkpoint_filter_fn`` of the
    model's module: DINOv2's mask token and registers, for example), EfficientNet-PyTorch's here.
    """
    for key in _WRAPPED:
        if isinstance(state.get(key), Mapping):
            state = state[key]
    translate = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    try:
        if translate is not None:
            state = translate(dict(state), network)
        own = network.state_dict()
        state = timm_names(state, own)
        heads = network.pretrained_cfg.get("classifier") or ()
        heads = (heads,) if isinstance(heads, str) else heads
        prefixes = tuple(f"{head}." for head in heads)
        return {key: state[key] for key in state if key in own or not key.startswith(prefixes)}
    except (RuntimeError, AttributeError, TypeError, KeyError, ValueError) as error:
        raise does_not_fit(checkpoint, name, error) from error


def takes_other_sizes(network: Any) -> bool:
    return not (network.pretrained_cfg.get("fixed_input_size") or prefix_tokens(network))


def set_side(network: Any, name: str, side: tuple[int, int]) -> None:
    """Bring a network of fixed size to ``side``: its position embedding is interpolated.

    Raises WeightsError where the network cannot change its size, or not to this one.
    """
    native = tuple(network.pretrained_cfg["input_size"][1:])
    if side == native:
        return
    try:
        if not hasattr(network, "set_input_size"):
            raise ValueError("its size is fixed")
        network.set_input_size(img_size=side)
        torch = import_framework("torch")
        with torch.no_grad():  # patches that do not divide a side fail here
            network.forward_features(torch.zeros(1, 3, *side))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise WeightsError(
            f"timm's {name} cannot take images of {side[0]} x {side[1]} ({str(error)[:200]}).",
            remedy=f"It was made for {native[0]} x {native[1]}.",
        ) from error


def layer_names(network: Any) -> tuple[str, ...]:
    """Shallow to deep, ``last`` behind them."""
    read = getattr(network, "forward_intermediates", None)
    if read is None or not getattr(network, "feature_info", None):
        return (LAST,)
    if prefix_tokens(network) and "return_prefix_tokens" not in inspect.signature(read).parameters:
        return (LAST,)
    return (*(stage["module"] for stage in network.feature_info), LAST)


def prefix_tokens(network: Any) -> int:
    """Tokens before those of patches: a class token, then registers; 0 where there are maps."""
    return int(getattr(network, "num_prefix_tokens", 0))
