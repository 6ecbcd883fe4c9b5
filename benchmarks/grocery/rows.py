"""The chains that are compared: how a gallery is described, how a query is routed and reranked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# What a query may see of the categories, besides what its own settings route it to.
Sees = Literal["routed", "all", "true"]

SOFT = ("route.hard=false",)
HARD = ("route.hard=true",)
NO_RERANK = ("rerank.name=none",)
UNGATED = 'rerank.distrust=["empty"]'
_GATES = {
    "gated": 'rerank.distrust=["empty","touches_border","several_objects","nearly_everything"]',
    "ungated": UNGATED,
}
FUSED_WEIGHTS = (0.05, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True)
class Variant:
    """One way to describe images, and so one gallery; ``overrides`` over profile classic."""

    name: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One line of the table: a gallery, and settings that only queries see."""

    name: str
    variant: str
    overrides: tuple[str, ...]
    sees: Sees = "routed"
    profile: str | None = None  # None: what the gallery was ingested with


def variants(u2netp: Path, backbone: Path) -> dict[str, Variant]:
    """By name. Paths are absolute, for a gallery remembers its settings."""
    masked = ("segment.name=u2net", f"segment.weights={u2netp.absolute()}")
    embedded = ("embed.name=onnx", f"embed.weights={backbone.absolute()}")
    cuts = {
        "whole": ("segment.name=whole", "cutout.name=whole"),
        "crop": (*masked, "cutout.name=crop"),
        "colour": (*masked, "cutout.name=colour_on_white", "cutout.frame=box"),
        "grey": (*masked, "cutout.name=grey_on_white", "cutout.frame=box"),
        # As the paper: the image's own frame, Euclidean distance of raw features.
        "paper": (
            *masked,
            "cutout.name=grey_on_white",
            "cutout.frame=image",
            "embed.name=onnx",
            "embed.normalise=false",
        ),
    }
    made = {name: Variant(name, (*embedded, *cut)) for name, cut in cuts.items()}
    return {**made, "classic": Variant("classic", ())}


def rows(base: str) -> list[Row]:
    """All lines of the table; reranks and routes are tried on the variant ``base``."""
    return [*_described(), *_reranked(base), *_routed(base), *_chains()]


def base_row(base: str) -> str:
    """The name of the row that the others are held against: retrieval alone, routed softly."""
    return _DESCRIBED[base]


_DESCRIBED = {
    "whole": "no segmentation",
    "colour": "u2netp, colour on white",
    "grey": "u2netp, grey on white",
    "crop": "u2netp, crop",
}


def _described() -> list[Row]:
    return [Row(name, key, (*NO_RERANK, *SOFT)) for key, name in _DESCRIBED.items()]


def _reranked(base: str) -> list[Row]:
    made: list[Row] = []
    for gate, flag in _GATES.items():
        for kind, align in (("plain", "false"), ("aligned", "true")):
            options = ("rerank.name=contour_iou", f"rerank.align={align}", flag)
            made.append(Row(f"{base} + {kind} IoU, top 10, {gate}", base, (*options, *SOFT)))
    return [*made, *_fused(base, "gated"), *_fused(base, "ungated")]


def _fused(variant: str, gate: str) -> list[Row]:
    options = ("rerank.name=fused", "rerank.align=true", _GATES[gate], *SOFT)
    return [
        Row(f"{variant} + fused {w}, {gate}", variant, (*options, f"rerank.weight={w}"))
        for w in FUSED_WEIGHTS
    ]


def _routed(base: str) -> list[Row]:
    return [
        Row(f"{base}, all categories", base, NO_RERANK, sees="all"),
        Row(f"{base}, hard top-1", base, (*NO_RERANK, *HARD)),
        Row(f"{base}, true category", base, NO_RERANK, sees="true"),
    ]


def _chains() -> list[Row]:
    aligned = ("rerank.name=contour_iou", "rerank.align=true", _GATES["gated"])
    literal = ("rerank.name=contour_iou", "rerank.align=false", UNGATED, *HARD)
    return [
        Row("classic, retrieval alone", "classic", (*NO_RERANK, *SOFT)),
        Row("classic, as shipped", "classic", (), profile="classic"),
        Row("classic + aligned IoU, top 10, gated", "classic", (*aligned, *SOFT)),
        *_fused("classic", "gated"),
        Row("paper's chain, no reranking", "paper", (*NO_RERANK, *HARD)),
        Row("paper's chain", "paper", literal),
    ]
