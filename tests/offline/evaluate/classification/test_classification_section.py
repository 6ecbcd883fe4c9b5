"""The section on categories: every figure is the metric of its name, and the mistakes are shown."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.config import RouteSettings
from engine.errors import ConfigError
from engine.routing import route
from engine.types import CategoryScores
from offline.datasets import DatasetImage
from offline.evaluate.classification import classification_section
from offline.evaluate.classification.show import RULES
from offline.metrics.calibration import expected_calibration_error
from offline.report.document import (
    Bars,
    Cards,
    Figure,
    Group,
    Histogram,
    Lines,
    Matrix,
    Section,
    Table,
)
from tests.drawn_catalogue import package, save

NAMES = ("bottle", "cap", "jar", "puff")
DEFAULT = RouteSettings()

Photo = tuple[str | None, tuple[float, ...]]
# Three bottles (one predicted a cap), two caps, one jar (predicted a bottle), no puff.
PHOTOS: tuple[Photo, ...] = (
    ("bottle", (0.9, 0.1, 0.0, 0.0)),
    ("bottle", (0.8, 0.1, 0.1, 0.0)),
    ("bottle", (0.3, 0.4, 0.2, 0.1)),
    ("cap", (0.0, 1.0, 0.0, 0.0)),
    ("cap", (0.1, 0.6, 0.3, 0.0)),
    ("jar", (0.7, 0.1, 0.1, 0.1)),
)


def images_of(folder: Path, photos: tuple[Photo, ...]) -> list[DatasetImage]:
    return [
        DatasetImage(
            f"photo-{at}",
            save(folder / f"photo-{at}.png", package("jar", at)),
            category=category,
            look="phone" if at % 2 else "studio",
        )
        for at, (category, _) in enumerate(photos)
    ]


def section_of(
    folder: Path,
    photos: tuple[Photo, ...] = PHOTOS,
    routing: RouteSettings = DEFAULT,
    held: tuple[str, ...] = NAMES,
    worst: int = 12,
) -> Section:
    scores = [CategoryScores(NAMES, np.array(row, np.float32)) for _, row in photos]
    return classification_section(images_of(folder, photos), scores, routing, held, NAMES, 0, worst)


def group(section: Section, name: str) -> Group:
    (found,) = [one for one in section.groups if one.name == name]
    return found


def figure(section: Section, of: str, name: str) -> Figure:
    (found,) = [one for one in group(section, of).figures if one.name == name]
    return found


def value(section: Section, of: str, name: str) -> float:
    found = figure(section, of, name).value
    assert found is not None
    return found


def test_the_figures_of_six_photos_by_hand(tmp_path: Path) -> None:
    section = section_of(tmp_path)
    expected = {
        "accuracy": 4 / 6,
        "micro F1 (= accuracy)": 4 / 6,
        "top-2 accuracy": 5 / 6,  # the jar ties with the cap, which comes first by alphabet
        "top-3 accuracy": 1.0,
        "macro precision": (2 / 3 + 2 / 3 + 0) / 3,
        "macro recall": (2 / 3 + 1 + 0) / 3,
        "macro F1": (2 / 3 + 4 / 5 + 0) / 3,
        "weighted F1": (3 * 2 / 3 + 2 * 4 / 5) / 6,
        "average accuracy (eq. 6)": (4 + 5 + 5) / 18,
        "variance of accuracy (eq. 6)": np.var([4 / 6, 5 / 6, 5 / 6]),
        "called unknown": 0.0,
    }
    for name, wanted in expected.items():
        assert value(section, "all", name) == pytest.approx(wanted), name
    assert figure(section, "all", "accuracy").samples == (1, 1, 0, 1, 1, 0)
    rows = np.array([row for _, row in PHOTOS])
    truth = np.array([NAMES.index(str(name)) for name, _ in PHOTOS])
    assert value(section, "all", "ECE") == pytest.approx(
        expected_calibration_error(rows, truth), abs=1e-6
    )
    assert section.notes[-len(RULES) :] == RULES


def test_every_category_that_has_a_photo_has_its_figures(tmp_path: Path) -> None:
    section = section_of(tmp_path)
    names = [one.name for one in section.groups]
    assert names == [
        "all",
        "routing",
        "look / phone",
        "look / studio",
        "category / bottle",
        "category / cap",
        "category / jar",
    ]
    assert value(section, "category / cap", "precision") == pytest.approx(2 / 3)
    assert value(section, "category / cap", "F1") == pytest.approx(4 / 5)
    bottles = figure(section, "category / bottle", "recall")
    assert bottles.samples == (1, 1, 0) and bottles.value == pytest.approx(2 / 3)
    assert group(section, "category / bottle").items == ("photo-0", "photo-1", "photo-2")
    # A jar was never predicted: 0, as scikit-learn's zero_division=0.
    assert value(section, "category / jar", "precision") == 0.0
    assert value(section, "category / jar", "support") == 1


def test_intervals_hold_their_figures_and_repeat(tmp_path: Path) -> None:
    section = section_of(tmp_path, PHOTOS * 5)
    for one in group(section, "all").figures:
        if one.low is not None and one.high is not None and one.value is not None:
            assert one.low - 1e-9 <= one.high
            if one.name not in ("ECE", "variance of accuracy (eq. 6)"):
                assert one.low - 1e-9 <= one.value <= one.high + 1e-9
    assert section_of(tmp_path, PHOTOS * 5) == section


def test_tables_and_the_matrix_agree_with_the_figures(tmp_path: Path) -> None:
    section = section_of(tmp_path)
    (matrix,) = [block for block in section.blocks if isinstance(block, Matrix)]
    assert matrix.rows == ("bottle", "cap", "jar") and matrix.columns == ("bottle", "cap", "jar")
    assert matrix.counts == ((2, 1, 0), (0, 2, 0), (1, 0, 0))
    averages, mistakes = [block for block in section.blocks if isinstance(block, Table)]
    rows = {row[0]: row[1:] for row in averages.rows}
    assert rows["macro average"] == ("0.444", "0.556", "0.489")
    assert rows["micro average = accuracy"] == ("0.667",) * 3
    assert mistakes.rows == (("bottle", "cap", "1", "33%"), ("jar", "bottle", "1", "100%"))
    (bars,) = [block for block in section.blocks if isinstance(block, Bars)]
    assert bars.series[0].ys == pytest.approx((2 / 3, 4 / 5, 0))
    (sure,) = [block for block in section.blocks if isinstance(block, Histogram)]
    totals = {name: sum(counts) for name, counts in sure.counts.items()}
    assert totals == {"right": 4, "wrong": 2}


def test_the_most_confident_mistakes_come_first_with_their_scores(tmp_path: Path) -> None:
    section = section_of(tmp_path)
    (cards,) = [block for block in section.blocks if isinstance(block, Cards)]
    assert [card.title for card in cards.cards] == ["photo-5", "photo-2"]
    first = cards.cards[0]
    assert "bottle" in first.pictures[0].label
    assert "jar" in first.lines[0] and "10%" in first.lines[0]
    assert first.lines[1].endswith("bottle 70%, cap 10%, jar 10%")
    with Image.open(io.BytesIO(first.pictures[0].jpeg)) as shown:
        assert shown.size == (96, 128)
    (fewer,) = [b for b in section_of(tmp_path, worst=1).blocks if isinstance(b, Cards)]
    assert len(fewer.cards) == 1


def test_routing_is_what_a_search_of_the_gallery_would_do(tmp_path: Path) -> None:
    settings = RouteSettings(mass=0.8, unsure_below=0.35)
    section = section_of(tmp_path, routing=settings, held=("bottle", "cap", "jar"))
    scores = [CategoryScores(NAMES, np.array(row, np.float32)) for _, row in PHOTOS]
    routes = [route(one, ("bottle", "cap", "jar"), settings, knows=NAMES) for one in scores]
    reached = tuple(
        float(name in one.categories) for (name, _), one in zip(PHOTOS, routes, strict=True)
    )
    assert figure(section, "routing", "true category searched").samples == reached
    searched = figure(section, "routing", "categories searched")
    assert searched.samples == tuple(float(len(one.categories)) for one in routes)
    assert searched.better == "lower"


def test_the_routing_curve_goes_through_the_settings_in_use(tmp_path: Path) -> None:
    section = section_of(tmp_path, routing=RouteSettings(mass=0.9, unsure_below=0.0))
    (curve,) = [b for b in section.blocks if isinstance(b, Lines) and b.title.startswith("Rout")]
    likeliest, mass, here = curve.series
    assert likeliest.xs == (1, 2, 3, 4)
    assert likeliest.ys == pytest.approx((4 / 6, 5 / 6, 1, 1))
    assert (here.xs[0], here.ys[0]) in set(zip(mass.xs, mass.ys, strict=True))
    assert here.xs[0] == value(section, "routing", "categories searched")
    assert here.ys[0] == value(section, "routing", "true category searched")
    assert list(mass.xs) == sorted(mass.xs)


def test_photos_of_a_category_that_the_gallery_lacks_do_not_count_in_the_routing(
    tmp_path: Path,
) -> None:
    section = section_of(tmp_path, held=("bottle", "cap"))
    assert group(section, "routing").items == tuple(f"photo-{at}" for at in range(5))
    assert any("1 photos the gallery" in note for note in section.notes)
    nowhere = section_of(tmp_path, held=("spatula",))
    assert "routing" not in [one.name for one in nowhere.groups]


def test_a_category_that_no_scores_name_is_incorrect_for_any_number_of_guesses(
    tmp_path: Path,
) -> None:
    section = section_of(tmp_path, (*PHOTOS, ("spatula", (0.25, 0.25, 0.25, 0.25))))
    assert figure(section, "all", "top-5 accuracy").samples == (1, 1, 1, 1, 1, 1, 0)
    assert any("1 photos the scores" in note for note in section.notes)
    (cards,) = [block for block in section.blocks if isinstance(block, Cards)]
    assert "spatula" in cards.cards[-1].lines[0] and "not name" in cards.cards[-1].lines[0]


def test_one_photo_alone_is_measured_too(tmp_path: Path) -> None:
    section = section_of(tmp_path, PHOTOS[:1])
    assert value(section, "all", "accuracy") == value(section, "all", "macro F1") == 1.0
    (cards,) = [block for block in section.blocks if isinstance(block, Cards)]
    assert cards.cards == () and "no mistake" in cards.note


def test_without_a_category_the_section_has_a_note_with_the_reason(tmp_path: Path) -> None:
    section = section_of(tmp_path, ((None, PHOTOS[0][1]),))
    assert section.groups == () and section.blocks == ()
    assert "has a category" in section.notes[0]


def test_images_without_a_category_are_counted(tmp_path: Path) -> None:
    section = section_of(tmp_path, (*PHOTOS, (None, PHOTOS[0][1])))
    assert len(group(section, "all").items) == 6
    assert "measured: 6" in section.notes[0] and "without a category: 1" in section.notes[0]


def test_a_mistake_whose_image_is_gone_is_measured_but_not_shown(tmp_path: Path) -> None:
    scores = [CategoryScores(NAMES, np.array(row, np.float32)) for _, row in PHOTOS]
    images = images_of(tmp_path, PHOTOS)
    images[5].path.unlink()
    section = classification_section(images, scores, DEFAULT, NAMES, NAMES, 0)
    (cards,) = [block for block in section.blocks if isinstance(block, Cards)]
    assert [card.title for card in cards.cards] == ["photo-2"]
    assert value(section, "all", "accuracy") == pytest.approx(4 / 6)


def test_routing_by_a_probability_that_is_not_calibrated_is_an_error_with_a_way_out(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match="least_probability"):
        section_of(tmp_path, routing=RouteSettings(by="probability", unsure_below=0.0))
