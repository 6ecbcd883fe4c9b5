"""Settings to working parts: find each stage by name, check its options, build it."""

from __future__ import annotations

import hashlib
import json
import os
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from engine.config import STAGES, Settings, StageSettings, first_fault, unknown_key
from engine.describe import Describer
from engine.errors import ConfigError
from engine.protocols import Neighbours, Reranker
from engine.types import CONTOUR_SIDE
from stages.context import BuildContext
from stages.options import StageOptions
from weights.fetch import FetchPolicy

# Raised when a change of the describing code makes old vectors or contours incomparable.
DESCRIPTION_VERSION = 1
DESCRIBING = ("segment", "cutout", "embed", "classify")
# These describe too, unless they are "none": then a gallery made before them stays valid.
OPTIONAL = ("matting", "trust")
# Options that change how fast a stage runs and not what it says.
RUNTIME_OPTIONS = frozenset({"batch"})


@dataclass(frozen=True)
class Parts:
    """Everything that settings name, ready to run."""

    describer: Describer
    reranker: Reranker
    fingerprint: str  # 64 hex digits
    settings: Settings  # as given, with the paths of checkpoints made absolute


def assemble(
    settings: Settings, *, gallery: Callable[[], Neighbours | None] = lambda: None
) -> Parts:
    """Build every part; raises ConfigError for a name or option, WeightsError for a checkpoint.

    ``gallery`` is asked at the first vote of a voting classifier, not here.
    """
    policy = FetchPolicy(
        directory=Path(settings.weights.directory) if settings.weights.directory else None,
        download=settings.weights.download,
    )
    threads = settings.runtime.threads or os.cpu_count() or 1
    built: dict[str, Any] = {}
    identity: dict[str, object] = {}
    located: dict[str, StageSettings] = {}
    for section in STAGES:
        context = BuildContext(threads=threads, policy=policy, gallery=gallery)
        options, part = _build(section, settings.stage(section), context)
        built[section] = part
        identity[section] = _identity(settings.stage(section).name, options, context.used)
        located[section] = _located(settings.stage(section), context.used)
    describer = Describer(
        built["segment"], built["cutout"], built["embed"], built["classify"], threads,
        **{section: built[section] for section in OPTIONAL if _takes_part(settings, section)},
    )  # fmt: skip
    return Parts(
        describer,
        built["rerank"],
        _fingerprint(settings, identity),
        settings.model_copy(update=located),
    )


def stage_names(section: str) -> list[str]:
    """The stages of a section: the names of the files in its folder."""
    folder = str(files(f"stages.{section}"))
    return sorted(m.name for m in pkgutil.iter_modules([folder]) if not m.name.startswith("_"))


def stage_options(section: str, name: str) -> type[StageOptions]:
    """The options model of a stage; raises ConfigError listing the stages there are."""
    return cast("type[StageOptions]", _module(section, name).Options)


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
    """What makes a stage describe as it does. Weights count by content, not by where they lie."""
    values = options.model_dump(mode="json", exclude=set(RUNTIME_OPTIONS))
    by_content = {
        key: used.get(value, value) if isinstance(value, str) else value
        for key, value in values.items()
    }
    return {"name": name, "options": by_content, "weights": sorted(used.values())}


def _located(chosen: StageSettings, used: Mapping[str, str]) -> StageSettings:
    """Checkpoints by absolute path: a gallery is queried from other folders than it was made in."""
    options = {
        key: str(Path(value).absolute())
        if isinstance(value, str) and value in used and Path(value).is_file()
        else value
        for key, value in chosen.options.items()
    }
    return chosen.model_copy(update={"options": options})


def _takes_part(settings: Settings, section: str) -> bool:
    return settings.stage(section).name != "none"


def _fingerprint(settings: Settings, identity: Mapping[str, object]) -> str:
    described = {
        "version": DESCRIPTION_VERSION,
        "contour_side": CONTOUR_SIDE,
        "max_side": settings.images.max_side,
        **{section: identity[section] for section in DESCRIBING},
        **{section: identity[section] for section in OPTIONAL if _takes_part(settings, section)},
    }
    canonical = json.dumps(described, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
