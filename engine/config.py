"""One settings tree: defaults, then a profile, then a TOML file, the environment and flags.

A profile is a TOML file with one table a section. Stage sections (``segment``, ``matting``,
``trust``, ``cutout``, ``embed``, ``whiten``, ``classify``, ``keypoints``, ``rerank``) hold ``name``
and that stage's own options, which the stage itself checks; every other section is checked here.
An unknown key is an error that lists the valid ones.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.distances import Metric
from engine.errors import ConfigError
from engine.machine import Backend

Tables = dict[str, dict[str, Any]]
IndexKind = Literal["exact", "sq8", "hnsw"]
INDEX_KINDS: tuple[IndexKind, ...] = get_args(IndexKind)

STAGES = (
    "segment",
    "matting",
    "trust",
    "cutout",
    "embed",
    "whiten",
    "classify",
    "keypoints",
    "rerank",
)
ENV_PREFIX = "PACKSIGHT_"
# Environment variables with the prefix that are not settings of this tree.
ENV_RESERVED = (
    "PACKSIGHT_WEIGHTS_DIR",
    "PACKSIGHT_DATA_DIR",
    "PACKSIGHT_MATTES_DIR",
    "PACKSIGHT_RUNTIMES_DIR",
    "PACKSIGHT_UPLOADS_DIR",
    "PACKSIGHT_OFFLINE",
)


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StageSettings(Section):
    """The name of a section's stage, and its options as the user wrote them."""

    name: str
    options: Mapping[str, Any] = Field(default_factory=dict)


class ImageSettings(Section):
    """How images are read and masked. ``max_side`` changes descriptions and is part of the
    fingerprint, as are ``alpha``, ``closer_look`` and ``drafted`` where they are set: galleries of
    before these settings lack them."""

    max_side: int = Field(default=1024, ge=32)  # longer side after decoding, pixels
    max_pixels: int = Field(default=80_000_000, ge=1)  # before decoding; JPEG: its cost
    max_bytes: int = Field(default=256 * 2**20, ge=1)
    alpha: bool = False  # an image's own alpha is its mask, where it shows the product
    # A product that is small in the frame is segmented again in an enlarged crop: true, up to 0.3
    # of the frame's longer side; a number, up to that fraction.
    closer_look: bool | Annotated[float, Field(gt=0, le=1)] = False
    # A JPEG keeps the size its decoder reduces it to where that is 15/16 of max_side or more.
    drafted: bool = False


class RouteSettings(Section):
    """Soft routing: the smallest set of categories that holds ``mass`` of the probability.

    ``by = "probability"`` searches every category of at least ``least_probability`` instead, and
    always the likeliest (Sadinle, Lei, Wasserman: Least Ambiguous Set-Valued Classifiers with
    Bounded Error Levels, JASA 2019). 0 stands for the value that the trained classifier's
    artefact holds. When even the likeliest category is below ``unsure_below``, or the classifier
    calls the photo unknown, every category is searched. ``hard`` searches the likeliest category
    alone, as the paper does.
    """

    by: Literal["mass", "probability"] = "mass"
    mass: float = Field(default=0.95, gt=0, le=1)
    least_probability: float = Field(default=0.0, ge=0, le=1)
    unsure_below: float = Field(default=0.35, ge=0, le=1)
    hard: bool = False


class SearchSettings(Section):
    """The metric that vectors are compared by, and how the nearest are found: by the vectors
    themselves; by 8 bits a number, with the same answers; by graphs, which may miss some. Neither
    changes a description: no new ingest. Galleries of before ``index`` lack it."""

    metric: Metric = "euclidean"
    index: IndexKind = "exact"


class QuerySettings(Section):
    """What a query does beyond one search by its vector; the gallery and its vector space stay.

    ``augment``: the mean over the photo and five altered versions of it. ``expand``: this many
    of the nearest images are added to the vector, each weighted by its cosine to the power
    ``expand_alpha``, and the gallery is searched again; 0 searches once.
    ``exhaustive``: images join that share print with the photo, wherever in the gallery their
    vectors lie.
    """

    augment: bool = False
    expand: int = Field(default=0, ge=0)
    expand_alpha: float = Field(default=3.0, ge=0, allow_inf_nan=False)
    exhaustive: bool = False


class IngestSettings(Section):
    batch: int = Field(default=16, ge=1)  # images a transaction and a model batch
    workers: int = Field(default=0, ge=0)  # decoding processes; 0: as many as cores
    # What a product id in a folder's table is unique in: "folder" makes 01 of jar/labels.csv the
    # product jar/01. Galleries of before this setting lack it and keep their products.
    product_ids: Literal["folder", "catalogue"] = "catalogue"


class AdaptSettings(Section):
    """``auto``: an ingest adapts the gallery to its catalogue where enough has changed.
    ``learn_from_queries``: running means of queries' vectors are kept beside the gallery, for the
    next adaptation. Neither changes a description. Galleries of before these settings lack them."""

    auto: bool = False
    learn_from_queries: bool = False


class WeightSettings(Section):
    directory: str = ""  # empty: PACKSIGHT_WEIGHTS_DIR, else the user's cache
    download: bool = True


class RuntimeSettings(Section):
    """What changes no result beyond rounding. ``backend`` and ``device`` are those of a machine and
    not of a gallery, which does not keep them."""

    # What runs the networks; "auto": what an int8 network was laid out for, or what
    # `packsight tune-runtime` found fastest here.
    backend: Literal["auto", Backend] = "auto"
    device: str = "cpu"  # or another of ONNX Runtime's providers, such as "cuda"
    threads: int = Field(default=0, ge=0)  # of the models; 0: as many as cores
    # Of the mattes in the user's cache, which all commands share; 0 keeps none. 10^9 bytes.
    mattes_gb: float = Field(default=4.0, ge=0, allow_inf_nan=False)


class Settings(Section):
    """The whole tree. ``tables`` gives it back in the form of a profile."""

    segment: StageSettings = StageSettings(name="grabcut")
    matting: StageSettings = StageSettings(name="none")
    trust: StageSettings = StageSettings(name="none")
    cutout: StageSettings = StageSettings(name="crop")
    embed: StageSettings = StageSettings(name="handcrafted")
    whiten: StageSettings = StageSettings(name="none")
    classify: StageSettings = StageSettings(name="nearest")
    keypoints: StageSettings = StageSettings(name="none")
    rerank: StageSettings = StageSettings(name="fused")
    images: ImageSettings = ImageSettings()
    route: RouteSettings = RouteSettings()
    search: SearchSettings = SearchSettings()
    query: QuerySettings = QuerySettings()
    ingest: IngestSettings = IngestSettings()
    adapt: AdaptSettings = AdaptSettings()
    weights: WeightSettings = WeightSettings()
    runtime: RuntimeSettings = RuntimeSettings()

    def stage(self, section: str) -> StageSettings:
        value = getattr(self, section)
        if not isinstance(value, StageSettings):
            raise KeyError(section)
        return value

    def tables(self) -> Tables:
        """Plain tables, JSON- and TOML-ready; ``Settings.from_tables`` reads them back."""
        tables: Tables = {}
        for section in type(self).model_fields:
            value = getattr(self, section)
            if isinstance(value, StageSettings):
                tables[section] = {"name": value.name, **value.options}
            else:
                tables[section] = value.model_dump()
        return tables

    @classmethod
    def from_tables(cls, tables: Mapping[str, Mapping[str, Any]]) -> Settings:
        base = cls()
        named = [section for section in STAGES if "name" in tables.get(section, {})]
        # A table that names its stage holds all of its options: defaults must not come back.
        bare = {section: StageSettings(name=base.stage(section).name) for section in named}
        return overlay(base.model_copy(update=bare), tables, "settings")


SECTIONS = tuple(Settings.model_fields)


def load(
    base: Settings,
    *,
    file: Path | None = None,
    env: Mapping[str, str] | None = None,
    flags: Iterable[str] = (),
) -> Settings:
    """Lay a TOML file, the environment and ``section.key=value`` flags over ``base``.

    Later layers win. Raises ConfigError naming the layer and the valid keys.
    """
    settings = base
    if file is not None:
        settings = overlay(settings, read_toml(file), str(file))
    settings = overlay(settings, _env_tables(os.environ if env is None else env), "environment")
    for flag in flags:
        settings = overlay(settings, _flag_table(flag), f"--set {flag}")
    return settings


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file; every failure is a ConfigError that names it."""
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such settings file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}).") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML ({error}).") from error


def overlay(settings: Settings, tables: Mapping[str, Any], origin: str) -> Settings:
    """Settings with ``tables`` laid over; a stage that changes its name drops its old options."""
    updates: dict[str, Section] = {}
    for section, table in tables.items():
        if section not in SECTIONS:
            raise unknown_key(origin, section, SECTIONS, "section")
        if section in STAGES and isinstance(table, str):
            table = {"name": table}  # `segment = "whole"` is short for its name
        if not isinstance(table, Mapping):
            raise ConfigError(f"{origin}: {section} must be a table, not {table!r}.")
        if section in STAGES:
            updates[section] = _overlay_stage(settings.stage(section), table)
        else:
            updates[section] = _overlay_section(getattr(settings, section), table, origin, section)
    return settings.model_copy(update=updates)


def unknown_key(origin: str, key: str, valid: Iterable[str], kind: str = "key") -> ConfigError:
    """The error for an unknown key: the closest valid one first, then all."""
    names = sorted(valid)
    near = difflib.get_close_matches(key, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ConfigError(f"{origin}: unknown {kind} {key!r}.{hint} Valid: {', '.join(names)}.")


def _overlay_stage(current: StageSettings, table: Mapping[str, Any]) -> StageSettings:
    name = str(table.get("name", current.name))
    kept = dict(current.options) if name == current.name else {}
    own = {key: value for key, value in table.items() if key != "name"}
    return StageSettings(name=name, options={**kept, **own})


def _overlay_section(
    current: Section, table: Mapping[str, Any], origin: str, section: str
) -> Section:
    for key in table:
        if key not in type(current).model_fields:
            raise unknown_key(origin, f"{section}.{key}", _dotted(section, type(current)))
    try:
        return type(current).model_validate({**current.model_dump(), **table})
    except ValidationError as error:
        raise ConfigError(f"{origin}: {first_fault(error, section)}") from None


def first_fault(error: ValidationError, section: str) -> str:
    """One line about the first error that pydantic reports; all of a value that may be a switch or
    a number, whose place ends in the type that it was tried as."""
    faults = error.errors()
    place = faults[0]["loc"]
    if place[-1:] == ("bool",):
        place = place[:-1]
        faults = [fault for fault in faults if fault["loc"][:-1] == place]
    else:
        faults = faults[:1]
    where = ".".join([section, *map(str, place)])
    why = "; or ".join(fault["msg"][:1].lower() + fault["msg"][1:] for fault in faults)
    return f"{where} = {faults[0]['input']!r}: {why}."


def _dotted(section: str, kind: type[Section]) -> list[str]:
    return [f"{section}.{key}" for key in kind.model_fields]


def _env_tables(env: Mapping[str, str]) -> Tables:
    """``PACKSIGHT_RERANK__TOP_N=20`` is ``[rerank] top_n = 20``."""
    tables: Tables = {}
    for variable, raw in sorted(env.items()):
        if not variable.startswith(ENV_PREFIX) or variable in ENV_RESERVED:
            continue
        section, separator, key = variable[len(ENV_PREFIX) :].lower().partition("__")
        if not separator or section not in SECTIONS:
            valid = [f"{ENV_PREFIX}{name.upper()}__KEY" for name in SECTIONS]
            raise unknown_key("environment", variable, [*valid, *ENV_RESERVED], "variable")
        tables.setdefault(section, {})[key] = _value(raw)
    return tables


def _flag_table(flag: str) -> dict[str, Any]:
    target, separator, raw = flag.partition("=")
    if not separator or not target:
        raise ConfigError(f"--set {flag}: must read SECTION.KEY=VALUE, such as rerank.top_n=20.")
    section, _, key = target.partition(".")
    return {section: {key: _value(raw)} if key else _value(raw)}


def _value(raw: str) -> Any:
    """A TOML value where it parses as one, else the text itself."""
    try:
        return tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        return raw
