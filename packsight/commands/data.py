"""`packsight data`: render Packbench, check it, draw its contact sheets; make silhouettes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from packsight.commands._values import positive, whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    render = actions.add_parser("packbench", help="render the packaging benchmark")
    render.add_argument("--preset", default="standard", help="tiny, standard (default) or large")
    render.add_argument("--seed", type=int, default=7, help="same seed, same pictures (default: 7)")
    render.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to fill")
    render.add_argument(
        "--difficulty",
        type=float,
        default=0.6,
        metavar="D",
        help="how alike the members of a family are: 0 (easily told apart) to 1 (default: 0.6)",
    )
    render.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core)")
    render.add_argument(
        "--variant", default="", help="of Mitsuba (default: the fastest that works here)"
    )
    for option, what in (
        ("side", "px of a studio picture"),
        ("samples", "light paths a pixel"),
        ("families", "a category in the catalogue"),
        ("members", "products a family"),
    ):
        render.add_argument(f"--{option}", type=int, metavar="N", help=f"{what} (of the preset)")
    render.add_argument("--quiet", action="store_true", help="no progress")
    sheet = actions.add_parser("sheet", help="draw a contact sheet a category")
    sheet.add_argument("folder", type=Path, metavar="DIR", help="a finished Packbench")
    sheet.add_argument("--out", type=Path, metavar="DIR", help="(default: DIR/sheets)")
    check = actions.add_parser("check", help="compare every file with the manifest's checksums")
    check.add_argument("folder", type=Path, metavar="DIR", help="a finished Packbench")
    shapes = actions.add_parser("silhouettes", help="draw silhouettes in the form of MPEG-7's")
    shapes.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    shapes.add_argument("--seed", type=whole, default=2, help="same seed, same files (default: 2)")
    shapes.add_argument("--classes", type=positive, default=70, help="(default: 70)")
    shapes.add_argument("--members", type=positive, default=20, help="a class (default: 20)")
    shapes.add_argument("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    actions = {
        "packbench": _packbench,
        "sheet": _sheet,
        "check": _check,
        "silhouettes": _silhouettes,
    }
    return actions[args.action](args)


def _silhouettes(args: argparse.Namespace) -> int:
    from offline.datasets.made_silhouettes.write import write_silhouettes
    from packsight.commands._progress import bar

    with bar("drawing", show=not args.quiet) as progress:
        made = write_silhouettes(
            args.out, args.seed, classes=args.classes, members=args.members, progress=progress
        )
    print(f"{args.out}: {made} silhouettes of {args.classes} classes, seed {args.seed}")
    return 0


def _packbench(args: argparse.Namespace) -> int:
    from engine.errors import ConfigError
    from offline.datasets.packbench.build import build
    from offline.datasets.packbench.presets import preset
    from offline.datasets.packbench.shots import Benchmark

    if not 0 <= args.difficulty <= 1:
        raise ConfigError(f"--difficulty {args.difficulty}: must lie between 0 and 1.")
    if args.seed < 0:
        raise ConfigError(f"--seed {args.seed}: must not be negative.")
    if args.workers is not None and args.workers < 1:
        raise ConfigError(f"--workers {args.workers}: must be at least 1.")
    sizes = preset(
        args.preset,
        side=args.side,
        samples=args.samples,
        families=args.families,
        members=args.members,
    )
    benchmark = Benchmark(sizes, args.seed, args.difficulty)
    with _progress(show=not args.quiet) as progress:
        header = build(
            benchmark, args.out, workers=args.workers, variant=args.variant, progress=progress
        )
    print(
        f"{args.out}: {header.pictures} pictures of {header.products} products; "
        f"{header.preset}, seed {header.seed}, difficulty {header.difficulty:g}, {header.renderer}"
    )
    print(f"manifest sha256 {header.manifest_sha256}")
    return 0


@contextmanager
def _progress(*, show: bool) -> Iterator[Callable[[int, int], None]]:
    """The bar on a terminal; elsewhere a line now and then, for a log."""
    import sys
    import time

    from packsight.commands._progress import bar

    every = 60.0  # seconds
    last = time.monotonic()

    def line(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= every:
            last = time.monotonic()
            print(f"packbench: {done} of {total} pictures", file=sys.stderr, flush=True)

    if show and not sys.stderr.isatty():
        yield line
        return
    with bar("rendering", show=show) as progress:
        yield progress


def _sheet(args: argparse.Namespace) -> int:
    from offline.datasets.packbench.sheet import sheets
    from offline.datasets.registry import dataset_folder

    for path in sheets(dataset_folder(args.folder), args.out or args.folder / "sheets"):
        print(path)
    return 0


def _check(args: argparse.Namespace) -> int:
    from offline.datasets.packbench.check import faults
    from offline.datasets.packbench.manifest import read_header
    from offline.datasets.registry import dataset_folder

    folder = dataset_folder(args.folder)
    found = list(faults(folder))
    for fault in found:
        print(fault)
    if not found:
        print(f"{folder}: whole")
        return 0
    made = read_header(folder)
    print(
        f"{folder}: {len(found)} of its files not as made. Render it anew: packsight data "
        f"packbench --preset {made.preset} --seed {made.seed} --difficulty {made.difficulty:g} "
        "--out NEW"
    )
    return 1
