"""What a stage is built with: weights, threads and labelled neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from engine.config import RuntimeSettings
from engine.machine import Backend
from engine.protocols import Neighbours
from stages._fastest import fastest
from stages._session import OnnxSession, runtime_version
from weights.fetch import FetchPolicy, WeightsFile, resolve


@dataclass(frozen=True)
class StageIdentity:
    """A stage that was built: its name, options and weights.

    ``options`` are those that differ from the stage's defaults, runtime options and references
    to weights left out, so that an option which is added later changes no identity.
    """

    name: str
    options: Mapping[str, object] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)  # reference -> sha256


@dataclass
class BuildContext:
    """Passed to every ``build``; records which weights were used, for the fingerprint.

    ``gallery`` opens the labelled neighbours that a voting classifier searches; it is called at
    the first vote, so that parts can be built before the gallery is open. Threads change no
    result and are therefore not an option of a stage. ``cutting`` are the fingerprints of the
    stages that cut the images out that an artefact fits by any of; set for the stages after them.
    ``embedding`` are those of these and the embedder, ``described`` of all describing stages.
    ``metric``: that of the search. ``runtime``: its threads are not read here, as 0 stands for all.
    """

    threads: int = 1
    policy: FetchPolicy = field(default_factory=FetchPolicy)
    gallery: Callable[[], Neighbours | None] = lambda: None
    used: dict[str, str] = field(default_factory=dict)  # reference -> sha256
    float_of: dict[str, str] = field(default_factory=dict)  # sha256 of int8 networks -> see sidecar
    segmenter: StageIdentity | None = None  # set for the stages that are built after it
    cutting: frozenset[str] = frozenset()
    embedding: frozenset[str] = frozenset()
    described: frozenset[str] = frozenset()
    metric: str = ""
    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    sessions: list[OnnxSession] = field(default_factory=list)  # as they are opened

    def weights(self, reference: str) -> WeightsFile:
        """Find or fetch a checkpoint by catalogue name or path; raises WeightsError."""
        file = resolve(reference, self.policy)
        self.used[reference] = file.sha256
        if file.int8_of:
            self.float_of[file.sha256] = file.int8_of
        return file

    def session(self, file: WeightsFile) -> OnnxSession:
        """The network in the file, ready to run; raises WeightsError, and ConfigError where its
        runtime is not there."""
        backend, device = self.runtime.backend, self.runtime.device
        if backend == "auto":
            backend = self._chosen(file) if device == "cpu" else "onnxruntime"
        session = OnnxSession(
            file.path, threads=self.threads, sha256=file.sha256, backend=backend, device=device
        )
        self.sessions.append(session)
        return session

    def _chosen(self, file: WeightsFile) -> Backend:
        """What an int8 network was laid out for: others take several times as long and round
        otherwise."""
        laid_out_for = file.int8_runtime
        if laid_out_for == "openvino" and runtime_version(laid_out_for) != "none":
            return laid_out_for
        return fastest(file.sha256, self.threads) or "onnxruntime"
