"""How to choose the vote and the routing: power, mass and unsure_below on the grocery photos.

    python benchmarks/grocery_routing.py DATA --u2netp FILE.onnx --backbone FILE.onnx --work DIR

Searches with the validation split (see ``grocerystore.py``, whose galleries and described queries
in ``--work`` it shares) with ``nearest`` voting by different powers. How to read the tables:

* ``category right``: fraction of queries whose likeliest category is the true one; beside it the
  mean probability that it was given: a vote that knows itself has the two equal;
* holds, size: how often the routed categories hold the true one, and their mean number;
* R@1: of products, without reranking.

The first table varies the power and the mass with ``unsure_below`` off, the second one
``unsure_below`` with the shipped power and mass.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grocery.galleries import described_queries, gallery_for
from grocery.images import Query, queries
from grocery.measure import Outcome, measure
from grocery.rows import NO_RERANK, SOFT, Row, variants
from support.tables import markdown

from engine.config import RouteSettings
from engine.describe import Described
from engine.errors import PacksightError
from engine.galleries import open_gallery
from engine.types import Neighbour
from stages.assemble import stage_options
from stages.classify.nearest import vote

POWERS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
MASSES = (0.8, 0.9, 0.95, 0.99)
THRESHOLDS = (0.0, 0.25, 0.35, 0.5, 0.65, 0.8)


@dataclass(frozen=True)
class Searched:
    """The queries of one gallery with the labelled neighbours that vote on each."""

    gallery: Path
    queries: Sequence[Query]
    described: Sequence[Described]
    neighbours: Sequence[list[Neighbour]]

    def voted(self, power: float) -> list[Described]:
        """The descriptions with scores of another vote."""
        return [
            replace(one, description=replace(one.description, scores=vote(near, power)))
            for one, near in zip(self.described, self.neighbours, strict=True)
        ]

    def outcomes(self, voted: Sequence[Described], route: RouteSettings) -> list[Outcome]:
        options = (f"route.mass={route.mass}", f"route.unsure_below={route.unsure_below}")
        row = Row("", "", (*NO_RERANK, *SOFT, *options))
        return measure(row, self.gallery, self.queries, voted)


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    try:
        searched = _searched(args)
        print(_powers(searched), _thresholds(searched), sep="\n\n")
    except PacksightError as error:
        print(f"grocery_routing: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA", help="root of GroceryStoreDataset")
    parser.add_argument("--u2netp", type=Path, required=True, metavar="FILE.onnx")
    parser.add_argument("--backbone", type=Path, required=True, metavar="FILE.onnx")
    parser.add_argument("--variant", default="crop", metavar="NAME", help="default: crop")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR")
    parser.add_argument("-k", type=int, metavar="N", help="neighbours that vote (default: shipped)")
    return parser


def _searched(args: argparse.Namespace) -> Searched:
    known = variants(args.u2netp, args.backbone)
    variant = known.get(args.variant)
    if variant is None:
        raise PacksightError(f"unknown variant {args.variant!r}. Valid: {', '.join(known)}.")
    photos = queries(args.data, "validation")
    gallery = gallery_for(args.data, variant, "validation", args.work, _say)
    described = described_queries(gallery, photos, args.work / variant.name)
    k = args.k or int(_shipped("k"))
    with open_gallery(gallery) as opened:
        neighbours = [
            opened.search(one.description.embedding, k, None, labelled_only=True)
            for one in described
        ]
    return Searched(gallery, photos, described, neighbours)


def _powers(searched: Searched) -> str:
    rows = [row for power in POWERS for row in _power(searched, power)]
    head = ["power", "category right", "given", "mass", "holds", "size", "R@1"]
    return markdown(head, rows)


def _power(searched: Searched, power: float) -> Iterator[list[str]]:
    voted = searched.voted(power)
    scores = [one.description.scores for one in voted]
    right = [one.top == query.category for one, query in zip(scores, searched.queries, strict=True)]
    given = [float(one.probabilities.max()) for one in scores]
    for mass in MASSES:
        outcomes = searched.outcomes(voted, RouteSettings(mass=mass, unsure_below=0.0))
        certainty = [f"{_mean(right):.3f}", f"{_mean(given):.3f}"]
        yield [f"{power:g}", *certainty, f"{mass:g}", *_routed(outcomes)]


def _thresholds(searched: Searched) -> str:
    voted = searched.voted(_shipped("power"))
    rows: list[list[str]] = []
    for threshold in THRESHOLDS:
        outcomes = searched.outcomes(voted, RouteSettings(unsure_below=threshold))
        unsure = str(sum(one.unsure for one in outcomes))
        rows.append([f"{threshold:g}", unsure, *_routed(outcomes)])
    return markdown(["unsure_below", "unsure", "holds", "size", "R@1"], rows)


def _routed(outcomes: Sequence[Outcome]) -> list[str]:
    return [
        f"{_mean([one.holds for one in outcomes]):.3f}",
        f"{_mean([one.routed for one in outcomes]):.2f}",
        f"{_mean([one.product_hit[0] for one in outcomes]):.3f}",
    ]


def _shipped(option: str) -> float:
    """A default of the stage ``nearest``."""
    return float(stage_options("classify", "nearest").model_fields[option].default)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
