"""The network that every framework gives to the exporter, and how frameworks are imported."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol

from engine.errors import WeightsError
from engine.types import FloatArray
from weights.catalog import CatalogEntry
from weights.mistaken import mistaken_for


@dataclass(frozen=True)
class GraphNames:
    """Names of an exported ONNX graph, its only input and its outputs."""

    # In every file exported before, and part of its bytes: another word would change the sha256,
    # and with it the fingerprint of galleries that were described with the model.
    graph: str = "trunk"
    image: str = "image"
    result: str = "features"
    layers: tuple[str, ...] = ()  # further outputs, shallow to deep: maps or tokens of these layers


BACKBONE_NAMES = GraphNames()


@dataclass(frozen=True)
class Everything:
    """All outputs of a file that has several, or takes images of other sizes.

    ``run``: (N, …) float32 -> every output in the file's order; ``probes``: as ``Network.probe``,
    one a size.
    """

    run: Callable[[FloatArray], tuple[FloatArray, ...]]
    probes: tuple[FloatArray, ...]


@dataclass(frozen=True)
class Network:
    """A network loaded in its framework, ready to be written as one ONNX file.

    ``run``: input (N, …) float32 -> the expected first output of the file, (N, *output).
    ``write``: store as one ONNX file with one input, outputs as in ``names`` and a free batch axis.
    ``probe``: (N, …) float32, the batch on which parity is shown, at least two items; varied
    enough to detect a swapped channel or a lost layer, see ``probe.image_probe``.
    """

    run: Callable[[FloatArray], FloatArray]
    write: Callable[[Path], object]
    output: tuple[int, ...]  # of one item, without the batch axis
    probe: FloatArray
    names: GraphNames = BACKBONE_NAMES
    everything: Everything | None = None  # None: ``run`` on ``probe`` is all there is to compare


class Loader(Protocol):
    """The function of a module ``weights.frameworks.from_*``."""

    def load(self, entry: CatalogEntry, checkpoint: Path) -> Network:
        """Build the entry's architecture and load a checkpoint that ``check_checkpoint`` passed.

        Raises WeightsError (``does_not_fit``) for a file that holds something else, and for a
        framework that is not installed. Never runs code from a file.
        """
        ...


def import_framework(name: str) -> ModuleType:
    """Import a training framework; WeightsError names the extra that brings it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise WeightsError(
            f"This command needs {error.name}, which is not installed.",
            remedy="Install it with: pip install 'packsight[train]'",
        ) from error


def does_not_fit(checkpoint: Path, architecture: str, error: Exception) -> WeightsError:
    """The error for a file that holds something else."""
    if mistake := mistaken_for(checkpoint):
        return mistake.error(checkpoint)
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return WeightsError(
        f"{checkpoint}: does not hold weights for {architecture} ({' '.join(lines)[:300]}).",
        remedy="Check that the name given to export is the one of this file.",
    )
