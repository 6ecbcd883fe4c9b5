"""`packsight evaluate all --data DIR`, and the same for one stage: a report in three forms."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.user_folders import user_cache
from packsight.commands._arguments import add_quiet_flag, positive, whole
from packsight.commands._terminal import print_faults
from stages.profiles import DEFAULT

if TYPE_CHECKING:
    from engine.config import Settings
    from engine.types import Progress
    from offline.evaluate.run import Request
    from offline.report.document import Report


@dataclass(frozen=True)
class StageCommand:
    """One of the words that stand for stages; see ``offline.evaluate.run.SECTIONS``."""

    stage: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        _add_data(parser)
        if self.stage in ("retrieve", "all"):
            _add_ablation(parser)
        if self.stage in ("end-to-end", "all"):
            _add_chain(parser)
        _add_systems(parser)
        parser.set_defaults(
            ablate=False, ablate_all=False, reranker=None, false_accepts=0.05, timed=16
        )

    def run(self, args: argparse.Namespace) -> int:
        from offline.evaluate.run import evaluate
        from offline.report.files import write_report

        request = _request(args, self.stage)
        report, faults = evaluate(request, lambda title: _phase(title, args.quiet))
        print(_summary(report), flush=True)  # shown even where it cannot be written
        print_faults(faults)
        for path in write_report(report, args.out):
            print(path)
        return 0


segment, classify, retrieve, end_to_end, everything = map(
    StageCommand, ("segment", "classify", "retrieve", "end-to-end", "all")
)


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="data set, or a folder of labelled images",
    )
    add("--protocol", metavar="NAME", help="retrieval protocol (default: the data set's first)")
    add("--limit", type=positive, metavar="N", help="evaluate N queries only, evenly spread")
    add(
        "--out",
        type=Path,
        default=Path("report"),
        metavar="DIR",
        help="folder of report.html, report.md and report.json (default: report)",
    )
    add(
        "--cache",
        type=Path,
        metavar="DIR",
        help="folder for masks and descriptions, so that a stopped run continues (default: the "
        "user's "
        "cache folder)",
    )
    adapting = parser.add_mutually_exclusive_group()
    adapting.add_argument(
        "--no-adapt",
        dest="adapt",
        action="store_false",
        help="compare vectors as they were described; without it, a gallery is adapted to its "
        "images where the settings do so ([adapt] auto)",
    )
    adapting.add_argument(
        "--photos",
        type=Path,
        metavar="DIR",
        help="photos of users to adapt to as well, 10 or more; queries among them are left out",
    )
    add("--seed", type=whole, default=0, help="seed of the intervals (default: 0)")
    add_quiet_flag(parser)


def _add_ablation(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--ablate",
        action="store_true",
        help="switch routing, query and reranking one at a time, to show what each contributes",
    )
    add(
        "--ablate-all",
        action="store_true",
        help="also switch the stages that describe, each of which describes all images anew",
    )
    add("--reranker", metavar="FILE", help="a learned reranker for --ablate to try")


def _add_chain(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--false-accepts",
        type=_share,
        metavar="FRACTION",
        help="fraction of absent products that may be taken for one that is there (default: 0.05)",
    )
    add("--timed", type=positive, metavar="N", help="number of photos to time (default: 16)")


def _add_systems(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("systems, each a column of the report")
    group.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="NAME",
        help=f"shipped profile or .toml file; may be repeated (default: {DEFAULT})",
    )
    group.add_argument(
        "--config",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help=f"system of its own: a TOML file laid over {DEFAULT}; may be repeated",
    )
    group.add_argument(
        "--set",
        metavar="SECTION.KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help="one setting laid over those of all systems; may be repeated",
    )


def _request(args: argparse.Namespace, stage: str) -> Request:
    from offline.evaluate.run import SECTIONS, Request
    from stages.rerank._artefact import reranker_path

    return Request(
        data=args.data,
        sections=SECTIONS[stage],
        systems=_systems(args),
        cache=args.cache or user_cache("evaluate"),
        protocol=args.protocol,
        seed=args.seed,
        limit=args.limit,
        ablate=args.ablate or args.ablate_all,
        describing=args.ablate_all,
        reranker=None if args.reranker is None else reranker_path(args.reranker),
        false_accepts=args.false_accepts,
        timed=args.timed,
        adapt=args.adapt,
        photos=args.photos,
    )


def _systems(args: argparse.Namespace) -> dict[str, Settings]:
    from offline.evaluate.run import named_systems
    from stages.open_settings import settings_for

    profiles = args.profile or ([] if args.config else [DEFAULT])
    overrides = args.overrides
    of_profiles = [
        (Path(name).stem, settings_for(None, profile=name, overrides=overrides))
        for name in profiles
    ]
    of_files = [
        (file.stem, settings_for(None, config=file, overrides=overrides)) for file in args.config
    ]
    return named_systems([*of_profiles, *of_files])


def _phase(title: str, quiet: bool) -> AbstractContextManager[Progress]:
    from packsight.commands._terminal import bar

    return bar(title, show=not quiet)


def _summary(report: Report) -> str:
    """The first metrics of every stage, a column a system."""
    from offline.report.overview import headlines
    from offline.report.text import table_text
    from offline.report.words import interval, shown

    rows = [
        (
            found.stage,
            line.place.figure,
            *(
                "–" if one is None else f"{shown(one.value, one.unit)} {interval(one)}".strip()
                for one in line.figures
            ),
        )
        for found in headlines(report)
        for line in found.lines
    ]
    names = tuple(system.name for system in report.systems)
    return table_text(("stage", "figure", *names), rows)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must lie between 0 and 1, not {text!r}")
    return value
