"""The section itself: figures, evidence, and the rules by which masks were judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.types import Progress
from offline.datasets import Picture
from offline.evaluate.segmentation.blocks import RIGHT, mask_blocks
from offline.evaluate.segmentation.figures import mask_groups
from offline.evaluate.segmentation.judging import EDGE_RADIUS, judge_masks, remembering
from offline.evaluate.segmentation.matting import matting_gain
from offline.evaluate.segmentation.worst import worst_masks
from offline.metrics.masks import BOUNDARY_TOLERANCE
from offline.report.document import Section
from stages.assemble import CuttingParts

WORST = 12  # masks shown

RULES = (
    "IoU and boundary F cut both mattes at 0.5; a boundary may lie "
    f"{BOUNDARY_TOLERANCE} pixels beside the true one. S-measure and max F-beta see the predicted "
    "matte's grey levels and cut the true one at 0.5. MAE, MSE, SAD and the gradient error compare "
    "grey levels on both sides.",
    "Max F-beta (beta² = 0.3): 'own cut' lets every picture choose its best cut and is averaged; "
    "'one cut for all' averages precision and recall over pictures first, as benchmarks do.",
    f"At edges: within {EDGE_RADIUS} pixels of the true edge, where matting is judged. SAD and "
    "gradient error grow with the picture: compare them among pictures of one size only.",
    f"A mask counts as right with an {RIGHT}, above which its outline may be compared.",
    "Mattes are kept in 8 bits between runs, and judged so; that does not change the mask at 0.5.",
)


def segmentation_section(
    pictures: Sequence[Picture],
    parts: CuttingParts,
    cache: Path,
    seed: int,
    progress: Progress | None = None,
    worst: int = WORST,
) -> tuple[Section, tuple[str, ...]]:
    """How right the mattes are of those pictures that have a true mask, and a sentence for every
    one that cannot be read.

    Mattes are kept in ``cache``: a killed run goes on where it stopped. Without a picture to
    judge the section has no figures and says why. Raises StageError and WeightsError where a part
    fails, ConfigError where the cache cannot be written.
    """
    known = [picture for picture in pictures if picture.mask is not None]
    if not known:
        return _nothing(f"None of the {len(pictures)} pictures has a true mask."), ()
    judged = judge_masks(known, parts, cache, progress)
    if not judged.served:
        why = f"Not one of the {len(known)} pictures with a true mask can be read."
        return _nothing(why), judged.faults
    cards = worst_masks(judged.served, parts, remembering(parts, cache), worst)
    gain = (matting_gain(judged, seed),) if judged.rough else ()
    section = Section(
        stage="segment",
        groups=tuple(mask_groups(judged, seed)),
        blocks=(*mask_blocks(judged.served, seed), *gain, cards),
        notes=(_counted(len(judged.served), len(pictures) - len(known), judged.faults), *RULES),
    )
    return section, judged.faults


def _nothing(why: str) -> Section:
    return Section(stage="segment", groups=(), notes=(f"{why} Masks were not judged.",))


def _counted(judged: int, unmasked: int, faults: Sequence[str]) -> str:
    return (
        f"Masks judged: {judged}, each at its picture's own size as it is decoded. Pictures "
        f"without a true mask: {unmasked}. Not readable: {len(faults)}."
    )
