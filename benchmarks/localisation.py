"""Ways to find the product, side by side, as in Figure 6 of the paper: a sheet and a table.

    python benchmarks/localisation.py --data PACKBENCH --u2netp FILE --sheet OUT.png [--ssd FILE]

Waqas et al., CMC 2023, show why they segment: a detector's box holds background, a saliency map
does not. The rows here: the box that Packbench itself knows (no detector can do better with
boxes), SSD300's where ``--ssd`` gives it as ONNX (``packsight weights export ssd300_vgg16``),
GrabCut, U²-Netp, U²-Net and any ``--segmenter NAME=FILE``; each alone and with one matting
(``--matting``, else the last of closed_form, guided, fba that runs here).

The sheet shows one photo of each of ``--rows`` categories with every mask's mistakes; the table is
over ``--limit`` images of every category, its columns as in benchmarks/masks.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
from mattes import rows, tables
from mattes.images import THIN, sample, spread, true_alpha
from mattes.measure import find_all, measure
from mattes.sheet import SheetRow, draw_sheet

from engine.errors import PacksightError
from engine.images import load
from offline.datasets import DatasetImage, open_dataset
from stages.context import BuildContext

# The last one that runs here stands for matting. In the order of their edges on Packbench, see
# docs/masks.md; FBA, the paper's own choice, wherever it can be had.
MATTINGS = ("closed_form", "guided", "fba")


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    cv2.setNumThreads(1)  # so that the processor's seconds are those of one thread
    try:
        finders = _finders(args)
        images = sample(open_dataset(args.data), args.split, args.limit)
        names = [row for finder in finders for row in finder.rows]
        print(f"## {args.split}: {len(images)} images\n")
        print(tables.overall(list(measure(finders, images)), names))
        if args.sheet is not None:
            shown = _one_a_category(images, args.rows)
            drawn = draw_sheet(names, [_row(image, finders) for image in shown])
            drawn.save(args.sheet, quality=88)
    except PacksightError as error:
        _say(f"localisation: {error}")
        return 1
    except OSError as error:
        _say(f"localisation: {args.sheet}: cannot be written ({error.strerror or error}).")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    rows.add_arguments(parser)
    parser.add_argument("--ssd", type=Path, metavar="FILE.onnx", help="SSD300's raw heads")
    parser.add_argument("--split", default="queries", metavar="NAME")
    parser.add_argument("--limit", type=int, metavar="N", help="images of a category (all)")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help="an image, PNG or JPEG")
    parser.add_argument("--rows", type=int, default=8, metavar="N", help="photos on the sheet")
    return parser


def _finders(args: argparse.Namespace) -> list[rows.Finder]:
    context = BuildContext(threads=1)
    mattings = rows.mattings(args.matting, context, _say)
    best = [name for name in MATTINGS if name in mattings][-1:]
    used = mattings if args.matting else {name: mattings[name] for name in best}
    found = {"grabcut": rows.shipped_grabcut(context), **rows.networks(rows.files(args), context)}
    if args.ssd is not None:
        found = {"ssd300": rows.detector(args.ssd, context), **found}
    segmenters = [rows.Finder(name, rows.by_segmenter(one), used) for name, one in found.items()]
    return [rows.Finder(rows.TRUE_BOX, rows.true_box, used), *segmenters]


def _one_a_category(images: Sequence[DatasetImage], count: int) -> list[DatasetImage]:
    """The middle image of each of ``count`` categories: thin ones, then some of the others."""
    categories = dict.fromkeys(image.category for image in images)
    groups = [[one for one in images if one.category == name] for name in categories]
    middles = [group[len(group) // 2] for group in groups]
    thin = [one for one in middles if one.category in THIN][:count]
    others = spread([one for one in middles if one.category not in THIN], count - len(thin))
    return [one for one in middles if one in thin or one in others]


def _row(entry: DatasetImage, finders: Sequence[rows.Finder]) -> SheetRow:
    image = load(entry.path)
    mattes = [found.matte for found in find_all(finders, entry, image)]
    return SheetRow(entry.category or entry.id, image, true_alpha(entry), mattes)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
