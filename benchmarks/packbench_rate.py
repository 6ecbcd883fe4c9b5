"""How long a Packbench image takes: Mitsuba's scalar and LLVM variants side by side.

    python benchmarks/packbench_rate.py [--shots 24] [--processes 2] [--preset standard]

The same shots of a preset, spread over its categories and both looks, are taken by every variant
in turns: one process first, then ``--processes`` of one thread each, as ``packsight data
packbench`` works. Each process takes one unmeasured shot first, which pays for its start. A
variant that does not work here is named and left out.

How to read the table: seconds an image, median and 95th percentile of one process; then the
clock's seconds an image with several processes, and what they gain. ``ratio`` is the first
variant's median over this one's. LLVM kernels are compiled once for every structure of a scene
and kept on the disk by Dr.Jit: with ``--cold`` the shots are taken with an empty kernel cache.
``projected`` multiplies the clock's seconds by the number of such images in the whole preset.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from packbench.rendering import Studio
from support.numbers import Spread, spread
from support.tables import markdown

from engine.errors import PacksightError
from offline.datasets.packbench.build import renderer
from offline.datasets.packbench.presets import preset
from offline.datasets.packbench.processes import cores
from offline.datasets.packbench.shots import Benchmark, Look, Shot

VARIANTS = ("scalar_rgb", "llvm_ad_rgb")
LOOKS: tuple[Look, ...] = ("studio", "phone")
HEAD = ("variant, look", "median (s)", "p95", "ratio", "together", "gain", "images", "projected")


@dataclass(frozen=True)
class Rate:
    """One variant on the shots of one look; seconds an image."""

    variant: str
    look: Look
    alone: Spread  # one process
    together: float  # all processes, by the clock


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="packsight-rate-") as name:
            if args.cold:
                os.environ["DRJIT_CACHE_DIR"] = name
            benchmark = Benchmark(preset(args.preset), args.seed, args.difficulty)
            every = list(benchmark.shots())
            rates = _measure(benchmark, every, args, Path(name))
    except PacksightError as error:
        print(f"packbench_rate: {error}", file=sys.stderr)
        return 1
    print(_table(rates, every, args.processes))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shots", type=int, default=24, metavar="N", help="half of them by phone")
    parser.add_argument("--processes", type=int, default=cores(), metavar="N", help="(all cores)")
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--difficulty", type=float, default=0.5)
    parser.add_argument("--cold", action="store_true", help="begin with no compiled kernels")
    return parser


def spread_over(shots: Sequence[Shot], count: int) -> list[Shot]:
    """``count`` shots at even distances: the plan runs category by category, so from all."""
    step = max(1.0, len(shots) / max(1, count))
    return [shots[int(place * step)] for place in range(min(count, len(shots)))]


def _measure(
    benchmark: Benchmark, every: Sequence[Shot], args: argparse.Namespace, out: Path
) -> list[Rate]:
    chosen = {
        look: spread_over([s for s in every if s.look == look], max(1, args.shots // 2))
        for look in LOOKS
    }
    variants = [name for name in VARIANTS if _works(name)]
    alone: dict[tuple[str, Look], list[float]] = {(v, k): [] for v in variants for k in LOOKS}
    with ExitStack() as open_studios:
        studios = [open_studios.enter_context(Studio(v, 1, benchmark, out)) for v in variants]
        _warm(studios, chosen, 1)
        for look, shots in chosen.items():
            for shot in shots:
                for studio in studios:
                    alone[studio.variant, look] += studio.take([shot])[1]
    together = _together(variants, chosen, args.processes, benchmark, out)
    return [Rate(v, k, spread(alone[v, k]), together[v, k]) for v in variants for k in LOOKS]


def _together(
    variants: Sequence[str],
    chosen: dict[Look, list[Shot]],
    processes: int,
    benchmark: Benchmark,
    out: Path,
) -> dict[tuple[str, Look], float]:
    """Seconds an image by the clock; one variant after the other, each with all processes."""
    found: dict[tuple[str, Look], float] = {}
    for variant in variants:
        with Studio(variant, processes, benchmark, out) as studio:
            _warm([studio], chosen, processes)
            for look, shots in chosen.items():
                found[variant, look] = studio.take(shots)[0] / len(shots)
    return found


def _warm(studios: Sequence[Studio], chosen: dict[Look, list[Shot]], processes: int) -> None:
    for studio in studios:
        studio.take([chosen["studio"][0]] * processes)


def _works(variant: str) -> bool:
    try:
        renderer(variant)
    except PacksightError as error:
        if variant == VARIANTS[0]:
            raise
        print(f"packbench_rate: without {variant}: {error}", file=sys.stderr)
        return False
    return True


def _table(rates: Sequence[Rate], every: Sequence[Shot], processes: int) -> str:
    first = {rate.look: rate.alone.median for rate in rates if rate.variant == rates[0].variant}
    counts = {look: sum(shot.look == look for shot in every) for look in LOOKS}
    rows = []
    for rate in rates:
        rows.append(
            [
                f"{rate.variant}, {rate.look}",
                f"{rate.alone.median:.2f}",
                f"{rate.alone.p95:.2f}",
                f"{first[rate.look] / rate.alone.median:.2f}",
                f"{rate.together:.2f}",
                f"{rate.alone.median / rate.together:.2f}",
                str(counts[rate.look]),
                _hours(rate.together * counts[rate.look]),
            ]
        )
    totals: dict[str, float] = {}
    for rate in rates:
        totals[rate.variant] = totals.get(rate.variant, 0) + rate.together * counts[rate.look]
    hours = "; ".join(f"{variant}: {_hours(seconds)}" for variant, seconds in totals.items())
    line = f"All {len(every)} images with {processes} processes: {hours}."
    return f"{markdown(HEAD, rows)}\n\n{line}"


def _hours(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min"


if __name__ == "__main__":
    sys.exit(main())
