"""Real masks whose worth is known: studio cartons are trusted, hands and neighbours are not."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from engine.config import load
from engine.images import load as load_image
from engine.quality import assess
from stages.assemble import assemble_cutting
from stages.profiles import read_profile

ROOT = Path(__file__).resolve().parents[3]
GROCERY = ROOT.parent / "shared" / "data" / "grocerystore"
STUDIO = GROCERY / "iconic-images-and-descriptions" / "Packages"
LATER_DRAW, STEP = "2", 8  # of the judged photos, so that it takes two seconds


def flagged(paths: list[Path]) -> list[bool]:
    flags = ["trust.name=calibrated", "trust.weights=photos", "runtime.mattes_gb=0"]
    cutting = assemble_cutting(load(read_profile("classic"), env={}, flags=flags)).cutting
    cuts = cutting.cut([load_image(path) for path in paths])
    assert not any(assess(cut.matte).touches_border for cut in cuts)
    return [not cut.trusted for cut in cuts]


@pytest.fixture(autouse=True)
def _data() -> None:
    if not GROCERY.is_dir():
        pytest.skip(f"needs the GroceryStoreDataset in {GROCERY}")


def test_no_studio_carton_that_fills_its_frame_is_flagged() -> None:
    paths = sorted(STUDIO.rglob("*.jpg"))
    assert len(paths) >= 31
    assert sum(flagged(paths)) == 0


def test_most_masks_that_were_judged_incorrect_are_flagged() -> None:
    with (ROOT / "benchmarks" / "trust" / "judged.csv").open(encoding="utf-8") as lines:
        seen = [
            row
            for row in csv.DictReader(lines)
            if (row["segmenter"], row["draw"]) == ("grabcut", LATER_DRAW)
        ][::STEP]
    found = flagged([GROCERY / row["image"] for row in seen])
    incorrect = [row["verdict"] != "ok" for row in seen]
    hits = sum(flag and wrong for flag, wrong in zip(found, incorrect, strict=True))
    assert hits / sum(incorrect) >= 0.8 and hits / sum(found) >= 0.8
