"""Rows of the database to values and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

import numpy as np

from engine.errors import DamageError
from engine.galleries._schema import has_trust
from engine.types import (
    CONTOUR_SIDE,
    CategoryScores,
    Contour,
    Description,
    Embedding,
    MatteQuality,
    Record,
    Source,
)

SOURCE_COLUMNS = (
    "images.id, uri, sha256, size, mtime_ns, product_id, category, labelled, attributes"
)
DESCRIPTION_COLUMNS = (
    "score_names, score_values, embedding, contour, contour_area, aligned, aligned_area, quality,"
    " trust"
)


def select_records(connection: sqlite3.Connection) -> str:
    """The beginning of a query for whole records: SOURCE_COLUMNS, then DESCRIPTION_COLUMNS. An
    image that lost its description comes with NULLs."""
    columns = DESCRIPTION_COLUMNS
    if not has_trust(connection):
        columns = columns.replace(" trust", " NULL AS trust")
    return f"SELECT {SOURCE_COLUMNS}, {columns} FROM images LEFT JOIN descriptions USING (id)"


def source(row: sqlite3.Row | tuple[object, ...]) -> Source:
    """From SOURCE_COLUMNS."""
    identity, uri, sha256, size, mtime_ns, product_id, category, labelled, attributes = row
    return Source(
        id=int(str(identity)),
        uri=str(uri),
        sha256=str(sha256),
        size=int(str(size)),
        mtime_ns=int(str(mtime_ns)),
        product_id=str(product_id),
        category=str(category),
        labelled=bool(labelled),
        attributes=json.loads(str(attributes)),
    )


def record(row: tuple[object, ...]) -> Record:
    """From SOURCE_COLUMNS followed by DESCRIPTION_COLUMNS."""
    known = source(row[:9])
    return Record(
        id=known.id,
        sha256=known.sha256,
        product_id=known.product_id,
        category=known.category,
        labelled=known.labelled,
        uri=known.uri,
        attributes=known.attributes,
        description=description(row[9:]),
    )


def sound_record(row: tuple[object, ...], where: str) -> Record:
    """As ``record``; DamageError, naming the gallery and the image, for a damaged row."""
    try:
        return record(row)
    except (ValueError, TypeError, KeyError) as error:
        raise DamageError(
            f"{where}: image {row[0]} ({row[1]}) is damaged ({error}).",
            remedy=f"List all that is with: packsight gallery check {where}",
        ) from error


def description(row: tuple[object, ...]) -> Description:
    """From DESCRIPTION_COLUMNS."""
    names, values, embedding, contour, contour_area, aligned, aligned_area, quality, trust = row
    return Description(
        scores=CategoryScores(tuple(json.loads(str(names))), _floats(values)),
        embedding=Embedding(_floats(embedding)),
        contour=_contour(contour, contour_area),
        aligned=_contour(aligned, aligned_area),
        quality=MatteQuality.from_flags(json.loads(str(quality))),
        trust=None if trust is None else float(str(trust)),
    )


def description_values(described: Description) -> tuple[object, ...]:
    """In the order of DESCRIPTION_COLUMNS."""
    return (
        *score_values(described.scores),
        described.embedding.vector.astype("<f4").tobytes(),
        described.contour.packed.tobytes(),
        described.contour.area,
        described.aligned.packed.tobytes(),
        described.aligned.area,
        json.dumps(described.quality.flags),
        described.trust,
    )


def score_values(scores: CategoryScores) -> tuple[str, bytes]:
    """As the columns score_names and score_values."""
    names = json.dumps(scores.names, ensure_ascii=False)
    return names, scores.probabilities.astype("<f4").tobytes()


def attributes_json(attributes: Mapping[str, str]) -> str:
    return json.dumps(dict(attributes), ensure_ascii=False, sort_keys=True)


def _floats(blob: object) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    if not isinstance(blob, bytes):
        raise ValueError("expected a blob of floats")
    return np.frombuffer(blob, dtype="<f4").astype(np.float32, copy=True)


def _contour(blob: object, area: object) -> Contour:
    if not isinstance(blob, bytes):
        raise ValueError("expected a blob of bits")
    return Contour(np.frombuffer(blob, np.uint8).copy(), CONTOUR_SIDE, int(str(area)))
