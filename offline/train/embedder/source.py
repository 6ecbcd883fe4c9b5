"""Cutouts as a network sees them: plain as in serving, or augmented; and the vectors of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.parallel import each
from engine.types import FloatArray, IntArray, UInt8Array
from offline.train.classifier.sources import resized
from offline.train.embedder.augmentation import augmented
from offline.train.embedder.recipe import Augmentation
from weights.input_spec import InputSpec
from weights.probe import model_input

Pictures = Callable[[IntArray], UInt8Array]  # rows of cutouts -> (n, side, side, 3)
AT_ONCE = 32  # images embedded in one batch


@dataclass(frozen=True)
class Source:
    """``rgba`` (M, S, S, 4) are all cutouts; rows are positions in it."""

    rgba: UInt8Array
    spec: InputSpec
    augmentation: Augmentation
    backgrounds: UInt8Array | None  # (G, g, g, 3); None: images keep their own
    device: str = "cpu"
    threads: int = 1

    def plain(self, rows: IntArray) -> UInt8Array:
        """As serving shows them to the network."""
        pixels = np.ascontiguousarray(self.rgba[rows][..., :3])
        return resized(pixels, self.spec.height)

    def augmented(self, rows: IntArray, random: np.random.Generator) -> UInt8Array:
        """Each image has a random generator of its own, whatever the threads."""
        seeds = random.integers(2**63, size=len(rows)).tolist()

        def one(job: tuple[int, int]) -> UInt8Array:
            row, seed = job
            return augmented(
                np.asarray(self.rgba[row]),
                self.spec.height,
                self.augmentation,
                self.backgrounds,
                np.random.default_rng(seed),
            )

        return np.stack(
            each(one, list(zip(rows.tolist(), seeds, strict=True)), threads=self.threads)
        )

    def tensor(self, pixels: UInt8Array) -> Any:
        """(n, 3, side, side), prepared, on the device; channels last in memory."""
        import torch

        images = torch.from_numpy(model_input(pixels, self.spec)).to(self.device)
        return images.to(memory_format=torch.channels_last)

    def vectors(
        self, network: Any, rows: IntArray, images: Pictures, *, pooled: bool = False
    ) -> FloatArray:
        """(n, D) by a ``network.Embedder`` in evaluation mode, whose mode is left as it was;
        ``pooled``: before its projection."""
        import torch

        training = network.training
        network.eval()
        call = network.pooled if pooled else network
        with torch.no_grad():
            parts = [
                call(self.tensor(images(rows[at : at + AT_ONCE]))).cpu().numpy()
                for at in range(0, len(rows), AT_ONCE)
            ]
        network.train(training)
        return np.concatenate(parts).astype(np.float32)
