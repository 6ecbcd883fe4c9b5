"""What the segmenters' contract builds each stage with, by the stage's name.

A new segmenter needs a row only where it loads something other than a saliency network: its own
graph in ``MODELS``, or the package that it imports in ``PACKAGES``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from PIL import Image


def saliency_model(path: Path) -> None:
    """(N, 3, 320, 320) -> (N, 1, 320, 320): high where the image is dark."""
    from tests.stages.segment.saliency_graphs import brightness_model, write_spec

    brightness_model(path, side=(320, 320), gain=-1.0, offset=1.0)
    write_spec(path, 320, 320)


def one_box_model(path: Path) -> None:
    """An SSD300 that detects one large box in every image."""
    from tests.stages.segment.ssd_graphs import LARGE, fixed_boxes_model

    fixed_boxes_model(path, {LARGE: (44, 20.0)})


class FakeRembg(ModuleType):
    """The part of rembg that the adapter calls; its mask is high where the image is dark."""

    def new_session(self, model: str, *, providers: Sequence[str]) -> FakeRembg:
        return self

    def predict(self, img: Image.Image) -> list[Image.Image]:
        return [Image.eval(img.convert("L"), lambda value: 255 - value)]


MODELS: dict[str, Callable[[Path], None]] = {"box": one_box_model}  # else ``saliency_model``
PACKAGES: dict[str, ModuleType] = {"rembg": FakeRembg("rembg")}
