"""Export a checkpoint to ONNX: rebuild the network, write, check parity, store with a sidecar."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import cast

from engine.errors import WeightsError
from engine.files import replacing, write_whole
from weights.cache import exported_path, make_directory
from weights.canonical import canonicalise
from weights.catalog import CatalogEntry, find_entry, load_catalog
from weights.checksums import digests_of
from weights.fetch import TIMM, FetchPolicy, WeightsFile, fetch_checkpoint, matching_sidecar
from weights.frameworks import from_backbone, timm_backbones
from weights.frameworks.network import Loader, Network, import_framework
from weights.half_storage import as_it_runs, halve_file
from weights.input_spec import InputSpec
from weights.mistaken import require_no_mistake
from weights.output_spec import OutputSpec
from weights.parity import TOLERANCE, measure_parity
from weights.sidecar import (
    Int8Facts,
    ModelFacts,
    Parity,
    SourceFacts,
    sidecar_path,
    sidecar_text,
)

# Modules with ``load`` as in ``network.Loader``, by the framework that a catalogue entry names; for
# backbones of every framework see ``from_backbone``. Imported when used: they need the train extra.
LOADERS = {
    "torchvision": "weights.frameworks.from_torchvision",
    "u2net": "weights.frameworks.from_u2net",
    "fba": "weights.frameworks.from_fba",
}
# Their publishers state a checksum for every pickle, so that no other file has to be accepted.
VERIFIED_ONLY = frozenset({"torchvision"})


@dataclass(frozen=True)
class ExportReport:
    """The stored file, and its parity with the framework."""

    path: Path
    sha256: str
    source: SourceFacts
    parity: Parity
    layers: tuple[str, ...] = ()  # layers whose maps are further outputs


def find_exportable(name: str, input_size: int | None = None) -> CatalogEntry:
    """The catalogue's entry, or for timm/NAME one made from timm's configuration of the model.

    ``input_size``: side in pixels of the square input to export a backbone for, in place of its
    own. Raises WeightsError for an unknown name and a size below 1.
    """
    known = load_catalog()
    if name not in known and name.startswith(TIMM):
        entry = timm_backbones.entry_for(name.removeprefix(TIMM))
    else:
        entry = find_entry(name, known)
    if input_size is None:
        return entry
    if entry.kind != "backbone":
        raise WeightsError(
            f"{name}: is a {entry.kind}, and only a backbone has another --input-size."
        )
    if input_size < 1:
        raise WeightsError(
            f"{name}: --input-size {input_size} is no size.", remedy="Give one over 0."
        )
    return replace(entry, input=replace(entry.input, height=input_size, width=input_size))


def export_checkpoint(
    entry: CatalogEntry,
    policy: FetchPolicy,
    *,
    weights: Path | None = None,
    out: Path | None = None,
    layers: Sequence[str] | None = None,
    tolerance: float = TOLERANCE,
    half: bool = False,
) -> ExportReport:
    """Export a catalogue entry, or local ``weights`` of its architecture, to ``out``.

    ``out`` None: into the cache, where ``resolve`` finds it by name. The sidecar lies beside it.
    ``layers``: layers whose maps a backbone's file has as further outputs; None: the last of each
    of the two coarsest grids. ``half``: see ``store_network``. Raises WeightsError when the
    checkpoint is refused or the parity is worse than ``tolerance``.
    """
    if not entry.needs_export:
        raise WeightsError(
            f"{entry.name}: is an ONNX file already.",
            remedy=f"Get it with: packsight weights fetch {entry.name}",
        )
    target = out or exported_path(entry, policy.cache)
    _check_target(target)
    checkpoint = weights or fetch_checkpoint(entry, policy).path
    source = check_checkpoint(entry, checkpoint)
    network = _load(entry, checkpoint, layers)
    return store_network(network, target, entry.name, source, entry.input, tolerance, half=half)


def _load(entry: CatalogEntry, checkpoint: Path, layers: Sequence[str] | None) -> Network:
    if entry.kind == "backbone":
        return from_backbone.load(entry, checkpoint, layers)
    if layers is not None:
        raise WeightsError(
            f"{entry.name}: is a {entry.kind}, and only a backbone has layers to give."
        )
    return cast("Loader", import_module(LOADERS[entry.framework])).load(entry, checkpoint)


def store_network(
    network: Network,
    target: Path,
    name: str,
    source: SourceFacts,
    spec: InputSpec,
    tolerance: float = TOLERANCE,
    *,
    output: OutputSpec | None = None,
    half: bool = False,
) -> ExportReport:
    """Write ``target`` (*.onnx) and its sidecar, once parity is shown; also used after training.

    ``name`` and ``source`` go into the sidecar, with ``spec``, the preprocessing of images, and
    ``output``, of a saliency network. ``half``: the weights are stored in half precision
    (``half_storage``), once parity is shown in float32; the sidecar then has the parity of what is
    stored, held to ``HALF_TOLERANCE``. Raises WeightsError, and leaves an older file in place,
    when the parity is worse or the folder cannot be written.
    """
    _check_target(target)
    make_directory(target.parent)
    with (
        _writing(target),
        tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as folder,
    ):
        beside = Path(folder) / target.name
        network.write(beside)
        opset = canonicalise(beside, network.names)
        parity = measure_parity(network, beside, tolerance)
        if half:
            parity = halve_file(network, beside)
        sha256 = digests_of(beside).sha256
        model = ModelFacts(name, network.output, opset, sha256)
        text = sidecar_text(model, source, parity, spec, output)
        # The sidecar first: a model that exists has one. If only one of the two arrives, the
        # sha256 in the sidecar gives it away.
        with replacing(target) as part:
            beside.replace(part)
            write_whole(sidecar_path(target), text)
    return ExportReport(target, sha256, source, parity, network.names.layers)


def store_halved(model: Path, target: Path) -> ExportReport:
    """Store an ONNX file that has a sidecar once more, its weights in half precision.

    The new sidecar names ``model`` as the source, and has the difference to it as its parity.
    Raises WeightsError as ``store_network`` does, and for a file that is absent, damaged, without
    a sidecar, or takes something else than images.
    """
    require_no_mistake(model)
    try:
        sha256 = digests_of(model).sha256
    except OSError as error:
        raise WeightsError(f"{model}: cannot be read ({error.strerror}).") from error
    sidecar = matching_sidecar(model, sha256)
    if sidecar is None:
        raise WeightsError(
            f"{model}: the input of this model is not described.",
            remedy=f"Write {sidecar_path(model)} with a table [input], as an export has one.",
        )
    source = SourceFacts(model.name, sha256, sidecar.sha256 is not None and sidecar.source_verified)
    network = as_it_runs(model, sidecar.input)
    return store_network(
        network, target, model.stem, source, sidecar.input, output=sidecar.output, half=True
    )


def store_int8(
    made: Path,
    target: Path,
    source: WeightsFile,
    output: tuple[int, ...],
    parity: Parity,
    facts: Int8Facts,
) -> str:
    """Store an int8 network made of ``source``, which has an input spec, with a sidecar of its own.

    ``output``: of one image. Returns the sha256. Raises WeightsError where nothing can be written.
    """
    _check_target(target)
    make_directory(target.parent)
    if source.spec is None:
        raise ValueError(f"{source.path} has no input spec")
    sha256 = digests_of(made).sha256
    opset = max(one.version for one in import_framework("onnx").load(str(made)).opset_import)
    text = sidecar_text(
        ModelFacts(target.stem, output, opset, sha256),
        SourceFacts(source.path.name, source.sha256, source.verified),
        parity,
        source.spec,
        source.output,
        facts,
    )
    with _writing(target), replacing(target) as part:
        shutil.copyfile(made, part)
        write_whole(sidecar_path(target), text)
    return sha256


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """WeightsError for what the disk refuses."""
    try:
        yield
    except OSError as error:
        raise WeightsError(
            f"{target}: cannot be written ({error.strerror or error}).",
            remedy="Free some space there, or name another file.",
        ) from error


def check_checkpoint(entry: CatalogEntry, checkpoint: Path) -> SourceFacts:
    """Hash the whole file, now, and compare it with the published checksum.

    A .pth file is a pickle, and unpickling can run code: where a checksum is published, a file
    that does not match it is refused. Elsewhere it is noted as unverified, and loaders read
    tensors only (``torch_export.read_state``). HDF5 holds arrays only.
    """
    require_no_mistake(checkpoint)
    try:
        digests = digests_of(checkpoint)
    except OSError as error:
        raise WeightsError(f"{checkpoint}: cannot be read ({error.strerror}).") from error
    verified = entry.checksum is not None and entry.checksum.matches(digests)
    if entry.framework in VERIFIED_ONLY and not verified:
        wanted = str(entry.checksum) if entry.checksum else "a published checksum"
        raise WeightsError(
            f"{checkpoint}: refused: a .pth file is a pickle and is loaded only when verified: "
            f"expected {wanted}, found sha256 {digests.sha256}.",
            remedy=f"Get the published file with: packsight weights fetch {entry.name}",
        )
    return SourceFacts(checkpoint.name, digests.sha256, verified)


def _check_target(target: Path) -> None:
    if target.suffix != ".onnx":
        raise WeightsError(f"{target}: the exported file must be named *.onnx.")
