"""Settings to working parts: find each stage by name, check its options, build it."""

from __future__ import annotations

import hashlib
import json
import os
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from engine.config import STAGES, Settings, StageSettings, first_fault, unknown_key
from engine.cutting import Cutting
from engine.describe import Describer
from engine.errors import ConfigError
from engine.manifest import Manifest
from engine.protocols import Embedder, KeypointMatcher, Neighbours, Reranker, Viewed
from engine.types import CONTOUR_SIDE
from stages._mattes import (
    EstimatingMatting,
    MatteStore,
    RememberingSegmenter,
    TwoStepSegmenter,
    identity_of,
    remembering_estimate,
)
from stages._session import OnnxSession, require_runtime
from stages.context import BuildContext, StageIdentity
from stages.options import RUNTIME_OPTIONS, StageOptions
from stages.segment._closer import closer
from weights.fetch import FetchPolicy

# Raised when a change of the describing code makes old vectors or contours incomparable.
DESCRIPTION_VERSION = 1
# Raised when the same options give other scores or another order: by a reranker's formula, a
# distance, the routing, query expansion. Stored match calibrations are void then.
ANSWERING_VERSION = 1
DESCRIBING = ("segment", "cutout", "embed", "classify")
# These describe too, unless they are "none": then a gallery made before them stays valid.
OPTIONAL = ("matting", "trust", "whiten", "keypoints")
# What vectors, contours and categories come from, by which rerankers are trained.
LOOKS = (*DESCRIBING, "matting", "trust", "whiten")
CUTTING = ("segment", "matting", "trust", "cutout")
EMBEDDING = (*CUTTING, "embed")
ANSWERING = ("route", "search", "query")  # and rerank


@dataclass(frozen=True)
class Parts:
    """All stages that settings name, ready to run."""

    describer: Describer
    reranker: Reranker
    fingerprint: str  # 64 hex digits
    settings: Settings  # as given, with the paths of checkpoints made absolute
    cutting_fingerprint: str  # 64 hex digits; of the stages that cut out
    weights: Mapping[str, str]  # every checkpoint in use: reference -> sha256
    answering: str  # 64 hex digits; of all that decides scores and order at query time
    looks_fingerprint: str  # 64 hex digits; of the describing parts but for keypoints
    networks: tuple[OnnxSession, ...] = ()  # of all stages, in their order

    def manifest(self) -> Manifest:
        """Of a gallery that is described by these parts."""
        embedder = self.describer.embedder
        tables = self.settings.tables()
        tables["runtime"] = self.settings.runtime.model_dump(exclude={"backend", "device"})
        return Manifest(self.fingerprint, embedder.dimension, embedder.normalised, tables)


@dataclass(frozen=True)
class CuttingParts:
    """The stages from image to cutout, ready to run; for training and for evaluating masks."""

    cutting: Cutting
    fingerprint: str  # 64 hex digits; of these parts alone
    settings: Settings  # as given, with the paths of checkpoints made absolute
    threads: int
    segmenter: StageIdentity


@dataclass(frozen=True)
class EmbeddingParts:
    """The stages from image to vector, ready to run; for training and evaluating."""

    cutting: Cutting
    embedder: Embedder  # with its whitening
    cutting_fingerprint: str  # 64 hex digits; of the stages that cut out
    fingerprint: str  # 64 hex digits; of these parts alone
    settings: Settings  # as given, with the paths of checkpoints made absolute
    threads: int
    weights: Mapping[str, str] = field(default_factory=dict)  # reference -> sha256


@dataclass
class _Built:
    """Stages as they are built, by section."""

    parts: dict[str, Any] = field(default_factory=dict)
    identity: dict[str, object] = field(default_factory=dict)
    located: dict[str, StageSettings] = field(default_factory=dict)
    segmenter: StageIdentity = field(default_factory=lambda: StageIdentity(""))
    weights: dict[str, str] = field(default_factory=dict)  # reference -> sha256
    float_of: dict[str, str] = field(default_factory=dict)  # of int8 networks, by sha256
    networks: list[OnnxSession] = field(default_factory=list)


def assemble(
    settings: Settings,
    *,
    gallery: Callable[[], Neighbours | None] = lambda: None,
    keep_mattes: bool = False,
) -> Parts:
    """Build every part; raises ConfigError for a name or option, WeightsError for a checkpoint.

    ``gallery`` is called at the first vote of a voting classifier, not here. ``keep_mattes``:
    mattes are kept in the user's cache and not made again; not those of users' queries.
    """
    built = _build_all(settings, STAGES, gallery, MatteStore.of(settings) if keep_mattes else None)
    parts, cutting = built.parts, _cutting(settings, built)
    describer = Describer(
        cutting.segmenter,
        cutting.cutter,
        parts["whiten"].around(parts["embed"]),
        parts["classify"],
        threads_of(settings),
        cutting.matting,
        cutting.trust,
        colour=all(
            read_options(section, settings.stage(section)).uses_colour
            for section in ("cutout", "embed")
        ),
        alpha=cutting.alpha,
        keypoints=parts["keypoints"],
    )
    return Parts(
        describer,
        parts["rerank"],
        _fingerprint(settings, built.identity, (*DESCRIBING, *OPTIONAL)),
        settings.model_copy(update=built.located),
        _fingerprint(settings, built.identity, CUTTING),
        built.weights,
        _answering(settings, built.identity),
        _fingerprint(settings, built.identity, LOOKS),
        tuple(built.networks),
    )


def assemble_embedding(settings: Settings, *, keep_mattes: bool = True) -> EmbeddingParts:
    """Build the stages from image to vector; ``keep_mattes`` and errors as in ``assemble``."""
    mattes = MatteStore.of(settings) if keep_mattes else None
    built = _build_all(settings, (*EMBEDDING, "whiten"), lambda: None, mattes)
    return EmbeddingParts(
        cutting=_cutting(settings, built),
        embedder=built.parts["whiten"].around(built.parts["embed"]),
        cutting_fingerprint=_fingerprint(settings, built.identity, CUTTING),
        fingerprint=_fingerprint(settings, built.identity, (*EMBEDDING, "whiten")),
        settings=settings.model_copy(update=built.located),
        threads=threads_of(settings),
        weights=built.weights,
    )


def assemble_cutting(settings: Settings) -> CuttingParts:
    """Build the stages before embedding and classifying, which keep mattes; errors as in
    ``assemble``."""
    built = _build_all(settings, CUTTING, lambda: None, MatteStore.of(settings))
    return CuttingParts(
        cutting=_cutting(settings, built),
        fingerprint=_fingerprint(settings, built.identity, CUTTING),
        settings=settings.model_copy(update=built.located),
        segmenter=built.segmenter,
        threads=threads_of(settings),
    )


def with_weights(settings: Settings, by: Mapping[str, str]) -> Settings:
    """The settings with other references to weights, also where a stage takes them by default."""
    changed = {}
    for section in STAGES:
        chosen = settings.stage(section)
        options = read_options(section, chosen).model_dump(mode="json")
        other = {key: _replaced(value, by) for key, value in options.items()}
        own = {key: value for key, value in other.items() if value != options[key]}
        if own:
            changed[section] = chosen.model_copy(update={"options": {**chosen.options, **own}})
    return settings.model_copy(update=changed)


def assemble_reranker(settings: Settings) -> Reranker:
    """Build the reranker alone; errors as in ``assemble``."""
    reranker: Reranker = _build_all(settings, ("rerank",), lambda: None, None).parts["rerank"]
    return reranker


def assemble_matcher(settings: Settings) -> KeypointMatcher | None:
    """Build the stage that compares keypoints alone, None where there is none or it compares no
    hit; errors as in ``assemble``."""
    matcher: KeypointMatcher | None
    matcher = _build_all(settings, ("keypoints",), lambda: None, None).parts["keypoints"]
    return None if matcher is None or matcher.checked == 0 else matcher


def views_of(settings: Settings) -> Mapping[str, int]:
    """The views of the embedder that it names (see ``Viewed``), and none where its vectors have no
    parts; errors as in ``assemble``."""
    if _takes_part(settings, "whiten"):
        return {}
    embedder = _build_all(settings, ("embed",), lambda: None, None).parts["embed"]
    return embedder.views if isinstance(embedder, Viewed) else {}


def _build_all(
    settings: Settings,
    sections: Sequence[str],
    gallery: Callable[[], Neighbours | None],
    mattes: MatteStore | None,
) -> _Built:
    policy = FetchPolicy(
        directory=Path(settings.weights.directory) if settings.weights.directory else None,
        download=settings.weights.download,
    )
    require_runtime(settings.runtime.backend, settings.runtime.device)
    built = _Built()
    for section in sections:
        context = BuildContext(
            threads_of(settings),
            policy,
            gallery,
            segmenter=built.segmenter,
            metric=settings.search.metric,
            runtime=settings.runtime,
        )
        if built.parts.keys() >= set(CUTTING):
            context.cutting = _fitting(settings, built, CUTTING)
        if built.parts.keys() >= set(EMBEDDING):
            context.embedding = _fitting(settings, built, EMBEDDING)
        if built.parts.keys() >= set(LOOKS):
            context.described = _fitting(settings, built, LOOKS)
        chosen = settings.stage(section)
        options, part = _build(section, chosen, context)
        identity = _identity(chosen.name, options, context.used)
        if mattes is not None and section in ("segment", "matting"):
            part = _remembering(part, mattes, {**identity, **_run_elsewhere(context)})
        built.parts[section] = part
        if section == "segment":
            if settings.images.closer_look:
                built.parts[section] = closer(built.parts[section], settings.images.closer_look)
            built.segmenter = _stage_identity(chosen.name, options, context.used)
        built.identity[section] = identity
        built.located[section] = _located(chosen, context.used)
        built.weights |= context.used
        built.float_of |= context.float_of
        built.networks += context.sessions
    return built


def _remembering(part: object, mattes: MatteStore, described: Mapping[str, object]) -> object:
    """A segmenter or a matting that keeps what it computes; any other part as it is. Below a
    closer look, so that settings with and without it share the mattes."""
    identity = identity_of({"version": DESCRIPTION_VERSION, **described})
    if isinstance(part, TwoStepSegmenter):
        return RememberingSegmenter(part, mattes, identity)
    if isinstance(part, EstimatingMatting):
        part.estimate = remembering_estimate(part.estimate, mattes, identity)
    return part


def _run_elsewhere(context: BuildContext) -> dict[str, object]:
    """By what a stage's networks are run, where that is not ONNX Runtime on the processor, whose
    mattes have no such note. They round otherwise: mattes are not taken for one another."""
    elsewhere = [
        session.runs_by
        for session in context.sessions
        if (session.backend, session.device) != ("onnxruntime", "cpu")
    ]
    return {"runtimes": elsewhere} if elsewhere else {}


def _cutting(settings: Settings, built: _Built) -> Cutting:
    matting, trust = (
        built.parts[section] if _takes_part(settings, section) else None
        for section in ("matting", "trust")
    )
    segmenter, cutter = built.parts["segment"], built.parts["cutout"]
    return Cutting(segmenter, cutter, matting, trust, settings.images.alpha)


def threads_of(settings: Settings) -> int:
    return settings.runtime.threads or os.cpu_count() or 1


def stage_names(section: str) -> list[str]:
    """The stages of a section: the names of the files in its folder."""
    folder = str(files(f"stages.{section}"))
    return sorted(m.name for m in pkgutil.iter_modules([folder]) if not m.name.startswith("_"))


def stage_options(section: str, name: str) -> type[StageOptions]:
    """The options model of a stage; raises ConfigError listing the stages there are."""
    return cast("type[StageOptions]", _module(section, name).Options)


def read_options(section: str, chosen: StageSettings) -> StageOptions:
    """The options that a stage would be built with; ConfigError for an unknown or invalid one."""
    return _options(section, chosen.name, stage_options(section, chosen.name), chosen.options)


def _build(
    section: str, chosen: StageSettings, context: BuildContext
) -> tuple[StageOptions, object]:
    module = _module(section, chosen.name)
    options = _options(section, chosen.name, module.Options, chosen.options)
    return options, module.build(options, context)


def _module(section: str, name: str) -> Any:
    names = stage_names(section)
    if name not in names:
        raise unknown_key(section, name, names, "stage")
    return import_module(f"stages.{section}.{name}")


def _options(
    section: str, name: str, kind: type[StageOptions], given: Mapping[str, Any]
) -> StageOptions:
    for key in given:
        if key not in kind.model_fields:
            raise unknown_key(f"[{section}] {name}", key, ["name", *kind.model_fields], "option")
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        raise ConfigError(f"[{section}] {name}: {first_fault(error, section)}") from None


def _identity(name: str, options: StageOptions, used: Mapping[str, str]) -> dict[str, object]:
    """What a stage's results depend on. Weights count by content, not by path."""
    passed = set(RUNTIME_OPTIONS) | options.at_default() | options.answering
    values = options.model_dump(mode="json", exclude=passed)
    by_content = _replaced(values, used)
    return {"name": name, "options": by_content, "weights": sorted(used.values())}


def _replaced(value: Any, by: Mapping[str, str]) -> Any:
    """With every text that ``by`` has in its place, also in lists and tables."""
    if isinstance(value, str):
        return by.get(value, value)
    if isinstance(value, Mapping):
        return {key: _replaced(one, by) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(one, by) for one in value]
    return value


def _stage_identity(name: str, options: StageOptions, used: Mapping[str, str]) -> StageIdentity:
    changed = options.model_dump(mode="json", exclude=set(RUNTIME_OPTIONS), exclude_defaults=True)
    own = {key: value for key, value in changed.items() if str(value) not in used}
    return StageIdentity(name, own, dict(used))


def _located(chosen: StageSettings, used: Mapping[str, str]) -> StageSettings:
    """Checkpoints by absolute path: a gallery is queried from other folders than it was made in."""
    paths = {one: str(Path(one).absolute()) for one in used if Path(one).is_file()}
    return chosen.model_copy(update={"options": _replaced(chosen.options, paths)})


def _takes_part(settings: Settings, section: str) -> bool:
    return settings.stage(section).name != "none"


def _counts(settings: Settings, section: str) -> bool:
    return section not in OPTIONAL or _takes_part(settings, section)


def _answering(settings: Settings, identity: Mapping[str, object]) -> str:
    """Hash of all settings that scores and their order depend on: a calibration holds for these
    alone. Every option counts, also one at a default that may change."""
    plain = {name: getattr(settings, name).model_dump(mode="json") for name in ANSWERING}
    del plain["search"]["index"]  # what is found is ranked by the same distances
    # Calibrations of before these were settings hold where they are off.
    if not settings.query.exhaustive:
        del plain["query"]["exhaustive"]
    if _takes_part(settings, "keypoints"):
        options = read_options("keypoints", settings.keypoints)
        plain["keypoints"] = options.model_dump(mode="json", include=set(options.answering))
    # Version 1 is that of the calibrations from before versions were counted.
    version = {"version": ANSWERING_VERSION} if ANSWERING_VERSION > 1 else {}
    canonical = json.dumps({**plain, "rerank": identity["rerank"], **version}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _fitting(settings: Settings, built: _Built, sections: Sequence[str]) -> frozenset[str]:
    """The fingerprints that an artefact may have been fitted by: with and without what changes
    the descriptions of few images, and with the networks in float32 of those in int8, which were
    refused if categories and hits had changed."""
    found = set()
    in_float = _in_float(built)
    looks = (False, True, settings.images.closer_look)
    for alpha, closer_look, drafted in product((False, True), looks, (False, True)):
        few = {"alpha": alpha, "closer_look": closer_look, "drafted": drafted}
        images = settings.images.model_copy(update=few)
        one = settings.model_copy(update={"images": images})
        found |= {_fingerprint(one, each, sections) for each in (built.identity, in_float)}
    return frozenset(found)


def _in_float(built: _Built) -> dict[str, object]:
    """The identity of the same stages, each int8 network replaced by what it was made of."""
    found: dict[str, object] = {}
    for section, identity in built.identity.items():
        stage = _replaced(identity, built.float_of)
        found[section] = {**stage, "weights": sorted(stage["weights"])}
    return found


def _fingerprint(
    settings: Settings, identity: Mapping[str, object], sections: Sequence[str]
) -> str:
    described = {
        "version": DESCRIPTION_VERSION,
        "contour_side": CONTOUR_SIDE,
        "max_side": settings.images.max_side,
        **({"alpha": True} if settings.images.alpha and "cutout" in sections else {}),
        **({"closer_look": closer_look} if (closer_look := settings.images.closer_look) else {}),
        **({"drafted": True} if settings.images.drafted else {}),
        **{section: identity[section] for section in sections if _counts(settings, section)},
    }
    canonical = json.dumps(described, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
