"""Canonical names in an exported graph, which depend on nothing but its structure.

Exporters number values in the order of their traversal, so two exports of one checkpoint differ
in bytes. The sha256 of a model is part of a gallery's fingerprint: a catalogue must not
have to be ingested again because the model was exported again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weights.folding import fold_affine, fold_turned_constants
from weights.frameworks.network import BACKBONE_NAMES, GraphNames, import_framework


def canonicalise(path: Path, called: GraphNames = BACKBONE_NAMES) -> int:
    """Rewrite an ONNX file with one input, its outputs ``called`` so, and free axis ``batch``.

    Batch normalisation is folded, see ``folding``. Values and constants are named in the order of
    their first use; the exporter's metadata (source lines, paths) is dropped. Returns the opset.
    """
    onnx = import_framework("onnx")
    model = onnx.load(str(path))
    graph = model.graph
    if not _has_subgraphs(onnx, graph):  # their names would live in two scopes
        fold_turned_constants(graph)
        fold_affine(graph)
        _rename(graph, called)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    for value, layer in zip(graph.output[1:], called.layers, strict=True):
        _name_sides(value, layer)
    _drop_metadata(model)
    graph.name = called.graph
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return int(next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx")))


def _rename(graph: Any, called: GraphNames) -> None:
    constants = {tensor.name for tensor in graph.initializer}
    results = (called.result, *called.layers)
    names = {graph.input[0].name: called.image, "": ""}
    names |= {value.name: name for value, name in zip(graph.output, results, strict=True)}
    for node in graph.node:
        for name in node.input:
            if name in constants and name not in names:
                names[name] = f"constant_{len(names)}"
        for name in node.output:
            names.setdefault(name, f"value_{len(names)}")
    for index, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{index}"
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for value in (graph.input[0], *graph.output):
        value.name = names[value.name]
    _keep_constants(graph, names)


def _keep_constants(graph: Any, names: dict[str, str]) -> None:
    """Rename the constants, in the order of their first use; drop unused ones."""
    order = {name: place for place, name in enumerate(names)}
    kept = sorted(
        (tensor for tensor in graph.initializer if tensor.name in order),
        key=lambda tensor: order[tensor.name],
    )
    copies = [type(tensor).FromString(tensor.SerializeToString()) for tensor in kept]
    for tensor in copies:
        tensor.name = names[tensor.name]
    del graph.initializer[:]
    graph.initializer.extend(copies)


def _name_sides(value: Any, layer: str) -> None:
    """Free sides of a map are formulas in the exporter's symbols: name them after the layer."""
    for dimension, side in zip(
        value.type.tensor_type.shape.dim[2:], ("height", "width"), strict=False
    ):
        if not dimension.HasField("dim_value"):
            dimension.dim_param = f"{layer}_{side}"


def _has_subgraphs(onnx: Any, graph: Any) -> bool:
    kinds = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
    return any(attribute.type in kinds for node in graph.node for attribute in node.attribute)


def _drop_metadata(model: Any) -> None:
    graph = model.graph
    model.doc_string = graph.doc_string = ""
    del graph.value_info[:]  # shapes of intermediate values, under the old names
    for holder in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        if hasattr(holder, "metadata_props"):
            del holder.metadata_props[:]
    for node in graph.node:
        node.doc_string = ""
