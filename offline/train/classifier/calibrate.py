"""Calibration of the stored file on validation images, and the artefact that holds it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
from offline.store.cutouts import Cutouts
from offline.store.run_folder import RunFolder
from offline.train.training_set import Labelled, Sample, labels_of
from stages._session import OnnxSession
from stages.assemble import CuttingParts
from stages.classify._artefact import ClassifierArtefact, artefact_path
from stages.classify.onnx import OnnxClassifier
from weights.export import ExportReport
from weights.sidecar import Sidecar, read_sidecar

Logits = npt.NDArray[np.float64]
# Fraction of photos whose true category must be searched.
REACH = 0.999
_BATCH = 16


def calibrated(
    report: ExportReport,
    labelled: Labelled,
    cutouts: Cutouts,
    cutting: CuttingParts,
    run: RunFolder,
    *,
    parameters: int,
    held_out: tuple[Logits, npt.NDArray[np.int64]] | None = None,
    unknown: Sequence[Sample] = (),
) -> dict[str, float]:
    """Fit the temperature and the rules, write the artefact, return the metrics.

    On validation; or on ``held_out``, (N, C) logits and (N,) labels of families that were not
    seen, where validation shares its families with the training. ``unknown`` are images of no
    known category, which are in ``cutouts`` too.
    """
    bare = ClassifierArtefact(labels=labelled.names, output="logits")
    logits = stored_logits(report.path, bare, cutouts, labelled.validation, cutting.threads)
    labels = labels_of(labelled.validation)
    fitted_on = (logits, labels) if held_out is None else held_out
    temperature = fit_temperature(*fitted_on)
    outliers = (
        stored_logits(report.path, bare, cutouts, unknown, cutting.threads) if unknown else None
    )
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


def stored_logits(
    model: Path,
    artefact: ClassifierArtefact,
    cutouts: Cutouts,
    samples: Sequence[Sample],
    threads: int,
) -> Logits:
    """(N, C) of the ONNX file, by the stage that serves it."""
    sidecar: Sidecar | None = read_sidecar(model)
    if sidecar is None:
        raise ValueError(f"{model} has no sidecar")  # ``store_network`` writes both
    stage = OnnxClassifier(OnnxSession(model, threads=threads), sidecar.input, artefact, _BATCH)
    rows = cutouts.positions(samples)
    parts = [
        stage.logits([cutouts.cutout(row) for row in rows[start : start + _BATCH]])
        for start in range(0, len(rows), _BATCH)
    ]
    return np.concatenate(parts)


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
