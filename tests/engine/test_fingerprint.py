"""The fingerprint follows what describes, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from engine.config import load
from stages.assemble import assemble
from stages.profiles import read_profile

BASE = ["segment.name=whole"]
SIDECAR = """[input]
height = 16
width = 16
range = 'unit'
mean = [0.5, 0.5, 0.5]
std = [0.2, 0.2, 0.2]
interpolation = 'bilinear'
layout = 'nchw'
"""


def fingerprint(flags: Sequence[str] = ()) -> str:
    return assemble(load(read_profile("classic"), env={}, flags=[*BASE, *flags])).fingerprint


def backbone(path: Path, seed: int) -> Path:
    kernel = np.random.default_rng(seed).normal(size=(5, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "kernel"], ["map"], strides=[2, 2])],
        "backbone",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", 5, 7, 7])],
        [helper.make_tensor("kernel", TensorProto.FLOAT, kernel.shape, kernel.ravel())],
    )
    path.parent.mkdir(exist_ok=True)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path
    )
    path.with_suffix(".toml").write_text(SIDECAR)
    return path


@pytest.mark.parametrize(
    "flag",
    [
        "images.max_side=512",
        "embed.side=64",
        "embed.colour=0.9",
        "cutout.name=whole",
        "segment.name=grabcut",
        "classify.k=3",
        "classify.name=single",
    ],
)
def test_it_changes_with_what_describes(flag: str) -> None:
    assert fingerprint([flag]) != fingerprint()


@pytest.mark.parametrize(
    "flag",
    [
        "runtime.threads=1",
        "ingest.batch=3",
        "ingest.workers=3",
        "rerank.name=none",
        "rerank.top_n=3",
        "rerank.name=k_reciprocal",
        "search.metric=cosine",
        "search.index=hnsw",
        "query.augment=true",
        "query.expand=3",
        "route.mass=0.5",
        "weights.download=false",
        "images.max_bytes=1000",
        "embed.side=96",  # as it is by default
    ],
)
def test_it_stays_with_what_does_not(flag: str) -> None:
    assert fingerprint([flag]) == fingerprint()


def test_weights_count_by_their_content_and_not_by_their_path(tmp_path: Path) -> None:
    one = backbone(tmp_path / "one.onnx", seed=1)
    (tmp_path / "elsewhere").mkdir()
    for file in (one, one.with_suffix(".toml")):
        shutil.copy(file, tmp_path / "elsewhere" / file.name)
    prints = [
        fingerprint(["embed.name=onnx", f"embed.weights={path}"])
        for path in (
            one,
            tmp_path / "elsewhere" / "one.onnx",
            backbone(tmp_path / "two.onnx", seed=2),
        )
    ]
    assert prints[0] == prints[1] != prints[2]


def test_the_batch_of_a_model_does_not_count(tmp_path: Path) -> None:
    flags = ["embed.name=onnx", f"embed.weights={backbone(tmp_path / 'one.onnx', seed=1)}"]
    assert fingerprint([*flags, "embed.batch=2"]) == fingerprint(flags)
    assert fingerprint([*flags, "embed.normalise=false"]) != fingerprint(flags)


def answering(*flags: str) -> str:
    """Without keypoints, as before there were any."""
    settings = load(read_profile("classic"), env={}, flags=[*BASE, "keypoints.name=none", *flags])
    return assemble(settings).answering


def test_calibrations_from_before_formulas_had_a_version_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stages.assemble.ANSWERING_VERSION", 1)
    # It may change only where [route], [search], [query] or the reranker has a new option.
    before = "4ce9beef246df6544a6f2e27cf95cfb2e18aa64ea0dec2035a16a5ca6a34dc7e"
    assert answering() == before


def test_calibrations_hold_for_every_kind_of_index() -> None:
    assert answering("search.index=sq8") == answering("search.index=hnsw") == answering()
    assert answering("search.metric=cosine") != answering()


def test_another_version_of_the_formulas_voids_calibrations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashes = {answering(), fingerprint()}
    for version in (2, 3):
        monkeypatch.setattr("stages.assemble.ANSWERING_VERSION", version)
        hashes.add(answering())
    assert len(hashes) == 4
