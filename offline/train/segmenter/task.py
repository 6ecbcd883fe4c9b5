"""What ``torch_loop.fit`` trains for a segmenter: a network, its batches, loss and validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.types import FloatArray
from offline.datasets import DatasetImage
from offline.metrics.masks import iou, mae
from offline.train.segmenter.augmentation import Backgrounds, augmented
from stages.segment._saliency import network_input, resized, stretched
from weights.input_spec import InputSpec
from weights.probe import model_input

AT_ONCE = 4  # validation images in one batch


@dataclass
class SegmenterTask:
    """A ``torch_loop.Task``. ``device`` is where ``network`` already is."""

    network: Any
    device: str
    train: Sequence[DatasetImage]
    validation: Sequence[DatasetImage]
    backgrounds: Backgrounds
    spec: InputSpec
    iou_weight: float = 0.0
    ssim_weight: float = 0.0

    @property
    def samples(self) -> int:
        return len(self.train)

    def loss(self, indices: npt.NDArray[np.int64], random: np.random.Generator) -> Any:
        from offline.train.segmenter.losses import side_output_loss

        images, alphas = self.batch(indices, random)
        maps = self.network(self.tensor(images))
        return side_output_loss(maps, self.tensor(alphas), self.iou_weight, self.ssim_weight)

    def batch(
        self, indices: npt.NDArray[np.int64], random: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """The network's input (N, 3, S, S) and its target (N, 1, S, S)."""
        side = self.spec.height
        drawn = [
            augmented(
                self.backgrounds.store.read(image), side, self.backgrounds, random, image.look
            )
            for image in (self.train[at] for at in indices.tolist())
        ]
        images = model_input(np.stack([sample.pixels for sample in drawn]), self.spec)
        return images, np.stack([sample.alpha for sample in drawn])[:, None]

    def validate(self) -> dict[str, float]:
        """Mean IoU at 0.5 and mean absolute error, each image segmented as in serving; and the IoU
        of each look, such as studio and phone, where there are several."""
        found = np.array(
            [
                (iou(alpha, true), mae(alpha, true))
                for start in range(0, len(self.validation), AT_ONCE)
                for alpha, true in self._answers(self.validation[start : start + AT_ONCE])
            ]
        )
        mean_iou, mean_mae = found.mean(axis=0)
        values = {"score": float(mean_iou), "mae": float(mean_mae)}
        looks = np.array([image.look or "other" for image in self.validation])
        names = sorted(set(looks.tolist()))
        if len(names) > 1:
            values |= {f"IoU {name}": float(found[looks == name, 0].mean()) for name in names}
        return values

    def _answers(self, images: Sequence[DatasetImage]) -> list[tuple[FloatArray, FloatArray]]:
        """(predicted, true) at the size at which each image was decoded."""
        import torch

        samples = [self.backgrounds.store.read(image) for image in images]
        inputs = np.stack([network_input(sample.pixels, self.spec) for sample in samples])
        with torch.no_grad():
            maps = torch.sigmoid(self.network(self.tensor(inputs))[0]).cpu().numpy()
        return [
            (resized(stretched(map_[0]), sample.alpha.shape[::-1]), sample.alpha)
            for map_, sample in zip(maps, samples, strict=True)
        ]

    def tensor(self, values: FloatArray) -> Any:
        import torch

        return torch.from_numpy(values).to(self.device)


def longest(side: int) -> int:
    """At which images are decoded: a cut of half an image still fills the network's input."""
    return 2 * side
