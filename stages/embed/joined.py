"""Several descriptors of one cutout, one after the other in one vector.

Such as a learned one, which knows what things look like, and colour and gradients, which know this
very print. Their weights are a first guess: a gallery's adaptation weighs all directions by what
tells its own products apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from pydantic import Field, ValidationError, field_serializer, field_validator

from engine.distances import unit_rows
from engine.protocols import Embedder
from engine.types import Cutout, FloatArray
from stages.context import BuildContext
from stages.options import RUNTIME_OPTIONS, StageOptions

Part = Mapping[str, Any]


class Options(StageOptions):
    """``parts``: two embedders or more, each a table of its ``name``, its own options and a
    ``weight`` (1 if not given). Every part has length 1 before it is weighted."""

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
            {"name": part["name"], "weight": _weight(part), **_identity(_options(part))}
            for part in parts
        ]


class Joined:
    """Rows of length 1."""

    normalised = True

    def __init__(self, embedders: Sequence[Embedder], weights: Sequence[float]) -> None:
        self._embedders = embedders
        self._weights = weights
        self.dimension = sum(embedder.dimension for embedder in embedders)

    def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
        """(N, dimension) float32."""
        blocks = [
            np.float32(weight) * unit_rows(embedder.embed(cutouts))
            for weight, embedder in zip(self._weights, self._embedders, strict=True)
        ]
        return unit_rows(np.concatenate(blocks, axis=1))


def build(options: Options, context: BuildContext) -> Joined:
    """Raises what building a part raises."""
    embedders = [
        import_module(f"stages.embed.{part['name']}").build(_options(part), context)
        for part in options.parts
    ]
    return Joined(embedders, [_weight(part) for part in options.parts])


def _options(part: Part) -> StageOptions:
    """ValidationError where they are not valid."""
    own = {key: value for key, value in part.items() if key not in ("name", "weight")}
    kind: type[StageOptions] = import_module(f"stages.embed.{part['name']}").Options
    return kind.model_validate(own)


def _weight(part: Part) -> float:
    return float(part.get("weight", 1))


def _is_weight(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value < math.inf


def _identity(options: StageOptions) -> dict[str, Any]:
    without = set(RUNTIME_OPTIONS) | options.at_default()
    return options.model_dump(mode="json", exclude=without)
