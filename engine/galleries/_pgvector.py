"""The nearest images by a statement of PostgreSQL: exact, or by pgvector's graphs.

PostgreSQL finds candidates by distances that it rounds its own way; these are computed again and
ties broken as everywhere else, so that the answers are those of a gallery in a folder.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from engine.adaptation import Adaptation
from engine.config import IndexKind
from engine.distances import Metric, unit_or_zero
from engine.galleries import _rows
from engine.galleries._candidates import RECALL
from engine.galleries._connection import Connection
from engine.galleries._postgres_connection import PostgresConnection, Row, Vector
from engine.galleries._postgres_schema import add_partitions
from engine.galleries._ranking import Ranking
from engine.galleries._ranking import Rows as ScannedRows
from engine.galleries._shards import Shard, read_shards
from engine.types import Embedding, FloatArray, IntArray, Neighbour

log = logging.getLogger(__name__)

DESCRIBED = "descriptions"
_BLOCK = 512  # vectors written in one statement
_OPERATORS: dict[Metric, str] = {"euclidean": "<->", "cosine": "<=>", "inner_product": "<#>"}
# By inner products no graph is searched, in a folder neither.
_CLASSES: dict[Metric, str] = {"euclidean": "vector_l2_ops", "cosine": "vector_cosine_ops"}
_MOST_NUMBERS = 2000  # of vectors in pgvector's graphs
# Candidates that are kept while a graph is searched, pgvector's most the last: the fewest by which
# the first ``_FOUND`` of ``_TRIED`` queries are found to ``RECALL``, or the most.
_EXPLORED = (100, 200, 400, 700, 1000)
_TRIED, _FOUND = 50, 50
_EXPLORE = f"""
SELECT set_config('hnsw.iterative_scan', 'strict_order', true), -- until enough are found
set_config('hnsw.ef_search', coalesce(%(explored)s::text,
(SELECT value::json ->> 1 FROM manifest WHERE key = '{_rows.GRAPHS}'), '{_rows.EXPLORED}'), true)
"""


def table_of(version: int | None) -> str:
    """Where the vectors lie that are compared: as they were described, or as adapted."""
    return DESCRIBED if version is None else f"adapted_{version}"


@dataclass
class PgvectorIndexes:
    """See ``tables.Indexes``. ``kind``: "hnsw" searches graphs where they were built, all others
    scan."""

    where: str
    dimension: int
    kind: IndexKind = "exact"
    metric: Metric = "euclidean"  # that graphs are built for
    explored: int | None = None  # candidates of graphs, in place of those that were measured
    _adaptation: tuple[int, Adaptation] | None = field(default=None, repr=False)

    def search_by(self, kind: IndexKind, threads: int) -> None:
        """From now on. The server has threads of its own."""
        self.kind = kind

    def adaptation(self, connection: Connection, version: int | None) -> Adaptation | None:
        """GalleryError for one that cannot be read."""
        if version is None:
            return None
        if self._adaptation is None or self._adaptation[0] != version:
            read = _rows.load_adaptation(connection, version, self.where)
            self._adaptation = version, read
        return self._adaptation[1]

    def search(
        self,
        connection: Connection,
        shards: Sequence[Shard],
        embedding: Embedding,
        k: int,
        metric: Metric = "euclidean",
        among: IntArray | None = None,
    ) -> list[Neighbour]:
        """By one statement, or a further one where many lie at the same distance."""
        if not shards:
            return []
        assert isinstance(connection, PostgresConnection)
        query = embedding.vector[None]
        query = unit_or_zero(query) if metric == "cosine" else query
        graph = self.kind == "hnsw" and metric == self.metric and among is None
        graph = graph and metric in _CLASSES and connection.raw.has_graphs
        if graph:
            connection.run(_EXPLORE, {"explored": self.explored and str(self.explored)})
        statement, values = _statement(shards, query, metric, among, graph=graph)
        fetch = k + 8
        while True:
            rows = connection.run(statement, values | {"count": fetch}).fetchall()
            if not rows:
                return []
            ids = np.array([row[0] for row in rows], np.int64)
            vectors = np.frombuffer(b"".join(row[2] for row in rows), "<f4")
            vectors = vectors.reshape(len(rows), -1)
            vectors = unit_or_zero(vectors) if metric == "cosine" else vectors
            ranking = ScannedRows(ids, vectors).nearest(query, len(rows), metric)
            if (
                len(rows) < fetch
                or graph
                or _is_sure(ranking, k, float(rows[-1][3]), metric, query, vectors)
            ):
                categories = {row[0]: row[1] for row in rows}
                pairs = zip(ranking.ids[:k].tolist(), ranking.distances[:k].tolist(), strict=True)
                return [Neighbour(one, distance, categories[one]) for one, distance in pairs]
            fetch *= 2


def _is_sure(
    ranking: Ranking, k: int, beyond: float, metric: Metric, query: FloatArray, vectors: FloatArray
) -> bool:
    """Whether none that PostgreSQL left out, at or ``beyond`` this distance, is among the first k:
    its sum of D float32 numbers is rounded D times. Inner products: of vectors that are at most
    ten times as long as those that were found."""
    rounding = query.shape[1] * float(np.finfo(np.float32).eps)
    if metric == "euclidean":
        return bool(ranking.distances[k - 1] < beyond * (1 - rounding))
    if metric == "inner_product":
        lengths = np.linalg.norm(vectors, axis=1).max() * np.linalg.norm(query)
        rounding *= 10 * float(lengths)
    return bool(ranking.distances[k - 1] < beyond - rounding)


def _statement(
    shards: Sequence[Shard],
    query: FloatArray,
    metric: Metric,
    among: IntArray | None,
    *,
    graph: bool,
) -> tuple[str, dict[str, object]]:
    values: dict[str, object] = {
        "query": Vector(query.astype("<f4").tobytes()),
        "categories": sorted({shard.category for shard in shards}),
    }
    distance = f"embedding {_OPERATORS[metric]} %(query)s"
    if metric == "cosine" and not graph:  # a vector of zeros is at right angles to everything
        distance = f"coalesce(nullif({distance}, 'NaN'), 1)"
    conditions = ["category = ANY(%(categories)s)"]
    if all(shard.labelled for shard in shards):  # those are searched, or there are no others
        conditions.append("labelled = 1")
    if among is not None:
        conditions.append("id = ANY(%(among)s)")
        values["among"] = among.tolist()
    # No index serves an expression: a scan is exact, whatever graphs there are.
    order = "distance" if graph else "distance + 0"
    return (
        f"SELECT id, category, embedding, distance FROM (SELECT id, category, embedding, {distance}"
        f" AS distance FROM {table_of(shards[0].adapted_by)} WHERE {' AND '.join(conditions)}) AS"
        f" found ORDER BY {order} LIMIT %(count)s",
        values,
    )


def renew_adapted(
    connection: PostgresConnection, version: int, adaptation: Adaptation, ids: Iterable[int]
) -> None:
    """Bring the adapted vectors of these images to what the tables hold; in a write
    transaction."""
    table, wanted = table_of(version), sorted(ids)
    connection.run(f"DELETE FROM {table} WHERE id = ANY(%(ids)s)", {"ids": wanted})
    rows = connection.run(
        "SELECT id, category, labelled, embedding, attributes FROM images "
        "JOIN descriptions USING (id, category, labelled) WHERE id = ANY(%(ids)s) ORDER BY id",
        {"ids": wanted},
    )
    while block := rows.fetchmany(_BLOCK):
        vectors = _rows.adapted_vectors(block, adaptation)
        _write(connection, table, block, vectors)


def derive_adapted(
    connection: PostgresConnection, version: int, adaptation: Adaptation, *, in_use: bool
) -> None:
    """Make the table of all vectors as they are adapted; in a write transaction. One that is
    ``in_use`` is kept in step by whatever writes, another one is of the past."""
    table = table_of(version)
    if connection.columns(table):
        if in_use:
            return
        connection.run(f"DELETE FROM {table}")  # searches may be reading it
    else:
        connection.run(
            f'CREATE TABLE {table} (id bigint NOT NULL, category text COLLATE "C" NOT NULL, '
            f"labelled integer NOT NULL, embedding vector({adaptation.dimension}) NOT NULL, "
            "PRIMARY KEY (id, category)) PARTITION BY LIST (category)"
        )
        connection.run(f"ALTER TABLE {table} ALTER COLUMN embedding SET STORAGE MAIN")
    rows = connection.stream(
        "SELECT id, category, labelled, embedding, attributes FROM images "
        "JOIN descriptions USING (id)"
    )
    while block := rows.fetchmany(_BLOCK):
        _write(connection, table, block, _rows.adapted_vectors(block, adaptation))


def _write(
    connection: PostgresConnection, table: str, rows: Sequence[Row], vectors: FloatArray
) -> None:
    add_partitions(connection, table, {str(row["category"]) for row in rows})
    adapted = [
        {
            "id": row["id"],
            "category": row["category"],
            "labelled": row["labelled"],
            "embedding": vector.astype("<f4").tobytes(),
        }
        for row, vector in zip(rows, vectors, strict=True)
    ]
    connection.copy(table, adapted)


def adapted_tables(connection: PostgresConnection) -> list[str]:
    """All that are there, of any version."""
    rows = connection.run(
        "SELECT relname FROM pg_class WHERE relkind = 'p' AND relname ~ '^adapted_[0-9]+$' "
        "AND relnamespace = current_schema()::regnamespace"
    )
    return [str(name) for (name,) in rows]


def analyse(connection: PostgresConnection, table: str) -> None:
    """Let the planner know how many rows the partitions of a table have, where it is far off:
    PostgreSQL looks at them a minute later by itself, and never at the whole."""
    rows = connection.run(
        "SELECT parent.reltuples, (SELECT sum(images) FROM shards) FROM pg_class AS parent "
        "WHERE parent.oid = to_regclass(%(table)s)",
        {"table": table},
    ).fetchall()
    for known, images in rows:
        if images and not 0.5 < float(known) / float(images) < 2:
            # Not where PostgreSQL is about to do so by itself.
            connection.run(f"ANALYZE (SKIP_LOCKED) {table} (id, category, labelled)")


def build_graphs(
    connection: PostgresConnection, version: int | None, indexes: PgvectorIndexes
) -> None:
    """pgvector's HNSW over the vectors that are compared, where searches are by it; else none is
    kept. In a write transaction."""
    table = table_of(version)
    adaptation = indexes.adaptation(connection, version)
    dimension = indexes.dimension if adaptation is None else adaptation.dimension
    wanted = indexes.kind == "hnsw" and indexes.metric in _CLASSES
    if wanted and (dimension > _MOST_NUMBERS or not connection.raw.has_graphs):
        log.warning(
            "%s: searched exactly: pgvector 0.8 has graphs of vectors of %d numbers at most, these "
            "have %d; fewer are made by: packsight adapt",
            *(indexes.where, _MOST_NUMBERS, dimension),
        )
        wanted = False
    for other in [DESCRIBED, *adapted_tables(connection)]:
        if other != table or not wanted:
            connection.run(f"DROP INDEX IF EXISTS {other}_hnsw")
    if not wanted:
        _rows.store_graphs(connection, None)
    elif not connection.columns(f"{table}_hnsw"):
        connection.run(
            f"CREATE INDEX {table}_hnsw ON {table} USING hnsw (embedding "
            f"{_CLASSES[indexes.metric]})"
        )
        measured = _explored(connection, version, indexes)
        _rows.store_graphs(connection, measured)
        if measured[0] < RECALL:
            log.warning(
                "%s: graphs find %.4f of the nearest %d, by %d candidates: more is found without "
                "search.index=hnsw",
                *(indexes.where, measured[0], _FOUND, measured[1]),
            )


def _explored(
    connection: PostgresConnection, version: int | None, indexes: PgvectorIndexes
) -> tuple[float, int]:
    """The fraction that graphs find of the nearest to queries, and by how many candidates.
    Queries are vectors moved as others lie to their nearest: as a new photo lies to those of its
    product."""
    shards = read_shards(connection)
    rows = connection.run(
        f"SELECT embedding FROM {table_of(version)} ORDER BY md5(id::text) LIMIT %(count)s",
        {"count": 2 * _TRIED},
    ).fetchall()
    vectors = [np.frombuffer(row[0], "<f4") for row in rows]
    exact = replace(indexes, kind="exact")
    wanted: list[tuple[Embedding, set[int]]] = []
    for place, moved in zip(vectors[::2], vectors[1::2], strict=False):
        (*_, near) = exact.search(connection, shards, Embedding(moved), 2, indexes.metric)
        nearest = connection.run(
            f"SELECT embedding FROM {table_of(version)} WHERE id = %(id)s", {"id": near.id}
        ).fetchone()
        assert nearest is not None
        query = Embedding((place + moved - np.frombuffer(nearest[0], "<f4")).astype(np.float32))
        true = exact.search(connection, shards, query, _FOUND, indexes.metric)
        wanted.append((query, {one.id for one in true}))
    recall = 1.0
    for explored in _EXPLORED:
        graphs, found = replace(indexes, explored=explored), 0
        for query, ids in wanted:
            hits = graphs.search(connection, shards, query, _FOUND, indexes.metric)
            found += sum(one.id in ids for one in hits)
        recall = found / sum(len(ids) for _, ids in wanted) if wanted else 1.0
        if recall >= RECALL:
            break
    return recall, explored


def faults(
    connection: PostgresConnection, indexes: PgvectorIndexes, version: int | None
) -> list[str]:
    """Of adapted vectors that are not what the tables make them, one sentence each."""
    if version is None:
        return []
    adaptation = indexes.adaptation(connection, version)
    assert adaptation is not None
    table = table_of(version)
    if not connection.columns(table):
        return [f"adaptation {version}: has no vectors (packsight gallery rebuild)"]
    wrong = 0
    rows = connection.stream(
        "SELECT images.id, descriptions.embedding, attributes, found.embedding AS kept FROM images "
        f"JOIN descriptions USING (id) LEFT JOIN (SELECT id, embedding FROM {table}) AS found "
        "ON found.id = images.id"
    )
    while block := rows.fetchmany(_BLOCK):
        vectors = _rows.adapted_vectors(block, adaptation)
        for row, vector in zip(block, vectors, strict=True):
            wrong += row["kept"] != vector.astype("<f4").tobytes()
    lonely = connection.run(f"SELECT id FROM {table} WHERE id NOT IN (SELECT id FROM images)")
    wrong += len(lonely.fetchall())
    if not wrong:
        return []
    return [f"{wrong} adapted vectors are not in step with the tables (packsight gallery rebuild)"]
