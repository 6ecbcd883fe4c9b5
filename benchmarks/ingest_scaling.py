"""Whether an ingest keeps the cores busy and its memory flat, over 10,000 images.

    python benchmarks/ingest_scaling.py [--images 10000] [--profile classic]

Draws JPEGs of 600 x 800 pixels into a temporary folder (15 categories, four views a product) and
ingests them through ``offline.ingest``, sampling the resident memory of this process and of its
decoding processes every second. Needs Linux's /proc.

How to read what it prints:

* rate: images a second of the whole run, and of its quarters (a rate that falls means that
  something grows with the gallery);
* cores: processor time of the ingest and of everything else on the machine, as fractions of all
  cores; the rest was idle. An ingest that waits for nothing leaves no idle share, and on a busy
  machine it gets less than all without fault of its own;
* processor time by process: the main thread stores and adapts; its helpers describe several
  batches at once, by threads of stages, models and OpenCV; the decoders are processes beside it.
  ``busy alone`` estimates the fraction of the cores that the ingest would keep busy on an idle
  machine: its main thread alone, its helpers on all cores, the decoders in what that leaves;
* split by stage: wall-clock seconds, added up over batches side by side. ``wait for decoding`` is
  what the decoding processes did not hide;
* memory: at 10, 25, 50, 75 and 100 % of the images, main process and decoders (pages that they
  share count in each). ``last quarter / second quarter`` compares means: flat is 1.00.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from support.images import catalogue
from support.processes import MachineTime, MemorySampler, Sample, machine_time
from support.tables import markdown

from engine.errors import PacksightError
from offline import ingest
from offline.ingest.report import IngestReport

MARKS = (0.10, 0.25, 0.50, 0.75, 1.00)
MIB = 2**20


@dataclass(frozen=True)
class Run:
    report: IngestReport
    samples: list[Sample]  # while decoders lived
    machine: MachineTime  # during the run
    main_thread: float  # processor seconds
    decoders: float  # processor seconds


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="packsight-scaling-", dir=args.work) as folder:
        images = Path(folder, "images")
        start = time.perf_counter()
        catalogue(images, args.images, width=args.width, height=args.height, seed=args.seed)
        print(f"drew {args.images} images in {time.perf_counter() - start:.0f} s", flush=True)
        try:
            run = _ingest(images, Path(folder, "gallery"), args)
        except PacksightError as error:
            print(f"ingest_scaling: {error}", file=sys.stderr)
            return 1
    print("\n\n".join([run.report.text(), _rates(run), _cores(run), _stages(run), _memory(run)]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000, metavar="N")
    parser.add_argument("--width", type=int, default=600, metavar="PIXELS")
    parser.add_argument("--height", type=int, default=800, metavar="PIXELS")
    parser.add_argument("--profile", default="classic", metavar="NAME")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--workers", type=int, metavar="N", help="decoding processes")
    parser.add_argument("--work", metavar="DIR", help="where the temporary folder is made")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def _ingest(images: Path, gallery: Path, args: argparse.Namespace) -> Run:
    before = machine_time()
    thread, children = time.thread_time(), _children()
    with MemorySampler() as sampler:

        def progress(done: int, total: int) -> None:
            sampler.done = done

        report = ingest(
            images,
            gallery,
            profile=args.profile,
            overrides=["runtime.mattes_gb=0", *args.overrides],  # as of images never seen
            workers=args.workers,
            progress=progress,
        )
    return Run(
        report,
        [sample for sample in sampler.samples if sample.children] or sampler.samples,
        machine_time().since(before),
        time.thread_time() - thread,
        _children() - children,
    )


def _children() -> float:
    """Processor seconds of the children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _rates(run: Run) -> str:
    """Images a second by quarters of the images, from the samples."""
    total = run.report.described
    ends = [_reached(run.samples, share * total).seconds for share in (0.25, 0.5, 0.75, 1.0)]
    starts = [0.0, *ends[:-1]]
    rates = [
        f"{total / 4 / (end - start):.1f}" if end > start else "–"
        for start, end in zip(starts, ends, strict=True)
    ]
    whole = f"{total / run.report.total_seconds:.1f}"
    return markdown(["images a second", "1st quarter", "2nd", "3rd", "4th"], [[whole, *rates]])


def _cores(run: Run) -> str:
    report, machine = run.report, run.machine
    possible = machine.busy + machine.idle
    others = max(0.0, machine.busy - report.cpu_seconds)
    shares = (report.cpu_seconds, others, machine.idle)
    cells = [f"{value / possible:.0%}" if possible else "–" for value in shares]
    machines = markdown(
        [f"of {report.cores} cores", "ingest", "others", "idle"], [["processor time", *cells]]
    )
    helpers = max(0.0, report.cpu_seconds - run.main_thread - run.decoders)
    seconds = [f"{value:.1f}" for value in (run.main_thread, helpers, run.decoders)]
    alone = max(run.main_thread + helpers / report.cores, report.cpu_seconds / report.cores)
    busy = f"{report.cpu_seconds / (report.cores * alone):.0%}"
    own = markdown(
        ["processor seconds", "main thread", "its helpers", "decoders", "busy alone"],
        [["ingest", *seconds, busy]],
    )
    return f"{machines}\n\n{own}"


def _stages(run: Run) -> str:
    named = run.report.seconds
    rows = [
        [name, f"{seconds:.1f}", f"{seconds / sum(named.values()):.1%}"]
        for name, seconds in sorted(named.items(), key=lambda pair: -pair[1])
    ]
    return markdown(["stage", "seconds", "share"], rows)


def _memory(run: Run) -> str:
    total = run.report.described
    marks = [_reached(run.samples, share * total) for share in MARKS]
    rows = [
        ["main process", *(f"{sample.own / MIB:.0f}" for sample in marks)],
        ["decoders", *(f"{sample.children / MIB:.0f}" for sample in marks)],
        ["together", *(f"{sample.total / MIB:.0f}" for sample in marks)],
    ]
    head = ["memory (MiB) at", *(f"{share:.0%}" for share in MARKS)]
    ratio = _mean(run.samples, 0.75 * total, total) / _mean(run.samples, 0.25 * total, total / 2)
    return f"{markdown(head, rows)}\nlast quarter / second quarter: {ratio:.3f}"


def _reached(samples: Sequence[Sample], done: float) -> Sample:
    """The first sample with that many images done; the last one if none has."""
    return next((sample for sample in samples if sample.done >= done), samples[-1])


def _mean(samples: Sequence[Sample], low: float, high: float) -> float:
    """Mean bytes of the main process and decoders while between low and high were done."""
    inside = [sample.total for sample in samples if low <= sample.done <= high]
    return sum(inside) / len(inside) if inside else float("nan")


if __name__ == "__main__":
    sys.exit(main())
