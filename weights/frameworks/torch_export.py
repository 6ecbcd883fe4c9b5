"""From a torch module to one ONNX file: the road that both frameworks take."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

from weights.frameworks.trunk import import_framework

# What torch 2.6 and later write best; ONNX Runtime reads it since 1.14.
OPSET = 18


def write_onnx(module: Any, size: tuple[int, int], path: Path) -> None:
    """Export a module (N, 3, H, W) -> (N, D) whose size is fixed and whose batch axis is free."""
    torch = import_framework("torch")
    import_framework("onnxscript")
    # Two images: an example of one would let the exporter fix the batch axis at 1.
    example = torch.zeros(2, 3, *size)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's notes to its own developers
        torch.onnx.export(
            module,
            (example,),
            path,
            input_names=["image"],
            output_names=["features"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
