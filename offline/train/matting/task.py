"""The matting network, its batches, its loss and how it is validated, for ``torch_loop.fit``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.types import FloatArray, Matte, RGBImage
from offline.metrics.masks import MaskScores, mask_scores, mean_scores
from offline.train.matting.batches import BatchMaker
from offline.train.matting.losses import LossWeights, matting_loss
from offline.train.matting.pairs import Pair
from stages.matting._encoding import network_estimate
from stages.matting._refinement import refined
from stages.matting._trimap import BandWidths


@dataclass
class MattingTask:
    """See ``offline.train.torch_loop.Task``."""

    network: Any  # torch.nn.Module, (N, C, H, W) -> (N, 7, H, W)
    maker: BatchMaker
    validation: Sequence[Pair]
    widths: BandWidths  # of the trimaps at validation, as in use
    side: int  # longest side at validation, as in use
    bfloat16: bool = False  # train in it; validation is float32 always

    @property
    def samples(self) -> int:
        return len(self.maker.pairs)

    def loss(self, indices: npt.NDArray[np.int64], random: np.random.Generator) -> Any:
        """See ``matting_losses.matting_loss``."""
        import torch

        batch = self.maker.batch(indices, random)
        # Channels last: 0.29 s in place of 0.39 s a step of eight on one core.
        inputs = torch.from_numpy(batch.inputs).contiguous(memory_format=torch.channels_last)
        alpha, picture, unknown = (
            torch.from_numpy(part) for part in (batch.alpha, batch.picture, batch.unknown)
        )
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            output = self.network(inputs)
        return matting_loss(output.float(), alpha, picture, unknown, LossWeights())

    def validate(self) -> dict[str, float]:
        """Metrics of the refined mattes; ``score`` is 1 - the mean absolute error."""
        scores = self.scores()
        return {
            "score": 1.0 - scores.mae,
            "iou": scores.iou,
            "mae": scores.mae,
            "boundary_f": scores.boundary_f,
            "gradient": scores.gradient,
        }

    def scores(self, *, refine: bool = True) -> MaskScores:
        """Means over the validation pairs; without refining: of the saliency as it came."""
        estimate = network_estimate(self._run, with_saliency=self.maker.with_saliency)
        found = []
        for pair in self.validation:
            sample = self.maker.store.sample(pair)
            matte = Matte(sample.saliency)
            if refine:
                image = RGBImage(sample.pixels)
                matte = refined(image, matte, self.widths, self.side, estimate)
            found.append(mask_scores(matte.alpha, sample.alpha))
        return mean_scores(found)

    def _run(self, inputs: FloatArray) -> FloatArray:
        import torch

        with torch.inference_mode():
            return np.asarray(self.network(torch.from_numpy(inputs)).numpy(), np.float32)
