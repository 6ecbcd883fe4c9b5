"""`packsight data`: render Packbench, check it, draw its sheets; draw silhouettes, write masks."""

from __future__ import annotations

import argparse
from pathlib import Path

from packsight.commands._arguments import (
    add_command,
    add_quiet_flag,
    add_settings_flags,
    positive,
    whole,
)
from stages.profiles import DEFAULT

FINISHED = "finished Packbench, or packbench-tiny for the shipped one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    _add_packbench(add_command(chosen, "packbench", "render Packbench, the packaging benchmark"))
    sheet = add_command(chosen, "sheet", "draw a contact sheet of each category of a Packbench")
    sheet.add_argument("folder", type=Path, metavar="DIR", help=FINISHED)
    sheet.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the sheets (default: DIR/sheets)"
    )
    check = add_command(chosen, "check", "compare every file of a Packbench with its checksum")
    check.add_argument("folder", type=Path, metavar="DIR", help=FINISHED)
    shapes = add_command(chosen, "silhouettes", "draw silhouettes in the format of MPEG-7's")
    add = shapes.add_argument
    add("--out", type=Path, required=True, metavar="DIR", help="new folder")
    add("--seed", type=whole, default=2, metavar="N", help="same seed, same files (default: 2)")
    add("--classes", type=positive, default=70, metavar="N", help="number of classes (default: 70)")
    add("--members", type=positive, default=20, metavar="N", help="shapes a class (default: 20)")
    add_quiet_flag(shapes)
    masks = add_command(chosen, "masks", "write the trusted masks of a segmenter as a data set")
    masks.add_argument("data", type=Path, metavar="DATA", help="data set or folder of images")
    masks.add_argument(
        "--split", metavar="NAME", action="append", help="split, may be repeated (default: all)"
    )
    masks.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to fill")
    add_quiet_flag(masks)
    add_settings_flags(masks, default=f"{DEFAULT}; [segment] makes the masks, [trust] judges them")


def _add_packbench(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--preset",
        default="standard",
        metavar="NAME",
        help="tiny, standard, large, training or labels (default: standard)",
    )
    add("--seed", type=int, default=7, metavar="N", help="same seed, same images (default: 7)")
    add("--out", type=Path, required=True, metavar="DIR", help="folder to fill")
    add(
        "--difficulty",
        type=float,
        default=0.6,
        metavar="D",
        help="how alike the members of a family are: 0 (easily told apart) to 1 (default: 0.6)",
    )
    add("--workers", type=int, metavar="N", help="number of processes (default: one a core)")
    add("--variant", default="", metavar="NAME", help="variant of Mitsuba (default: the fastest)")
    for option, what in (
        ("side", "pixels of the side of a studio image"),
        ("samples", "light paths a pixel"),
        ("families", "families a category in the catalogue"),
        ("members", "products a family"),
    ):
        add(f"--{option}", type=int, metavar="N", help=f"{what} (default: of the preset)")
    add_quiet_flag(parser)


def run(args: argparse.Namespace) -> int:
    actions = {
        "packbench": _packbench,
        "sheet": _sheet,
        "check": _check,
        "silhouettes": _silhouettes,
        "masks": _masks,
    }
    return actions[args.action](args)


def _silhouettes(args: argparse.Namespace) -> int:
    from offline.datasets.made_silhouettes.write import write_silhouettes
    from packsight.commands._terminal import bar

    with bar("drawing", show=not args.quiet) as progress:
        made = write_silhouettes(
            args.out, args.seed, classes=args.classes, members=args.members, progress=progress
        )
    print(f"{args.out}: {made} silhouettes of {args.classes} classes, seed {args.seed}")
    return 0


def _masks(args: argparse.Namespace) -> int:
    from offline.datasets import open_dataset
    from offline.train.segmenter.teacher import write_teacher_masks
    from packsight.commands._terminal import bar
    from packsight.commands.train._run import settings_of

    dataset = open_dataset(args.data)
    entries = {i.id: i for name in args.split or dataset.splits for i in dataset.images(name)}
    with bar("segmenting", show=not args.quiet) as progress:
        made = write_teacher_masks(list(entries.values()), settings_of(args), args.out, progress)
    for reason in made.left_out:
        print(f"left out: {reason}")
    print(f"{args.out}: {made.written} images with masks, {made.flagged} flagged and left out")
    return 0


def _packbench(args: argparse.Namespace) -> int:
    from engine.errors import ConfigError
    from offline.datasets.packbench.build import build
    from offline.datasets.packbench.presets import preset
    from offline.datasets.packbench.shots import Benchmark
    from packsight.commands._terminal import bar

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
    with bar("rendering", show=not args.quiet) as progress:
        header = build(
            benchmark, args.out, workers=args.workers, variant=args.variant, progress=progress
        )
    print(
        f"{args.out}: {header.pictures} images of {header.products} products; "
        f"{header.preset}, seed {header.seed}, difficulty {header.difficulty:g}, {header.renderer}"
    )
    print(f"manifest sha256 {header.manifest_sha256}")
    return 0


def _sheet(args: argparse.Namespace) -> int:
    from offline.datasets.packbench.sheet import sheets
    from offline.datasets.registry import dataset_folder

    folder = dataset_folder(args.folder)
    # The shipped data set lies in the user's cache, which is no place for sheets.
    beside = args.folder if args.folder.is_dir() and folder == args.folder else Path()
    for path in sheets(folder, args.out or beside / "sheets"):
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
        f"{folder}: {len(found)} fault{'s' * (len(found) > 1)}. Render it anew: packsight data "
        f"packbench --preset {made.preset} --seed {made.seed} --difficulty {made.difficulty:g} "
        "--out NEW"
    )
    return 1
