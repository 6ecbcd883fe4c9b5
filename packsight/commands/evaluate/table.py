"""`packsight evaluate table NAME --data DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from engine.user_folders import user_cache
from packsight.commands._arguments import (
    add_quiet_flag,
    add_settings_flags,
    positive,
    whole,
)
from packsight.commands._terminal import print_faults
from stages.profiles import DEFAULT

if TYPE_CHECKING:
    from engine.types import Progress
    from offline.evaluate.tables.layout import Made, Request, Variant
    from offline.report.document import Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="name of the table (default: list all tables)")
    add(
        "--data",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="data set; several for oxford-paris",
    )
    add(
        "--embedder",
        action="append",
        metavar="NAME=FILE",
        help="ONNX backbone, a row each; may be repeated",
    )
    add(
        "--classifier",
        action="append",
        metavar="NAME=FILE",
        help="ONNX classifier or the folder of its training; may be repeated",
    )
    add(
        "--split",
        metavar="NAME",
        help="split of the images to classify (default: test, val or validation)",
    )
    add("--protocol", metavar="NAME", help="retrieval protocol (default: the data set's first)")
    add("--shown", type=positive, metavar="N", help="single queries to show (default: 10)")
    add("--timed", type=positive, metavar="N", help="number of photos to time (default: 24)")
    add("--seed", type=whole, default=0, help="seed of the intervals (default: 0)")
    add("--json", type=Path, metavar="FILE", help="write the report as JSON")
    add("--out", type=Path, metavar="DIR", help="folder for report.html, report.md and report.json")
    add(
        "--cache",
        type=Path,
        metavar="DIR",
        help="folder for descriptions, so that a stopped run continues (default: the user's cache "
        "folder)",
    )
    add_quiet_flag(parser)
    add_settings_flags(parser, default=DEFAULT)


def run(args: argparse.Namespace) -> int:
    from offline.evaluate.tables.registry import layout_of, listed, report_of
    from offline.report.text import tables_text

    if args.name is None:
        print(listed())
        return 0
    made = _made(args)
    report = report_of(layout_of(args.name), made, seed=args.seed)
    print(tables_text(report), flush=True)  # shown even where it cannot be written
    print_faults(made.faults)
    _write(args, report)
    return 0


def _made(args: argparse.Namespace) -> Made:
    from offline.evaluate.tables.registry import make_table
    from packsight.commands._terminal import bar

    _refuse(args)
    with bar("describing", show=not args.quiet) as progress:
        return make_table(args.name, _request(args, progress))


def _refuse(args: argparse.Namespace) -> None:
    """ConfigError for flags that this table has no use for, and without data."""
    from engine.errors import ConfigError
    from offline.evaluate.tables.registry import layout_of

    layout = layout_of(args.name)
    for flag in ("embedder", "classifier", "split", "protocol", "shown", "timed"):
        if getattr(args, flag) is not None and flag not in layout.takes:
            raise ConfigError(
                f"{args.name} has no use for --{flag}.",
                remedy="What each table takes: packsight evaluate table",
            )
    if not args.data:
        raise ConfigError(f"{args.name} needs --data DIR.", remedy=f"Give {layout.needs}.")


def _request(args: argparse.Namespace, progress: Progress) -> Request:
    from offline.evaluate.tables.layout import SHOWN, TIMED, Request

    return Request(
        data=tuple(args.data),
        variants=_variants(args),
        cache=args.cache or user_cache("evaluate"),
        split=args.split,
        protocol=args.protocol,
        shown=args.shown or SHOWN,
        timed=args.timed or TIMED,
        seed=args.seed,
        progress=progress,
    )


def _variants(args: argparse.Namespace) -> tuple[Variant, ...]:
    from offline.evaluate.tables.layout import (
        Variant,
        classifier_variant,
        embedder_variant,
        refuse_equal_names,
    )
    from stages.open_settings import settings_for

    config = Path(args.config) if args.config else None
    base = settings_for(None, profile=args.profile, config=config, overrides=args.overrides)
    made = [embedder_variant(one, base, args.overrides) for one in args.embedder or ()]
    made += [classifier_variant(one, base, args.overrides) for one in args.classifier or ()]
    refuse_equal_names(made)
    return tuple(made) or (Variant(args.profile or DEFAULT, base),)


def _write(args: argparse.Namespace, report: Report) -> None:
    from offline.report.files import json_text, write_report, write_texts

    if args.out:
        write_report(report, args.out)
    if args.json:
        write_texts({args.json: json_text(report)})
