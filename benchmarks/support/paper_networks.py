"""The paper's three networks at their true size, with random weights, for what they cost.

Of each a torch state dict and the ONNX file of the same weights; made once.
"""

from __future__ import annotations

from functools import partial
from multiprocessing import get_context
from pathlib import Path

from offline.train.classifier.recipe import ClassifierRecipe
from weights.frameworks.torch_export import write_onnx
from weights.sidecar import sidecar_path

CATEGORIES = 15

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
    """``u2net``, ``classifier`` (EfficientNetV2-L) and ``resnet50``, each as .pth and .onnx."""
    folder.mkdir(parents=True, exist_ok=True)
    names = "\n".join(f"category {number:02}" for number in range(CATEGORIES))
    (folder / "classifier.labels.txt").write_text(names.replace(" ", "-") + "\n")
    for name, (side, range_) in INPUTS.items():
        path = folder / f"{name}.onnx"
        described = _INPUT.format(side=side, range=range_)
        beside = sidecar_path(path)
        # One that was made for another size is made again.
        if not path.is_file() or not beside.is_file() or beside.read_text() != described:
            # Apart: torch and its memory are not the caller's.
            process = get_context("spawn").Process(target=_make, args=(name, side, path))
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(f"{path}: could not be made")
        beside.write_text(described)


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
    import numpy as np
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
