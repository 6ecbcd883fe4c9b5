"""The eyeglass study's, the product search's and the landmarks' tables, with cells by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ConfigError
from offline.evaluate.benchmark.measure import ProtocolResult
from offline.evaluate.tables import retrieval as answers
from offline.evaluate.tables.layout import Request, Variant
from offline.evaluate.tables.registry import make_table
from offline.metrics.retrieval import Found, metric_values
from offline.report.document import Table
from tests.offline.evaluate.counting_parts import quick_settings
from tests.offline.evaluate.drawn_benchmarks import write_drawn_landmarks, write_drawn_products
from tests.offline.evaluate.tables.drawn_trees import write_eyeglasses, write_oxford_tree

SINGLE, AVERAGE = "eyeglasses-1", "eyeglasses-2"


def asked(*folders: Path, names: tuple[str, ...] = ("quick",)) -> Request:
    variants = tuple(Variant(name, quick_settings()) for name in names)
    return Request(folders, variants, folders[0].parent / "cache", shown=5, timed=2)


def means(table: Table) -> dict[str, list[str]]:
    """Cells by the first one of each row, less their intervals."""
    return {row[0]: [cell.split(" (")[0] for cell in row[1:]] for row in table.rows}


@pytest.fixture
def glasses(tmp_path: Path) -> Path:
    write_eyeglasses(tmp_path / "glasses")
    return tmp_path / "glasses"


def test_single_queries_have_a_row_a_backbone_and_the_studys_columns(glasses: Path) -> None:
    """Both views of a model come first of four images: P@10 is 2 / 10, F1 2 * 2 / (10 + 2)."""
    made = make_table(SINGLE, asked(glasses, names=("one", "two")))
    (table,) = made.tables
    assert table.columns[:4] == ("query", "backbone", "feature time", "top-1 similarity")
    assert [row[:2] for row in table.rows] == [
        (f"query/{model}/worn.png", backbone)
        for model in ("round", "square")
        for backbone in ("one", "two")
    ]
    for row in table.rows:
        assert row[2].endswith(" ms") and 0.9 < float(row[3]) <= 1
        assert row[4:] == ("1.000", "0.200", "1.000", "0.333", "1.000")
    assert made.images == {"queries": 2, "gallery": 4}
    told = made.systems[0].sections[0].notes
    assert told[0].startswith("eyeglasses") and "1 of 3 queries left out" in told[0]


def test_averages_have_a_row_a_backbone_with_its_dimension(glasses: Path) -> None:
    made = make_table(AVERAGE, asked(glasses, names=("one", "two")))
    found = means(made.tables[0])
    assert list(found) == ["one", "two"] and found["one"][0] == found["two"][0]
    assert found["one"][3:] == ["1.000", "0.200", "1.000", "0.333", "1.000"]
    queries, timed = made.systems[0].sections[0].groups
    assert [figure.name for figure in queries.figures][-1] == "top-1 similarity"
    assert queries.items == ("query/round/worn.png", "query/square/worn.png")
    assert queries.clusters == ("round", "square")
    assert (timed.figures[0].unit, timed.figures[0].better) == ("ms", "lower")


def test_the_study_ranks_by_cosine_and_the_report_says_so(glasses: Path) -> None:
    made = make_table(AVERAGE, asked(glasses))
    assert made.systems[0].settings["search"]["metric"] == "cosine"


def test_of_three_views_a_product_both_others_are_among_the_first_five(tmp_path: Path) -> None:
    write_drawn_products(tmp_path / "sop")
    made = make_table("sop", asked(tmp_path / "sop"))
    assert made.tables[0].columns == ("system", "P@5", "R@5", "top-1", "top-5")
    assert means(made.tables[0]) == {"quick": ["0.400", "1.000", "1.000", "1.000"]}
    assert "(recall@5)" in made.tables[0].note


# Ranks of the relevant images and how many there are, of two queries. By hand: P@5 is
# (1/5 + 2/5) / 2, R@5 (1/3 + 2/4) / 2; AP@10 ((1 + 2/7) / 3 + (1/4 + 2/5) / 4) / 2,
# R@10 (2/3 + 2/4) / 2, F1 (4/13 + 4/14) / 2, RR (1 + 1/4) / 2.
RANKS = (Found(np.array([1, 7]), 3), Found(np.array([4, 5]), 4))


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("sop", ["0.300", "0.417", "0.500", "1.000"]),
        (AVERAGE, ["0.296", "0.200", "0.583", "0.297", "0.625"]),
    ],
)
def test_cells_are_what_the_ranks_make_by_hand(
    name: str, cells: list[str], glasses: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = answers.measure_protocols

    def ranked(*given: Any, **more: Any) -> list[ProtocolResult]:
        known = metric_values(RANKS, given[4])
        return [replace(result, values=known) for result in real(*given, **more)]

    monkeypatch.setattr(answers, "measure_protocols", ranked)
    (table,) = make_table(name, asked(glasses)).tables
    assert means(table)["quick"][-len(cells) :] == cells


def test_landmarks_have_a_column_a_set_and_difficulty(tmp_path: Path) -> None:
    """The revisited jar: easy ones first, so 1; medium: easy and hard ones, junk left out. The
    bottle has no easy answer, and its hard one comes first or not at all alike."""
    write_drawn_landmarks(tmp_path / "rox")
    write_oxford_tree(tmp_path / "oxford5k")
    made = make_table("oxford-paris", asked(tmp_path / "rox", tmp_path / "oxford5k"))
    (table,) = made.tables
    heads = ("rdrawn easy", "rdrawn medium", "rdrawn hard", "oxford5k original")
    assert table.columns == ("system", *heads)
    cells = dict(zip(heads, means(table)["quick"], strict=True))
    assert cells["rdrawn easy"] == "1.000"
    assert made.images == dict(zip(heads, (1, 2, 2, 2), strict=True))
    assert made.dataset == "rdrawn, oxford5k"
    groups = made.systems[0].sections[0].groups
    assert [group.name for group in groups] == list(heads)
    for group in groups:
        (figure,) = group.figures
        assert figure.name == "mAP" and f"{figure.value:.3f}" == cells[group.name]


def test_the_original_ground_truth_counts_the_query_itself_as_the_lists_say(
    tmp_path: Path,
) -> None:
    """The jar's good image comes second, behind the query itself, an irrelevant one that no list
    names: the trapezoid adds (1/2 + 0/1) / 2. The stick's bottle stands behind other sticks."""
    write_oxford_tree(tmp_path / "oxford5k")
    made = make_table("oxford-paris", asked(tmp_path / "oxford5k"))
    (figure,) = made.systems[0].sections[0].groups[0].figures
    assert figure.samples is not None and figure.samples[0] == pytest.approx(0.25)


def test_data_without_difficulties_and_sets_given_twice_are_refused(
    glasses: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="needs one folder with"):
        make_table("oxford-paris", asked(glasses))
    write_drawn_landmarks(tmp_path / "rox")
    with pytest.raises(ConfigError, match="rdrawn is given twice"):
        make_table("oxford-paris", asked(tmp_path / "rox", tmp_path / "rox"))


def test_a_protocol_can_be_chosen_and_must_be_there(glasses: Path) -> None:
    request = replace(asked(glasses), protocol="product")
    assert make_table("sop", request).dataset == "eyeglasses product"
    with pytest.raises(ConfigError, match="unknown protocol 'hard'"):
        make_table("sop", replace(request, protocol="hard"))


def test_unreadable_images_are_told_once(glasses: Path) -> None:
    (glasses / "gallery" / "round" / "0.png").write_bytes(b"")
    made = make_table("sop", asked(glasses, names=("one", "two")))
    assert len(made.faults) == 1 and "0.png" in made.faults[0]
    assert "1 of 4 gallery images" in " ".join(made.systems[0].sections[0].notes)
