"""What every framework hands to the exporter."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from engine.errors import WeightsError
from engine.types import FloatArray


@dataclass(frozen=True)
class Trunk:
    """A network without its head, loaded in its framework.

    ``features``: (N, …) float32 in the layout of its input spec -> (N, D) float32.
    ``write``: store as one ONNX file whose batch axis is free.
    """

    features: Callable[[FloatArray], FloatArray]
    write: Callable[[Path], None]


def import_framework(name: str) -> ModuleType:
    """Import a training framework; WeightsError names the extra that brings it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise WeightsError(
            f"Exporting needs {error.name}, which is not installed.",
            remedy="Install it with: pip install 'packsight[train]'",
        ) from error


def does_not_fit(checkpoint: Path, architecture: str, error: Exception) -> WeightsError:
    """The file was read and holds something else."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return WeightsError(
        f"{checkpoint}: does not hold weights for {architecture} ({' '.join(lines)[:300]}).",
        remedy="Check that the name given to export is the one of this file.",
    )
