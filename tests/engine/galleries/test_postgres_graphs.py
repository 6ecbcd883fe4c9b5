"""pgvector's graphs, by choice: what they find is measured, and an exact search uses none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("psycopg", reason="the extra postgres is not installed")

from engine.galleries import open_gallery
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


def test_vectors_too_long_for_graphs_are_searched_exactly(
    postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    made = replace(manifest(2100), settings={"search": {"index": "hnsw"}})
    with open_gallery(postgres.address(schema="long"), manifest=made) as gallery:
        gallery.add([entry("a")], [described([1.0] + [0.0] * 2099)])
        gallery.build_indexes()
        assert gallery.storage().recall is None
        assert "2100" in caplog.text and "packsight adapt" in caplog.text
