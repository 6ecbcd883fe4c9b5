"""Several descriptors of one cutout, one after the other in one vector.

Such as a learned one, which knows what things look like, and colour and gradients, which know this
very print. Their weights are a first guess: a gallery's adaptation weighs all directions by what
tells its own products apart.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from pydantic import Field, ValidationError, field_serializer, field_validator

from engine.distances import unit_rows
from engine.protocols import Embedder
from engine.types import Cutout, FloatArray
from stages.context import BuildContext
from stages.embed._views import stretched
from stages.options import RUNTIME_OPTIONS, StageOptions

Part = Mapping[str, Any]


FRAMINGS = ("letterboxed", "stretched")
OWN = ("name", "weight", "framing")  # of a part's keys; the others are its embedder's


class Options(StageOptions):
    """``parts``: two embedders or more, each a table of its ``name``, its own options, a ``weight``
    (1 if not given) and a ``framing``: as it was cut ("letterboxed", if not given), or its box
    "stretched" to the square. Every part has length 1 before it is weighted."""

    parts: tuple[Part, ...] = Field(min_length=2)

    @property
    def uses_colour(self) -> bool:
        return any(_options(part).uses_colour for part in self.parts)

    @field_validator("parts")
    @classmethod
    def _known(cls, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        for part in parts:
            name = part.get("name")
            if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
                raise ValueError("every part needs the name of an embedder")
            if name == "joined" or find_spec(f"stages.embed.{name}") is None:
                raise ValueError(f"{name!r} is no embedder that can be joined")
            if not _is_weight(part.get("weight", 1)):
                raise ValueError(f"{name}: weight must be a number above 0")
            if part.get("framing", FRAMINGS[0]) not in FRAMINGS:
                raise ValueError(f"{name}: framing must be one of {', '.join(FRAMINGS)}")
            try:
                _options(part)
            except ValidationError as error:
                fault = error.errors()[0]
                where = ".".join(map(str, fault["loc"]))
                raise ValueError(f"{name}: {where}: {fault['msg']}") from None
        return parts

    @field_serializer("parts")
    def _identities(self, parts: tuple[Part, ...]) -> list[dict[str, Any]]:
        """With their defaults, without what changes no result."""
        return [
            {
                "name": part["name"],
                "weight": _weight(part),
                **_framing(part),
                **_identity(_options(part)),
            }
            for part in parts
        ]


@dataclass(frozen=True)
class Descriptor:
    """One of several in a vector; ``seconds`` an image, where one was described."""

    name: str
    size: int  # numbers
    seconds: float | None = None

    @property
    def cost(self) -> str:
        took = "" if self.seconds is None else f", {1000 * self.seconds:.0f} ms"
        return f"{self.size} numbers{took} an image"


@dataclass(eq=False)
class _Part:
    name: str
    embedder: Embedder
    weight: float
    framing: str
    images: int = 0
    seconds: float = 0.0

    def rows(self, cutouts: Sequence[Cutout]) -> FloatArray:
        started = time.perf_counter()
        seen = [stretched(cutout) for cutout in cutouts] if self.framing == "stretched" else cutouts
        found = np.float32(self.weight) * unit_rows(self.embedder.embed(seen))
        self.seconds += time.perf_counter() - started
        self.images += len(cutouts)
        return found


class Joined:
    """Rows of length 1."""

    normalised = True

    def __init__(self, parts: Sequence[_Part]) -> None:
        self._parts = parts
        self.dimension = sum(part.embedder.dimension for part in parts)

    def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
        """(N, dimension) float32."""
        return unit_rows(np.concatenate([part.rows(cutouts) for part in self._parts], axis=1))

    def descriptors(self) -> list[Descriptor]:
        """In the order of their numbers in a row."""
        return [
            Descriptor(
                f"{part.name}, {part.framing}",
                part.embedder.dimension,
                part.seconds / part.images if part.images else None,
            )
            for part in self._parts
        ]

    @property
    def views(self) -> dict[str, int]:
        """The descriptors; one of a name that is there already is numbered."""
        found: dict[str, int] = {}
        for at, one in enumerate(self.descriptors(), start=1):
            name = one.name.replace(",", "")  # it stands among others in the reasons of a hit
            found[f"{name} ({at})" if name in found else name] = one.size
        return found


def descriptors_of(embedder: Embedder) -> Sequence[Descriptor]:
    """Those that it joins, in order; none where it is one."""
    return embedder.descriptors() if isinstance(embedder, Joined) else ()


def build(options: Options, context: BuildContext) -> Joined:
    """Raises what building a part raises."""
    return Joined(
        [
            _Part(
                part["name"],
                import_module(f"stages.embed.{part['name']}").build(_options(part), context),
                _weight(part),
                part.get("framing", FRAMINGS[0]),
            )
            for part in options.parts
        ]
    )


def _options(part: Part) -> StageOptions:
    """ValidationError where they are not valid."""
    own = {key: value for key, value in part.items() if key not in OWN}
    kind: type[StageOptions] = import_module(f"stages.embed.{part['name']}").Options
    return kind.model_validate(own)


def _framing(part: Part) -> dict[str, str]:
    """Left out where it is as cut: fingerprints of before stay."""
    framing = part.get("framing", FRAMINGS[0])
    return {} if framing == FRAMINGS[0] else {"framing": framing}


def _weight(part: Part) -> float:
    return float(part.get("weight", 1))


def _is_weight(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value < math.inf


def _identity(options: StageOptions) -> dict[str, Any]:
    without = set(RUNTIME_OPTIONS) | options.at_default()
    return options.model_dump(mode="json", exclude=without)
