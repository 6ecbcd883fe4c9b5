"""Revisited Oxford and Paris: easy, medium and hard, by hand; pickles of all ages; bad files."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ConfigError
from offline.datasets import Relevance, open_dataset
from tests.offline.datasets.small_datasets import revisited_truth, write_revisited

TRUTH = "gnd_roxford5k.pkl"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_revisited(tmp_path)
    return tmp_path


def as_json(value: object) -> Any:
    return json.loads(json.dumps(value, default=np.ndarray.tolist))


def test_easy_medium_and_hard_are_as_in_the_paper(root: Path) -> None:
    dataset = open_dataset(root)
    assert dataset.name == "roxford5k"
    assert dataset.protocols == ("easy", "medium", "hard")
    answers = {name: dataset.retrieval(name).relevance for name in dataset.protocols}
    assert answers == {
        "easy": (Relevance((0, 3), (1, 5)), Relevance((), (2,))),
        "medium": (Relevance((0, 1, 3), (5,)), Relevance((2,))),
        "hard": (Relevance((1,), (0, 3, 5)), Relevance((2,))),
    }
    assert dataset.retrieval("easy").unanswerable == (1,)


def test_queries_are_cropped_and_not_in_the_gallery(root: Path) -> None:
    task = open_dataset(root).retrieval("medium")
    assert [one.crop for one in task.queries] == [(0, 2, 6, 7), (1, 1, 5, 5)]
    assert task.queries[0].path == root / "jpg" / "all_souls_000100.jpg"
    assert not {one.path for one in task.queries} & {one.path for one in task.gallery}
    assert len(task.gallery) == 6


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_form_of_the_file_gives_the_same_data_set(root: Path, protocol: int) -> None:
    before = open_dataset(root)
    (root / TRUTH).write_bytes(pickle.dumps(revisited_truth(), protocol=protocol))
    again = open_dataset(root)
    assert [again.retrieval(p) for p in again.protocols] == [
        before.retrieval(p) for p in before.protocols
    ]
    (root / TRUTH).unlink()
    (root / "gnd_roxford5k.json").write_text(json.dumps(as_json(revisited_truth())), "utf-8")
    assert open_dataset(root).retrieval("hard") == before.retrieval("hard")


def test_files_of_the_original_annotation_have_the_original_protocol(root: Path) -> None:
    truth: Any = revisited_truth()
    for entry in truth["gnd"]:
        entry["ok"] = entry.pop("easy")
        del entry["hard"]
    (root / TRUTH).write_bytes(pickle.dumps(truth))
    dataset = open_dataset(root)
    assert dataset.protocols == ("original",)
    assert dataset.retrieval("original").relevance[0] == Relevance((0, 3), (5,))


CHANGES: list[tuple[Callable[[Any], object], str]] = [
    (lambda t: t.pop("imlist"), "imlist must be a list"),
    (lambda t: t["gnd"].pop(), r"2 queries in qimlist, but 1 answers in gnd"),
    (lambda t: t["gnd"][1]["hard"].append(6), r"gnd\[1\]: hard holds 6; imlist has 6"),
    (lambda t: t["gnd"][1]["easy"].append(-1), r"gnd\[1\]: easy holds -1"),
    (lambda t: t["gnd"][1]["easy"].append(1.5), r"gnd\[1\]: easy holds 1.5"),
    (lambda t: t["gnd"][1].pop("junk"), r"gnd\[1\]: needs the lists easy, hard and junk"),
    (lambda t: t["gnd"][0].update(bbx=None), r"gnd\[0\]: bbx must be four numbers"),
    (lambda t: t["gnd"][0].update(bbx=[1, 2, 3]), r"gnd\[0\]: .* is not four numbers"),
    (lambda t: t["gnd"][0].update(junk="no"), r"gnd\[0\]: junk must be a list"),
    (lambda t: t["gnd"].__setitem__(0, 3), r"gnd\[0\]: bbx must be four numbers"),
    (lambda t: t["imlist"].__setitem__(2, "../../x"), r"imlist\[2\]: .* does not name a file"),
    (lambda t: t["qimlist"].__setitem__(1, 7), r"qimlist\[1\]: 7 is not the name"),
    (lambda t: t["imlist"].__setitem__(1, t["imlist"][0]), "lists all_souls_000000 twice"),
]


@pytest.mark.parametrize(("change", "complaint"), CHANGES)
@pytest.mark.parametrize("suffix", [".pkl", ".json"])
def test_a_fault_is_named(
    root: Path, change: Callable[[Any], object], complaint: str, suffix: str
) -> None:
    truth = as_json(revisited_truth())
    change(truth)
    (root / TRUTH).unlink()
    data = pickle.dumps(truth) if suffix == ".pkl" else json.dumps(truth).encode()
    (root / f"gnd_roxford5k{suffix}").write_bytes(data)
    with pytest.raises(ConfigError, match=complaint):
        open_dataset(root)


def test_two_truths_in_one_folder_are_refused(root: Path) -> None:
    (root / "gnd_rparis6k.pkl").write_bytes((root / TRUTH).read_bytes())
    with pytest.raises(ConfigError, match=r"found gnd_roxford5k\.pkl, gnd_rparis6k\.pkl"):
        open_dataset(root)
