"""The trained network as an ONNX file that `[embed] name = "onnx"` runs."""

from __future__ import annotations

from typing import Any

from offline.store.run_folder import RunFolder
from weights.checksums import digests_of
from weights.export import ExportReport, store_network
from weights.frameworks.network import GraphNames
from weights.frameworks.torch_export import as_network
from weights.input_spec import InputSpec
from weights.probe import image_probe
from weights.sidecar import SourceFacts

MODEL = "embedder.onnx"
NAMES = GraphNames("embedder", "image", "features")


def store_embedder(
    embedder: Any, spec: InputSpec, free_sides: int, run: RunFolder, state: str, name: str
) -> ExportReport:
    """``embedder`` in evaluation mode on the CPU; ``state`` names its weights in the folder.

    The file takes every height and width that ``free_sides`` divides; the spec's only where it
    does not divide those, or is 0.
    """
    source = SourceFacts(state, digests_of(run.path / state).sha256, verified=False)
    network = as_network(
        embedder, image_probe(spec), (embedder.dimension,), NAMES, free_sides=free_sides
    )
    return store_network(network, run.path / MODEL, name, source, spec)
