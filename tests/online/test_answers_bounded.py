"""An answer does not grow with what a gallery holds of an image."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from engine.attributes import MAX_BYTES
from offline.ingest import ingest
from online import query
from online.results_json import results_json
from tests.drawn_catalogue import QUICK, package, save


def test_attributes_never_grow_a_hit_beyond_the_bound(tmp_path: Path) -> None:
    photo = save(tmp_path / "c" / "jar" / "a.png", package("jar", 1))
    long = {f"key {number}": "é" * 900 for number in range(60)}
    (tmp_path / "c" / "jar" / "a.json").write_text(
        json.dumps({"category": "jar", **long}, ensure_ascii=False), "utf-8"
    )
    report = ingest(tmp_path / "c", tmp_path / "g", overrides=QUICK, workers=1)
    assert any("attributes" in note for note in report.notes)
    (hit,) = query(photo, tmp_path / "g", k=1).hits
    assert 0 < _bytes(dict(hit.record.attributes)) <= MAX_BYTES


def test_attributes_of_galleries_of_before_the_bound_are_cut_in_the_answer(tmp_path: Path) -> None:
    photo = save(tmp_path / "c" / "jar" / "a.png", package("jar", 1))
    ingest(tmp_path / "c", tmp_path / "g", overrides=QUICK, workers=1)
    results = query(photo, tmp_path / "g", k=1)
    record = replace(results.hits[0].record, attributes={"key": "x" * 10**6})
    results = replace(results, hits=(replace(results.hits[0], record=record),))
    (hit,) = results_json(results)["hits"]
    assert 0 < _bytes(hit["attributes"]) <= MAX_BYTES


def _bytes(attributes: dict[str, str]) -> int:
    return len(json.dumps(attributes, ensure_ascii=False).encode())
