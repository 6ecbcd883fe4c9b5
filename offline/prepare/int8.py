"""A network of the settings in int8: calibrated on what it is given, compared, then written."""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path
from statistics import median

import numpy as np

from engine.config import Settings
from engine.errors import ConfigError, ImageError, WeightsError
from engine.files import write_whole
from engine.images import ImageLimits, load
from engine.machine import Backend
from engine.types import FloatArray, Progress
from offline.datasets import DatasetImage, RetrievalTask, open_dataset
from offline.evaluate.changed_network import Change, changes
from offline.ingest.scan import scan
from offline.metrics.statistics import evenly
from offline.store.images import HashedImage, hash_images
from offline.train.card import Card, bullets, table
from stages._session import RUNTIMES, OnnxSession
from stages.assemble import Parts, assemble, with_weights
from stages.watched import Given, watch
from weights.export import store_int8
from weights.fetch import FetchPolicy, WeightsFile, resolve
from weights.quantise import Clipping, Int8Network, quantise
from weights.sidecar import Int8Facts, Parity, sidecar_path

BATCH = 8  # images described at a time
HELD = 5  # of so many images one is not calibrated on, but tells which layers stay in float32
TRIED = 16  # of those that are held out, at most
ROUNDS, WARM = 15, 2  # of timing


@dataclass(frozen=True)
class Request:
    """``weights``: a name or a path that ``settings`` have. ``gate``: the data set that decides;
    None: nothing is compared, and what was fitted to the float32 network does not fit this one.
    ``images``: at most, as many of each folder. ``float_layers``: at most."""

    weights: str
    settings: Settings
    calibrate: tuple[Path, ...]
    out: Path
    cache: Path
    gate: Path | None = None
    protocol: str | None = None
    limit: int | None = None
    images: int = 200
    clipping: Clipping = "error"
    float_layers: int = 4


@dataclass(frozen=True)
class Int8Report:
    """``time``: by runtime and clock, the fraction of the float32 network's; ``float_cost``: what
    the layers in float32 add to it, of the processor's time by ``backend``, which it is laid out
    for. ``sizes``: bytes, before and after. ``faults``: a sentence for every calibration image that
    cannot be read."""

    path: Path
    sha256: str
    images: int
    network: Int8Network
    changes: tuple[Change, ...]
    time: Mapping[str, float]
    float_cost: float
    backend: Backend
    sizes: tuple[int, int]
    faults: tuple[str, ...]


def make_int8(request: Request, progress: Progress | None = None) -> Int8Report:
    """Write ``request.out`` (*.onnx), its sidecar and its card, unless the gate refuses it.

    Raises WeightsError with all values where first hits, masks or categories change by more than
    ``offline.evaluate.changed_network`` allows, and for a network without a sidecar; ConfigError
    for one that the settings do not use, for a folder without images, and where images of the gate
    would calibrate.
    """
    if request.out.suffix != ".onnx":
        raise WeightsError(f"{request.out}: the file to write must be named *.onnx.")
    _require_writable(request.out)
    settings = _by_its_runtime(request.settings)
    backend = _backend(settings)
    parts = assemble(settings)
    file = _network(request, settings, parts)
    if request.out.resolve() == file.path.resolve():
        raise ConfigError(
            f"{request.out}: is the network itself, which would be lost.",
            remedy="Give another name with --out.",
        )
    task = _task(request)
    images = _images(request)
    _refuse_judges(request, task, images)
    given, faults = _given(parts, file, images, progress)
    if not given:
        raise ConfigError(
            f"{_folders(request)}: no image of it gave {request.weights} anything.",
            remedy="Name a folder with images such as those that it will be given.",
        )
    held = given[::HELD]
    seen = [batch for at, (batch, _) in enumerate(given) if at % HELD] or [given[0][0]]
    with tempfile.TemporaryDirectory(prefix="packsight-int8-") as folder:
        compared = _Compared(file.path, [held[at] for at in evenly(len(held), TRIED)], backend)
        made = quantise(
            file.path,
            Path(folder),
            seen,
            compared.error,
            request.clipping,
            request.float_layers,
            progress,
            backend,
        )
        output, parity = compared.parity(made.path)
        facts = Int8Facts(
            len(seen),
            request.clipping,
            tuple(layer.name for layer in made.float_layers),
            runtime=backend,
        )
        found: tuple[Change, ...] = ()
        if task is not None:
            other = Path(folder) / request.out.name
            store_int8(made.path, other, file, output, parity, replace(facts, compared=True))
            by = {name: str(other) for name in _names(parts, file)}
            found = changes(task, settings, with_weights(settings, by), request.cache, progress)
            _require_passes(request, found, made)
        threads = settings.runtime.threads or 1
        ratios = time_ratios(file.path, made.path, held[0], threads)
        alone = time_ratios(made.all_int8, made.path, held[0], threads)
        facts = replace(
            facts,
            compared=task is not None,
            quality=tuple(one.text() for one in found),
            time={name: round(ratio, 3) for name, ratio in ratios.items()},
        )
        sizes = (file.path.stat().st_size, made.path.stat().st_size)
        sha256 = store_int8(made.path, request.out, file, output, parity, facts)
    report = Int8Report(
        request.out,
        sha256,
        len(seen),
        made,
        found,
        ratios,
        alone[f"{RUNTIMES[backend]}, processor"],
        backend,
        sizes,
        tuple(faults),
    )
    write_whole(request.out.with_suffix(".md"), _card(request, file, report))
    return report


def time_ratios(before: Path, after: Path, given: Given, threads: int) -> dict[str, float]:
    """One network's time as a fraction of the other's, by each installed runtime and by the clock
    and the processor: medians of rounds in turn, one image at a time."""
    batch, outputs = given
    found = {}
    for backend in RUNTIMES:
        if find_spec(backend) is None:
            continue
        pair = [
            OnnxSession(path, threads=threads, backend=backend).network for path in (before, after)
        ]
        rounds = []
        for _ in range(WARM + ROUNDS):
            spent = []
            for network in pair:
                start = time.perf_counter(), time.process_time()
                network.run(batch, outputs)
                spent += [time.perf_counter() - start[0], time.process_time() - start[1]]
            rounds.append(spent)
        for place, clock in enumerate(("clock", "processor")):
            ratios = [one[place + 2] / max(one[place], 1e-9) for one in rounds[WARM:]]
            found[f"{RUNTIMES[backend]}, {clock}"] = median(ratios)
    return found


class _Compared:
    """Outputs of other files on the same inputs, by the session that serves."""

    def __init__(self, model: Path, given: Sequence[Given], backend: Backend) -> None:
        self._given = given
        self._backend = backend
        self._plain = self._outputs(model)

    def _outputs(self, path: Path) -> list[list[FloatArray]]:
        network = OnnxSession(path, threads=1, backend=self._backend).network
        return [network.run(batch, outputs) for batch, outputs in self._given]

    def error(self, path: Path) -> float:
        """The mean over images and outputs of |difference|² / |output|²."""
        pairs = zip(self._plain, self._outputs(path), strict=True)
        return float(
            np.mean(
                [
                    np.square(two - one).sum() / max(np.square(one).sum(), 1e-12)
                    for before, after in pairs
                    for one, two in zip(before, after, strict=True)
                ]
            )
        )

    def parity(self, path: Path) -> tuple[tuple[int, ...], Parity]:
        """Of the first output; nothing is required of single values."""
        after = self._outputs(path)
        pairs = [(one[0], two[0]) for one, two in zip(self._plain, after, strict=True)]
        difference = max(float(np.abs(two - one).max()) for one, two in pairs)
        largest = max(float(np.abs(one).max()) for one, _ in pairs)
        return pairs[0][0].shape[1:], Parity(difference, math.inf, largest, len(pairs))


def _backend(settings: Settings) -> Backend:
    return "openvino" if settings.runtime.backend == "openvino" else "onnxruntime"


def _by_its_runtime(settings: Settings) -> Settings:
    """All networks by the runtime that the new one is laid out for."""
    runtime = settings.runtime.model_copy(update={"backend": _backend(settings), "device": "cpu"})
    return settings.model_copy(update={"runtime": runtime})


def _network(request: Request, settings: Settings, parts: Parts) -> WeightsFile:
    folder = settings.weights.directory
    policy = FetchPolicy(Path(folder) if folder else None, settings.weights.download)
    file = resolve(request.weights, policy)
    if file.spec is None:
        raise WeightsError(
            f"{file.path}: the input of this model is not described.",
            remedy=f"Write {sidecar_path(file.path)} with a table [input], as an export has one.",
        )
    if file.sha256 not in {session.sha256 for session in parts.networks}:
        names = sorted({session.path.stem for session in parts.networks})
        raise ConfigError(
            f"{request.weights}: no stage of these settings runs it.",
            remedy=f"They run {', '.join(names) or 'no network'}. Give other settings with "
            "--profile, --config or --set.",
        )
    return file


def _names(parts: Parts, file: WeightsFile) -> list[str]:
    """By which the settings refer to the file."""
    return [name for name, sha256 in parts.weights.items() if sha256 == file.sha256]


def _images(request: Request) -> list[DatasetImage]:
    """Of the folders in turn, so that what is held out is of all of them."""
    chosen = []
    for folder in request.calibrate:
        found = _images_of(folder)
        wanted = max(1, request.images // len(request.calibrate))
        chosen.append([found[at] for at in evenly(len(found), wanted)])
    return [one for turn in zip_longest(*chosen) for one in turn if one is not None]


def _images_of(folder: Path) -> list[DatasetImage]:
    """Of a data set, or of any folder of images."""
    try:
        dataset = open_dataset(folder)
    except ConfigError:
        images = scan(folder).images if folder.is_dir() else ()
        if not images:
            raise
        return [DatasetImage(image.uri, image.path) for image in images]
    return list(dict.fromkeys(one for split in dataset.splits for one in dataset.images(split)))


def _require_writable(out: Path) -> None:
    """Before minutes are spent."""
    folder = out.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK) or out.is_dir():
        raise ConfigError(
            f"{out}: cannot be written.",
            remedy="Give --out a name in a folder that is there and may be written.",
        )


def _folders(request: Request) -> str:
    return ", ".join(folder.name for folder in request.calibrate)


def _task(request: Request) -> RetrievalTask | None:
    if request.gate is None:
        return None
    dataset = open_dataset(request.gate)
    if not dataset.protocols:
        raise ConfigError(
            f"{request.gate}: the {dataset.name} data set has nothing to retrieve.",
            remedy="Name one with queries and a gallery.",
        )
    return dataset.retrieval(request.protocol or dataset.protocols[0]).limited(request.limit)


def _refuse_judges(
    request: Request, task: RetrievalTask | None, images: Sequence[DatasetImage]
) -> None:
    if task is None:
        return
    judges, calibrating = (
        {one.sha256 for one in hash_images(some) if isinstance(one, HashedImage)}
        for some in (list(dict.fromkeys((*task.queries, *task.gallery))), images)
    )
    if both := len(judges & calibrating):
        raise ConfigError(
            f"{request.gate}: {both} of its images are among those of {_folders(request)}, and "
            "would judge what they calibrated.",
            remedy="Calibrate on other images, or name another --gate.",
        )


def _given(
    parts: Parts, file: WeightsFile, images: Sequence[DatasetImage], progress: Progress | None
) -> tuple[list[Given], list[str]]:
    """What the network is given while the images are described, image by image; and faults."""
    watched = {session.sha256: kept for session, kept in watch(parts.networks)}[file.sha256]
    faults: list[str] = []
    limits = ImageLimits.of(parts.settings.images)
    for start in range(0, len(images), BATCH):
        loaded = []
        for one in images[start : start + BATCH]:
            try:
                loaded.append(load(one.path, limits=limits))
            except ImageError as error:
                faults.append(f"{error.uri}: left out, {error.reason}")
        parts.describer.describe(loaded)
        if progress is not None:
            progress(min(start + BATCH, len(images)), len(images))
    return [
        (batch[at : at + 1], outputs)
        for batch, outputs in watched.given
        for at in range(len(batch))
    ], faults


def _require_passes(request: Request, found: Sequence[Change], made: Int8Network) -> None:
    if all(one.passes for one in found):
        return
    kept = ", ".join(layer.name for layer in made.float_layers) or "none"
    raise WeightsError(
        f"{request.weights} in int8 is not written (layers in float32: {kept}): "
        + "; ".join(one.text() for one in found),
        remedy="Try --ranges percentile or minmax, more --float-layers, or calibration images "
        "that are more like those of the gate.",
    )


def _card(request: Request, file: WeightsFile, report: Int8Report) -> str:
    network = report.network
    layers = [
        f"{layer.name}: {layer.gain:.0%} of the outputs' squared error"
        for layer in network.float_layers
    ]
    sections = {
        "Recipe": f"{report.images} network inputs of {_folders(request)}; kernels with a "
        f"step for each channel and their biases corrected, activations by ranges of "
        f"`{request.clipping}`. Relative squared error of the outputs on every {HELD}th image, "
        f"which did not calibrate: {network.error:.2g}. Laid out for {RUNTIMES[report.backend]}.",
        "Layers in float32": "\n".join(bullets(layers))
        + f"\n\nWith them the network takes {report.float_cost:.2f} of its time without."
        if layers
        else f"None of {network.layers}.",
        "Quality": _quality(request, report.changes),
        "Time": table(
            ("runtime, clock", "fraction of float32"),
            [[name, f"{ratio:.2f}"] for name, ratio in report.time.items()],
        ),
    }
    before, after = report.sizes
    return Card(
        f"{request.out.stem}: {Path(request.weights).stem} in int8",
        f"{file.path.name} (sha256 {file.sha256[:12]}…) with weights and activations of 8 bits: "
        f"{after:,} bytes in place of {before:,}.",
        sections,
    ).text()


def _quality(request: Request, found: Sequence[Change]) -> str:
    if not found:
        return "Not compared: it was made without --gate."
    name = "packbench-tiny" if request.gate is None else request.gate.name
    rows = [
        [
            one.metric,
            f"{one.before:.3f}",
            f"{one.after:.3f}",
            f"{one.change.mean:+.4f} [{one.change.low:+.4f}, {one.change.high:+.4f}]",
            str(one.images),
        ]
        for one in found
    ]
    head = ("metric", "float32", "int8", "change [95 %, products drawn whole]", "images")
    protocol = f", protocol {request.protocol}" if request.protocol else ""
    return f"By {name}{protocol}.\n\n{table(head, rows)}"
