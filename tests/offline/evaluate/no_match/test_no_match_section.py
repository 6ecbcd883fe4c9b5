"""The section on absent products, by tasks whose answers can be read off a line."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from offline.adapt.matching import DEPTH
from offline.evaluate.no_match.measure import auroc_draws, presence, trials
from offline.evaluate.no_match.show import no_match_section
from offline.report.document import Figure, Histogram, Lines, Section, Table
from tests.engine.fake_parts import Reversed
from tests.offline.evaluate.made_tasks import Made, made_task

HELD, STRANGE = 40, 12


def line(wobble: float = 0.3, seed: int = 0) -> tuple[list[Made], list[Made]]:
    """Products ten apart with two views each; photos near their product's place, and strangers
    between two products."""
    random = np.random.default_rng(seed)
    gallery = [Made(10.0 * at + view, f"p{at}") for at in range(HELD) for view in (-0.5, 0.5)]
    known = [Made(10.0 * at + random.normal(0, wobble), f"p{at}") for at in range(HELD)]
    strangers = [Made(10.0 * at + 5 + random.normal(0, 1), f"s{at}") for at in range(STRANGE)]
    return [*known, *strangers], gallery


def figures(section: Section) -> dict[tuple[str, str], Figure]:
    return {
        (group.name, figure.name): figure for group in section.groups for figure in group.figures
    }


def test_every_photo_is_found_with_its_product_and_without() -> None:
    queries, gallery = line()
    found = trials(made_task(queries, gallery))
    assert len(found) == 2 * HELD + STRANGE
    for one in found:
        answer = one.answer
        assert len(answer.features) == len(answer.right) == DEPTH
        assert answer.right.any() == answer.present
        assert one.taken_out == (not answer.present and answer.product.startswith("p"))
    assert presence(found).sum() == HELD
    first = found[0].answer.features[0]
    second = found[1].answer.features[0]
    assert first[0] > second[0]  # without its product the nearest is farther
    assert (first[2], second[2]) == (1, 1)


def test_the_systems_own_reranker_decides_which_hit_is_first() -> None:
    queries, gallery = line()
    turned = trials(made_task(queries, gallery, reranker=Reversed(top_n=6)))
    assert not any(one.answer.right_first for one in turned)
    assert any(one.answer.right.any() for one in turned)


def test_products_that_stand_apart_are_told_apart() -> None:
    queries, gallery = line()
    section = no_match_section(made_task(queries, gallery))
    found = figures(section)
    assert section.stage == "no-match"
    assert found["present against absent", "AUROC of the score"].value == 1
    assert found["products in the gallery", "right first"].value == 1
    accepted = found["products in the gallery", "accepted at 5% false accepts"]
    assert accepted.value == 1 and accepted.samples is not None and len(accepted.samples) == HELD
    passed: list[float | None] = []
    for kind, count in (("products taken out", HELD), ("products not in the gallery", STRANGE)):
        wrong = found[kind, "false accepts, 5% asked"]
        assert wrong.better == "lower" and wrong.samples is not None
        assert len(wrong.samples) == count
        passed += wrong.samples
    assert passed.count(1.0) == 3  # of 52: the strangers nearest to a product
    assert (found["calibration", "open-set accuracy"].value or 0) > 0.95
    assert [block.kind for block in section.blocks] == ["histogram", "lines", "table", "lines"]


def test_curve_and_area_are_those_of_scikit_learn() -> None:
    queries, gallery = line(wobble=4.0)
    described = made_task(queries, gallery)
    section = no_match_section(described)
    found = trials(described)
    scores, present = np.array([one.score for one in found]), presence(found)
    area = figures(section)["present against absent", "AUROC of the score"]
    assert area.value == pytest.approx(roc_auc_score(present, scores))
    assert area.low is not None and area.high is not None
    assert area.low < (area.value or 0) < area.high
    lines = section.blocks[1]
    assert isinstance(lines, Lines)
    curve = lines.series[0]
    false, true, _ = roc_curve(present, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.xs, false)
    np.testing.assert_allclose(np.array(curve.ys, float), true)
    assert f"AUROC {area.value:.3f}" in curve.name


def test_each_population_is_counted_once_in_the_histogram() -> None:
    queries, gallery = line(wobble=4.0)
    section = no_match_section(made_task(queries, gallery))
    histogram = section.blocks[0]
    assert isinstance(histogram, Histogram)
    right, wrong, absent = (sum(counts) for counts in histogram.counts.values())
    assert (right + wrong, absent) == (HELD, HELD + STRANGE)
    assert right == HELD * (figures(section)["products in the gallery", "right first"].value or 0)


def test_a_threshold_is_only_given_where_there_are_absent_ones_enough() -> None:
    queries, gallery = line()
    (table,) = (
        block
        for block in no_match_section(made_task(queries, gallery)).blocks
        if isinstance(block, Table)
    )
    shares = {row[0]: row[1] for row in table.rows}
    assert list(shares) == ["1%", "2%", "5%", "10%"]
    assert shares["1%"] == "needs 99 absent"
    assert 0 < float(shares["5%"]) <= 1


def test_scores_that_are_all_equal_tell_nothing_and_break_nothing() -> None:
    queries = [Made(0.0, f"p{at}") for at in range(30)]
    gallery = [Made(5.0, f"p{at}") for at in range(30)]
    section = no_match_section(made_task(queries, gallery))
    assert figures(section)["present against absent", "AUROC of the score"].value == 0.5
    assert isinstance(section.blocks[0], Histogram)


def test_too_few_photos_leave_the_scores_and_a_note() -> None:
    queries, gallery = line()
    section = no_match_section(made_task(queries[:4], gallery))
    assert [group.name for group in section.groups] == ["present against absent"]
    assert [block.kind for block in section.blocks] == ["histogram", "lines"]
    assert any("4 products photographed, needs 10" in note for note in section.notes)


@pytest.mark.parametrize(
    "queries",
    [[Made(1.0, "nobody's")], [Made(1.0, None)]],
    ids=["only absent products", "photos that say no product"],
)
def test_one_kind_of_photo_alone_gives_a_note_and_no_figures(queries: list[Made]) -> None:
    section = no_match_section(made_task(queries, [Made(0.0, "p0"), Made(3.0, "p1")]))
    assert section.groups == () and section.blocks == ()
    assert "nothing to tell apart" in section.notes[0]


def test_a_photo_that_finds_nothing_at_all_is_not_accepted() -> None:
    """One product a category: taken out, there is nothing left to find."""
    queries = [Made(1.0 * at, f"p{at}", category=f"c{at}") for at in range(20)]
    gallery = [Made(1.0 * at + 0.1, f"p{at}", category=f"c{at}") for at in range(20)]
    section = no_match_section(made_task(queries, gallery), false_accepts=0.1)
    found = figures(section)
    assert found["products taken out", "false accepts, 10% asked"].value == 0
    assert found["present against absent", "AUROC of the score"].value == 1


def test_answers_that_nothing_is_left_for_are_told() -> None:
    photos = [Made(float(at), "p") for at in range(3)]
    lonely = no_match_section(made_task(photos, [Made(0.5, "p")]))
    assert any(note.startswith("3 absent answers are empty") for note in lonely.notes)
    others = no_match_section(made_task(photos, [Made(0.5, "p"), Made(9.0, "q")]))
    assert not any("are empty" in note for note in others.notes)


def test_intervals_of_the_area_are_those_of_drawing_products_one_by_one() -> None:
    random = np.random.default_rng(1)
    values = random.integers(0, 5, 30).astype(float)
    positive = np.tile([True, False], 15)
    clusters = [f"p{at // 2}" for at in range(30)]
    draws = auroc_draws(values, positive, clusters, seed=3)
    again = np.random.default_rng(3)
    for draw in draws[:20]:
        chosen = again.integers(0, 15, 15)
        rows = np.concatenate([[2 * at, 2 * at + 1] for at in chosen])
        assert draw == pytest.approx(roc_auc_score(positive[rows], values[rows]))


def test_the_same_seed_gives_the_same_section() -> None:
    queries, gallery = line(wobble=4.0)
    one, two = (no_match_section(made_task(queries, gallery), seed=5) for _ in range(2))
    assert one == two
