"""The classification section: groups of figures, charts, tables, mistakes, and the rules."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from engine.config import RouteSettings
from engine.errors import ImageError
from engine.images import ImageLimits, load
from engine.types import CategoryScores, RGBImage
from offline.datasets import DatasetImage
from offline.evaluate.classification.measure import (
    MASSES,
    SEARCHED,
    Gallery,
    RoutingCurves,
    class_groups,
    routing_curves,
    routing_group,
)
from offline.evaluate.classification.predictions import Predictions, predictions_of
from offline.metrics.calibration import Bin, expected_calibration_error, reliability
from offline.metrics.classification import (
    CategoryMetrics,
    RoutingMetrics,
    category_metrics,
    summary,
)
from offline.metrics.statistics import wilson_interval
from offline.report.document import (
    Bars,
    Block,
    Card,
    Cards,
    Histogram,
    Lines,
    Matrix,
    Section,
    Series,
    Table,
)
from offline.report.figures import lowest
from offline.report.thumbnails import SIDE, thumbnail
from offline.store.images import cropped

WORST = 12  # mistakes shown
MOST_NAMES = 100  # of a confusion matrix
CONFUSIONS = 15  # pairs listed
EDGES = np.linspace(0.0, 1.0, 21)  # of confidence
GUESSES = 3  # likeliest categories shown
# Decoded twice as large as it is shown: JPEGs decode at a fraction of their cost so.
LIMITS = ImageLimits(max_side=2 * SIDE)

RULES = (
    "The prediction of a photo is its likeliest category, of equally likely ones the first by "
    "alphabet, also where the classifier calls it unknown.",
    "Averages count the categories that have a photo. What has nothing to divide by is 0, such as "
    "the precision of a category that is never predicted. Every photo has one category and one "
    "prediction, so micro precision, recall and F1 are all the accuracy.",
    "Accuracy (eq. 6) is (TP + TN) / all of one category against all others, as Waqas et al. (CMC "
    "2023) define it; its variance is the population's. It flatters: with C categories an average "
    "of a is a plain accuracy of 1 - (1 - a) C / 2.",
    "ECE has 15 bins of equal width (Guo et al., ICML 2017). 'By chance' is what perfect "
    "probabilities would show on as many photos; an ECE near it cannot be distinguished from 0.",
)


def classification_section(
    images: Sequence[DatasetImage],
    scores: Sequence[CategoryScores],
    routing: RouteSettings,
    held: Sequence[str],
    knows: Collection[str] | None,
    seed: int,
    worst: int = WORST,
) -> Section:
    """Metrics of the scores of those images that have a category.

    ``scores`` are aligned with the images; ``held`` are the gallery's categories and ``knows``
    what the classifier can ever predict (None: it votes among the gallery's own). Without an
    image to measure the section has no figures and a note with the reason. Raises ValueError where
    the lengths differ and ConfigError where ``routing`` needs what no classifier calibrated.
    """
    found = predictions_of(images, scores)
    if found is None:
        why = f"None of the {len(images)} images has a category. Classes were not measured."
        return Section(stage="classify", groups=(), notes=(why,))
    gallery = Gallery.of(held, knows)
    reachable = [image.category in set(gallery.categories) for image in found.images]
    groups, blocks = list(class_groups(found, seed)), list(class_blocks(found))
    if any(reachable):
        some = found.where(reachable)
        groups.insert(1, routing_group(some, gallery, routing, seed))
        blocks.append(_routing_lines(routing_curves(some, gallery, routing)))
    blocks.append(confident_mistakes(found, worst))
    left_out = len(images) - len(found.images)
    notes = (*_counted(found, left_out, reachable), *RULES)
    return Section(stage="classify", groups=tuple(groups), blocks=tuple(blocks), notes=notes)


def _counted(found: Predictions, left_out: int, reachable: Sequence[bool]) -> Iterator[str]:
    yield f"Photos measured: {len(found.images)}. Images without a category: {left_out}."
    unnamed = int((~found.named).sum())
    if unnamed:
        yield (
            f"Of {unnamed} photos the scores do not name the true category: they count as "
            "incorrect for any number of guesses."
        )
    absent = len(reachable) - sum(reachable)
    if absent:
        yield (
            f"Of {absent} photos the gallery holds no image of the category: they do not count "
            "in the routing."
        )


def class_blocks(found: Predictions) -> Iterator[Block]:
    metrics = dict(zip(found.names, category_metrics(found.confusion), strict=True))
    known = {name: one for name, one in metrics.items() if one.support}
    yield _averages(found)
    yield _bars(known)
    if len(found.names) <= MOST_NAMES:
        yield _matrix(found)
    yield _confusions(found)
    yield _diagram(found)
    yield _confidence(found)


def _averages(found: Predictions) -> Table:
    mean = summary(found.confusion)
    rows = {
        "macro average": (mean.macro_precision, mean.macro_recall, mean.macro_f1),
        "weighted average": (mean.weighted_precision, mean.weighted_recall, mean.weighted_f1),
        "micro average = accuracy": (mean.accuracy,) * 3,
    }
    return Table(
        title="Averages over categories",
        columns=("", "precision", "recall", "F1"),
        rows=tuple((name, *(f"{value:.3f}" for value in row)) for name, row in rows.items()),
        note=f"Accuracy by equation 6: mean {mean.average_accuracy:.3f}, population variance "
        f"{mean.accuracy_variance:.2g} over categories.",
    )


def _bars(known: dict[str, CategoryMetrics]) -> Bars:
    names, note = lowest({name: one.f1 for name, one in known.items()})
    places = tuple(map(float, range(len(names))))
    return Bars(
        title="F1, precision and recall by category",
        labels=names,
        series=(
            Series(name="F1", xs=places, ys=tuple(known[name].f1 for name in names)),
            Series(name="precision", xs=places, ys=tuple(known[name].precision for name in names)),
            Series(name="recall", xs=places, ys=tuple(known[name].recall for name in names)),
        ),
        note=note,
        told=True,
    )


def _matrix(found: Predictions) -> Matrix:
    """Rows of categories that have a photo; columns of those and of what else was predicted."""
    confusion = found.confusion
    rows = np.flatnonzero(confusion.sum(axis=1))
    columns = np.flatnonzero(confusion.sum(axis=0) + confusion.sum(axis=1))
    counts = confusion[np.ix_(rows, columns)].tolist()
    return Matrix(
        title="Confusion matrix",
        rows=tuple(found.names[at] for at in rows),
        columns=tuple(found.names[at] for at in columns),
        counts=tuple(map(tuple, counts)),
        row_axis="true category",
        column_axis="predicted",
    )


def _confusions(found: Predictions) -> Table:
    """Most frequent first; ties by name."""
    mistakes = found.confusion.copy()
    support = mistakes.sum(axis=1)
    np.fill_diagonal(mistakes, 0)
    pairs = sorted(np.argwhere(mistakes).tolist(), key=lambda pair: (-mistakes[tuple(pair)], pair))
    shown = pairs[:CONFUSIONS]
    return Table(
        title="Most frequent mistakes",
        columns=("true category", "predicted", "photos", "of its photos"),
        rows=tuple(
            (
                found.names[true],
                found.names[predicted],
                str(mistakes[true, predicted]),
                f"{mistakes[true, predicted] / support[true]:.0%}",
            )
            for true, predicted in shown
        ),
        note=f"{int(mistakes.sum())} mistakes among {len(found.images)} photos, of {len(pairs)} "
        "kinds.",
    )


def _diagram(found: Predictions) -> Lines:
    bins = [one for one in reliability(found.probabilities, found.true) if one.count]
    error = expected_calibration_error(found.probabilities, found.true)
    return Lines(
        title="Reliability",
        x="probability of the likeliest category",
        y="fraction correct",
        series=(_series(bins),),
        diagonal=True,
        note=f"ECE {error:.3f}. Below the diagonal the classifier is overconfident. Photos a "
        f"point: {', '.join(str(one.count) for one in bins)}; 95 % intervals by Wilson.",
    )


def _series(bins: list[Bin]) -> Series:
    """Bins that have a photo, with intervals: there are few photos in some."""
    ends = [wilson_interval(round(one.accuracy * one.count), one.count) for one in bins]
    return Series(
        name="photos",
        xs=tuple(one.confidence for one in bins),
        ys=tuple(one.accuracy for one in bins),
        lows=tuple(low for low, _ in ends),
        highs=tuple(high for _, high in ends),
    )


def _confidence(found: Predictions) -> Histogram:
    parts = {
        "right": found.confidence[found.correct],  # keys of the JSON that users have
        "wrong": found.confidence[~found.correct],
    }
    return Histogram(
        title="Confidence of the classifier",
        x="probability of the likeliest category",
        edges=tuple(EDGES.tolist()),
        counts={name: tuple(np.histogram(some, EDGES)[0].tolist()) for name, some in parts.items()},
    )


def _routing_lines(curves: RoutingCurves) -> Lines:
    """Reach against the number of categories searched."""
    counts = tuple(float(k) for k in range(1, len(curves.by_count) + 1))
    return Lines(
        title="Routing: how often the true category is searched",
        x=f"{SEARCHED} (mean)",
        y="fraction of photos whose category is among them",
        series=(
            Series(name="the k likeliest", xs=counts, ys=curves.by_count),
            _points("by probability mass", curves.by_mass),
            _points("these settings", [curves.current]),
        ),
        marks=(("these settings", curves.current.searched),),
        note="The k likeliest for k = 1, 2, ...; masses "
        f"{', '.join(f'{mass:g}' for mass in MASSES)}, unsure photos searched everywhere as by "
        "these settings.",
    )


def _points(name: str, metrics: Sequence[RoutingMetrics]) -> Series:
    return Series(
        name=name,
        xs=tuple(one.searched for one in metrics),
        ys=tuple(one.reach for one in metrics),
    )


def confident_mistakes(found: Predictions, count: int) -> Cards:
    """``count`` of them, most confident first, ties by id. An image that can no longer be
    read is left out."""
    incorrect = np.flatnonzero(~found.correct).tolist()
    confidence = found.confidence.tolist()
    order = sorted(incorrect, key=lambda at: (-confidence[at], found.images[at].id))
    return Cards(
        title="The most confident mistakes",
        cards=tuple(_cards(found, order[:count])),
        note="Most confident first. " + ("" if incorrect else "There is no mistake."),
    )


def _cards(found: Predictions, order: Sequence[int]) -> Iterator[Card]:
    for at in order:
        entry, scores = found.images[at], found.scores[at]
        image = _seen(entry)
        if image is not None:
            label = f"predicted {found.names[found.predicted[at]]}"
            yield Card(
                title=entry.id,
                pictures=(thumbnail(image, entry.id, label),),
                lines=_lines(entry, scores),
            )


def _lines(image: DatasetImage, scores: CategoryScores) -> tuple[str, ...]:
    ranked = scores.ranked()
    likeliest = ", ".join(f"{name} {fraction:.0%}" for name, fraction in ranked[:GUESSES])
    fraction = dict(ranked).get(str(image.category))
    truth = f"is {image.category}, " + (
        "which the scores do not name" if fraction is None else f"predicted with {fraction:.0%}"
    )
    unknown = ("called unknown",) if scores.unknown else ()
    return (truth, f"likeliest: {likeliest}", *unknown)


def _seen(image: DatasetImage) -> RGBImage | None:
    try:
        return cropped(load(image.path, limits=LIMITS), image)
    except ImageError:
        return None
