"""`packsight train segmenter --data DIR --out DIR`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from offline.train.segmenter.recipe import SegmenterRecipe
from packsight.commands.train._flags import add_recipe_flags, add_run_flags, recipe_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe_flags(parser, SegmenterRecipe)
    add_run_flags(parser)


def run(args: argparse.Namespace) -> int:
    from offline.train.segmenter.training import train_segmenter

    recipe = recipe_of(args, SegmenterRecipe)
    with _watch(show=not args.quiet) as watch:
        trained = train_segmenter(recipe, args.out, watch, None if args.quiet else _print_epoch)
    for reason in trained.left_out:
        print(f"left out: {reason}")
    if trained.before is not None:
        print(f"start: IoU {trained.before['score']:.4f}, MAE {trained.before['mae']:.4f}")
    last = trained.history[-1]
    print(f"trained: IoU {last['score']:.4f}, MAE {last['mae']:.4f} on the validation images")
    model = trained.report.path
    print(f'{model}: runs with [segment] name = "u2net", weights = "{model}"')
    print(f"card: {trained.card}")
    return 0


@contextmanager
def _watch(*, show: bool) -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """One bar after the other: a new title ends the bar before it."""
    from packsight.commands._terminal import bar

    with ExitStack() as bars:

        def watch(title: str) -> Callable[[int, int], None]:
            bars.close()
            return bars.enter_context(bar(title, show=show))

        yield watch


def _print_epoch(values: dict[str, float]) -> None:
    print(
        f"epoch {values['epoch']:.0f}: loss {values['loss']:.4f}, "
        f"IoU {values['score']:.4f}, MAE {values['mae']:.4f}",
        flush=True,
    )
