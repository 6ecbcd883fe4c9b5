"""From a checkpoint to a torch module to one ONNX file, for all frameworks."""

from __future__ import annotations

import contextlib
import io
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import WeightsError
from engine.types import FloatArray
from weights.frameworks.network import (
    BACKBONE_NAMES,
    Everything,
    GraphNames,
    Network,
    does_not_fit,
    import_framework,
)

# What torch 2.6 and later write best; ONNX Runtime reads it since 1.14.
OPSET = 18


def read_state(checkpoint: Path, architecture: str) -> dict[str, Any]:
    """The state dict in a .pth or .safetensors file.

    ``weights_only`` unpickles tensors and plain containers and refuses everything else, so no
    code of a file runs. Raises WeightsError for what is no state dict.
    """
    torch = import_framework("torch")
    try:
        if checkpoint.suffix == ".safetensors":
            return _safetensors(checkpoint, architecture)
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(f"{checkpoint}: cannot be read ({error.strerror or error}).") from error
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise does_not_fit(checkpoint, architecture, error) from error
    if not isinstance(state, dict):
        raise does_not_fit(checkpoint, architecture, TypeError(f"holds a {type(state).__name__}"))
    return state


def load_state(network: Any, state: Mapping[str, Any], checkpoint: Path, architecture: str) -> None:
    """Load a whole state dict; WeightsError for another network's, ``checkpoint`` named."""
    try:
        network.load_state_dict(state)
    except (RuntimeError, AttributeError, TypeError) as error:
        raise does_not_fit(checkpoint, architecture, error) from error


def _safetensors(checkpoint: Path, architecture: str) -> dict[str, Any]:
    reader = import_framework("safetensors.torch")
    try:
        return dict(reader.load_file(checkpoint))
    except import_framework("safetensors").SafetensorError as error:
        raise does_not_fit(checkpoint, architecture, error) from error


def as_network(
    module: Any,
    probe: FloatArray,
    output: tuple[int, ...],
    names: GraphNames = BACKBONE_NAMES,
    *,
    free_sides: int = 0,
    other_sizes: tuple[FloatArray, ...] = (),
) -> Network:
    """A module of one tensor, in evaluation mode on the CPU, for the exporter.

    The module gives one tensor, or where ``names`` has layers a tuple: the result, then theirs.
    ``free_sides``: the file takes every height and width that this divides; 0, or where it does
    not divide those of ``probe``: those alone. ``other_sizes``: further probes, of such heights
    and widths, on which parity is to be shown as well.
    """
    if free_sides and any(side % free_sides for side in probe.shape[2:]):
        free_sides, other_sizes = 0, ()
    everything = None
    if names.layers or other_sizes:
        everything = Everything(lambda batch: _run(module, batch), (probe, *other_sizes))
    return Network(
        lambda batch: _run(module, batch)[0],
        lambda path: write_onnx(module, probe, path, names.layers, free_sides=free_sides),
        output,
        probe,
        names,
        everything,
    )


def _run(module: Any, batch: FloatArray) -> tuple[FloatArray, ...]:
    torch = import_framework("torch")
    with torch.no_grad():
        outputs = module(torch.from_numpy(batch))
    tensors = outputs if isinstance(outputs, tuple) else (outputs,)
    return tuple(np.asarray(tensor.cpu().numpy(), dtype=np.float32) for tensor in tensors)


def write_onnx(
    module: Any,
    probe: FloatArray,
    path: Path,
    layers: tuple[str, ...] = (),
    *,
    free_sides: int = 0,
) -> None:
    """Export a module whose input's size is ``probe``'s and whose batch axis is free; for the
    other arguments see ``as_network`` and ``GraphNames``."""
    torch = import_framework("torch")
    import_framework("onnxscript")
    # Two items: an example of one would let the exporter fix the batch axis at 1.
    example = torch.zeros(2, *probe.shape[1:])
    free = {0: torch.export.Dim("batch")}
    if free_sides:
        free |= {2: free_sides * torch.export.Dim("h"), 3: free_sides * torch.export.Dim("w")}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's warnings to its own developers
        torch.onnx.export(
            module,
            (example,),
            path,
            input_names=["image"],
            output_names=["features", *layers],
            dynamic_shapes=(free,),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
