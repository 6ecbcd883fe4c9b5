"""Each network of the settings by each runtime, side by side: which is fastest here."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from engine.config import Settings
from engine.errors import ConfigError, WeightsError
from engine.machine import Backend
from engine.types import RGBImage
from stages._fastest import keep_fastest
from stages._network import Array, Network
from stages._session import RUNTIMES, OnnxSession, require_runtime
from stages.assemble import assemble
from stages.watched import Given, Watched, watch
from weights.sidecar import read_sidecar

# Another runtime is chosen where it takes at most this fraction of ONNX Runtime's time: a load
# that changes makes medians differ by a few hundredths.
WORTH_IT = 0.95
# Of an output's largest value. A network whose outputs differ by more by another runtime stays.
AGREEMENT = 1e-3


@dataclass(frozen=True)
class Timing:
    """One network by one runtime, with all that one image makes it run."""

    seconds: float  # median of the rounds
    ratio: float  # to ONNX Runtime's time in the same round, median
    difference: float  # largest, of an output's largest value, to ONNX Runtime's


@dataclass(frozen=True)
class Tuned:
    """``refused``: why a runtime has no timing; ``chosen`` is kept for ``backend = "auto"``."""

    name: str
    chosen: Backend
    timings: dict[Backend, Timing] = field(default_factory=dict)
    refused: dict[Backend, str] = field(default_factory=dict)


def tune(settings: Settings, image: RGBImage, rounds: int) -> Iterator[Tuned]:
    """Measure and keep, one network after the other. ``image``: described once, to see what each is
    given. Raises ConfigError for a device that is not the processor, or where nothing can be kept.
    """
    if settings.runtime.device != "cpu":
        raise ConfigError(
            f"[runtime] device = {settings.runtime.device!r}: runtimes are compared on the cpu.",
            remedy="Leave it out: other devices are ONNX Runtime's alone.",
        )
    for session, watched in _watched(settings, image):
        yield _tuned(session, watched, rounds)


def _watched(settings: Settings, image: RGBImage) -> list[tuple[OnnxSession, Watched]]:
    runtime = settings.runtime.model_copy(update={"backend": "onnxruntime"})
    parts = assemble(settings.model_copy(update={"runtime": runtime}))
    found = watch(parts.networks)
    parts.describer.describe([image])
    return found


def _tuned(session: OnnxSession, watched: Watched, rounds: int) -> Tuned:
    name = session.path.stem
    sidecar = read_sidecar(session.path)
    if sidecar is not None and sidecar.int8_runtime == "openvino":
        why = 'int8, laid out for it: backend = "auto" takes it'
        return Tuned(name, "openvino", refused={"openvino": why})
    if not watched.given:
        return Tuned(name, "onnxruntime", refused={"onnxruntime": "the photo did not need it"})
    networks: dict[Backend, Network] = {"onnxruntime": watched.network}
    refused: dict[Backend, str] = {}
    for backend in RUNTIMES:
        if backend not in networks:
            try:
                require_runtime(backend, "cpu")
                networks[backend] = OnnxSession(
                    session.path, threads=session.threads, sha256=session.sha256, backend=backend
                ).network
            except (ConfigError, WeightsError) as error:
                refused[backend] = error.message
    timings = _timings(networks, watched.given, rounds)
    fit = {
        backend: timing
        for backend, timing in timings.items()
        if backend == "onnxruntime" or (timing.ratio <= WORTH_IT and timing.difference <= AGREEMENT)
    }
    chosen = min(fit, key=lambda backend: fit[backend].ratio)
    if session.sha256 is not None:
        ratios = {backend: timing.ratio for backend, timing in timings.items()}
        keep_fastest(session.sha256, session.threads, chosen, ratios)
    return Tuned(name, chosen, timings, refused)


def _timings(
    networks: Mapping[Backend, Network], given: Sequence[Given], rounds: int
) -> dict[Backend, Timing]:
    """In turn within each round, so that what else the machine does falls on all alike."""
    order = list(networks)
    outputs = {backend: _run(networks[backend], given) for backend in order}  # warm from here on
    seconds: dict[Backend, list[float]] = {backend: [] for backend in order}
    for _ in range(rounds):
        for backend in order:
            start = time.perf_counter()
            _run(networks[backend], given)
            seconds[backend].append(time.perf_counter() - start)
        order.append(order.pop(0))
    plain: Backend = "onnxruntime"
    return {
        backend: Timing(
            median(seconds[backend]),
            median(a / b for a, b in zip(seconds[backend], seconds[plain], strict=True)),
            _difference(outputs[plain], outputs[backend]),
        )
        for backend in networks
    }


def _run(network: Network, given: Sequence[Given]) -> list[Array]:
    return [output for batch, places in given for output in network.run(batch, places)]


def _difference(plain: Sequence[Array], others: Sequence[Array]) -> float:
    """The largest, each of its output's largest value; infinite where one is not finite."""
    found = [0.0]
    for one, other in zip(plain, others, strict=True):
        away = float(np.abs(other - one).max(initial=0.0))
        scale = float(np.abs(one).max(initial=0.0))
        found.append(away / scale if scale else away)
    return max(found) if all(map(math.isfinite, found)) else math.inf
