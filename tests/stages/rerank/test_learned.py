"""A learned reranker obeys its file, names its reasons, and refuses what it did not learn from."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config import Settings, load
from engine.errors import ConfigError, WeightsError
from engine.types import BoolArray, Description, Hit
from stages.assemble import assemble
from stages.context import BuildContext
from stages.rerank import learned
from stages.rerank._artefact import RerankerArtefact
from stages.rerank._pair_features import NAMES, VERSION
from stages.rerank._scorer import Coefficients, Scorer

SIDE = 16
MakeDescription = Callable[..., Description]
MakeHit = Callable[..., Hit]


def box(width: int, height: int) -> BoolArray:
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[:height, :width] = True
    return mask


def artefact(share: float = 1.0, top_n: int = 10, **weights: float) -> RerankerArtefact:
    """A linear model that looks at the named features only."""
    scorer = Scorer(
        features=NAMES,
        means=(0.0,) * len(NAMES),
        scales=(1.0,) * len(NAMES),
        slope=1.0,
        model=Coefficients(
            intercept=0.0, coefficients=tuple(weights.get(name, 0.0) for name in NAMES)
        ),
    )
    return RerankerArtefact(scorer=scorer, share=share, top_n=top_n)


def built(
    folder: Path, made: RerankerArtefact, context: BuildContext | None = None, **options: object
) -> learned.Learned:
    path = folder / "reranker.json"
    made.write(path)
    given = learned.Options.model_validate({"weights": str(path), **options})
    return learned.build(given, context or BuildContext())


def ids(hits: Sequence[Hit]) -> list[int]:
    return [hit.record.id for hit in hits]


def test_the_feature_that_was_learned_decides_and_is_named(
    tmp_path: Path, described: MakeDescription, found: MakeHit
) -> None:
    query = described(box(8, 8))
    hits = [found(1, 0.9, described(box(8, 2))), found(2, 0.8, described(box(8, 8)))]
    first, second = built(tmp_path, artefact(overlap=5.0)).rerank(query, hits)
    assert ids([first, second]) == [2, 1]
    assert (first.iou, second.iou) == (1.0, 0.25)
    assert first.why == (
        "learned reranker, its image went from place 2 to 1, for it: overlap of the contours"
    )
    assert second.why == (
        "learned reranker, its image went from place 1 to 2, against it: overlap of the contours"
    )
    assert (first.score, second.score) == (0.8, 0.9)


def test_the_strongest_reason_is_named_first_and_weak_ones_are_not_named(
    tmp_path: Path, described: MakeDescription, found: MakeHit
) -> None:
    query = described(box(8, 8))
    hits = [found(1, 0.9, described(box(8, 2))), found(2, 0.8, described(box(8, 8)))]
    stage = built(tmp_path, artefact(overlap=2.0, width=9.0, score=0.1))
    assert stage.rerank(query, hits)[0].why.endswith(
        "for it: width from top to bottom and overlap of the contours"
    )


@given(share=st.sampled_from([0.0, 0.5, 1.0]), data=st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
def test_hits_are_permuted_and_share_0_keeps_their_order(
    tmp_path: Path, described: MakeDescription, found: MakeHit, share: float, data: st.DataObject
) -> None:
    sizes, scores = st.integers(0, SIDE), st.floats(0, 1, width=32)
    flags = st.sampled_from([(), (), ("empty",), ("untrusted",)])
    drawn = [
        (data.draw(scores), box(data.draw(sizes), data.draw(sizes)), data.draw(flags))
        for _ in range(data.draw(st.integers(0, 8)))
    ]
    hits = [
        found(at, score, described(mask, *raised)) for at, (score, mask, raised) in enumerate(drawn)
    ]
    stage = built(tmp_path, artefact(share, 5, overlap=3.0, shape=-2.0, category=1.0))
    answer = stage.rerank(described(box(5, 9)), hits)
    assert sorted(ids(answer)) == sorted(ids(hits))
    assert [hit.rank for hit in answer] == list(range(1, len(hits) + 1))
    assert ids(answer)[5:] == ids(hits)[5:]
    if share == 0:
        assert ids(answer) == ids(hits)


def test_equal_values_keep_the_order_of_retrieval(
    tmp_path: Path, described: MakeDescription, found: MakeHit
) -> None:
    hits = [found(at, 0.5, described(box(4, 4))) for at in (3, 1, 2)]
    answer = built(tmp_path, artefact(overlap=1.0)).rerank(described(box(4, 4)), hits)
    assert ids(answer) == [3, 1, 2]
    assert answer[0].why == "learned reranker, its image stays at place 1"


def test_a_hit_whose_outline_may_not_be_compared_says_so_and_may_still_move(
    tmp_path: Path, described: MakeDescription, found: MakeHit
) -> None:
    query = described(box(8, 8))
    hits = [found(1, 0.5, described(box(8, 8))), found(2, 0.9, described(box(8, 8), "empty"))]
    first, second = built(tmp_path, artefact(score=1.0)).rerank(query, hits)
    assert ids([first, second]) == [2, 1]
    assert (first.iou, second.iou) == (None, 1.0)
    assert first.why == (
        "learned reranker, its image went from place 2 to 1, for it: similarity of the images, "
        "contours not compared: the catalogue image's mask is empty"
    )


def test_options_replace_what_the_file_says(
    tmp_path: Path, described: MakeDescription, found: MakeHit
) -> None:
    query = described(box(8, 8))
    hits = [found(1, 0.9, described(box(8, 2))), found(2, 0.8, described(box(8, 8)))]
    made = artefact(overlap=5.0)
    assert ids(built(tmp_path, made, share=0).rerank(query, hits)) == [1, 2]
    assert ids(built(tmp_path, made, top_n=1).rerank(query, hits)) == [1, 2]
    assert built(tmp_path, made, top_n=3).top_n == 3
    assert built(tmp_path, made).top_n == 10


def test_images_that_other_parts_described_are_refused_unless_that_is_wanted(
    tmp_path: Path,
) -> None:
    made = artefact().model_copy(
        update={"described": "a" * 64, "described_by": {"embed": {"name": "onnx"}}}
    )
    other = BuildContext(described=frozenset({"b" * 64}))
    with pytest.raises(ConfigError, match=r"\[embed\] name = 'onnx'.*any_description = true"):
        built(tmp_path, made, other)
    built(tmp_path, made, other, any_description=True)
    built(tmp_path, made, BuildContext(described=frozenset({"a" * 64})))
    built(tmp_path, made)  # neither is known


def test_another_metric_of_search_is_refused(tmp_path: Path) -> None:
    made = artefact().model_copy(update={"metric": "euclidean"})
    with pytest.raises(ConfigError, match="a search by euclidean, not cosine"):
        built(tmp_path, made, BuildContext(metric="cosine"))


def test_a_file_of_other_features_is_refused(tmp_path: Path) -> None:
    made = artefact()
    names = ("score", *NAMES[:0:-1])
    scorer = made.scorer.model_copy(update={"features": names})
    with pytest.raises(WeightsError, match=r"other features.*packsight train reranker"):
        built(tmp_path, made.model_copy(update={"scorer": scorer}))
    with pytest.raises(WeightsError, match="other features"):
        built(tmp_path, made.model_copy(update={"measures": VERSION + 1}))


def test_the_describing_parts_are_known_by_their_fingerprint(tmp_path: Path) -> None:
    def assembled(*flags: str) -> str:
        settings = load(Settings(), env={}, flags=["segment.name=whole", *flags])
        return assemble(settings).fingerprint

    path = tmp_path / "reranker.json"
    plain = assembled()
    artefact().model_copy(update={"described": plain, "metric": "euclidean"}).write(path)
    flags = ["rerank.name=learned", f"rerank.weights={path}"]
    assert assembled(*flags) == plain
    for changed in ("cutout.margin=0.2", "embed.hog=0.1", "classify.k=3", "search.metric=cosine"):
        with pytest.raises(ConfigError, match="packsight train reranker"):
            assembled(*flags, changed)


def test_serving_imports_no_training(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from stages.context import BuildContext\n"
        "from stages.rerank.learned import Options, build\n"
        "build(Options(weights='rerank_classic'), BuildContext())\n"
        "print([name for name in ('sklearn', 'scipy', 'onnx', 'offline') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
