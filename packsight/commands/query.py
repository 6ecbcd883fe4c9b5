"""`packsight query PHOTO --gallery DIR`, and of many photos `packsight query FOLDER --out FILE`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.names import without_controls
from packsight.commands._arguments import add_quiet_flag, add_settings_flags, positive

if TYPE_CHECKING:
    from engine.search import Answer
    from engine.types import Results, RGBImage
    from stages.open_searcher import OpenSearcher


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "photos",
        metavar="PHOTO",
        nargs="+",
        help="image file, or - for standard input; with --out several, or folders of any depth",
    )
    parser.add_argument(
        "--gallery",
        metavar="ADDRESS",
        required=True,
        help="gallery to search: a folder or postgresql://…",
    )
    parser.add_argument(
        "-k", type=int, default=10, metavar="N", help="number of products (default: 10)"
    )
    parser.add_argument(
        "--category",
        metavar="NAME",
        action="append",
        help="category to search, instead of the predicted ones; may be repeated",
    )
    parser.add_argument(
        "--exhaustive",
        action="store_true",
        help="look everywhere for the print in the photo, whatever its vector is near to; as "
        "--set query.exhaustive=true",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--page", metavar="FILE", help="write an HTML page with the hits")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="answer many photos into a file: .jsonl, a line a photo with the keys of --json, or "
        ".csv, a row a hit; the same command goes on where it was stopped",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=positive,
        help="number of decoding processes with --out (default: one a core)",
    )
    add_quiet_flag(parser)
    add_settings_flags(parser, default="the gallery's own settings")


def run(args: argparse.Namespace) -> int:
    from engine.timings import Stopwatch
    from stages.open_searcher import open_searcher

    watch, name = Stopwatch(), "" if args.out else _only(args.photos)
    with open_searcher(
        args.gallery,
        profile=args.profile,
        config=None if args.config is None else Path(args.config),
        overrides=[*args.overrides, *["query.exhaustive=true"] * args.exhaustive],
    ) as opened:
        if args.out:
            from packsight.commands._query_many import run_many

            return run_many(args, opened)
        start = time.perf_counter()
        with watch("load"):
            photo = opened.read(sys.stdin.buffer if name == "-" else name)
        answer = opened.searcher.answer(photo, args.k, args.category, watch)
        seconds = time.perf_counter() - start  # stages overlap: their sum is more
        if args.page:
            _write_page(Path(args.page), opened, photo, answer)
    if args.json:
        import json

        from online.results_json import results_json

        print(json.dumps(results_json(answer.results), ensure_ascii=False, indent=2))
    else:
        print(_text(answer.results, args.k, seconds))
        if args.page:
            print(f"page: {args.page}")
    return 0


def _only(photos: Sequence[str]) -> str:
    """The one photo; ConfigError for several or a folder."""
    if len(photos) > 1 or Path(photos[0]).is_dir():
        from engine.errors import ConfigError

        what = f"{len(photos)} photos" if len(photos) > 1 else f"{photos[0]}: is a folder"
        raise ConfigError(
            f"{what}; without --out one photo is answered.",
            remedy="Name a file for the answers: --out hits.jsonl.",
        )
    return photos[0]


def _write_page(path: Path, opened: OpenSearcher, photo: RGBImage, answer: Answer) -> None:
    from engine.errors import ImageError
    from online.page import render, write

    def thumbnail(uri: str) -> RGBImage | None:
        try:
            return opened.read(uri)
        except ImageError:
            return None

    write(path, render(answer.results, photo, answer.cutout, thumbnails=thumbnail))


def _text(results: Results, k: int, seconds: float) -> str:
    route = results.route
    fractions = zip(route.categories, route.probabilities, strict=True)
    searched = ", ".join(f"{name} {part:.0%}" if part else name for name, part in fractions)
    lines = [f"searched: {searched} ({route.why})"]
    if results.query.quality.flags:
        flags = ", ".join(results.query.quality.flags).replace("_", " ")
        lines.append(f"the photo's mask: {flags}")
    if results.mask_trust is not None:
        lines.append(f"the photo's mask is correct with probability {results.mask_trust:.2f}")
    if results.query.quality.untrusted and not results.query.quality.no_product:
        lines.append(
            "it may hold a hand, a part of the product or its neighbours: its contour was not used"
        )
    lines += [*_verdict(results), *results.notes, *_table(results)]
    lines += _reasons(results)
    if len(results.hits) < k:
        lines.append(f"these categories hold {len(results.hits)} products, fewer than {k}")
    split = ", ".join(f"{name} {value * 1000:.0f}" for name, value in results.timings.items())
    lines.append(f"{seconds * 1000:.0f} ms: {split}")
    return "\n".join(map(without_controls, lines))


def _verdict(results: Results) -> list[str]:
    """Whether the catalogue holds the product, by the calibration, if there is one."""
    verdict = results.verdict
    if verdict is None or results.guesses:
        return []
    likely = f"the first hit is the product with {results.hits[0].probability or 0:.1%}"
    needed = f"a match needs more than {results.threshold:.1%}"
    words = "likely a match" if verdict == "likely" else verdict
    return [f"{words}: {likely}; {needed}"]


def _table(results: Results) -> list[str]:
    names = [without_controls(hit.record.product_id) for hit in results.hits]
    products = max(map(len, names), default=0)
    same = "   same" if results.calibrated else ""
    lines = [f"   #  score  distance   IoU{same}  {'product':{products}}  image"]
    for hit, name in zip(results.hits, names, strict=True):
        iou = "   –" if hit.iou is None else f"{hit.iou:.2f}"
        same = "" if hit.probability is None else f"  {hit.probability:5.1%}"
        views = f" (best of {hit.views} views)" if hit.views > 1 else ""
        lines.append(
            f"{hit.rank:4}  {hit.score:.3f}  {hit.distance:8.4f}  {iou}{same}  "
            f"{name:{products}}  {hit.record.uri}{views}"
        )
    return lines


def _reasons(results: Results) -> list[str]:
    """Why some hits were not compared by contour, and the places that match, a line a reason."""
    from engine.verification import other_reasons, words

    ranks: dict[str, list[str]] = {}
    for hit in results.hits:
        if hit.iou is None and (why := other_reasons(hit)):
            ranks.setdefault(why, []).append(str(hit.rank))
    for hit in results.hits:
        if places := words(hit.match):
            ranks.setdefault(places, []).append(str(hit.rank))
    return [f"{', '.join(numbers)}: {why}" for why, numbers in ranks.items()]
