"""Bytes of the models that settings name, and of a gallery's files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.config import Settings
from engine.errors import PacksightError
from engine.galleries._shards import INDEXES
from stages.rerank._artefact import SUFFIX, graph_path, reranker_path
from weights.fetch import FetchPolicy, resolve


@dataclass(frozen=True)
class GallerySize:
    """Bytes of ``images`` images: the database with all that belongs to it, and the indexes."""

    images: int
    database: int
    indexes: int


def model_sizes(settings: Settings, references: Iterable[str]) -> dict[str, int]:
    """Bytes by reference, of those that are files; what else makes a part (a list of labels that
    was read) is passed over. A path stands by its file's name, where that is one file's alone."""
    directory = settings.weights.directory
    policy = FetchPolicy(Path(directory) if directory else None, download=False)
    found = {reference: _model(reference, policy) for reference in references}
    files = {reference: path for reference, path in found.items() if path}
    names = [path.name for path in files.values()]
    return {_shown(one, path, names): _bytes(path) for one, path in files.items()}


def gallery_size(folder: Path, images: int) -> GallerySize:
    """Of a gallery that is closed."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    indexes = sum(path.stat().st_size for path in files if path.parent.name == INDEXES)
    return GallerySize(images, sum(path.stat().st_size for path in files) - indexes, indexes)


def _model(reference: str, policy: FetchPolicy) -> Path | None:
    if reranker_path(reference).is_file():  # a path, or a rerank that comes with the package
        return reranker_path(reference)
    try:
        return resolve(reference, policy).path
    except PacksightError:
        return None


def _bytes(path: Path) -> int:
    """Of a model and, of a reranker by boosted trees, of the trees beside it."""
    beside = graph_path(path)
    trees = beside.stat().st_size if path.suffix == SUFFIX and beside.is_file() else 0
    return path.stat().st_size + trees


def _shown(reference: str, path: Path, names: Sequence[str]) -> str:
    named = not Path(reference).is_file()
    return reference if named or names.count(path.name) > 1 else path.name
