"""`packsight evaluate compare BEFORE.json AFTER.json`: a gate for changes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ConfigError
from engine.names import without_controls

if TYPE_CHECKING:
    from offline.report.compare.rules import Rules

# As of `diff`: 1 for a difference, 2 for trouble, so that a gate can distinguish a regression from
# a file that is missing.
REGRESSION, TROUBLE = 1, 2
CORRECTIONS = ("benjamini-hochberg", "holm", "none")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "before", type=Path, metavar="BEFORE.json", help="report.json to compare with"
    )
    parser.add_argument("after", type=Path, metavar="AFTER.json", help="report.json to judge")
    parser.add_argument(
        "--bound",
        action="append",
        default=[],
        metavar="[FIGURE=]NUMBER",
        help="how much worse a value may be, as an absolute fraction (default: 0.01); or for one "
        "value or pattern, such as R@1=0.02 or 'retrieve / *=0.05'; may be repeated",
    )
    parser.add_argument(
        "--relative-bound",
        type=float,
        metavar="FRACTION",
        help="how much worse a value with a unit may be, as a fraction of the value before "
        "(default: 0.1)",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="FIGURE",
        help="judge only these values, such as R@1 or 'retrieve / *'; may be repeated",
    )
    parser.add_argument(
        "--gate-times",
        action="store_true",
        help="count values that are slower or larger as regressions too",
    )
    parser.add_argument(
        "--correction",
        choices=CORRECTIONS,
        default=CORRECTIONS[0],
        help="correction of p for many values judged at once (default: %(default)s)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="count values that are gone as regressions too"
    )
    parser.add_argument("--anyway", action="store_true", help="compare reports of different images")
    parser.add_argument("--all", action="store_true", help="show values that stayed the same too")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the comparison there as JSON"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the resamples (default: 0)")


def run(args: argparse.Namespace) -> int:
    """0: nothing regressed; 1: something did; 2: the reports cannot be compared."""
    try:
        return _compare(args)
    except ConfigError as error:
        print(f"packsight: {without_controls(str(error))}", file=sys.stderr)
        return TROUBLE


def _compare(args: argparse.Namespace) -> int:
    from offline.report.compare.judging import compare
    from offline.report.compare.text import comparison_text
    from offline.report.files import read_report, write_texts, written

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
            f"--bound {flag}: {text!r} is not a number.", remedy="Such as 0.01 or R@1=0.02."
        ) from error
