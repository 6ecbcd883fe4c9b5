"""The rows of the tables, each from one run's predictions on photos of known categories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from classifiers.predictions import Predictions
from classifiers.runs import Run
from engine.config import RouteSettings
from engine.probabilities import knownness, softmax_at
from offline.metrics.calibration import (
    adaptive_calibration_error,
    chance_calibration_error,
    expected_calibration_error,
)
from offline.metrics.classification import (
    auroc,
    category_metrics,
    confusion_matrix,
    routing_metrics,
    summary,
)
from offline.metrics.statistics import bootstrap

SEED = 20240  # of the bootstrap and of what chance shows
OVERALL = (
    "run",
    "backbone",
    "parameters",
    "average accuracy (eq. 6)",
    "accuracy",
    "macro-F1",
    "ECE as trained",
    "ECE",
    "ECE by chance",
    "adaptive ECE",
    "ms",
)
CATEGORY = ("precision", "recall", "F1", "accuracy (eq. 6)", "photos")
ROUTING = ("run, route", "reach", "categories", "everywhere")
UNKNOWN = ("run, score", "known", "called unknown", "others", "called unknown", "AUROC")


def by_category(run: Run, predictions: Predictions) -> Iterator[list[str]]:
    """The paper's Table 1: a category a row, then the mean over those that have photos."""
    confusion = _confusion(run, predictions)
    for name, one in zip(run.artefact.labels, category_metrics(confusion), strict=True):
        figures = (one.precision, one.recall, one.f1, one.accuracy)
        yield [_cell(name), *map(_three, figures), str(one.support)]
    mean = summary(confusion)
    figures = (mean.macro_precision, mean.macro_recall, mean.macro_f1, mean.average_accuracy)
    yield ["mean", *map(_three, figures), str(mean.photos)]


def overall(run: Run, predictions: Predictions) -> list[str]:
    """A row of the paper's Table 2, with plain accuracy and calibration beside."""
    found = summary(_confusion(run, predictions))
    right = (predictions.logits.argmax(axis=1) == predictions.labels).tolist()
    interval = bootstrap(right, seed=SEED)
    plain = softmax_at(predictions.logits)
    honest = softmax_at(predictions.logits, run.artefact.temperature)
    parameters = run.artefact.figures.get("parameters")
    return [
        run.name,
        run.backbone,
        "–" if parameters is None else f"{parameters / 1e6:.1f} M",
        _three(found.average_accuracy),
        f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]",
        _three(found.macro_f1),
        _three(expected_calibration_error(plain, predictions.labels)),
        _three(expected_calibration_error(honest, predictions.labels)),
        _three(chance_calibration_error(honest, np.random.default_rng(SEED))),
        _three(adaptive_calibration_error(honest, predictions.labels)),
        f"{predictions.seconds * 1000:.1f}",
    ]


def routing(run: Run, predictions: Predictions, masses: Sequence[float]) -> Iterator[list[str]]:
    """Ways of routing: the likeliest alone, masses, and the artefact's least probability."""
    ways = {"hard": RouteSettings(hard=True)}
    ways |= {f"mass {mass:g}": RouteSettings(mass=mass) for mass in masses}
    least = run.artefact.least_probability
    if least is not None:
        ways[f"probability {least:.2g}"] = RouteSettings(by="probability")
    true = [run.artefact.labels[label] for label in predictions.labels]
    for name, settings in ways.items():
        found = routing_metrics(predictions.scores, true, settings)
        yield [
            f"{run.name}, {name}",
            f"{found.reach:.4f}",
            f"{found.searched:.2f}",
            _three(found.everywhere),
        ]


def unknown(run: Run, predictions: Predictions, others: Predictions) -> list[str]:
    """How well the artefact's rule tells photos of no known category."""
    rule = run.artefact.unknown
    counts = str(len(predictions.labels)), str(len(others.labels))
    if rule is None:
        return [f"{run.name}, no rule", counts[0], "–", counts[1], "–", "–"]
    known = knownness(predictions.logits, rule.score, run.artefact.temperature)
    odd = knownness(others.logits, rule.score, run.artefact.temperature)
    missed = _three(float((known < rule.threshold).mean()))
    caught = _three(float((odd < rule.threshold).mean())) if len(odd) else "–"
    area = _three(auroc(known, odd)) if len(odd) else "–"
    return [f"{run.name}, {rule.score}", counts[0], missed, counts[1], caught, area]


def _confusion(
    run: Run, predictions: Predictions
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return confusion_matrix(
        predictions.logits.argmax(axis=1), predictions.labels, len(run.artefact.labels)
    )


def _three(value: float) -> str:
    return f"{value:.3f}"


def _cell(name: str) -> str:
    """A label may hold what would end a table's cell."""
    return " ".join(name.split()).replace("|", "\\|")
