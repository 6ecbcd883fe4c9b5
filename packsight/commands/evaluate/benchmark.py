"""`packsight evaluate benchmark --protocol NAME --data DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from packsight.commands._settings import add_settings_flags
from packsight.commands._values import positive, tell, user_cache, whole

if TYPE_CHECKING:
    from engine.config import Settings
    from offline.evaluate.plan import Plan
    from offline.evaluate.report import Report

METRICS = ("euclidean", "cosine", "inner_product")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--protocol",
        required=True,
        metavar="NAME",
        help="a protocol of the data set, such as queries or hard; a kind of data set, such as "
        "online_products, for all that it has; or all",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a data set")
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="keeps cutouts and features, so that a stopped run goes on (default: the user's "
        "cache folder)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write benchmark.md and .json")
    parser.add_argument(
        "--per-query", action="store_true", help="ranks and figures of every query in the JSON"
    )
    parser.add_argument(
        "--measure",
        action="append",
        default=[],
        metavar="NAME",
        help="such as mAP, R@5 or P@10, in place of the benchmark's own; repeatable",
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="ask only N queries")
    parser.add_argument("--metric", choices=METRICS, help="(default: the settings' search.metric)")
    parser.add_argument(
        "--expand", type=whole, metavar="N", help="expand queries by N neighbours (alpha QE)"
    )
    parser.add_argument(
        "--rerank", choices=("k_reciprocal", "none"), help="reorder the first hits (default: none)"
    )
    parser.add_argument(
        "--timed", type=whole, default=16, metavar="N", help="photos to time (default: 16)"
    )
    parser.add_argument("--seed", type=whole, default=0, help="of the intervals (default: 0)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_settings_flags(parser, default="classic")


def run(args: argparse.Namespace) -> int:
    from offline.evaluate.report_text import markdown_text

    report = _evaluated(args)
    print(markdown_text(report), flush=True)  # shown even where it cannot be written
    _write(args, report)
    return 0


def _evaluated(args: argparse.Namespace) -> Report:
    from offline.evaluate.benchmarks import open_benchmark
    from offline.evaluate.described import augmenting
    from offline.evaluate.report import Report
    from offline.evaluate.retrieval import evaluate_retrieval
    from offline.evaluate.timing import time_stages
    from packsight.commands._progress import bar
    from stages.assemble import assemble_embedding
    from stages.open_settings import settings_for

    config = Path(args.config) if args.config else None
    overrides = [*args.overrides, *_flags(args)]
    settings = settings_for(None, profile=args.profile, config=config, overrides=overrides)
    plan = _plan(args, settings)
    dataset, protocols = open_benchmark(args.protocol, args.data)
    parts = assemble_embedding(settings)
    cache = args.cache or user_cache()
    with bar("describing", show=not args.quiet) as progress:
        outcomes, faults = evaluate_retrieval(dataset, protocols, parts, cache, plan, progress)
    tell(faults)
    of_queries = augmenting(parts) if plan.augment else parts
    timings = time_stages(outcomes[0].task.queries, of_queries, args.timed)
    return Report(dataset.name, outcomes, parts, plan, timings, len(faults))


def _write(args: argparse.Namespace, report: Report) -> None:
    from offline.evaluate.report import DATA, TEXT
    from offline.evaluate.report_json import json_text
    from offline.evaluate.report_text import markdown_text
    from offline.report.files import write_texts

    files = [args.json] if args.json else []
    texts = {}
    if args.out:
        files.append(args.out / DATA)
        texts[args.out / TEXT] = markdown_text(report) + "\n"
    if files:
        texts |= dict.fromkeys(files, json_text(report, per_query=args.per_query) + "\n")
    write_texts(texts)


def _flags(args: argparse.Namespace) -> list[str]:
    """The flags that stand for settings."""
    given = {"search.metric": args.metric, "query.expand": args.expand, "rerank.name": args.rerank}
    return [f"{key}={value}" for key, value in given.items() if value is not None]


def _plan(args: argparse.Namespace, settings: Settings) -> Plan:
    from offline.evaluate.plan import Plan
    from offline.evaluate.searching import search_of
    from offline.metrics.retrieval import metric

    return Plan(
        search=search_of(settings),
        measures=tuple(metric(name).name for name in args.measure),
        limit=args.limit,
        augment=settings.query.augment,
        seed=args.seed,
    )
