"""The section itself: figures, evidence, and the rules by which predictions were judged."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from engine.config import RouteSettings
from engine.types import CategoryScores
from offline.datasets import Picture
from offline.evaluate.classification.blocks import class_blocks
from offline.evaluate.classification.figures import class_groups
from offline.evaluate.classification.mistakes import confident_mistakes
from offline.evaluate.classification.predictions import Predictions, predictions
from offline.evaluate.classification.routing import Shelves, routing_curves, routing_group
from offline.report.document import Section

WORST = 12  # mistakes shown

RULES = (
    "A photo is given its likeliest category, of equally likely ones the first by alphabet, also "
    "where the classifier calls it unknown.",
    "Averages count the categories that have a photo. What has nothing to divide by is 0, such as "
    "the precision of a category that is never predicted. Every photo has one category and is "
    "given one, so micro precision, recall and F1 are all the accuracy.",
    "Accuracy (eq. 6) is (TP + TN) / all of one category against all others, as Waqas et al. (CMC "
    "2023) give it; its variance is the population's. It flatters: with C categories an average "
    "of a is a plain accuracy of 1 - (1 - a) C / 2.",
    "ECE has 15 bins of equal width (Guo et al., ICML 2017). 'By chance' is what perfect "
    "probabilities would show on as many photos; an ECE near it cannot be told from 0.",
)


def classification_section(
    pictures: Sequence[Picture],
    scores: Sequence[CategoryScores],
    routing: RouteSettings,
    held: Sequence[str],
    knows: Collection[str] | None,
    seed: int,
    worst: int = WORST,
) -> Section:
    """How right the scores are of those pictures that have a category.

    ``scores`` are aligned with the pictures; ``held`` are the gallery's categories and ``knows``
    what the classifier can ever predict (None: it votes among the gallery's own). Without a
    picture to judge the section has no figures and says why. Raises ValueError where the lengths
    differ and ConfigError where ``routing`` asks for what no classifier calibrated.
    """
    found = predictions(pictures, scores)
    if found is None:
        why = f"None of the {len(pictures)} pictures has a category. Classes were not judged."
        return Section(stage="classify", groups=(), notes=(why,))
    shelves = Shelves.of(held, knows)
    reachable = [picture.category in set(shelves.held) for picture in found.pictures]
    groups, blocks = list(class_groups(found, seed)), list(class_blocks(found))
    if any(reachable):
        some = found.where(reachable)
        groups.insert(1, routing_group(some, shelves, routing, seed))
        blocks.append(routing_curves(some, shelves, routing))
    blocks.append(confident_mistakes(found, worst))
    left_out = len(pictures) - len(found.pictures)
    notes = (*_counted(found, left_out, reachable), *RULES)
    return Section(stage="classify", groups=tuple(groups), blocks=tuple(blocks), notes=notes)


def _counted(found: Predictions, left_out: int, reachable: Sequence[bool]) -> Iterator[str]:
    yield f"Photos judged: {len(found.pictures)}. Pictures without a category: {left_out}."
    unnamed = int((~found.named).sum())
    if unnamed:
        yield (
            f"Of {unnamed} photos the scores do not name the true category: they count as wrong "
            "for any number of guesses."
        )
    absent = len(reachable) - sum(reachable)
    if absent:
        yield (
            f"Of {absent} photos the gallery holds no picture of the category: they do not count "
            "in the routing."
        )
