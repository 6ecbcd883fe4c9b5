"""What each reranker costs a query: milliseconds for 10, 20 and 100 candidates, warm and cold.

    OPENBLAS_NUM_THREADS=1 python benchmarks/rerank_cost.py [--rounds 30] [--reranker FILE ...]

Descriptions are made up: unit vectors, a made silhouette each, category and trust. The rerankers
run in turn within each round, so that what else the machine does falls on all alike. How to read
the table:

* warm: the median over rounds of one query with the same candidates again and again; what a stage
  keeps of a silhouette is there.
* cold: candidates that no stage has seen before.
* ratio: to `contour_iou` (aligned) with as many candidates, in the same state.
* learned, logistic: every feature of a pair, a weight each. learned, boosting: ``--trees`` trees of
  seven questions. Both models are drawn, for time does not depend on what was learned;
  ``--reranker`` adds files of `packsight train reranker`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from support.numbers import milliseconds, spread
from support.tables import markdown

from engine.contours import aligned_contour, frame_contour
from engine.errors import PacksightError
from engine.protocols import Reranker
from engine.types import CategoryScores, Description, Embedding, Hit, Matte, MatteQuality, Record
from stages.context import BuildContext
from stages.rerank import contour_iou, fused, k_reciprocal, learned, none
from stages.rerank._artefact import RerankerArtefact
from stages.rerank._pair_features import NAMES, VERSION
from stages.rerank._scorer import Coefficients, Scorer
from stages.rerank._trees import Boosting, Tree, Trees

DIMENSION = 1280  # of MobileNetV2
CATEGORIES = ("bottle", "jar", "palette")
MOST = 10_000  # candidates that a stage may rerank here: all that are shown to it
YARDSTICK = "contour_iou, aligned"
QUESTIONS = 7  # of a tree; three a row
PLACE = (192, 144)  # of a made matte


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    draw = _Draw(np.random.default_rng(args.seed))
    try:
        reranks = _reranks(draw, args.trees, args.reranker)
    except PacksightError as error:
        print(f"rerank_cost: {error}", file=sys.stderr)
        return 1
    times = {count: _measured(reranks, draw, count, args.rounds) for count in args.candidates}
    print(f"{args.rounds} rounds, vectors of {DIMENSION} numbers, milliseconds\n")
    print(_table(reranks, times))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--candidates", type=int, nargs="+", default=(10, 20, 100), metavar="N")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--trees", type=int, default=100, help="of the boosted model")
    parser.add_argument("--reranker", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--seed", type=int, default=0)
    return parser


class _Draw:
    """Made descriptions, no two alike."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self._drawn = 0

    def description(self) -> Description:
        vector = self.random.standard_normal(DIMENSION).astype(np.float32)
        matte = self._matte()
        return Description(
            CategoryScores.certain(str(self.random.choice(CATEGORIES))),
            Embedding(vector / np.linalg.norm(vector)),
            frame_contour(matte),
            aligned_contour(matte),
            MatteQuality(),
            trust=float(self.random.uniform(0.5, 1)),
        )

    def hits(self, query: Description, count: int) -> list[Hit]:
        """In the order of retrieval."""
        found = [self.description() for _ in range(count)]
        away = [_squared(query, one) for one in found]
        order = sorted(range(count), key=away.__getitem__)
        return [
            Hit(self._record(found[at]), rank, 1 - away[at] / 2, away[at])
            for rank, at in enumerate(order, start=1)
        ]

    def _record(self, found: Description) -> Record:
        self._drawn += 1
        name = f"p{self._drawn}"
        return Record(self._drawn, name, name, found.scores.top, True, f"{name}.jpg", {}, found)

    def _matte(self) -> Matte:
        """An ellipse on a box with a notch, as no other."""
        plane = np.zeros(PLACE, np.float32)
        width, cap, notch = (int(one) for one in self.random.integers((20, 10, 2), (50, 60, 18)))
        foot = int(self.random.integers(140, 180))
        cv2.rectangle(plane, (72 - width, 80), (72 + width, foot), 1.0, -1)
        cv2.ellipse(plane, (72, 80), (width, cap), 0, 0, 360, 1.0, -1)
        cv2.circle(plane, (72 + width, int(self.random.integers(90, foot))), notch, 0.0, -1)
        return Matte(plane)

    def model(self, trees: int) -> Coefficients | Trees:
        """Logistic without trees."""
        width = len(NAMES)
        if not trees:
            drawn = self.random.standard_normal(width).tolist()
            return Coefficients(intercept=0.0, coefficients=tuple(drawn))
        return Boosting(baseline=0.0, trees=tuple(self._tree() for _ in range(trees))).compiled(
            width
        )

    def _tree(self) -> Tree:
        """Three lists deep, every one of them reranked."""
        inner, leaves = QUESTIONS, QUESTIONS + 1
        ends = (0,) * leaves
        return Tree(
            feature=(*self.random.integers(0, len(NAMES), inner).tolist(), *(-1,) * leaves),
            threshold=(*self.random.standard_normal(inner).tolist(), *ends),
            left=(*(2 * at + 1 for at in range(inner)), *ends),
            right=(*(2 * at + 2 for at in range(inner)), *ends),
            value=(*(0,) * inner, *self.random.standard_normal(leaves).tolist()),
        )


def _squared(query: Description, other: Description) -> float:
    return float(((query.embedding.vector - other.embedding.vector) ** 2).sum())


def _reranks(draw: _Draw, trees: int, files: Sequence[Path]) -> dict[str, Reranker]:
    context = BuildContext()
    made: dict[str, Reranker] = {
        "none": none.build(none.Options(), context),
        YARDSTICK: contour_iou.build(contour_iou.Options(top_n=MOST, align=True), context),
        "fused, aligned": fused.build(fused.Options(top_n=MOST, align=True), context),
        "k_reciprocal": k_reciprocal.build(k_reciprocal.Options(top_n=MOST), context),
        "learned, logistic": _learned(draw.model(0)),
        "learned, boosting": _learned(draw.model(trees)),
    }
    for file in files:
        options = learned.Options(weights=str(file), top_n=MOST, any_description=True)
        made[f"learned, {file.stem}"] = learned.build(options, context)
    return made


def _learned(model: Coefficients | Trees) -> Reranker:
    zeros, ones = (0.0,) * len(NAMES), (1.0,) * len(NAMES)
    scorer = Scorer(features=NAMES, means=zeros, scales=ones, slope=1.0, model=model)
    artefact = RerankerArtefact(scorer=scorer, measures=VERSION, share=1.0, top_n=MOST)
    return learned.Learned(artefact, learned.Options(weights="drawn"))


@dataclass(frozen=True)
class _Times:
    """Medians, in seconds."""

    warm: float
    cold: float


def _measured(
    reranks: Mapping[str, Reranker], draw: _Draw, count: int, rounds: int
) -> dict[str, _Times]:
    warm: dict[str, list[float]] = {name: [] for name in reranks}
    cold: dict[str, list[float]] = {name: [] for name in reranks}
    query = draw.description()
    known = draw.hits(query, count)
    for _ in range(rounds):
        for name, rerank in reranks.items():
            _seconds(rerank, query, known)  # what the cold ones took from the processor's cache
            warm[name].append(_seconds(rerank, query, known))
            # Those of one family keep silhouettes in common: each gets candidates of its own.
            cold[name].append(_seconds(rerank, query, draw.hits(query, count)))
    return {name: _Times(spread(warm[name]).median, spread(cold[name]).median) for name in reranks}


def _seconds(rerank: Reranker, query: Description, hits: Sequence[Hit]) -> float:
    start = time.perf_counter()
    rerank.rerank(query, hits)
    return time.perf_counter() - start


def _table(reranks: Mapping[str, Reranker], times: Mapping[int, Mapping[str, _Times]]) -> str:
    head = ["rerank"]
    for count in times:
        head += [f"{count} warm", "ratio", f"{count} cold", "ratio"]
    rows = [
        [name, *(cell for found in times.values() for cell in _cells(found, name))]
        for name in reranks
    ]
    return markdown(head, rows)


def _cells(found: Mapping[str, _Times], name: str) -> Iterator[str]:
    one, base = found[name], found[YARDSTICK]
    for mine, other in ((one.warm, base.warm), (one.cold, base.cold)):
        yield milliseconds(mine)
        yield f"{mine / other:.2f}"


if __name__ == "__main__":
    sys.exit(main())
