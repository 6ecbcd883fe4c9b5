"""`packsight train segmenter --data DIR --out DIR`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path

# fmt: off
_NUMBERS = (
    ("side",   int,   320,  "pixels a side of the network's input (default: 320)"),
    ("epochs", int,   20,   "times that every picture is seen (default: 20)"),
    ("batch",  int,   8,    "pictures a step (default: 8)"),
    ("rate",   float, None, "of learning (default: 3e-4 from a start, else 1e-3)"),
    ("seed",   int,   0,    "same seed, same training (default: 0)"),
    ("iou",    float, 0.0,  "weight of BASNet's IoU term (default: 0)"),
    ("ssim",   float, 0.0,  "weight of BASNet's SSIM term (default: 0)"),
    ("limit",  int,   None, "learn from at most N pictures (default: all)"),
    ("judged", int,   None, "judge by at most N pictures (default: all)"),
)
# fmt: on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="a data set with masks, such as images/ and masks/, or a Packbench",
    )
    add(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="the run's folder; a killed run goes on when the command is given again",
    )
    add(
        "--network",
        default="u2netp",
        metavar="NAME",
        help="u2netp (default, 1.1 M parameters) or u2net (44 M)",
    )
    add(
        "--start",
        metavar="FILE|NAME|none",
        help="weights to start from: .pth, .onnx, a name of `packsight weights list`, or none "
        "(default: the published weights of the network)",
    )
    for name, kind, default, said in _NUMBERS:
        add(f"--{name}", type=kind, default=default, metavar="N", help=said)
    add("--backgrounds", type=Path, metavar="DIR", help="photos to put behind the products")
    add("--split", metavar="NAME", help="to learn from (default: train, or the only one)")
    add(
        "--validation",
        metavar="NAME",
        help="to judge by (default: validation; else one picture in ten is held out)",
    )
    add("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    from offline.train.segmenter.recipe import SegmenterRecipe
    from offline.train.segmenter.training import train_segmenter

    chosen = {field.name: getattr(args, field.name) for field in fields(SegmenterRecipe)}
    recipe = SegmenterRecipe(**chosen)
    with _watch(show=not args.quiet) as watch:
        trained = train_segmenter(recipe, args.out, watch, None if args.quiet else _print_epoch)
    for reason in trained.left_out:
        print(f"left out: {reason}")
    if trained.before is not None:
        print(f"start: IoU {trained.before['score']:.4f}, MAE {trained.before['mae']:.4f}")
    last = trained.history[-1]
    print(f"trained: IoU {last['score']:.4f}, MAE {last['mae']:.4f} on the validation pictures")
    model = trained.report.path
    print(f'{model}: runs with [segment] name = "u2net", weights = "{model}"')
    print(f"card: {trained.card}")
    return 0


@contextmanager
def _watch(*, show: bool) -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """One bar after the other: a new title ends the bar before it."""
    from packsight.commands._progress import bar

    with ExitStack() as bars:

        def watch(title: str) -> Callable[[int, int], None]:
            bars.close()
            return bars.enter_context(bar(title, show=show))

        yield watch


def _print_epoch(figures: dict[str, float]) -> None:
    print(
        f"epoch {figures['epoch']:.0f}: loss {figures['loss']:.4f}, "
        f"IoU {figures['score']:.4f}, MAE {figures['mae']:.4f}",
        flush=True,
    )
