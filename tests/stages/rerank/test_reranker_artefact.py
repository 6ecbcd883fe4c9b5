"""The file of a learned reranker: what is written is read, and nothing else is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.errors import WeightsError
from stages.rerank._artefact import VERSION, RerankerArtefact, graph_path, read_reranker
from stages.rerank._scorer import Coefficients, Scorer
from stages.rerank._trees import Boosting, Tree

TREE = Tree(
    feature=(1, -1, -1),
    threshold=(0.5, 0.0, 0.0),
    left=(1, 0, 0),
    right=(2, 0, 0),
    value=(0.0, -1.0, 1.0),
)
BOOSTING = Boosting(baseline=0.25, trees=(TREE, TREE))


def boosted() -> RerankerArtefact:
    scorer = made().scorer.model_copy(update={"model": BOOSTING.compiled(2)})
    return made(scorer=scorer)


def written(artefact: RerankerArtefact, path: Path) -> Path:
    artefact.write(path)
    artefact.write_graph(graph_path(path))
    return path


def of_version_1(path: Path) -> Path:
    """Trees in the JSON, as files had them before trees were ONNX."""
    boosted().write(path)
    content = json.loads(path.read_text("utf-8"))
    content["scorer"]["model"] = BOOSTING.model_dump(mode="json")
    path.write_text(json.dumps({**content, "version": 1}), "utf-8")
    return path


def made(**changed: object) -> RerankerArtefact:
    scorer = Scorer(
        features=("score", "overlap"),
        means=(0.1, 1 / 3),
        scales=(0.2, 1e-5),
        slope=2.0,
        model=Coefficients(intercept=-1.0, coefficients=(0.1 + 0.2, -4.0)),
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


def test_boosted_trees_are_a_file_beside_it(tmp_path: Path) -> None:
    path = written(boosted(), tmp_path / "reranker.json")
    found = read_reranker(path)
    assert found == boosted() and found.identity == boosted().identity != made().identity
    assert "graph" not in path.read_text("utf-8")
    assert not graph_path(written(made(), tmp_path / "linear.json")).exists()


def test_trees_in_the_json_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    found = read_reranker(of_version_1(tmp_path / "reranker.json"))
    assert found == boosted()
    rows = np.array([[0.0, 1.0], [0.0, -1.0]])
    assert found.scorer.log_odds(rows).tolist() == [2.25, -1.75]


def test_they_need_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = of_version_1(tmp_path / "reranker.json")
    monkeypatch.setitem(sys.modules, "onnx.helper", None)
    with pytest.raises(WeightsError, match=r"reranker\.json") as caught:
        read_reranker(path)
    assert "packsight[train]" in caught.value.remedy
    assert "packsight train reranker" in caught.value.remedy


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("left", [0, 0, 0]),
        ("feature", [7, -1, -1]),
        ("feature", "text"),
        ("value", [0.0]),
        ("threshold", None),
    ],
)
def test_damaged_trees_of_an_earlier_version_are_refused(
    tmp_path: Path, part: str, value: object
) -> None:
    path = of_version_1(tmp_path / "reranker.json")
    content = json.loads(path.read_text("utf-8"))
    content["scorer"]["model"]["trees"][1][part] = value
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(WeightsError, match=r"reranker\.json.*packsight train reranker"):
        read_reranker(path)


@pytest.mark.parametrize("content", [None, b"", b"other"])
def test_trees_that_are_absent_or_of_another_reranker_are_refused(
    tmp_path: Path, content: bytes | None
) -> None:
    path = written(boosted(), tmp_path / "reranker.json")
    graph_path(path).unlink()
    if content is not None:
        graph_path(path).write_bytes(content)
    with pytest.raises(WeightsError, match=r"reranker\.onnx.*packsight train reranker"):
        read_reranker(path)


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
