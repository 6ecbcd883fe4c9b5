"""Turn a checkpoint into ONNX once: rebuild, write, prove parity, store with its sidecar."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from engine.errors import WeightsError
from weights.cache import exported_path, make_directory
from weights.canonical import canonicalise
from weights.catalog import CatalogEntry
from weights.checksums import digests_of
from weights.fetch import FetchPolicy, fetch_checkpoint
from weights.frameworks.trunk import Trunk
from weights.parity import TOLERANCE, measure_parity
from weights.sidecar import ModelFacts, Parity, SourceFacts, sidecar_path, sidecar_text


@dataclass(frozen=True)
class ExportReport:
    """What was stored, and how near it is to its framework."""

    path: Path
    sha256: str
    source: SourceFacts
    parity: Parity


def export_trunk(
    entry: CatalogEntry,
    policy: FetchPolicy,
    *,
    weights: Path | None = None,
    out: Path | None = None,
    tolerance: float = TOLERANCE,
) -> ExportReport:
    """Export a catalogue entry, or local ``weights`` of its architecture, to ``out``.

    ``out`` None: into the cache, where ``resolve`` finds it by name. The sidecar lies beside it.
    Raises WeightsError when the checkpoint is refused or the parity is worse than ``tolerance``.
    """
    if not entry.needs_export:
        raise WeightsError(
            f"{entry.name}: is an ONNX file already.",
            remedy=f"Get it with: packsight weights fetch {entry.name}",
        )
    target = out or exported_path(entry, policy.cache)
    if target.suffix != ".onnx":
        raise WeightsError(f"{target}: the exported file must be named *.onnx.")
    checkpoint = weights or fetch_checkpoint(entry, policy).path
    source = check_checkpoint(entry, checkpoint)
    trunk = _load(entry, checkpoint)
    make_directory(target.parent)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as folder:
        beside = Path(folder) / target.name
        trunk.write(beside)
        opset = canonicalise(beside)
        parity = measure_parity(trunk.features, beside, entry.input, _dimension(entry), tolerance)
        sha256 = digests_of(beside).sha256
        model = ModelFacts(entry.name, _dimension(entry), opset, sha256)
        text = sidecar_text(model, source, parity, entry.input)
        sidecar_path(beside).write_text(text, "utf-8")
        # The sidecar first: a model that exists has one. If only one of the two arrives, the
        # sha256 in the sidecar gives it away.
        sidecar_path(beside).replace(sidecar_path(target))
        beside.replace(target)
    return ExportReport(target, sha256, source, parity)


def check_checkpoint(entry: CatalogEntry, checkpoint: Path) -> SourceFacts:
    """Hash the whole file, now; refuse a pickle that matches no published checksum.

    A .pth file is a pickle, and unpickling can run code; HDF5 holds arrays only.
    """
    try:
        digests = digests_of(checkpoint)
    except OSError as error:
        raise WeightsError(f"{checkpoint}: cannot be read ({error.strerror}).") from error
    verified = entry.checksum is not None and entry.checksum.matches(digests)
    if entry.framework == "torchvision" and not verified:
        wanted = str(entry.checksum) if entry.checksum else "a published checksum"
        raise WeightsError(
            f"{checkpoint}: refused: a .pth file is a pickle and is loaded only when verified: "
            f"expected {wanted}, found sha256 {digests.sha256}.",
            remedy=f"Get the published file with: packsight weights fetch {entry.name}",
        )
    return SourceFacts(checkpoint.name, digests.sha256, verified)


def _load(entry: CatalogEntry, checkpoint: Path) -> Trunk:
    if entry.framework == "torchvision":
        from weights.frameworks.from_torchvision import load_trunk as load_torchvision

        return load_torchvision(entry, checkpoint)
    from weights.frameworks.from_keras import load_trunk as load_keras

    return load_keras(entry, checkpoint)


def _dimension(entry: CatalogEntry) -> int:
    if entry.dimension is None:  # segmenters have none, and none of them needs an export
        raise WeightsError(f"{entry.name}: is no trunk.")
    return entry.dimension
