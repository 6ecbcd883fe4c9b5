"""The pictures of a training as cutouts, made as in serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import ConfigError
from engine.images import ImageLimits
from engine.types import Progress
from offline.store.cutouts import CutoutCache, Cutouts
from offline.store.images import key_of
from offline.train.embedder.data import Material
from offline.train.training_set import Sample
from stages.assemble import CuttingParts


def cut(
    folder: Path, material: Material, cutting: CuttingParts, progress: Progress | None
) -> tuple[Cutouts, Material]:
    """Every picture's cutout; pictures that cannot be decoded are noted and left out.

    Raises ConfigError where too few are left.
    """
    limits = ImageLimits.of(cutting.settings.images)
    cutouts, faults = CutoutCache(folder, cutting.fingerprint, limits).fill(
        [*material.learned, *material.judged], cutting.cutting, cutting.threads, progress
    )
    learned, judged = _there(material.learned, cutouts), _there(material.judged, cutouts)
    if len({sample.label for sample in learned}) < 2 or not judged:
        raise ConfigError(
            f"{len(learned)} readable pictures are left to learn from, {len(judged)} to judge by: "
            "too few.",
            remedy="Mend or replace these files: " + " ".join(faults[:3]),
        )
    notes = (*material.notes, *faults)
    return cutouts, replace(material, learned=learned, judged=judged, notes=notes)


def _there(samples: Sequence[Sample], cutouts: Cutouts) -> tuple[Sample, ...]:
    return tuple(sample for sample in samples if key_of(sample) in cutouts.rows)
