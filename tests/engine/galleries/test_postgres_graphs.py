"""pgvector's graphs, by choice: what they find is measured, and an exact search uses none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("psycopg", reason="the extra postgres is not installed")

from engine.galleries import _pgvector, open_gallery
from engine.protocols import Gallery
from engine.types import Embedding
from tests.engine.made_descriptions import described, entry, manifest
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.slow


def test_graphs_are_built_by_choice_with_their_recall(postgres: PostgresServer) -> None:
    made = replace(manifest(8), settings={"search": {"index": "hnsw"}})
    random = np.random.default_rng(5)
    vectors = random.normal(size=(400, 8)).astype(np.float32)
    address = postgres.address(schema="graphs")
    with open_gallery(address, manifest=made) as gallery:
        gallery.add(
            [entry(str(at), f"c{at % 3}") for at in range(400)],
            [described(row.tolist(), f"c{at % 3}") for at, row in enumerate(vectors)],
        )
        assert gallery.storage().recall is None and gallery.storage().searched == "exact"
        gallery.build_indexes()
        recall = gallery.storage().recall
        assert gallery.storage().searched == "hnsw"
        assert recall is not None and 0.9 <= recall <= 1
        for row in vectors[:20]:
            assert gallery.search(Embedding(row), 1)[0].distance == 0
        gallery.search_by("exact", 1)
        gallery.build_indexes()
        assert gallery.storage().recall is None and gallery.check() == []


def explored(gallery: Gallery) -> int:
    """As a search has it."""
    with gallery.snapshot():
        gallery.search(Embedding(np.ones(8, np.float32)), 1)
        connection = gallery._connection  # type: ignore[attr-defined]
        return int(connection.run("SHOW hnsw.ef_search").fetchone()[0])


def test_graphs_are_explored_until_enough_is_found(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = replace(manifest(8), settings={"search": {"index": "hnsw"}})
    vectors = np.random.default_rng(6).normal(size=(300, 8)).astype(np.float32)
    address = postgres.address(schema="explored")
    with open_gallery(address, manifest=made) as gallery:
        gallery.add([entry(str(at)) for at in range(300)], [described(row) for row in vectors])
        gallery.build_indexes()
        few = gallery.storage()
        assert few.recall is not None and few.recall >= _pgvector.RECALL
        assert few.explored == explored(gallery) == 100
        monkeypatch.setattr(_pgvector, "RECALL", 1.1)
        gallery.search_by("exact", 1)
        gallery.build_indexes()
        gallery.search_by("hnsw", 1)
        gallery.build_indexes()
        assert gallery.storage().explored == explored(gallery) == 1000
        assert "without search.index=hnsw" in caplog.text
        # Graphs of before it was measured.
        postgres.execute("UPDATE explored_1.manifest SET value = '0.93' WHERE key = 'graphs'")
        assert gallery.storage().recall == 0.93
        assert gallery.storage().explored == explored(gallery) == 400


def test_vectors_too_long_for_graphs_are_searched_exactly(
    postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    made = replace(manifest(2100), settings={"search": {"index": "hnsw"}})
    with open_gallery(postgres.address(schema="long"), manifest=made) as gallery:
        gallery.add([entry("a")], [described([1.0] + [0.0] * 2099)])
        gallery.build_indexes()
        assert gallery.storage().recall is None
        assert "2100" in caplog.text and "packsight adapt" in caplog.text
