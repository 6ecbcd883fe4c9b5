"""`packsight adapt GALLERY`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from packsight.commands._arguments import add_quiet_flag

if TYPE_CHECKING:
    from engine.adaptation import AdaptationReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("gallery", metavar="GALLERY", help="gallery to adapt")
    parser.add_argument(
        "--photos",
        metavar="DIR",
        type=Path,
        help="photos as users take them, 10 or more; their products need not be known",
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--off", action="store_true", help="compare vectors as they were described")
    chosen.add_argument(
        "--to", metavar="VERSION", type=int, help="go back to this version of those kept"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed (default: 0)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    add_quiet_flag(parser)


def run(args: argparse.Namespace) -> int:
    from packsight.commands._terminal import bar, print_faults

    if args.off or args.to is not None:
        return _switch(args.gallery, args.to)
    from offline.calibration.adaptation import Request, adapt_gallery

    with bar("describing photos", show=not args.quiet and args.photos is not None) as progress:
        outcome, faults = adapt_gallery(Request(args.gallery, args.photos, args.seed), progress)
    if args.json:
        print(outcome.report.model_dump_json(indent=2))
    else:
        print(f"{args.gallery}: {in_words(outcome.version)}")
        for line in report_lines(outcome.report):
            print(f"  {line}")
    print_faults(faults)
    return 0


def in_words(version: int | None) -> str:
    return "not adapted" if version is None else f"adapted, version {version}"


def report_lines(report: AdaptationReport) -> list[str]:
    """What was taken, what was not, and why."""
    lines = []
    for part in report.parts:
        gain = ""
        if part.gain is not None and part.low is not None and part.high is not None:
            gain = f" {part.gain:+.3f} [{part.low:+.3f}, {part.high:+.3f}]"
        lines.append(f"{part.name}: {'taken' if part.taken else 'not taken'}{gain}, {part.why}")
    if report.before is not None and report.after is not None:
        lines.append(
            f"mean average precision {report.before:.3f} -> {report.after:.3f} of "
            f"{report.queries:,} queries whose products took no part in the fit"
        )
    return lines


def _switch(address: str, version: int | None) -> int:
    from engine.galleries import open_gallery

    with open_gallery(address, write=True) as gallery:
        gallery.adapt_by(version)
    print(f"{address}: {in_words(version)}")
    return 0
