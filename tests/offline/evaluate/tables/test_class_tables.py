"""Waqas' tables: cells by hand, and scikit-learn's report on any predictions."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import classification_report

from engine.errors import ConfigError
from offline.evaluate.tables.classification import Classified, accuracies_of, report_of
from offline.evaluate.tables.layout import Request, Variant
from offline.evaluate.tables.registry import make_table
from offline.evaluate.task import DescribedTask
from offline.report.document import Table
from tests.offline.evaluate.counting_parts import quick_settings
from tests.offline.evaluate.made_tasks import Made, made_task
from tests.offline.evaluate.tables.drawn_trees import write_classes

PAIRS = st.lists(st.tuples(*[st.sampled_from("abcd")] * 2), min_size=1, max_size=30)


@cache
def no_task() -> DescribedTask:
    """The tables need no more of it than its name."""
    return made_task([Made(0.0)], [Made(1.0)])


def classified(pairs: list[tuple[str, str]]) -> Classified:
    """Of (true, predicted) pairs."""
    true, predicted = zip(*pairs, strict=True)
    return Classified("drawn", no_task(), tuple(map(str, range(len(pairs)))), true, predicted)


def cells(table: Table) -> dict[str, tuple[str, ...]]:
    return {row[0]: row[1:] for row in table.rows}


@given(PAIRS)
def test_the_first_table_is_scikit_learns_report(pairs: list[tuple[str, str]]) -> None:
    """Also with classes that are never predicted, and predicted ones that are never true."""
    true, predicted = zip(*pairs, strict=True)
    expected = classification_report(true, predicted, output_dict=True, zero_division=0)
    found = cells(report_of(classified(pairs)))
    accuracy = expected.pop("accuracy")
    assert found.pop("accuracy") == ("", "", f"{accuracy:.3f}", str(len(pairs)))
    assert set(found) == set(expected)
    for name, row in expected.items():
        numbers = [row[column] for column in ("precision", "recall", "f1-score")]
        assert [float(cell) for cell in found[name][:3]] == pytest.approx(numbers, abs=6e-4)
        assert int(found[name][3]) == row["support"]


@given(PAIRS)
def test_the_second_table_is_equation_6_class_by_class(pairs: list[tuple[str, str]]) -> None:
    found = cells(accuracies_of([classified(pairs)]))
    slow = {
        name: np.mean([(true == name) == (said == name) for true, said in pairs])
        for name in sorted({true for true, _ in pairs})
    }
    assert list(found)[:-3] == list(slow)
    for name, accuracy in slow.items():
        assert float(found[name][0]) == pytest.approx(accuracy, abs=6e-4)
    values = list(slow.values())
    assert float(found["average"][0]) == pytest.approx(np.mean(values), abs=6e-4)
    assert float(found["variance"][0]) == pytest.approx(np.var(values), rel=6e-3, abs=1e-12)
    plain = np.mean([true == said for true, said in pairs])
    assert float(found["plain accuracy"][0]) == pytest.approx(plain, abs=6e-4)


@pytest.fixture
def request_of_classes(tmp_path: Path) -> Request:
    write_classes(tmp_path / "classes")
    variant = Variant("quick", quick_settings())
    return Request((tmp_path / "classes",), (variant,), tmp_path / "cache")


def test_a_jar_that_shows_a_bottle_costs_what_it_must(request_of_classes: Request) -> None:
    made = make_table("waqas-1", request_of_classes)
    (table,) = made.tables
    assert cells(table) == {
        "bottle": ("0.667", "1.000", "0.800", "2"),
        "jar": ("1.000", "0.500", "0.667", "2"),
        "stick": ("1.000", "1.000", "1.000", "2"),
        "accuracy": ("", "", "0.833", "6"),
        "macro avg": ("0.889", "0.833", "0.822", "6"),
        "weighted avg": ("0.889", "0.833", "0.822", "6"),
    }
    (section,) = made.systems[0].sections
    assert section.groups[0].figures[0].samples == (1.0, 1.0, 1.0, 0.0, 1.0, 1.0)
    assert "vote of the 12 images of train" in " ".join(section.notes)
    assert made.images == {"judged": 6} and len(made.checksum) == 64


def test_systems_stand_side_by_side_in_the_second_table(request_of_classes: Request) -> None:
    """Accuracies 5/6, 5/6 and 1: their mean is 8/9, their variance 1/162."""
    (variant,) = request_of_classes.variants
    both = (variant, Variant("again", variant.settings))
    request = Request(request_of_classes.data, both, request_of_classes.cache)
    (table,) = make_table("waqas-2", request).tables
    assert table.columns == ("class", "quick", "again")
    assert cells(table) == {
        "bottle": ("0.833",) * 2,
        "jar": ("0.833",) * 2,
        "stick": ("1.000",) * 2,
        "average": ("0.889",) * 2,
        "variance": ("6.17e-03",) * 2,
        "plain accuracy": ("0.833",) * 2,
    }


def test_of_a_single_split_each_image_is_judged_by_the_others(
    request_of_classes: Request, tmp_path: Path
) -> None:
    (root,) = request_of_classes.data
    request = Request((root / "train",), request_of_classes.variants, tmp_path / "cache")
    made = make_table("waqas-1", request)
    assert cells(made.tables[0])["accuracy"][2] == "1.000"
    assert "the other images of all" in " ".join(made.systems[0].sections[0].notes)


def test_images_that_cannot_be_read_are_counted_and_named(
    request_of_classes: Request,
) -> None:
    (root,) = request_of_classes.data
    (root / "test" / "stick" / "4.png").write_bytes(b"")
    made = make_table("waqas-1", request_of_classes)
    assert cells(made.tables[0])["stick"][3] == "1"
    assert "1 images left out: cannot be read" in made.systems[0].sections[0].notes
    assert "4.png" in made.faults[0]


def test_a_split_that_is_not_there_or_has_no_categories_is_refused(
    request_of_classes: Request, tmp_path: Path
) -> None:
    data, variants = request_of_classes.data, request_of_classes.variants
    with pytest.raises(ConfigError, match="no split 'queries'"):
        make_table("waqas-1", Request(data, variants, tmp_path, split="queries"))
    with pytest.raises(ConfigError, match="made of one data set, not of 2"):
        make_table("waqas-1", Request(data * 2, variants, tmp_path))
