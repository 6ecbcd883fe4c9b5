"""What every reranker promises, for each stage file found in stages/rerank."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.protocols import Reranker
from engine.types import (
    DOUBTS,
    QUALITY_FLAGS,
    CategoryScores,
    Contour,
    Description,
    Embedding,
    Hit,
    MatteQuality,
    Record,
)
from stages.context import BuildContext
from stages.rerank._artefact import RerankerArtefact
from stages.rerank._pair_features import NAMES as FEATURES
from stages.rerank._scorer import Coefficients, Scorer

FOLDER = Path(__file__).resolve().parents[2] / "stages" / "rerank"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
SIDE = 16
# Those that look at nothing else than contours and scores, and "none", which moves nothing.
BY_CONTOUR = [name for name in NAMES if name not in ("k_reciprocal", "learned")]


def description(seed: int, flags: Sequence[str] = (), *, blank: bool = False) -> Description:
    random = np.random.default_rng(seed)
    mask = np.zeros((SIDE, SIDE), bool) if blank else random.random((SIDE, SIDE)) < 0.5
    return Description(
        CategoryScores.certain("bottle"),
        Embedding(random.integers(0, 4, 3).astype(np.float32)),
        Contour.from_mask(mask),
        Contour.from_mask(np.roll(mask, seed % SIDE, axis=1)),
        MatteQuality.from_flags(flags),
    )


def hit(id_: int, score: float, described: Description) -> Hit:
    record = Record(
        id_, "0" * 64, f"p{id_}", "bottle", True, f"{id_}.jpg", MappingProxyType({}), described
    )
    return Hit(record, rank=id_ + 7, score=score, distance=1 - score)


# As describing raises them: a shadow is untrusted, too.
flag_sets = st.lists(st.sampled_from(QUALITY_FLAGS), max_size=2, unique=True).map(
    lambda flags: [*flags, "untrusted"] if "shadow" in flags else flags
)


@st.composite
def hit_lists(draw: st.DrawFn) -> list[Hit]:
    scores = draw(st.lists(st.floats(0, 1, width=32), max_size=14))
    described = st.builds(description, st.integers(0, 4), flag_sets, blank=st.booleans())
    return [hit(i, score, draw(described)) for i, score in enumerate(sorted(scores, reverse=True))]


def module(name: str) -> ModuleType:
    return importlib.import_module(f"stages.rerank.{name}")


# Options that a stage cannot do without, by its name; a file is written for the module's tests.
NEEDED: dict[str, dict[str, object]] = {}


@pytest.fixture(scope="module", autouse=True)
def learned_weights(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of a model whose numbers are drawn: a contract holds whatever was learned."""
    random, count = np.random.default_rng(0), len(FEATURES)
    scorer = Scorer(
        features=FEATURES,
        means=(0.0,) * count,
        scales=(1.0,) * count,
        slope=1.0,
        model=Coefficients(intercept=0.0, coefficients=tuple(random.normal(size=count).tolist())),
    )
    path = tmp_path_factory.mktemp("learned") / "reranker.json"
    RerankerArtefact(scorer=scorer, share=0.75, top_n=10).write(path)
    NEEDED["learned"] = {"weights": str(path)}


def reranker(name: str, **values: object) -> Reranker:
    stage = module(name)
    given = {**NEEDED.get(name, {}), **values}
    built = stage.build(stage.Options.model_validate(given), BuildContext())
    assert isinstance(built, Reranker)
    return built


def test_the_folder_holds_the_stages_of_the_issue() -> None:
    assert {"contour_iou", "fused", "k_reciprocal", "learned", "none"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="extra"):
        module(name).Options.model_validate({"no_such_option": 1})


@pytest.mark.parametrize("name", NAMES)
@given(hits=hit_lists(), flags=flag_sets)
def test_a_rerank_adds_and_drops_nothing_and_numbers_ranks_from_1(
    name: str, hits: list[Hit], flags: list[str]
) -> None:
    answer = reranker(name).rerank(description(1, flags), hits)
    assert sorted(h.record.id for h in answer) == sorted(h.record.id for h in hits)
    assert [h.rank for h in answer] == list(range(1, len(hits) + 1))


@pytest.mark.parametrize("name", NAMES)
@given(hits=hit_lists())
def test_hits_beyond_top_n_keep_their_order(name: str, hits: list[Hit]) -> None:
    stage = reranker(name)
    answer = stage.rerank(description(1), hits)
    ids = [h.record.id for h in hits]
    assert [h.record.id for h in answer][stage.top_n :] == ids[stage.top_n :]
    assert all(h.iou is None for h in answer[stage.top_n :])


@pytest.mark.parametrize("name", BY_CONTOUR)
@given(hits=hit_lists(), flags=flag_sets)
def test_untrusted_hits_keep_their_exact_place(
    name: str, hits: list[Hit], flags: list[str]
) -> None:
    answer = reranker(name).rerank(description(1, flags), hits)
    for before, after in zip(hits, answer, strict=True):
        if set(flags) & set(DOUBTS) or before.record.description.quality.doubts:
            assert after.record.id == before.record.id
            assert after.iou is None


@pytest.mark.parametrize("name", NAMES)
@given(hits=hit_lists())
def test_scores_and_distances_stay_and_overlaps_lie_between_0_and_1(
    name: str, hits: list[Hit]
) -> None:
    before = {h.record.id: h for h in hits}
    for after in reranker(name).rerank(description(1), hits):
        assert after.score == before[after.record.id].score
        assert after.distance == before[after.record.id].distance
        assert after.iou is None or 0.0 <= after.iou <= 1.0


@pytest.mark.parametrize("name", NAMES)
@given(hits=hit_lists())
@settings(max_examples=30)
def test_reranking_twice_changes_no_order(name: str, hits: list[Hit]) -> None:
    stage, query = reranker(name), description(1)
    once = stage.rerank(query, hits)
    assert [h.record.id for h in stage.rerank(query, once)] == [h.record.id for h in once]


@pytest.mark.parametrize("name", NAMES)
def test_no_hits_give_no_hits(name: str) -> None:
    assert reranker(name).rerank(description(1), []) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_input_is_left_as_it_was(name: str) -> None:
    hits = [hit(i, 1 - i / 10, description(i)) for i in range(5)]
    kept = list(hits)
    reranker(name).rerank(description(4), hits)
    assert all(a is b for a, b in zip(hits, kept, strict=True))
