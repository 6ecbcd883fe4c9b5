"""The convolution that pads as TensorFlow does: on an even side nothing before and one behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.nn import functional


class SameConv2d(nn.Conv2d):  # type: ignore[misc]
    """A convolution of stride 2 and an odd kernel: a side becomes half of it, rounded up.

    Keras' ``correct_pad`` (keras.applications.imagenet_utils) and TensorFlow's "SAME" agree: half
    the kernel behind, and as much before, less one where the side is even. A fixed padding of half
    the kernel, as torchvision's, reads other pixels throughout.
    """

    @classmethod
    def like(cls, convolution: nn.Conv2d) -> SameConv2d:
        """Copies kernel, stride and groups; its own padding replaces the other's."""
        made = cls(
            convolution.in_channels,
            convolution.out_channels,
            convolution.kernel_size,
            convolution.stride,
            groups=convolution.groups,
            bias=convolution.bias is not None,
        )
        made.load_state_dict(convolution.state_dict())
        return made

    def forward(self, images: Any) -> Any:
        padding: list[int] = []
        for side, kernel in zip(images.shape[:1:-1], self.kernel_size[::-1], strict=True):
            before = kernel // 2 - 1 + side % 2 if kernel > 1 else 0
            padding += [before, kernel // 2]  # width first, then height
        return super().forward(functional.pad(images, padding))


def pad_same(network: nn.Module, chosen: Callable[[nn.Conv2d], bool]) -> None:
    """Replace the chosen convolutions of a network by ones that pad as TensorFlow does."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, nn.Conv2d) and chosen(layer):
            parent, _, child = name.rpartition(".")
            setattr(network.get_submodule(parent), child, SameConv2d.like(layer))
