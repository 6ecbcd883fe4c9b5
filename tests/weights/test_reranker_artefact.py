"""The file of a learned rerank: what is written is read, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import WeightsError
from weights.reranker_artefact import VERSION, RerankerArtefact, read_reranker
from weights.reranker_models import Linear, Scorer


def made(**changed: object) -> RerankerArtefact:
    scorer = Scorer(
        features=("score", "overlap"),
        means=(0.1, 1 / 3),
        scales=(0.2, 1e-5),
        slope=2.0,
        model=Linear(intercept=-1.0, coefficients=(0.1 + 0.2, -4.0)),
    )
    given = {
        "scorer": scorer,
        "share": 0.75,
        "top_n": 20,
        "described": "d" * 64,
        "described_by": {"embed": {"name": "handcrafted"}},
        "metric": "euclidean",
    }
    return RerankerArtefact.model_validate({**given, **changed})


def test_what_is_written_is_read_and_the_same_bytes_come_twice(tmp_path: Path) -> None:
    path = tmp_path / "reranker.json"
    made().write(path)
    first = path.read_bytes()
    assert read_reranker(path) == made()
    read_reranker(path).write(path)
    assert path.read_bytes() == first


def test_identity_is_of_what_changes_an_order() -> None:
    assert made(trained_on="other words", seed=3).identity == made().identity
    assert len({made().identity, made(share=0.5).identity, made(top_n=5).identity}) == 3


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "list", "nan", "field", "binary"])
def test_a_damaged_file_is_refused_with_the_way_out(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "reranker.json"
    made().write(path)
    whole = path.read_text("utf-8")
    spoilt = {
        "cut": whole[: len(whole) // 2],
        "text": "no json",
        "empty": "",
        "list": "[1, 2]",
        "nan": whole.replace("-4.0", "NaN"),
        "field": whole.replace('"top_n"', '"top_m"'),
        "binary": "",
    }
    path.write_text(spoilt[damage], "utf-8")
    if damage == "binary":
        path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(WeightsError, match=r"reranker\.json.*packsight train reranker"):
        read_reranker(path)


def test_a_file_that_is_not_there_and_a_later_version_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "reranker.json"
    with pytest.raises(WeightsError, match="no such file"):
        read_reranker(path)
    made().write(path)
    told = {**json.loads(path.read_text("utf-8")), "version": VERSION + 1}
    path.write_text(json.dumps(told), "utf-8")
    with pytest.raises(WeightsError, match=f"version {VERSION + 1}, this Packsight reads"):
        read_reranker(path)
