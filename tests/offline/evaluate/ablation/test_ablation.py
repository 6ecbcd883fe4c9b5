"""One part switched at a time, and what that changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.config import Settings
from offline.datasets import RetrievalTask, open_dataset
from offline.evaluate.ablation.measure import Ablation, Switched, ablate
from offline.evaluate.ablation.show import ablation_blocks, verdict
from offline.evaluate.ablation.variants import Variant, variants
from offline.evaluate.describing import describe_task
from offline.evaluate.task import DescribedTask
from offline.metrics.statistics import Interval, bootstrap
from offline.report.document import Bars, Table
from tests.drawn_catalogue import write_catalogue
from tests.engine.fake_parts import Reversed
from tests.offline.evaluate.counting_parts import quick_settings
from tests.offline.evaluate.made_tasks import Made, made_task, scores

GALLERY = [Made(0, "a"), Made(1, "b"), Made(2, "c"), Made(3, "d", "tube")]
QUERIES = [
    Made(0.1, "a"),
    Made(1.1, "b"),
    Made(2.9, "c", scores=scores(tube=0.99, jar=0.01)),  # routed astray
]


def names(base: Settings, **how: bool) -> list[str]:
    return [one.name for one in variants(base, **{"describing": False, **how})]


def switched(*chosen: Variant) -> tuple[Switched, ...]:
    described = made_task(QUERIES, GALLERY, reranker=Reversed(2))
    return ablated(described, chosen).switched


def ablated(described: DescribedTask, chosen: Sequence[Variant], seed: int = 0) -> Ablation:
    found = ablate(described.task, described, chosen, Path("unused"), seed=seed)
    assert found is not None
    return found


def value(one: Switched, name: str) -> float | None:
    return {figure.name: figure.value for figure in one.group.figures}[name]


def by_name(name: str) -> Variant:
    (found,) = [v for v in variants(quick_settings(), describing=True) if v.name == name]
    return found


def test_a_switch_that_changes_nothing_is_no_variant() -> None:
    assert "without rerank" not in names(quick_settings("rerank.name=none"))
    assert "without rerank" in names(quick_settings())
    assert "likeliest category alone" not in names(quick_settings("route.hard=true"))
    assert "without segmentation" not in names(quick_settings(), describing=True)
    assert "without [matting]" in names(quick_settings("matting.name=guided"), describing=True)
    assert "with guided matting" in names(quick_settings(), describing=True)
    assert "with guided matting" not in names(
        quick_settings("matting.name=guided"), describing=True
    )


def test_describing_stages_are_switched_only_where_asked_for() -> None:
    assert not any(one.startswith("cutout") for one in names(quick_settings()))
    assert "cutout crop" in names(quick_settings(), describing=True)


def test_perfect_routing_finds_what_was_routed_astray() -> None:
    (perfect,) = switched(by_name("right category alone (perfect routing)"))
    (everywhere,) = switched(by_name("all categories searched"))
    # Reversed(2) turns each pair around: the third query's c is second of its category.
    assert value(perfect, "top@5") == 1
    assert value(everywhere, "top@5") == 1


def test_leaving_the_rerank_out_shows_what_it_spoiled() -> None:
    (without,) = switched(by_name("without rerank"))
    assert value(without, "top@1") == pytest.approx(2 / 3)
    top = without.differences[0]
    assert top.mean == pytest.approx(2 / 3)


def test_differences_are_those_of_single_queries() -> None:
    described = made_task(QUERIES, GALLERY, reranker=Reversed(2))
    found = ablated(described, [by_name("without rerank")], seed=3)
    (one,) = found.switched
    before, after = (group.figures[2].samples for group in (found.base, one.group))
    assert before is not None and after is not None
    differences = np.subtract(after, before).tolist()
    assert one.differences[2] == bootstrap(differences, seed=3)


def test_a_describing_variant_describes_anew_and_keeps_it(tmp_path: Path) -> None:
    task = drawn(tmp_path)
    described = describe_task(task, quick_settings(), tmp_path / "cache")
    chosen = [Variant("smaller", ("embed.side=16",), describes=True)]
    told: list[int] = []
    first = ablate(
        task, described, chosen, tmp_path / "cache", progress=lambda done, _: told.append(done)
    )
    assert told
    assert first is not None
    told.clear()
    again = ablate(
        task, described, chosen, tmp_path / "cache", progress=lambda done, _: told.append(done)
    )
    assert told == []
    assert again is not None
    assert first.switched[0].group == again.switched[0].group


def drawn(tmp_path: Path) -> RetrievalTask:
    write_catalogue(tmp_path / "data", products=2)
    return open_dataset(tmp_path / "data").retrieval("product")


def test_every_variant_of_a_quick_system_runs(tmp_path: Path) -> None:
    task = drawn(tmp_path)
    settings = quick_settings()
    described = describe_task(task, settings, tmp_path / "cache")
    chosen = [
        one
        for one in variants(settings, describing=True)
        if not any("grey" in text or "colour" in text for text in one.overrides)
    ]
    found = ablate(task, described, chosen, tmp_path / "cache")
    assert found is not None
    table, bars = ablation_blocks(found)
    assert isinstance(table, Table)
    assert isinstance(bars, Bars)
    assert [row[0] for row in table.rows] == ["as it is", *bars.labels]
    assert bars.labels == tuple(one.name for one in chosen)


def test_nothing_switched_is_nothing_shown() -> None:
    described = made_task(QUERIES, GALLERY)
    assert ablation_blocks(ablated(described, [])) == []


def test_queries_that_nothing_answers_have_no_ablation() -> None:
    described = made_task([Made(0, "nobody")], GALLERY)
    assert ablate(described.task, described, [by_name("without rerank")], Path("unused")) is None


@pytest.mark.parametrize(
    ("ends", "said"),
    [((0.01, 0.2), "better"), ((-0.2, -0.01), "worse"), ((0.0, 0.2), "within noise")],
)
def test_an_interval_that_holds_zero_says_nothing(ends: tuple[float, float], said: str) -> None:
    assert verdict(Interval(0.0, *ends)) == said


def test_true_masks_are_a_variant_only_where_the_data_has_them() -> None:
    wanted = "true masks (perfect segmentation)"
    assert wanted in names(quick_settings(), describing=True, masks=True)
    assert wanted not in names(quick_settings(), describing=True)
    assert wanted not in names(quick_settings(), masks=True)
