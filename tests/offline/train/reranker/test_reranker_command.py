"""`packsight train reranker` from images to a file that a search takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from stages.assemble import assemble
from tests.drawn_catalogue import QUICK_FLAGS, write_catalogue
from tests.offline.evaluate.counting_parts import quick_settings
from tests.packsight_command import Command, Outcome


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """63 photos of 21 products in three categories, each searched among all others."""
    folder = tmp_path_factory.mktemp("data")
    write_catalogue(folder, products=7, views=3)
    return folder


class Trainer:
    def __init__(self, packsight: Command, data: Path, folder: Path) -> None:
        self._packsight, self._data, self._folder = packsight, data, folder

    def __call__(
        self, *more: str, out: str = "reranker.json", protocol: str = "product"
    ) -> Outcome:
        return self._packsight(
            "train",
            "reranker",
            "--data",
            self._data,
            "--protocol",
            protocol,
            "--quiet",
            "--out",
            self._folder / out,
            "--cache",
            self._folder / "cache",
            "--model",
            "logistic",
            "--top-n",
            "5",
            "--profile",
            "classic",
            *QUICK_FLAGS,
            *more,
        )


@pytest.fixture
def train(capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path) -> Trainer:
    return Trainer(Command(capsys), data, tmp_path)


def test_a_file_and_its_card_come_out_and_a_search_takes_them(
    train: Trainer, tmp_path: Path
) -> None:
    done = train()
    assert done.code == 0, done.err
    assert "315 pairs of 63 queries" in done.out and "R@1 without" in done.out
    assert (tmp_path / "reranker.md").is_file()
    flags = ["rerank.name=learned", f"rerank.weights={tmp_path / 'reranker.json'}"]
    assert assemble(quick_settings(*flags)).reranker.top_n == 5
    with pytest.raises(ConfigError, match="other parts described"):
        assemble(quick_settings(*flags, "cutout.size=48"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"out": "reranker.npz"}, "must be named *.json"),
        ({"protocol": "phone"}, "no retrieval protocol 'phone'"),
        ({"protocol": ""}, "--protocol"),
    ],
)
def test_what_cannot_be_is_one_line(train: Trainer, more: dict[str, str], said: str) -> None:
    done = train(**more)
    assert done.code != 0 and said in done.line


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--top-n", "1"), "at least 2"),
        (("--folds", "1"), "at least 2"),
        (("--folds", "60"), "at least 40 queries, of 60"),
    ],
)
def test_numbers_that_teach_nothing_are_one_line(
    train: Trainer, flags: tuple[str, str], said: str
) -> None:
    done = train(*flags)
    assert done.code != 0 and said in done.line
