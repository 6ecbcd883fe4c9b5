"""Fold constants of a graph: transposed kernels and batch normalisation.

Keras' batch normalisation arrives as a subtraction, a multiplication and an addition, which ONNX
Runtime does not fuse by itself; folded into the convolution before them, they cost nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.types import FloatArray
from weights.frameworks.network import import_framework


def fold_turned_constants(graph: Any) -> int:
    """Replace Reshape and Transpose of constants by their results; returns how many.

    torch's exporter leaves those of more than 8,192 elements.
    """
    helper = import_framework("onnx.numpy_helper")
    constants = {tensor.name: tensor for tensor in graph.initializer}
    turned = []
    for node in list(graph.node):
        if node.op_type not in ("Reshape", "Transpose") or set(node.input) - set(constants):
            continue
        arrays = [helper.to_array(constants[name]) for name in node.input]
        if node.op_type == "Reshape":
            if 0 in arrays[1]:  # 0 copies an axis, or is one, by an attribute
                continue
            result = arrays[0].reshape(arrays[1])
        else:
            axes = [list(item.ints) for item in node.attribute if item.name == "perm"]
            result = np.transpose(arrays[0], axes[0] if axes else None)
        tensor = helper.from_array(np.ascontiguousarray(result), node.output[0])
        constants[tensor.name] = tensor
        turned.append(tensor)
        graph.node.remove(node)
    graph.initializer.extend(turned)
    return len(turned)


def fold_affine(graph: Any) -> int:
    """Fold Add, Sub and Mul by per-channel constants into the Conv before; returns how many."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    uses = Counter(name for node in graph.node for name in node.input)
    uses.update(output.name for output in graph.output)
    consumers = {name: node for node in graph.node for name in node.input}
    folded = 0
    for convolution in [node for node in graph.node if node.op_type == "Conv"]:
        weights = _weights(convolution, constants)
        if weights is None:
            continue
        before = folded
        # Another node that reads the plain convolution would lose it.
        while uses[convolution.output[0]] == 1 and convolution.output[0] in consumers:
            node = consumers[convolution.output[0]]
            operand = _operand(node, convolution.output[0], constants, len(weights[0]))
            if operand is None:
                break
            weights = _apply(node.op_type, *weights, operand)
            convolution.output[0] = node.output[0]
            graph.node.remove(node)
            folded += 1
        if folded > before:
            _store(graph, convolution, *weights)
    return folded


def _weights(
    convolution: Any, constants: Mapping[str, Any]
) -> tuple[FloatArray, FloatArray] | None:
    """(O, I, kh, kw) kernel and (O,) bias; None when either is computed while running."""
    to_array = import_framework("onnx.numpy_helper").to_array
    names = list(convolution.input[1:])
    if any(name not in constants for name in names):
        return None
    kernel = to_array(constants[names[0]])
    bias = to_array(constants[names[1]]) if len(names) > 1 else np.zeros(len(kernel), np.float32)
    return kernel, bias


def _operand(
    node: Any, value: str, constants: Mapping[str, Any], channels: int
) -> FloatArray | None:
    """(O,) the constant that ``node`` combines with ``value``; None when it is no such node."""
    if node.op_type not in ("Add", "Sub", "Mul") or (
        node.op_type == "Sub" and node.input[0] != value
    ):
        return None
    others = [name for name in node.input if name != value]
    if len(others) != 1 or others[0] not in constants:
        return None
    array = import_framework("onnx.numpy_helper").to_array(constants[others[0]])
    if array.ndim > 4 or array.dtype != np.float32:
        return None
    shape = (1,) * (4 - array.ndim) + array.shape  # (N, O, H, W) with N = H = W = 1
    if shape not in ((1, channels, 1, 1), (1, 1, 1, 1)):
        return None
    operand: FloatArray = np.broadcast_to(array.reshape(-1), (channels,))
    return operand


def _apply(
    operation: str, kernel: FloatArray, bias: FloatArray, operand: FloatArray
) -> tuple[FloatArray, FloatArray]:
    if operation == "Mul":
        return kernel * operand[:, None, None, None], bias * operand
    return kernel, bias + operand if operation == "Add" else bias - operand


def _store(graph: Any, convolution: Any, kernel: FloatArray, bias: FloatArray) -> None:
    """Under new names: other convolutions may share the old constants."""
    from_array = import_framework("onnx.numpy_helper").from_array
    names = [f"{convolution.output[0]}/{part}" for part in ("kernel", "bias")]
    graph.initializer.extend(
        from_array(np.ascontiguousarray(array), name)
        for array, name in zip((kernel, bias), names, strict=True)
    )
    convolution.input[1:] = names
