"""What a hit says of where a rerank put it."""

from __future__ import annotations

from dataclasses import replace

from engine.types import Hit


def moved(before: int, after: int) -> str:
    """Ranks of images: the page counts products, so its ranks may be smaller."""
    return f"stays image {after}" if before == after else f"image {before} became {after}"


def explained(hit: Hit, why: str, iou: float | None) -> Hit:
    """The hit with one more reason behind those that it brought along."""
    return replace(hit, iou=iou, why=f"{hit.why}; {why}" if hit.why else why)
