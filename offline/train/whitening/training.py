"""`packsight train whitening`: read a gallery's vectors, fit, write the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import numpy as np

from engine.adaptation import Part
from engine.config import Settings
from engine.errors import ConfigError
from engine.galleries import open_gallery
from engine.protocols import Gallery
from engine.types import BoolArray, FloatArray, Record
from offline.adapt import judging
from offline.adapt.fit import Fit
from offline.adapt.scatter import Scatter, scatter_of_groups, scatter_of_pairs
from offline.adapt.spaces import Space
from offline.adapt.vectors import MOST_IMAGES
from offline.adapt.whitening import SHRINKAGE, Whitening, fit_learned, fit_pca
from offline.store.run_folder import RunFolder, unwritable
from offline.train.whitening.pairs import groups_of, read_pairs
from offline.train.whitening.recipe import WhiteningRecipe
from stages.assemble import assemble_embedding
from weights.whitening_artefact import SUFFIX, WhiteningArtefact

CHUNK = 1024  # records in memory at a time


@dataclass(frozen=True)
class Trained:
    """What was written, and what such a whitening gains on products that it was not fitted to;
    None where that is not known: products do not decide what matches, or there are very many
    images."""

    artefact: WhiteningArtefact
    judged: Part | None


@dataclass(frozen=True)
class Vectors:
    """A gallery's vectors (N, D) with what each is called and which group it belongs to."""

    rows: FloatArray
    uris: tuple[str, ...]
    groups: tuple[str | None, ...]


def train_whitening(recipe: WhiteningRecipe) -> Trained:
    """Fit, write, and judge as ``packsight adapt`` does, by products that are left out in turn.

    Raises ConfigError for a gallery that is whitened already, for vectors that are not finite,
    for pairs that do not do, a dimension beyond the rank, and a file that cannot be written.
    """
    if recipe.out.suffix != SUFFIX:
        raise ConfigError(f"{recipe.out}: the file must be named *{SUFFIX}.")
    with open_gallery(recipe.gallery) as gallery:
        settings = gallery.manifest.read_settings()
        if settings.whiten.name != "none":
            raise ConfigError(
                f"{recipe.gallery}: its vectors are whitened already.",
                remedy='Ingest into another gallery with --set whiten.name="none", and fit there.',
            )
        vectors = read_vectors(gallery, recipe.group)
    whitening, figures = _fitted(recipe, vectors)
    parts = assemble_embedding(settings)
    artefact = WhiteningArtefact(
        mean=whitening.mean.astype(np.float32),
        projection=np.ascontiguousarray(whitening.projection, np.float32),
        method=recipe.method,
        embedding=parts.fingerprint,
        embedded_by=_embedding_tables(settings),
        figures=figures,
    )
    _write(artefact, recipe.out)
    return Trained(artefact, _judged(recipe, vectors))


def read_vectors(gallery: Gallery, group: str = "product") -> Vectors:
    """All of a gallery in the order of ids. ConfigError for an empty one and for an attribute
    that no image has."""
    rows, uris, groups = [], [], []
    for record in _records(gallery):
        rows.append(record.description.embedding.vector)
        uris.append(record.uri)
        groups.append(_group(record, group))
    if not rows:
        raise ConfigError(
            f"{gallery.name}: the gallery is empty.",
            remedy=f"Fill it with: packsight ingest FOLDER --gallery {quote(gallery.name)}",
        )
    if not any(groups):
        raise ConfigError(
            f"{gallery.name}: no image has the attribute {group!r}.",
            remedy="Use --group product, or ingest with a table that has this column.",
        )
    return Vectors(np.stack(rows), tuple(uris), tuple(groups))


def _records(gallery: Gallery) -> Iterator[Record]:
    with gallery.snapshot():
        ids = [source.id for source in gallery.sources()]
        for start in range(0, len(ids), CHUNK):
            yield from gallery.records(ids[start : start + CHUNK])


def _group(record: Record, group: str) -> str | None:
    """Attributes belong to their category: two categories may both have a family "f01"."""
    if group == "product":
        return record.product_id
    value = record.attributes.get(group)
    return None if not value else f"{record.category}/{value}"


def _fitted(recipe: WhiteningRecipe, vectors: Vectors) -> tuple[Whitening, dict[str, float]]:
    figures = {"pictures": float(len(vectors.rows)), "from": float(vectors.rows.shape[1])}
    if recipe.method == "pca":
        if recipe.pairs is not None:
            raise ConfigError("--method pca needs no pairs.", remedy="Leave --pairs out.")
        fitted = fit_pca(vectors.rows, recipe.dimension, recipe.shrinkage or 0.0)
    else:
        scatter = _scatter(recipe, vectors)
        shrinkage = SHRINKAGE if recipe.shrinkage is None else recipe.shrinkage
        fitted = fit_learned(vectors.rows, scatter, recipe.dimension, shrinkage)
        figures |= {
            "matching_pairs": float(scatter.matching_pairs),
            "other_pairs": float(scatter.other_pairs),
            "shrinkage": shrinkage,
        }
    return fitted, figures | {"to": float(fitted.projection.shape[1])}


def _judged(recipe: WhiteningRecipe, vectors: Vectors) -> Part | None:
    if recipe.group != "product" or recipe.pairs is not None or len(vectors.rows) > MOST_IMAGES:
        return None
    products = np.unique(np.array(vectors.groups), return_inverse=True)[1].astype(np.int64)
    gallery = judging.Vectors(vectors.rows, products)

    def without(left_out: BoolArray) -> Space:
        kept = np.flatnonzero(~left_out[products]).tolist()
        fewer = Vectors(
            vectors.rows[kept],
            tuple(vectors.uris[at] for at in kept),
            tuple(vectors.groups[at] for at in kept),
        )
        fitted, _ = _fitted(recipe, fewer)
        mean = fitted.mean.astype(np.float32)
        return Space(mean, mean, fitted.projection.astype(np.float32))

    name = f"{recipe.method} whitening"
    queries = judging.queries_of(gallery, None, 0)
    try:
        return Fit(gallery, None, queries).judged(name, "on products left out", without)
    except ConfigError as error:  # fewer products span fewer dimensions
        return Part(name=name, taken=False, why=error.message)


def _scatter(recipe: WhiteningRecipe, vectors: Vectors) -> Scatter:
    if recipe.pairs is None:
        return scatter_of_groups(vectors.rows, groups_of(vectors.groups))
    positions = {uri: at for at, uri in enumerate(vectors.uris)}
    return scatter_of_pairs(vectors.rows, read_pairs(recipe.pairs, positions))


def _embedding_tables(settings: Settings) -> dict[str, dict[str, object]]:
    """What made the vectors, as a profile has it."""
    tables = settings.tables()
    sections = ("segment", "matting", "trust", "cutout", "embed")
    return {name: tables[name] for name in sections if tables[name].get("name") != "none"}


def _write(artefact: WhiteningArtefact, out: Path) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(out, error) from error
    RunFolder(out.parent).write(out.name, artefact.write)
