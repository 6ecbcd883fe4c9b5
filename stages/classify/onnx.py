"""A trained classifier from an ONNX file with its list of labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from engine.errors import ConfigError, WeightsError
from engine.types import CategoryScores, Cutout, FloatArray
from stages._preprocess import prepare, required_spec
from stages._session import OnnxSession
from stages.context import BuildContext
from stages.options import StageOptions
from weights.catalog import InputSpec

# How far a head's own probabilities may be from summing to 1: float16 heads round that much.
SUM_TOLERANCE = 1e-2


class Options(StageOptions):
    """``labels``: a text file, one label a line, in the order of the model's output; by default
    ``NAME.labels.txt`` beside ``NAME.onnx``. ``activation``: "none" for a model whose head ends
    in softmax, as in the paper; "softmax" for one that gives logits."""

    weights: str = Field(min_length=1)
    labels: str | None = None
    activation: Literal["softmax", "none"] = "none"
    batch: int = Field(16, ge=1)


class OnnxClassifier:
    """One probability a label; the first output of the model, (N, C) or (N, C, 1, 1)."""

    def __init__(
        self, options: Options, session: OnnxSession, spec: InputSpec, labels: tuple[str, ...]
    ) -> None:
        self._options = options
        self._session = session
        self._spec = spec
        self.categories = labels
        declared = session.output_shapes[0]
        if len(declared) > 1 and isinstance(declared[1], int):
            _match(declared[1], labels, session.path)

    def classify(self, cutouts: Sequence[Cutout], embeddings: FloatArray) -> list[CategoryScores]:
        size = self._options.batch
        scores: list[CategoryScores] = []
        for start in range(0, len(cutouts), size):
            batch = prepare(cutouts[start : start + size], self._spec)
            rows = self._session.run(batch).reshape(len(batch), -1)
            _match(rows.shape[1], self.categories, self._session.path)
            scores += [CategoryScores(self.categories, row) for row in self._probabilities(rows)]
        return scores

    def _probabilities(self, rows: FloatArray) -> FloatArray:
        """(N, C) that sum to 1 a row; WeightsError for an output that cannot be probabilities."""
        if self._options.activation == "softmax" and bool(np.isfinite(rows).all()):
            return softmax(rows)
        sums = rows.sum(axis=1, keepdims=True)
        if not (bool((rows >= 0).all()) and bool((np.abs(sums - 1) <= SUM_TOLERANCE).all())):
            raise WeightsError(
                f"{self._session.path}: its output is not probabilities that sum to 1.",
                remedy='If the model gives logits, set activation = "softmax".',
            )
        return np.asarray(rows / sums, np.float32)


def softmax(logits: FloatArray) -> FloatArray:
    """(N, C) to probabilities a row; the maximum is subtracted first against overflow."""
    powers = np.exp((logits - logits.max(axis=1, keepdims=True)).astype(np.float64))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


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


def _match(outputs: int, labels: tuple[str, ...], path: Path) -> None:
    if outputs != len(labels):
        raise ConfigError(
            f"{path}: gives {outputs} scores, but its list has {len(labels)} labels.",
            remedy="Set the option labels to the list that this model was trained with.",
        )


def build(options: Options, context: BuildContext) -> OnnxClassifier:
    found = context.weights(options.weights)
    spec = required_spec(found, "classify weights")
    path = Path(options.labels) if options.labels else found.path.with_suffix(".labels.txt")
    labels = read_labels(path)
    # The same model with another list is another classifier: the fingerprint has to see it.
    text = "\n".join(labels).encode()
    reference = options.labels or f"{options.weights} labels"
    context.used[reference] = hashlib.sha256(text).hexdigest()
    session = OnnxSession(found.path, threads=context.threads)
    return OnnxClassifier(options, session, spec, labels)
