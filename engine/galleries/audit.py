"""The check of a gallery: every row whole, every index in step with the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from engine.config import INDEX_KINDS
from engine.distances import METRICS, Metric
from engine.errors import GalleryError
from engine.galleries import _candidates, _filters, _rows
from engine.galleries._connection import Connection
from engine.galleries._faiss_indexes import ShardIndexes, shard_vectors
from engine.galleries._shards import Shard
from engine.manifest import Manifest
from engine.types import FloatArray, IntArray

# L2 norms of float32 vectors of a few thousand numbers stay within this of 1.
NORM_TOLERANCE = 1e-3


def audit(connection: Connection, manifest: Manifest, shards: list[Shard], where: str) -> list[str]:
    """Every inconsistency of the tables, one sentence each. Run inside a read transaction."""
    damage = _database_faults(connection)
    if damage:
        return damage
    return [
        *_calibration_faults(connection, where),
        *_adaptation_faults(connection, where),
        *_row_faults(connection, manifest),
        *_withdrawn_faults(connection),
        *_shard_faults(connection, shards),
        *_attribute_faults(connection),
    ]


def audit_indexes(connection: Connection, shards: list[Shard], indexes: ShardIndexes) -> list[str]:
    """Of the files of indexes, held against tables that are whole. A missing file is no fault:
    indexes are derived and built when they are needed."""
    return [
        fault
        for shard in shards
        for metric in METRICS
        for fault in _index_faults(connection, shard, indexes, metric)
    ]


def _database_faults(connection: Connection) -> list[str]:
    faults = [f"database: {fault}" for fault in connection.faults()]
    lonely = connection.execute(
        "SELECT id, uri FROM images WHERE id NOT IN (SELECT id FROM descriptions)"
    )
    faults += [f"image {identity} ({uri}): has no description" for identity, uri in lonely]
    return faults


def _calibration_faults(connection: Connection, where: str) -> list[str]:
    try:
        _rows.load_calibration(connection, where)
    except GalleryError as error:
        return [str(error)]
    return []


def _adaptation_faults(connection: Connection, where: str) -> list[str]:
    try:
        version = _rows.adapted_by(connection)
        if version is not None:
            _rows.load_adaptation(connection, version, where)
    except GalleryError as error:
        return [str(error)]
    return []


def _row_faults(connection: Connection, manifest: Manifest) -> Iterator[str]:
    rows = connection.stream(f"{_rows.RECORDS} ORDER BY images.id")
    detects = manifest.read_settings().keypoints.name != "none"
    width = 0  # of descriptors of keypoints, of the first image that has any
    for row in rows:
        try:
            record = _rows.record(row)
        except (ValueError, TypeError, KeyError) as error:
            yield f"image {row['id']} ({row['uri']}): {error}"
            continue
        vector = record.description.embedding.vector
        if len(vector) != manifest.dimension:
            yield f"image {record.id} ({record.uri}): vector of {len(vector)} numbers"
        elif manifest.normalised and abs(float(np.linalg.norm(vector)) - 1) > NORM_TOLERANCE:
            yield f"image {record.id} ({record.uri}): vector is not of length 1"
        for name in ("contour", "aligned"):
            contour = getattr(record.description, name)
            if int(np.bitwise_count(contour.packed).sum()) != contour.area:
                yield f"image {record.id} ({record.uri}): {name} has another area than stored"
        keypoints = record.description.keypoints
        if keypoints is None and detects:
            yield f"image {record.id} ({record.uri}): has lost its keypoints"
        if keypoints:
            width = width or keypoints.descriptors.shape[1]
            if keypoints.descriptors.shape[1] != width:
                yield f"image {record.id} ({record.uri}): keypoints of other numbers than others'"


def _withdrawn_faults(connection: Connection) -> Iterator[str]:
    """Of images out of the index; galleries of before lack their table."""
    if not connection.columns("withdrawn"):
        return
    for row in connection.execute("SELECT * FROM withdrawn ORDER BY id"):
        try:
            _rows.record(row)
        except (ValueError, TypeError, KeyError) as error:
            yield f"withdrawn image {row['id']} ({row['uri']}): {error}"
    for identity, uri in connection.execute(
        "SELECT id, uri FROM withdrawn WHERE id IN (SELECT id FROM images)"
    ):
        yield f"image {identity} ({uri}): is in the index, and withdrawn from it"


def _shard_faults(connection: Connection, shards: list[Shard]) -> Iterator[str]:
    listed = {(shard.category, shard.labelled) for shard in shards}
    rows = connection.execute(
        "SELECT category, labelled, count(*) FROM images GROUP BY category, labelled"
    )
    present = {(category, bool(labelled)): count for category, labelled, count in rows}
    for category, _ in sorted(present.keys() - listed):
        yield f"category {category}: its images are in no shard and cannot be found"
    for category, _ in sorted(listed - present.keys()):
        yield f"category {category}: has a shard and no image"
    for shard in shards:
        count = present.get((shard.category, shard.labelled), 0)
        if shard.images not in (None, count):
            yield (
                f"category {shard.category}: {count} images are counted as {shard.images} "
                "(packsight gallery rebuild)"
            )


def _attribute_faults(connection: Connection) -> Iterator[str]:
    if connection.columns(_filters.ATTRIBUTES) and not _filters.is_in_step(connection):
        yield "attributes: filters go by others than the images' (packsight gallery rebuild)"


def _index_faults(
    connection: Connection, shard: Shard, indexes: ShardIndexes, metric: Metric
) -> Iterator[str]:
    index = indexes.in_step(connection, shard, metric)
    if index is None:
        return
    adaptation = indexes.adaptation(connection, shard.adapted_by)
    fresh = shard_vectors(connection, shard, indexes.dimension, metric, adaptation)
    (ids, vectors), (found_ids, found_vectors) = map(_by_id, (fresh, index.rows()))
    if not np.array_equal(ids, found_ids) or not np.array_equal(vectors, found_vectors):
        yield (
            f"category {shard.category}: its index is not in step with the database "
            "(packsight gallery rebuild)"
        )
        return
    for kind in INDEX_KINDS[1:]:
        place = index.path.with_suffix(f".{kind}")
        if not place.is_file() or index.base.ntotal < _candidates.LEAST:
            continue
        found = _candidates.stored(index.base, index.path, kind)
        blocks = np.array_split(np.arange(index.base.ntotal), 1 + index.base.ntotal // 10_000)
        whole = found is not None and all(
            _candidates.holds(found.index, index.base, rows) for rows in blocks
        )
        if not whole:
            yield f"category {shard.category}: {place.name} is damaged (packsight gallery rebuild)"


def _by_id(blocks: Iterable[tuple[IntArray, FloatArray]]) -> tuple[IntArray, FloatArray]:
    parts = list(blocks)
    if not parts:
        return np.empty(0, np.int64), np.empty((0, 0), np.float32)
    ids = np.concatenate([ids for ids, _ in parts])
    order = np.argsort(ids, kind="stable")
    return ids[order], np.concatenate([vectors for _, vectors in parts])[order]
