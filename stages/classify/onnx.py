"""A trained classifier from an ONNX file, with its artefact or a list of labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from engine.errors import ConfigError, WeightsError
from engine.probabilities import as_logits, softmax_at
from engine.types import CategoryScores, Cutout, Float64Array, FloatArray
from stages._preprocess import prepare, required_spec
from stages._session import OnnxSession
from stages.classify._artefact import ClassifierArtefact, artefact_path, read_artefact
from stages.context import BuildContext
from stages.options import StageOptions, in_words
from weights.catalog import InputSpec
from weights.fetch import WeightsFile

# How far a head's own probabilities may be from summing to 1: float16 heads round that much.
SUM_TOLERANCE = 1e-2


class Options(StageOptions):
    """A model that Packsight trained is described by ``NAME.classifier.toml`` beside it. For others
    there is ``labels``: a text file, one label a line, in the order of the model's output, by
    default ``NAME.labels.txt``; and ``activation``: "none" for a model whose head ends in softmax,
    as in the paper, "softmax" for one that gives logits. ``any_cutting``: use it with other
    cutouts than it was trained on."""

    weights: str = Field(min_length=1)
    labels: str | None = None
    activation: Literal["softmax", "none"] = "none"
    batch: int = Field(16, ge=1)
    # Permits, changes nothing: left out of the dump that is fingerprinted.
    any_cutting: bool = Field(False, exclude=True)


class OnnxClassifier:
    """One probability a label; the first output of the model, (N, C) or (N, C, 1, 1)."""

    def __init__(
        self, session: OnnxSession, spec: InputSpec, artefact: ClassifierArtefact, batch: int
    ) -> None:
        self._session = session
        self._spec = spec
        self._artefact = artefact
        self._batch = batch
        self.categories = artefact.labels
        declared = session.output_shapes[0]
        if len(declared) > 1 and isinstance(declared[1], int):
            _match(declared[1], artefact.labels, session.path)

    def classify(self, cutouts: Sequence[Cutout], embeddings: FloatArray) -> list[CategoryScores]:
        scores: list[CategoryScores] = []
        for start in range(0, len(cutouts), self._batch):
            scores += self.scores(self.logits(cutouts[start : start + self._batch]))
        return scores

    def logits(self, cutouts: Sequence[Cutout]) -> Float64Array:
        """(N, C) before any temperature, of one batch; WeightsError for an invalid output."""
        batch = prepare(cutouts, self._spec)
        rows = self._session.run(batch).reshape(len(batch), -1)
        _match(rows.shape[1], self.categories, self._session.path)
        if self._artefact.output == "probabilities":
            return as_logits(_summing_to_1(rows, self._session.path))
        if not np.isfinite(rows).all():
            raise WeightsError(f"{self._session.path}: its output is not finite.")
        return rows.astype(np.float64)

    def scores(self, logits: Float64Array) -> list[CategoryScores]:
        """Category scores from logits: tempered, with the decision on unknown photos."""
        known = self._artefact
        rows = softmax_at(logits, known.temperature).astype(np.float32)
        unknown = np.zeros(len(rows), np.bool_)
        if known.unknown is not None:
            unknown = known.unknown.decide(logits, known.temperature)
        return [
            CategoryScores(known.labels, row.copy(), bool(decision), known.least_probability)
            for row, decision in zip(rows, unknown, strict=True)
        ]


def build(options: Options, context: BuildContext) -> OnnxClassifier:
    file = context.weights(options.weights)
    spec = required_spec(file, "classify weights")
    artefact = read_artefact(file.path, file.sha256)
    if artefact is not None:
        _check_options(set(options.model_fields_set), file.path)
        if not options.any_cutting:
            _check_cutting(artefact, context.cutting, file.path)
        context.used[str(artefact_path(file.path))] = artefact.identity
    else:
        artefact = _artefact_of(options, file, context)
    session = context.session(file)
    return OnnxClassifier(session, spec, artefact, options.batch)


def _check_options(given: set[str], path: Path) -> None:
    """ConfigError for options that the artefact beside the model at ``path`` defines itself."""
    double = sorted({"labels", "activation"} & given)
    if double:
        raise ConfigError(
            f"[classify] {', '.join(double)}: {artefact_path(path)} defines that already.",
            remedy="Leave the option out, or copy the .onnx file alone to another folder.",
        )


def _check_cutting(artefact: ClassifierArtefact, served: frozenset[str], path: Path) -> None:
    """ConfigError when images are cut out differently from those that it was trained on.

    ``served`` are fingerprints of the cutting stages, none where they are unknown.
    """
    if not served or artefact.cut_fingerprint in ("", *served):
        return
    wanted = in_words(artefact.cut)
    raise ConfigError(
        f"{path}: was trained on images that were cut out with other settings"
        f"{f': {wanted}' if wanted else ''}.",
        remedy="Use those settings, or set classify.any_cutting = true to accept its predictions.",
    )


def _artefact_of(options: Options, file: WeightsFile, context: BuildContext) -> ClassifierArtefact:
    """The artefact of a model without one, from the options."""
    path = Path(options.labels) if options.labels else file.path.with_suffix(".labels.txt")
    labels = read_labels(path)
    # The same model with another list is another classifier: the fingerprint has to see it.
    text = "\n".join(labels).encode()
    reference = options.labels or f"{options.weights} labels"
    context.used[reference] = hashlib.sha256(text).hexdigest()
    logits = options.activation == "softmax"
    return ClassifierArtefact(labels=labels, output="logits" if logits else "probabilities")


def read_labels(path: Path) -> tuple[str, ...]:
    """One label a line, blank lines ignored; ConfigError if absent, empty or not distinct."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: the classifier's labels cannot be read ({error}).",
            remedy="Give the option labels a UTF-8 text file with one label a line.",
        ) from error
    labels = tuple(line.strip() for line in lines if line.strip())
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if not labels or repeated:
        fault = f"labels that come twice: {', '.join(repeated)}" if repeated else "no label"
        raise ConfigError(f"{path}: {fault}.", remedy="Give every output its own line.")
    return labels


def _summing_to_1(rows: FloatArray, path: Path) -> FloatArray:
    sums = rows.sum(axis=1, keepdims=True)
    if not (bool((rows >= 0).all()) and bool((np.abs(sums - 1) <= SUM_TOLERANCE).all())):
        raise WeightsError(
            f"{path}: its output is not probabilities that sum to 1.",
            remedy='If the model gives logits, set activation = "softmax".',
        )
    return np.asarray(rows / sums, np.float32)


def _match(outputs: int, labels: tuple[str, ...], path: Path) -> None:
    if outputs != len(labels):
        raise ConfigError(
            f"{path}: gives {outputs} scores, but its list has {len(labels)} labels.",
            remedy=f"Give it the list that it was trained with: {artefact_path(path)}, or the "
            "option labels.",
        )
