"""What is to be seen of predictions: by category, what is taken for what, how sure it was."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from offline.evaluate.classification.predictions import Predictions
from offline.metrics.calibration import Bin, expected_calibration_error, reliability
from offline.metrics.classification import CategoryMetrics, category_metrics, summary
from offline.metrics.statistics import wilson_interval
from offline.report.document import Bars, Block, Histogram, Lines, Matrix, Series, Table
from offline.report.figures import lowest

MOST_NAMES = 100  # of a confusion matrix
CONFUSIONS = 15  # pairs listed
EDGES = np.linspace(0.0, 1.0, 21)  # of confidence


def class_blocks(found: Predictions) -> Iterator[Block]:
    figures = dict(zip(found.names, category_metrics(found.confusion), strict=True))
    known = {name: one for name, one in figures.items() if one.support}
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
        title="What is taken for what",
        rows=tuple(found.names[at] for at in rows),
        columns=tuple(found.names[at] for at in columns),
        counts=tuple(map(tuple, counts)),
        row_axis="true category",
        column_axis="predicted",
    )


def _confusions(found: Predictions) -> Table:
    """Most frequent first; ties by name."""
    wrong = found.confusion.copy()
    support = wrong.sum(axis=1)
    np.fill_diagonal(wrong, 0)
    pairs = sorted(np.argwhere(wrong).tolist(), key=lambda pair: (-wrong[tuple(pair)], pair))
    shown = pairs[:CONFUSIONS]
    return Table(
        title="Most frequent mistakes",
        columns=("true category", "predicted", "photos", "of its photos"),
        rows=tuple(
            (
                found.names[true],
                found.names[given],
                str(wrong[true, given]),
                f"{wrong[true, given] / support[true]:.0%}",
            )
            for true, given in shown
        ),
        note=f"{int(wrong.sum())} mistakes among {len(found.pictures)} photos, of {len(pairs)} "
        "kinds.",
    )


def _diagram(found: Predictions) -> Lines:
    bins = [one for one in reliability(found.probabilities, found.true) if one.count]
    error = expected_calibration_error(found.probabilities, found.true)
    return Lines(
        title="Reliability",
        x="probability of the likeliest category",
        y="share right",
        series=(_series(bins),),
        diagonal=True,
        note=f"ECE {error:.3f}. Below the diagonal the classifier is too sure. Photos a point: "
        f"{', '.join(str(one.count) for one in bins)}; 95 % intervals of each share (Wilson).",
    )


def _series(bins: list[Bin]) -> Series:
    """Bins that have a photo, with what so few photos leave open."""
    ends = [wilson_interval(round(one.accuracy * one.count), one.count) for one in bins]
    return Series(
        name="photos",
        xs=tuple(one.confidence for one in bins),
        ys=tuple(one.accuracy for one in bins),
        lows=tuple(low for low, _ in ends),
        highs=tuple(high for _, high in ends),
    )


def _confidence(found: Predictions) -> Histogram:
    parts = {"right": found.confidence[found.right], "wrong": found.confidence[~found.right]}
    return Histogram(
        title="How sure the classifier was",
        x="probability of the likeliest category",
        edges=tuple(EDGES.tolist()),
        counts={name: tuple(np.histogram(some, EDGES)[0].tolist()) for name, some in parts.items()},
    )
