"""The card tells what was learned from, what was left out, and how the start did."""

from dataclasses import replace
from pathlib import Path

from offline.datasets import Picture
from offline.train.segmenter.card import SHOWN, CardFacts, card
from offline.train.segmenter.samples import Usable
from weights.export import ExportReport
from weights.sidecar import Parity, SourceFacts

PICTURES = (Picture("a", Path("a.jpg")), Picture("b", Path("b.jpg")))
FACTS = CardFacts(
    dataset="packbench",
    recipe={"network": "u2netp", "epochs": 1, "split": None},
    start=Path("/somebody/u2netp.onnx"),
    learned=Usable(PICTURES, ("c.jpg: is truncated.",)),
    judged=Usable(PICTURES[:1], ()),
    before={"score": 0.8, "mae": 0.05},
    history=[{"epoch": 1.0, "loss": 0.7, "score": 0.9, "mae": 0.02}],
    report=ExportReport(
        Path("/somebody/run/segmenter.onnx"),
        "ab" * 32,
        SourceFacts("segmenter.pth", "cd" * 32, False),
        Parity(1e-6, 1e-4, 1.0, 6),
    ),
)


def test_the_figures_stand_under_those_of_the_start() -> None:
    rows = [line for line in card(FACTS).splitlines() if line.startswith("| ")]
    assert "| start | – | 0.8000 | 0.0500 |" in rows
    assert rows[-1] == "| 1 | 0.7000 | 0.9000 | 0.0200 |"
    assert "| split | – |" in rows


def test_what_was_left_out_is_told_and_a_long_list_is_counted() -> None:
    assert "2 pictures with masks to learn from, 1 to judge by, 1 left out" in card(FACTS)
    many = replace(FACTS, learned=Usable(PICTURES, tuple(f"{n}.jpg" for n in range(SHOWN + 7))))
    assert "- and 7 more" in card(many)


def test_no_path_of_the_machine_is_in_the_card() -> None:
    assert "somebody" not in card(FACTS)


def test_a_run_from_nothing_has_no_start_and_no_licence_to_inherit() -> None:
    told = card(replace(FACTS, start=None, before=None))
    assert "from random weights" in told
    assert "| start |" not in told
    assert "licence" not in told
