"""Photos that a fitted part of the gallery has seen: as judges they would flatter it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from engine.config import STAGES, Settings
from engine.errors import ConfigError, PacksightError
from engine.files import file_sha256
from engine.protocols import Gallery
from offline.datasets import DatasetImage
from stages.rerank._artefact import read_reranker, reranker_path

# What a training of Packsight writes for a stage; weights that come with the package have names.
_TRAINED: Mapping[str, str] = {"whiten": "fitted", "classify": "onnx", "rerank": "learned"}


def unseen(
    photos: Sequence[DatasetImage], gallery: Gallery
) -> tuple[tuple[DatasetImage, ...], int]:
    """Those that an adapted gallery does not hold and was not fitted with, and how many there are
    of the others. ConfigError where there is none of the first."""
    adaptation = gallery.adaptation()
    if adaptation is None:
        return tuple(photos), 0
    seen = adaptation.photos | {source.sha256 for source in gallery.sources()}
    kept = tuple(photo for photo in photos if _sha256(photo) not in seen)
    if photos and not kept:
        raise ConfigError(
            f"{gallery.name}: it holds all {len(photos)} photos or was adapted with them.",
            remedy="Give others, or adapt it without these: packsight adapt "
            f"{shlex.quote(gallery.name)}",
        )
    return kept, len(photos) - len(kept)


def _sha256(photo: DatasetImage) -> str:
    try:
        return file_sha256(photo.path)
    except OSError:  # found again where it is read
        return ""


def trained_parts(settings: Settings) -> str:
    """A sentence about the parts that were trained by images that nothing is known of here, or
    only in words; empty where there are none."""
    found = []
    for stage in STAGES:
        part = getattr(settings, stage)
        if _TRAINED.get(stage) == part.name:
            of = _trained_on(part.options.get("weights", "")) if stage == "rerank" else ""
            found.append(f"[{stage}] {part.name}{f' ({of})' if of else ''}")
    if not found:
        return ""
    return f"{', '.join(found)} was trained: photos that it has seen flatter what is measured here"


def _trained_on(weights: str) -> str:
    try:
        return read_reranker(reranker_path(weights)).trained_on
    except PacksightError:
        return ""
