"""What every part of the chain is worth on real shop photos (GroceryStoreDataset, Packages).

    python benchmarks/grocerystore.py DATA --u2netp u2netp.onnx --backbone mobilenet_v2.onnx

The catalogue is iconic-images-and-descriptions/Packages and train/Packages. The queries of
``--split val`` are the photos of val/Packages; ``--split validation`` takes the last third of every
product's train images out of the catalogue instead: choose defaults there, and read val once.

Everything runs through the public functions with settings, so it is what a user gets. How to
read the table:

* R@1, R@5: fraction of queries with the correct product among the first 1 or 5 products, the hits
  being grouped by product as a query shows them; in brackets the 95 % bootstrap interval.
* mAP: mean over queries of the average precision of the ranked images, before they are
  grouped: all images of the searched categories, relevant are those of the same product.
  Relevant images outside the searched categories count as never found.
* ΔR@1: difference to the base row, query by query, with its 95 % interval; an interval that
  holds 0 means that these queries cannot tell the two apart.
* category R@1, R@5: the same for the category of the hits.
* routed: how often the searched categories hold the true one, their mean number, and how many
  queries were unsure (then all categories are searched).

Galleries and described queries are kept in ``--work``: empty it after a change of the code that
describes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from grocery.galleries import described_queries, gallery_for, same_files
from grocery.images import SPLITS, Query, queries
from grocery.measure import Outcome, measure
from grocery.rows import base_row, rows, variants
from support.tables import markdown

from engine.describe import Described
from engine.errors import PacksightError
from offline.metrics.statistics import Interval, bootstrap

HEAD = (
    "chain",
    "R@1",
    "R@5",
    "mAP",
    "ΔR@1",
    "cat. R@1",
    "cat. R@5",
    "routed holds",
    "size",
    "unsure",
)
SEED = 20240


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    work = Path(args.work or tempfile.mkdtemp(prefix="packsight-grocery-"))
    _say(f"work folder: {work}")
    try:
        outcomes = _run(args, work)
    except PacksightError as error:
        _say(f"grocerystore: {error}")
        return 1
    print(_table(outcomes, base_row(args.base)))
    if args.out:
        plain = {name: [asdict(one) for one in found] for name, found in outcomes.items()}
        report = {"split": args.split, "base": args.base, "rows": plain}
        Path(args.out).write_text(json.dumps(report, indent=1), "utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    text = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("data", type=Path, metavar="DATA", help="root of GroceryStoreDataset")
    parser.add_argument("--u2netp", type=Path, required=True, metavar="FILE.onnx")
    parser.add_argument("--backbone", type=Path, required=True, metavar="FILE.onnx")
    parser.add_argument("--split", choices=SPLITS, default="val")
    parser.add_argument("--base", choices=("whole", "colour", "grey", "crop"), default="crop")
    parser.add_argument(
        "--work", metavar="DIR", help="galleries are kept here (default: a new one)"
    )
    parser.add_argument("--out", metavar="FILE.json", help="every outcome of every query")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="search with the first N queries only"
    )
    return parser


def _run(args: argparse.Namespace, work: Path) -> dict[str, list[Outcome]]:
    photos = queries(args.data, args.split)[: args.limit]
    _say(f"{len(photos)} queries from {args.split}")
    known = variants(args.u2netp, args.backbone)
    galleries: dict[str, Path] = {}
    described: dict[str, list[Described]] = {}
    outcomes: dict[str, list[Outcome]] = {}
    for row in rows(args.base):
        if row.variant not in galleries:
            gallery = gallery_for(args.data, known[row.variant], args.split, work, _say)
            described[row.variant] = described_queries(gallery, photos, work / row.variant)
            galleries[row.variant] = gallery
            _say_copies(row.variant, gallery, photos)
        outcomes[row.name] = measure(row, galleries[row.variant], photos, described[row.variant])
        _say(f"{row.name}: R@1 {_mean(outcomes[row.name]):.3f}")
    return outcomes


def _say_copies(variant: str, gallery: Path, photos: Sequence[Query]) -> None:
    """A query whose very file is in the catalogue would prove nothing."""
    copies = same_files(gallery, photos)
    if copies:
        _say(f"{variant}: {len(copies)} queries are in the catalogue, such as {copies[0]}")


def _mean(outcomes: Sequence[Outcome]) -> float:
    return sum(one.product_hit[0] for one in outcomes) / len(outcomes)


def _table(outcomes: Mapping[str, Sequence[Outcome]], base: str) -> str:
    against = outcomes[base]
    return markdown(HEAD, [_line(name, found, against) for name, found in outcomes.items()])


def _line(name: str, found: Sequence[Outcome], against: Sequence[Outcome]) -> list[str]:
    def share(values: Sequence[float]) -> str:
        return f"{sum(values) / len(values):.3f}"

    gains = [
        one.product_hit[0] - other.product_hit[0] for one, other in zip(found, against, strict=True)
    ]
    return [
        name,
        _interval(bootstrap([one.product_hit[0] for one in found], seed=SEED)),
        share([one.product_hit[1] for one in found]),
        _interval(bootstrap([one.ap for one in found], seed=SEED)),
        _interval(bootstrap(gains, seed=SEED), sign="+") if any(gains) else "0",
        share([one.category_hit[0] for one in found]),
        share([one.category_hit[1] for one in found]),
        share([float(one.holds) for one in found]),
        f"{sum(one.routed for one in found) / len(found):.2f}",
        str(sum(one.unsure for one in found)),
    ]


def _interval(interval: Interval, sign: str = "") -> str:
    spec = f"{sign}.3f"
    return f"{interval.mean:{spec}} [{interval.low:{spec}}, {interval.high:{spec}}]"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
