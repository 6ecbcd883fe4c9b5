"""The paper's three networks at their true size, with random weights, for what they cost.

Of each a torch state dict, the ONNX file of the same weights, and this in int8 as it is laid out
for each runtime; made once. Numbers are rounded to their nearest levels in whole ranges of noise:
what `packsight weights quantise` takes minutes to choose changes no time.
"""

from __future__ import annotations

from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from engine.machine import Backend
from offline.train.classifier.recipe import ClassifierRecipe
from weights.frameworks.torch_export import write_onnx
from weights.quantise import fold, measure, ranges, shared, write_int8
from weights.sidecar import sidecar_path

CATEGORIES = 15

# By the runtime that they are laid out for, what is added to the names of the files in int8.
INT8: dict[Backend, str] = {"onnxruntime": "-int8", "openvino": "-int8-openvino"}

_INPUT = """[input]
height = {side}
width = {side}
range = "{range}"
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
interpolation = "bilinear"
layout = "nchw"
"""
# By name: the side of the input, and the range its pixels are brought into. The classifier's is
# that of `packsight prepare paper`.
INPUTS = {
    "u2net": (320, "max"),
    "classifier": (ClassifierRecipe().input_size, "unit"),
    "resnet50": (224, "unit"),
}


def make_paper_networks(folder: Path) -> None:
    """``u2net``, ``classifier`` (EfficientNetV2-L) and ``resnet50``, each as .pth, as .onnx and in
    int8 (``INT8``)."""
    folder.mkdir(parents=True, exist_ok=True)
    names = "\n".join(f"category {number:02}" for number in range(CATEGORIES))
    (folder / "classifier.labels.txt").write_text(names.replace(" ", "-") + "\n")
    for name, (side, range_) in INPUTS.items():
        path = folder / f"{name}.onnx"
        described = _INPUT.format(side=side, range=range_)
        beside = sidecar_path(path)
        made = [path, *(folder / f"{name}{suffix}.onnx" for suffix in INT8.values())]
        # One that was made for another size is made again.
        whole = all(one.is_file() and sidecar_path(one).is_file() for one in made)
        if not whole or beside.read_text() != described:
            # Apart: torch and its memory are not the caller's.
            process = get_context("spawn").Process(target=_make, args=(name, side, path))
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(f"{path}: could not be made")
        for one in made:
            sidecar_path(one).write_text(described)


def paper_settings(folder: Path, suffix: str = "") -> list[str]:
    """What runs them as profile ``paper`` does; ``suffix``: of other files of the same networks."""
    return [
        f"segment.weights={folder / f'u2net{suffix}.onnx'}",
        f"classify.weights={folder / f'classifier{suffix}.onnx'}",
        f"classify.labels={folder / 'classifier.labels.txt'}",
        "classify.activation=softmax",
        f"embed.weights={folder / f'resnet50{suffix}.onnx'}",
        "runtime.mattes_gb=0",
    ]


def _make(name: str, side: int, path: Path) -> None:
    import torch
    from torchvision import models

    from weights.frameworks.nets.u2net import U2NET, Fused

    torch.manual_seed(0)
    builds = {
        "u2net": U2NET,
        "classifier": partial(models.efficientnet_v2_l, num_classes=CATEGORIES),
        "resnet50": models.resnet50,
    }
    network = builds[name]()
    with torch.no_grad():  # else a hundred blocks of random weights overflow
        for layer in network.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.momentum = None  # the mean of what it is given
        network.train()(torch.randn(4, 3, 128, 128))
    network.eval()
    torch.save(network.state_dict(), path.with_suffix(".pth"))
    served = Fused(network) if name == "u2net" else network
    if name == "resnet50":
        served.fc = torch.nn.Identity()
    write_onnx(served.eval(), np.zeros((1, 3, side, side), np.float32), path)
    _make_int8(path, side)


def _make_int8(path: Path, side: int) -> None:
    folded = path.with_suffix(".folded.onnx")
    fold(path, folded)
    noise = np.random.default_rng(0).normal(size=(2, 3, side, side)).astype(np.float32)
    found = ranges(shared(folded, measure(folded, [noise], looked_at=False)[0]), "minmax")
    for runtime, suffix in INT8.items():
        made = path.with_name(f"{path.stem}{suffix}.onnx")
        write_int8(folded, made, found, runtime=runtime)
    folded.unlink()
