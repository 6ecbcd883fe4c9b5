"""`packsight evaluate benchmark --protocol NAME --data DIR`."""

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
    from offline.evaluate.benchmark.show import Request

METRICS = ("euclidean", "cosine", "inner_product")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--protocol",
        required=True,
        metavar="NAME",
        help="protocol of the data set, such as queries or hard; a kind of data set, such as "
        "online_products, for all its protocols; or all",
    )
    add("--data", type=Path, required=True, metavar="DIR", help="data set")
    add(
        "--cache",
        type=Path,
        metavar="DIR",
        help="folder for cutouts and vectors, so that a stopped run continues (default: the user's "
        "cache folder)",
    )
    add("--json", type=Path, metavar="FILE", help="write the report's JSON to this file")
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="write report.html, report.md and report.json into this folder",
    )
    add("--per-query", action="store_true", help="list first hit and ranks of every query")
    add(
        "--metric-name",
        "--measure",
        dest="metrics",
        action="append",
        default=[],
        metavar="NAME",
        help="metric such as mAP, R@5 or P@10, in place of the benchmark's own; may be repeated",
    )
    add("--limit", type=positive, metavar="N", help="evaluate N queries only, evenly spread")
    add(
        "--metric",
        choices=METRICS,
        help="distance to search by (default: the settings' search.metric)",
    )
    add("--expand", type=whole, metavar="N", help="expand queries by N neighbours (alpha QE)")
    add(
        "--rerank",
        choices=("k_reciprocal", "none"),
        help="how the first hits are reranked (default: none)",
    )
    add(
        "--adapt",
        action="store_true",
        help="adapt every gallery to its images that are no queries (default: vectors as they are "
        "described, as in the papers)",
    )
    add(
        "--timed",
        type=whole,
        default=16,
        metavar="N",
        help="number of photos whose stages are timed (default: 16)",
    )
    add("--seed", type=whole, default=0, help="seed of the bootstrap (default: 0)")
    add_quiet_flag(parser)
    add_settings_flags(parser, default=DEFAULT)


def run(args: argparse.Namespace) -> int:
    from offline.evaluate.benchmark.show import evaluate_benchmark
    from offline.report.files import json_text, write_report, write_texts
    from offline.report.text import tables_text
    from packsight.commands._terminal import bar

    request = _request(args)
    with bar("embedding", show=not args.quiet) as progress:
        report, faults = evaluate_benchmark(request, progress)
    print(tables_text(report), flush=True)  # shown even where it cannot be written
    print_faults(faults)
    if args.json:
        write_texts({args.json: json_text(report)})
    if args.out:
        for path in write_report(report, args.out):
            print(path)
    return 0


def _request(args: argparse.Namespace) -> Request:
    from offline.evaluate.benchmark.show import Request
    from offline.metrics.retrieval import metric
    from stages.open_settings import settings_for

    given = {
        "search.metric": args.metric,
        "query.expand": args.expand,
        "rerank.name": args.rerank,
    }
    overrides = [f"{key}={value}" for key, value in given.items() if value is not None]
    config = Path(args.config) if args.config else None
    settings = settings_for(
        None, profile=args.profile, config=config, overrides=[*args.overrides, *overrides]
    )
    return Request(
        name=args.protocol,
        data=args.data,
        settings=settings,
        cache=args.cache or user_cache("evaluate"),
        system=args.profile or DEFAULT,
        metrics=tuple(metric(name).name for name in args.metrics),
        limit=args.limit,
        timed=args.timed,
        per_query=args.per_query,
        seed=args.seed,
        adapt=args.adapt,
    )
