"""From a checkpoint to a torch module to one ONNX file: the road that all frameworks take."""

from __future__ import annotations

import contextlib
import io
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from engine.types import FloatArray
from weights.frameworks.network import (
    TRUNK_NAMES,
    GraphNames,
    Network,
    does_not_fit,
    import_framework,
)

# What torch 2.6 and later write best; ONNX Runtime reads it since 1.14.
OPSET = 18


def read_state(checkpoint: Path, architecture: str) -> dict[str, Any]:
    """The state dict in a .pth file.

    ``weights_only`` unpickles tensors and plain containers and refuses everything else, so no
    code that a file brings along runs. Raises WeightsError for what is no state dict.
    """
    torch = import_framework("torch")
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise does_not_fit(checkpoint, architecture, error) from error
    if not isinstance(state, dict):
        raise does_not_fit(checkpoint, architecture, TypeError(f"holds a {type(state).__name__}"))
    return state


def as_network(
    module: Any,
    probe: FloatArray,
    output: tuple[int, ...],
    names: GraphNames = TRUNK_NAMES,
    *,
    free_sides: int = 0,
) -> Network:
    """A module of one tensor -> one tensor, in evaluation mode on the CPU, for the exporter.

    ``free_sides``: the file takes every height and width that this divides; 0: those of ``probe``.
    """
    return Network(
        lambda batch: _run(module, batch),
        lambda path: write_onnx(module, probe, path, free_sides=free_sides),
        output,
        probe,
        names,
    )


def _run(module: Any, batch: FloatArray) -> FloatArray:
    torch = import_framework("torch")
    with torch.no_grad():
        return np.asarray(module(torch.from_numpy(batch)).cpu().numpy(), dtype=np.float32)


def write_onnx(module: Any, probe: FloatArray, path: Path, *, free_sides: int = 0) -> None:
    """Export a module of one tensor -> one tensor whose size is ``probe``'s and whose batch axis
    is free; for ``free_sides`` see ``as_network``."""
    torch = import_framework("torch")
    import_framework("onnxscript")
    # Two items: an example of one would let the exporter fix the batch axis at 1.
    example = torch.zeros(2, *probe.shape[1:])
    free = {0: torch.export.Dim("batch")}
    if free_sides:
        free |= {2: free_sides * torch.export.Dim("h"), 3: free_sides * torch.export.Dim("w")}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's notes to its own developers
        torch.onnx.export(
            module,
            (example,),
            path,
            input_names=["image"],
            output_names=["features"],
            dynamic_shapes=(free,),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
