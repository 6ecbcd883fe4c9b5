"""Training a reranker: it leads where shape decides, is silent where it does not, and never
learns from what it is judged by."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import ConfigError, WeightsError
from offline.adapt.reranking import models
from offline.adapt.reranking.measure import Answers, ordered, retrieved
from offline.adapt.reranking.models import Hyperparameters, fit
from offline.adapt.reranking.pairs import PairedQuery, Pairs, pooled
from offline.adapt.reranking.selection import HeldOut, Trial, choose, divide, hold_out, hurts
from offline.evaluate.reranking.pairs import collect
from offline.evaluate.reranking.show import reranker_blocks, system_blocks
from offline.train.reranker.recipe import RerankerRecipe
from offline.train.reranker.training import Origin, learn, write
from stages.rerank._artefact import ALL, read_reranker
from stages.rerank._pair_features import NAMES
from stages.rerank._scorer import Coefficients
from tests.offline.evaluate.reranking.drawn_pairs import drawn_pairs
from tests.offline.evaluate.reranking.shaped_task import shaped_task

# One cautious and one bold recipe: the choice among ten takes longer and shows no more.
FEW = (Hyperparameters("logistic", 0.01), Hyperparameters("logistic", 1.0))


@pytest.fixture(autouse=True)
def few_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "LOGISTIC", FEW)
    monkeypatch.setattr(models, "BOOSTING", (Hyperparameters("boosting", depth=2, trees=20),))


def recipe(model: str = "logistic", **changed: object) -> RerankerRecipe:
    given = RerankerRecipe(Path("data"), Path("reranker.json"), top_n=10)
    return replace(given, model=model, **changed)  # type: ignore[arg-type]


def pairs_of(products: int = 60, *, tells: bool, pool: str = "made", seed: int = 0) -> Pairs:
    return collect(shaped_task(products, tells=tells, seed=seed), 10, pool)


@pytest.fixture(scope="module")
def telling() -> Pairs:
    return pairs_of(tells=True)


@pytest.fixture(scope="module")
def silent() -> Pairs:
    return pairs_of(tells=False)


@pytest.mark.parametrize("model", ["logistic", "boosting"])
def test_where_shape_decides_it_leads(telling: Pairs, model: str) -> None:
    trained = learn(telling, recipe(model), Origin())
    nested = trained.artefact.nested[0]
    assert nested.pool == ALL and nested.queries == 60
    assert nested.after.recall > nested.before.recall + 0.2
    assert nested.gain[1] > 0
    others = pairs_of(tells=True, seed=5)
    values = trained.artefact.scorer.values(others.rows, trained.artefact.share)
    assert ordered(others, values).recall.mean() > retrieved(others).recall.mean() + 0.2


def test_where_shape_says_nothing_the_order_of_retrieval_stands(silent: Pairs) -> None:
    artefact = learn(silent, recipe(), Origin()).artefact
    assert artefact.share == 0
    values = artefact.scorer.values(silent.rows, artefact.share)
    np.testing.assert_array_equal(ordered(silent, values).first, retrieved(silent).first)


def test_a_card_says_so_where_nothing_is_used(silent: Pairs, tmp_path: Path) -> None:
    write(learn(silent, recipe(), Origin()), tmp_path / "reranker.json")
    card = (tmp_path / "reranker.md").read_text("utf-8")
    assert "share 0, the order of retrieval stands" in card and "which is not used" in card


def test_the_weight_of_shape_goes_to_nothing_where_it_says_nothing(
    telling: Pairs, silent: Pairs
) -> None:
    def weight(pairs: Pairs) -> float:
        scorer = fit(Hyperparameters("logistic", 0.01), pairs.rows, pairs.right, seed=0)
        assert isinstance(scorer.model, Coefficients)
        return abs(scorer.model.coefficients[NAMES.index("overlap")])

    assert weight(silent) < weight(telling) / 5


def test_several_protocols_are_judged_one_by_one(telling: Pairs, silent: Pairs) -> None:
    other = replace(silent, queries=tuple(replace(one, pool="hand-held") for one in silent.queries))
    artefact = learn(pooled([telling, other]), recipe(), Origin("data")).artefact
    assert [one.pool for one in artefact.validation] == [ALL, "made", "hand-held"]
    assert [one.queries for one in artefact.validation] == [120, 60, 60]
    for one in artefact.validation:
        assert one.after.recall >= one.before.recall
        assert one.after.reciprocal >= one.before.reciprocal
    assert artefact.trained_on == "1200 pairs of 120 queries of data: made, hand-held"


def test_the_same_seed_gives_the_same_file(telling: Pairs, tmp_path: Path) -> None:
    files = []
    for name in ("a.json", "b.json"):
        write(learn(telling, recipe("boosting", seed=3), Origin()), tmp_path / name)
        graph = (tmp_path / name).with_suffix(".onnx")
        files.append((tmp_path / name).read_bytes() + graph.read_bytes())
    assert files[0] == files[1]


def test_no_fold_sees_a_product_or_family_that_it_is_judged_by() -> None:
    pairs = collect(shaped_task(60, tells=True, families=12), 10)
    folds = divide(pairs, 4, seed=0)
    group_of_list = {one.group: folds.of_lists[at] for at, one in enumerate(pairs.queries)}
    assert set(group_of_list) == set(pairs.names)
    for name, fold in zip(pairs.names, folds.of_groups, strict=True):
        assert fold == group_of_list[name]
    spoilt = pairs.rows.copy()
    here = (folds.of_lists[pairs.list_of] == 0) | (folds.of_groups[pairs.groups] == 0)
    spoilt[here] += 100.0
    (before,), (after,) = (
        hold_out(one, [FEW[0]], folds, 0) for one in (pairs, replace(pairs, rows=spoilt))
    )
    assert before.scorers[0] == after.scorers[0]
    assert before.scorers[1] != after.scorers[1]


def test_too_few_queries_are_told_how_many_are_needed() -> None:
    with pytest.raises(ConfigError, match=r"\d+ of 20 queries .* at least 40 queries"):
        learn(pairs_of(20, tells=True), recipe(), Origin())


def answers(*ranks: int) -> Answers:
    first = np.array(ranks)
    return Answers((first == 1).astype(float), 1 / first, 1 / first, first)


def queries_of(*pools: str) -> list[PairedQuery]:
    return [
        PairedQuery(f"q{at}", pool, "g", f"p{at}", "", False, None, 1, 0.0, 0.0)
        for at, pool in enumerate(pools)
    ]


def test_nothing_hurts_that_only_gains_and_all_else_does() -> None:
    pools = queries_of("a", "a", "b", "b")
    before = answers(2, 2, 2, 2)
    assert not hurts(before, before, pools, seed=0)
    assert not hurts(before, answers(1, 2, 2, 1), pools, seed=0)
    assert hurts(before, answers(1, 1, 2, 3), pools, seed=0)  # b loses
    assert hurts(answers(1, 5, 5, 5), answers(2, 1, 1, 2), queries_of("a", "b", "b", "a"), seed=0)
    uncertain = answers(1, 9, 1, 1)  # on average better, by chance perhaps not
    assert hurts(answers(2, 1, 2, 2), uncertain, queries_of(*"aaaa"), seed=0)


def test_of_equal_trials_the_cautious_one_is_taken_and_none_where_all_hurt(
    telling: Pairs,
) -> None:
    folds = divide(telling, 3, seed=0)
    (held,) = hold_out(telling, [FEW[0]], folds, seed=0)
    everyone = np.arange(len(telling.queries))
    before = retrieved(telling)
    best = Answers(np.ones(60), np.ones(60), np.ones(60), np.ones(60, np.int64))
    one, other = Trial(held, 0.25, best), Trial(held, 1.0, best)
    assert choose(telling, [one, other], everyone, seed=0).taken is one
    worse = Trial(held, 1.0, replace(before, reciprocal=before.reciprocal / 2))
    choice = choose(telling, [worse], everyone, seed=0)
    assert choice.taken is None and choice.share == 0 and choice.used is worse


ranks_of_20 = st.lists(st.integers(1, 4), min_size=20, max_size=20)


@given(st.lists(ranks_of_20, min_size=1, max_size=6), st.integers(0, 99))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_taken_is_worse_for_no_protocol(drawn: list[list[int]], seed: int) -> None:
    """Right is the second of four candidates, for 20 queries of two protocols."""
    pairs = drawn_pairs([[False, True, False, False]] * 20, [[]] * 20)
    queries = tuple(replace(one, pool="ab"[at % 2]) for at, one in enumerate(pairs.queries))
    pairs, before = replace(pairs, queries=queries), retrieved(pairs)
    held = HeldOut(FEW[0], (), np.zeros(0, np.int64))
    tried = [Trial(held, 1.0, answers(*ranks)) for ranks in drawn]
    taken = choose(pairs, tried, np.arange(20), seed).taken
    if taken is not None:
        for part in (slice(0, None, 2), slice(1, None, 2)):
            assert taken.answers.recall[part].mean() >= before.recall[part].mean()
            gained = (taken.answers.reciprocal - before.reciprocal)[part].sum()
            assert gained >= -1e-9


def test_missing_scikit_learn_is_told_by_its_extra(
    telling: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(WeightsError, match=r"pip install 'packsight\[train\]'"):
        learn(telling, recipe("boosting"), Origin())


def test_a_report_shows_coefficients_and_effects_by_look_and_mask(
    telling: Pairs, tmp_path: Path
) -> None:
    evidence = shaped_task(50, tells=True, seed=9, flagged=range(10))
    trained = learn(telling, recipe(), Origin("data"))
    write(trained, tmp_path / "reranker.json")
    words, coefficients, worth, table = reranker_blocks(trained.artefact, evidence)
    assert words.kind == "text" and "logistic regression" in words.text
    assert coefficients.kind == "bars" and set(coefficients.labels) <= set(NAMES)
    assert worth.kind == "bars" and "all of shape" in worth.labels
    recall, reciprocal = worth.series
    assert recall.ys[worth.labels.index("all of shape")] > 0.2  # type: ignore[operator]
    assert reciprocal.ys[worth.labels.index("category")] == 0
    assert table.kind == "table"
    assert [row[:2] for row in table.rows] == [
        ("all", "50"),
        ("mask without a flag", "40"),
        ("mask with a flag", "10"),
    ]
    chosen = {"name": "learned", "weights": str(tmp_path / "reranker.json"), "share": 0}
    task = replace(
        evidence,
        settings=evidence.settings.model_copy(
            update={
                "rerank": evidence.settings.rerank.model_copy(
                    update={
                        "name": "learned",
                        "options": {k: v for k, v in chosen.items() if k != "name"},
                    }
                )
            }
        ),
    )
    assert system_blocks(evidence) == ()
    text, *_, by_kind = system_blocks(task)
    assert text.kind == "text" and "(share 0)" in text.text
    assert by_kind.kind == "table" and by_kind.rows[0][2] == by_kind.rows[0][3]


def test_the_file_and_its_card_say_what_came_out(telling: Pairs, tmp_path: Path) -> None:
    trained = learn(telling, recipe(), Origin("data", "d" * 64, {"embed": {"name": "x"}}, "cosine"))
    out = tmp_path / "made" / "reranker.json"
    write(trained, out)
    found = read_reranker(out)
    assert found == trained.artefact
    assert (found.described, found.metric, found.top_n) == ("d" * 64, "cosine", 10)
    card = out.with_suffix(".md").read_text("utf-8")
    for said in ("600 pairs of 60 queries of data: made", "overlap", "R@1 without", found.recipe):
        assert said in card
    assert len(list(out.parent.iterdir())) == 2


def test_a_place_that_cannot_be_written_is_one_error(telling: Pairs, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    trained = learn(telling, recipe(), Origin())
    with pytest.raises(ConfigError, match="cannot be written"):
        write(trained, tmp_path / "file" / "reranker.json")
