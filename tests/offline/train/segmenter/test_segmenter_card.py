"""The card tells what was learned from, what was left out, and how the start did."""

from pathlib import Path
from typing import Any

from offline.datasets import DatasetImage
from offline.train.card import SHOWN
from offline.train.segmenter.samples import Usable
from offline.train.segmenter.training import card_of
from weights.export import ExportReport
from weights.sidecar import Parity, SourceFacts

PICTURES = (DatasetImage("a", Path("a.jpg")), DatasetImage("b", Path("b.jpg")))


def card(**changed: Any) -> str:
    facts: dict[str, Any] = {
        "dataset": "packbench",
        "recipe": {"network": "u2netp", "epochs": 1, "train_split": None},
        "start": Path("/somebody/u2netp.onnx"),
        "train": Usable(PICTURES, ("c.jpg: is truncated.",)),
        "validation": Usable(PICTURES[:1], ()),
        "before": {"score": 0.8, "mae": 0.05},
        "history": [{"epoch": 1.0, "loss": 0.7, "score": 0.9, "mae": 0.02}],
        "report": ExportReport(
            Path("/somebody/run/segmenter.onnx"),
            "ab" * 32,
            SourceFacts("segmenter.pth", "cd" * 32, False),
            Parity(1e-6, 1e-4, 1.0, 6),
        ),
    }
    return card_of(**{**facts, **changed}).text()


def test_the_values_stand_under_those_of_the_start() -> None:
    rows = [line for line in card().splitlines() if line.startswith("| ")]
    assert "| start | – | 0.8000 | 0.0500 |" in rows
    assert rows[-1] == "| 1 | 0.7000 | 0.9000 | 0.0200 |"
    assert "| train_split | – |" in rows


def test_what_was_left_out_is_listed_and_a_long_list_is_counted() -> None:
    assert "2 images with masks to learn from, 1 for validation, 1 left out" in card()
    many = Usable(PICTURES, tuple(f"{n}.jpg" for n in range(SHOWN + 7)))
    assert "- and 7 more" in card(train=many)


def test_no_path_of_the_machine_is_in_the_card() -> None:
    assert "somebody" not in card()


def test_random_weights_have_no_start_and_no_licence_to_inherit() -> None:
    text = card(start=None, before=None)
    assert "from random weights" in text
    assert "| start |" not in text
    assert "licence" not in text
