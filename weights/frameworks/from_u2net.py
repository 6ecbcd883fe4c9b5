"""U²-Net from the authors' state dicts (.pth) and from ONNX files, rembg's and our own.

An ONNX file holds convolutions into which batch normalisation was folded: their kernels and
biases are loaded as they are and the normalisation is made to do nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.errors import WeightsError
from weights.catalog import CatalogEntry
from weights.frameworks.network import GraphNames, Network, does_not_fit, import_framework
from weights.frameworks.normalisation import normalisations
from weights.frameworks.torch_export import as_network, load_state, read_state
from weights.input_spec import InputSpec
from weights.probe import image_probe

NAMES = GraphNames("u2net", "image", "saliency")


def load(entry: CatalogEntry, checkpoint: Path) -> Network:
    """The entry's network: (N, 3, H, W) -> the fused map, (N, 1, H, W) in [0, 1]."""
    return for_serving(read_network(entry.architecture, checkpoint), entry.input)


def for_serving(network: Any, spec: InputSpec) -> Network:
    """What is exported of a U2NET or U2NETP, trained or loaded: the fused map and no sides."""
    nets = import_framework("weights.frameworks.nets.u2net")
    fused = nets.Fused(network).eval()
    return as_network(fused, image_probe(spec), (1, spec.height, spec.width), NAMES)


def read_network(architecture: str, checkpoint: Path) -> Any:
    """A U2NET or U2NETP in evaluation mode with the weights of a .pth or .onnx file.

    Raises WeightsError where the file cannot be read or holds another network.
    """
    if not checkpoint.is_file():
        raise WeightsError(f"{checkpoint}: there is no such file.", remedy="Check its path.")
    network = new_network(architecture)
    if checkpoint.suffix.lower() == ".onnx":
        _load_folded(network, checkpoint, architecture)
        return network.eval()
    load_state(network, read_state(checkpoint, architecture), checkpoint, architecture)
    return network.eval()


def new_network(architecture: str) -> Any:
    """An untrained ``U2NET`` or ``U2NETP``, drawn from torch's generator."""
    return import_framework("weights.frameworks.nets.u2net").NETWORKS[architecture]()


def _load_folded(network: Any, path: Path, architecture: str) -> None:
    torch = import_framework("torch")
    nn = import_framework("torch.nn")
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    kernels = _convolutions(path, architecture)
    if len(kernels) != len(convolutions):
        fault = ValueError(f"{len(kernels)} convolutions where it has {len(convolutions)}")
        raise does_not_fit(path, architecture, fault)
    with torch.no_grad():
        for layer, (kernel, bias) in zip(convolutions, kernels, strict=True):
            if layer.weight.shape != kernel.shape or layer.bias.shape != bias.shape:
                fault = ValueError(f"a kernel is {kernel.shape}, not {tuple(layer.weight.shape)}")
                raise does_not_fit(path, architecture, fault)
            layer.weight.copy_(torch.from_numpy(kernel.copy()))
            layer.bias.copy_(torch.from_numpy(bias.copy()))
        for layer in normalisations(network):
            layer.reset_parameters()
            layer.running_var.fill_(1.0 - layer.eps)  # its root with eps added is 1


def _convolutions(path: Path, architecture: str) -> list[tuple[Any, Any]]:
    """(kernel, bias) of every convolution, in the order in which they run.

    A graph's nodes stand in the order in which they run (ONNX, "Graphs"), and the authors' modules
    run in the order in which they are declared, so that names are not needed: rembg's u2net.onnx
    has numbers for names.
    """
    onnx = import_framework("onnx")
    to_array = import_framework("onnx.numpy_helper").to_array
    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:  # protobuf raises kinds of its own
        raise does_not_fit(path, architecture, error) from error
    constants = {tensor.name: tensor for tensor in graph.initializer}
    kernels = []
    for node in graph.node:
        if node.op_type == "BatchNormalization":
            raise does_not_fit(path, architecture, ValueError("normalisation is not folded"))
        if node.op_type == "Conv":
            if len(node.input) != 3 or not all(name in constants for name in node.input[1:]):
                raise does_not_fit(path, architecture, ValueError("a convolution has no bias"))
            kernels.append(tuple(to_array(constants[name]) for name in node.input[1:]))
    return kernels
