"""Calibration of the stored file on validation images, and the artefact that holds it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.config import RouteSettings
from offline.calibration import choose_unknown, fit_temperature, least_probability, softmax_at
from offline.metrics.calibration import expected_calibration_error
from offline.metrics.classification import (
    confusion_matrix,
    routing_metrics,
    scores_of,
    summary,
)
from offline.store.run_folder import RunFolder
from offline.train.training_set import Labelled, labels_of
from stages.assemble import CuttingParts
from stages.classify._artefact import ClassifierArtefact, artefact_path
from weights.export import ExportReport

Logits = npt.NDArray[np.float64]
# Fraction of photos whose true category must be searched.
REACH = 0.999


def calibrated(
    report: ExportReport,
    labelled: Labelled,
    cutting: CuttingParts,
    run: RunFolder,
    *,
    parameters: int,
    logits: Logits,
    outliers: Logits | None = None,
    held_out: tuple[Logits, npt.NDArray[np.int64]] | None = None,
) -> dict[str, float]:
    """Fit the temperature and the rules, write the artefact, return the metrics.

    By ``logits`` (N, C) of the validation images, of a network that has not seen them; or by
    ``held_out``, (N, C) logits and (N,) labels of families that were not seen, where validation
    shares its families with the training. ``outliers``: those of images of no known category.
    """
    labels = labels_of(labelled.validation)
    fitted_on = (logits, labels) if held_out is None else held_out
    temperature = fit_temperature(*fitted_on)
    rule = choose_unknown(fitted_on[0], outliers, temperature=temperature)
    least = least_probability(softmax_at(fitted_on[0], temperature), fitted_on[1], REACH)
    metrics = _metrics(labelled.names, logits, labels, temperature)
    metrics |= {"validation_pictures": float(len(labels)), "parameters": float(parameters)}
    if held_out is not None:
        metrics |= _held_out_metrics(*held_out, temperature)
    if outliers is not None:
        metrics["unknown_pictures"] = float(len(outliers))
        metrics["unknown_found"] = float(rule.decide(outliers, temperature).mean())
    artefact = ClassifierArtefact(
        labels=labelled.names,
        output="logits",
        temperature=temperature,
        model_sha256=report.sha256,
        cut_fingerprint=cutting.fingerprint,
        least_probability=least,
        unknown=rule,
        figures=metrics,
        cut=_cut_tables(cutting),
    )
    run.write_text(artefact_path(report.path).name, artefact.text())
    return metrics


def _metrics(
    names: tuple[str, ...], logits: Logits, labels: npt.NDArray[np.int64], temperature: float
) -> dict[str, float]:
    plain, honest = softmax_at(logits, 1.0), softmax_at(logits, temperature)
    found = summary(confusion_matrix(logits.argmax(axis=1), labels, len(names)))
    routed = routing_metrics(
        scores_of(names, honest), [names[label] for label in labels], RouteSettings()
    )
    return {
        "accuracy": found.accuracy,
        "average_accuracy": found.average_accuracy,
        "macro_f1": found.macro_f1,
        "ece_before": expected_calibration_error(plain, labels),
        "ece_after": expected_calibration_error(honest, labels),
        "route_reach": routed.reach,
        "route_searched": routed.searched,
    }


def _held_out_metrics(
    logits: Logits, labels: npt.NDArray[np.int64], temperature: float
) -> dict[str, float]:
    before, after = (
        expected_calibration_error(softmax_at(logits, t), labels) for t in (1.0, temperature)
    )
    return {
        "new_families_accuracy": float((logits.argmax(axis=1) == labels).mean()),
        "new_families_ece_before": before,
        "new_families_ece_after": after,
    }


def _cut_tables(cutting: CuttingParts) -> dict[str, dict[str, object]]:
    """The settings of the cutting stages, as a profile has them."""
    tables = cutting.settings.tables()
    return {
        section: {key: value for key, value in tables[section].items() if value is not None}
        for section in ("segment", "matting", "trust", "cutout")
    }
