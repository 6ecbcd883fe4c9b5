"""`packsight evaluate shape --data DIR`: the bullseye score of shape descriptors."""

from __future__ import annotations

import argparse
from pathlib import Path

from packsight.commands._arguments import add_quiet_flag, whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of silhouettes named CLASS-NUMBER, as of MPEG-7 or `packsight data "
        "silhouettes`; or of any data set with masks",
    )
    parser.add_argument(
        "--protocol",
        default="bullseye",
        metavar="NAME",
        help="protocol of the data set (default: bullseye, which silhouettes have)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all values as JSON")
    parser.add_argument("--seed", type=whole, default=0, help="seed of the intervals (default: 0)")
    add_quiet_flag(parser)


def run(args: argparse.Namespace) -> int:
    from offline.datasets import open_dataset
    from offline.evaluate.shape.measure import measure_shapes
    from offline.evaluate.shape.show import json_text, markdown_text
    from offline.report.files import write_texts
    from packsight.commands._terminal import bar

    task = open_dataset(args.data).retrieval(args.protocol)
    with bar("reading", show=not args.quiet) as progress:
        result = measure_shapes(task, seed=args.seed, progress=progress)
    name = args.data.resolve().name
    print(markdown_text(result, name), flush=True)  # shown even where it cannot be written
    if args.json:
        write_texts({args.json: json_text(result, name, args.seed) + "\n"})
    return 0
