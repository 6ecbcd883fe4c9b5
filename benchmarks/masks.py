"""How good masks are, and what matting adds: every segmenter and matting on exact mattes.

    python benchmarks/masks.py --data PACKBENCH --u2netp FILE [--segmenter NAME=FILE] [--limit 12]

Studio images (split ``test``) and phone photos (``queries``) apart; ``--limit`` takes that many
images of every category. All rows see one image after the other in one process with one
thread, so that a busy machine slows them alike. How to read the tables:

* IoU: of the masks at 0.5. MAE, MSE: mean over the image. SAD: sum of absolute differences in
  thousands of pixels. gradient: sum of squared differences of the Gaussian gradient's length, in
  thousands (Rhemann et al., CVPR 2009). F 2 px: of the boundary, with a tolerance of two pixels
  (Perazzi et al., CVPR 2016). Defined in offline/metrics/masks.py.
* edge …: the same errors within 5 pixels of the true edge alone. Matting is judged by these: a
  table top that a segmenter took for the product is no matter of edges.
* CPU s: the processor's seconds for an image, median; for ``A + B`` of both together.
* true mask: the exact matte cut at 0.5. What matting makes of it is the best that matting can do;
  what it loses is what cutting costs.
* change by: mean difference image by image to the same mask without matting, with its 95 %
  bootstrap interval; one that holds 0 means that these images cannot tell the two apart.

The thin parts are the categories of pumps, droppers and spatulas.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
from mattes import rows, tables
from mattes.images import THIN, sample
from mattes.measure import Measured, measure

from engine.errors import PacksightError
from offline.datasets import open_dataset
from stages.context import BuildContext

SPLITS = ("test", "queries")
CATEGORY_COLUMNS = ("IoU", "MAE", "F 2 px")


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    cv2.setNumThreads(1)  # so that the processor's seconds are those of one thread
    found: dict[str, list[Measured]] = {}
    try:
        dataset = open_dataset(args.data)
        samples = {name: sample(dataset, name, args.limit) for name in args.split or SPLITS}
        finders = _finders(args)
        for split, images in samples.items():
            _say(f"{split}: {len(images)} images")
            found[split] = list(measure(finders, images))
            print(_report(split, found[split], finders), end="\n\n", flush=True)
    except PacksightError as error:
        _say(f"masks: {error}")
        return 1
    if args.out:
        plain = {split: [asdict(one) for one in every] for split, every in found.items()}
        args.out.write_text(json.dumps(plain, indent=1), "utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    rows.add_arguments(parser)
    parser.add_argument(
        "--split", action="append", metavar="NAME", help="repeatable; default: test and queries"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="images of a category (all)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="every value")
    return parser


def _finders(args: argparse.Namespace) -> list[rows.Finder]:
    """GrabCut as it is; every network and the true mask with each matting."""
    context = BuildContext(threads=1)
    refined = rows.networks(rows.files(args), context)
    mattings = rows.mattings(args.matting, context, _say)
    return [
        rows.Finder("grabcut", rows.by_segmenter(rows.shipped_grabcut(context))),
        *(rows.Finder(name, rows.by_segmenter(one), mattings) for name, one in refined.items()),
        rows.Finder(rows.TRUE_MASK, rows.true_mask, mattings),
    ]


def _report(split: str, measured: Sequence[Measured], finders: Sequence[rows.Finder]) -> str:
    names = [row for finder in finders for row in finder.rows]
    pairs = [(finder.name, row) for finder in finders for row in finder.rows[1:]]
    thin = [one for one in measured if one.category in THIN]
    parts = [f"## {split}: {_count(measured)} images", tables.overall(measured, names)]
    if pairs:
        parts.append(tables.gains(measured, pairs))
    if thin:
        parts += [f"### thin parts: {_count(thin)} images", tables.overall(thin, names)]
        parts += [tables.gains(thin, pairs)] if pairs else []
    parts.append("### by category")
    shown = [name for name in names if not name.startswith(rows.TRUE_MASK)]
    parts += [tables.by_category(measured, shown, column) for column in CATEGORY_COLUMNS]
    return "\n\n".join(parts)


def _count(measured: Sequence[Measured]) -> int:
    return len({one.image for one in measured})


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
