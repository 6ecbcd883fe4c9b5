"""`packsight evaluate compare BEFORE.json AFTER.json`: a gate for changes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ConfigError

if TYPE_CHECKING:
    from offline.report.compare.rules import Rules

# As `diff` has it: 1 says that there is a difference, 2 that there was no answer, so that a gate
# can tell a regression from a file that is missing.
REGRESSION, TROUBLE = 1, 2
CORRECTIONS = ("benjamini-hochberg", "holm", "none")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", type=Path, metavar="BEFORE.json", help="a report.json")
    parser.add_argument("after", type=Path, metavar="AFTER.json", help="the report.json to judge")
    parser.add_argument(
        "--bound",
        action="append",
        default=[],
        metavar="[FIGURE=]NUMBER",
        help="how much worse a figure may be: an absolute share (default: 0.01), or for one "
        "figure or pattern, such as R@1=0.02 or 'retrieve / *=0.05'; repeatable",
    )
    parser.add_argument(
        "--relative-bound",
        type=float,
        metavar="SHARE",
        help="the same for what has a unit, as a share of the value before (default: 0.1)",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="FIGURE",
        help="judge these alone, such as R@1 or 'retrieve / *'; repeatable",
    )
    parser.add_argument(
        "--gate-times", action="store_true", help="slower or larger is a regression too"
    )
    parser.add_argument(
        "--correction",
        choices=CORRECTIONS,
        default=CORRECTIONS[0],
        help="for judging many figures at once (default: %(default)s)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="figures that are gone are a regression too"
    )
    parser.add_argument(
        "--anyway", action="store_true", help="compare reports of different pictures"
    )
    parser.add_argument("--all", action="store_true", help="show figures that stayed the same too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the comparison there")
    parser.add_argument("--seed", type=int, default=0, help="of the resamples (default: 0)")


def run(args: argparse.Namespace) -> int:
    """0: nothing regressed; 1: something did; 2: the reports cannot be compared."""
    try:
        return _compare(args)
    except ConfigError as error:
        print(f"packsight: {error}", file=sys.stderr)
        return TROUBLE


def _compare(args: argparse.Namespace) -> int:
    from offline.report.compare.judging import compare
    from offline.report.compare.text import comparison_text
    from offline.report.data import read_report, written
    from offline.report.writing import write_texts

    rules = _rules(args)
    found = compare(read_report(args.before), read_report(args.after), rules, anyway=args.anyway)
    print(comparison_text(found, everything=args.all), end="", flush=True)
    if args.json:
        write_texts({args.json: written(found)})
    return 0 if found.passes(strict=args.strict) else REGRESSION


def _rules(args: argparse.Namespace) -> Rules:
    from offline.report.compare.rules import BOUND, RELATIVE_BOUND, Rules

    general, bounds = BOUND, {}
    for text in args.bound:
        figure, sign, number = text.rpartition("=")
        if sign:
            bounds[figure.strip()] = _number(number, text)
        else:
            general = _number(number, text)
    relative = RELATIVE_BOUND if args.relative_bound is None else args.relative_bound
    if args.seed < 0:
        raise ConfigError(f"--seed {args.seed}: it must be at least 0.")
    return Rules(
        bound=general,
        relative_bound=relative,
        bounds=bounds,
        only=tuple(args.only),
        gate_times=args.gate_times,
        correction=args.correction,
        seed=args.seed,
    )


def _number(text: str, flag: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(
            f"--bound {flag}: {text!r} is no number.", remedy="Such as 0.01 or R@1=0.02."
        ) from error
