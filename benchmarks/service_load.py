"""What `packsight serve` bears: queries from 1, 8 and 64 clients at once, on this machine.

    python benchmarks/service_load.py [--gallery DIR --photos DIR] [--queries 10000]

For each number of clients: answers a second, the median and the 99th percentile of what a client
waits, how many queries were refused with 503 (and sent again, as `packsight.Client` does), and the
service's resident memory before and after. Every answer is compared with that of a query from
Python in this process: products and order must be equal. The last rows take photos one by one, not
together, in a service of their own: compare these with the rows of as many clients above.

The clients run on the same cores as the service, so that it has less than the machine. Without
``--gallery`` the catalogue of `make demo` is ingested, its photos are the queries.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from benchmarks.support.processes import resident
from benchmarks.support.tables import markdown
from offline import ingest
from offline.datasets import open_dataset
from online.query import query

K = 5
CLIENTS = (1, 8, 64)
WAIT = 0.05  # seconds before a refused query is sent again, at least


@dataclass
class Load:
    """What the clients saw."""

    seconds: list[float] = field(default_factory=list)  # of each answer, refusals included
    refused: int = 0
    incorrect: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Served:
    address: str
    process: int

    @property
    def memory(self) -> float:
        """Resident, MB."""
        return resident(self.process) / 1e6


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gallery", type=Path, help="gallery to serve")
    parser.add_argument("--photos", type=Path, help="folder of photos to search for")
    parser.add_argument("--queries", type=int, default=10_000, help="of all rows together")
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], help="of the ingest"
    )
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        gallery = args.gallery or _demo_gallery(Path(folder), args.overrides)
        photos = _photos(args.photos)
        expected = {path: _products(path, gallery) for path in photos}
        print(f"{len(photos)} photos, {os.cpu_count()} cores\n")
        rows = _rows(gallery, expected, args.queries)
    print(markdown(HEADER, rows))


HEADER = (
    "clients",
    "photos at once",
    "queries",
    "answers/s",
    "p50, ms",
    "p99, ms",
    "refused",
    "incorrect",
    "failed",
    "MB before",
    "MB after",
)


def _rows(gallery: Path, expected: Mapping[Path, list[str]], queries: int) -> list[tuple[str, ...]]:
    rows = []
    share = queries // (len(CLIENTS) + len(CLIENTS) - 1)
    settled = min(share, 400)  # queries after which memory is
    for batch, clients in ((8, CLIENTS), (1, CLIENTS[1:])):
        with serving(gallery, batch) as served:
            asyncio.run(loaded(served, expected, CLIENTS[-1], settled))
            for count in clients:
                before, start = served.memory, time.perf_counter()
                load = asyncio.run(loaded(served, expected, count, share))
                took = time.perf_counter() - start
                waited = 1000 * np.array(load.seconds)
                rows.append(
                    (
                        str(count),
                        "up to 8" if batch > 1 else "1",
                        str(share),
                        f"{len(waited) / took:.1f}",
                        f"{np.percentile(waited, 50):.0f}",
                        f"{np.percentile(waited, 99):.0f}",
                        str(load.refused),
                        str(load.incorrect),
                        str(load.failed),
                        f"{before:.0f}",
                        f"{served.memory:.0f}",
                    )
                )
    return rows


@contextmanager
def serving(gallery: Path, batch: int) -> Iterator[Served]:
    """A service in a process of its own, ready."""
    command = [sys.executable, "-m", "packsight", "serve", "--gallery", str(gallery)]
    command += ["--port", "0", "--rate", "0", "--batch", str(batch)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        while httpx.get(f"{address}/v1/ready").status_code != 200:
            time.sleep(0.1)
        yield Served(address, process.pid)
    finally:
        process.terminate()
        process.wait()


async def loaded(
    served: Served, expected: Mapping[Path, list[str]], clients: int, queries: int
) -> Load:
    """So many queries by so many clients at once, each waiting for one answer at a time."""
    load = Load()
    photos = {path: path.read_bytes() for path in expected}
    order = [random.Random(at).choice(list(photos)) for at in range(queries)]
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=served.address, limits=limits, timeout=120) as http:

        async def client() -> None:
            while order:
                path = order.pop()
                await _one(http, photos[path], expected[path], load)

        await asyncio.gather(*(client() for _ in range(clients)))
    return load


async def _one(http: httpx.AsyncClient, photo: bytes, expected: list[str], load: Load) -> None:
    start = time.perf_counter()
    while True:
        answer = await http.post(
            "/v1/query", files={"photo": ("photo", photo)}, data={"request": f'{{"k": {K}}}'}
        )
        if answer.status_code != 503:
            break
        load.refused += 1
        await asyncio.sleep(WAIT * random.uniform(1, 3))
    load.seconds.append(time.perf_counter() - start)
    if answer.status_code != 200:
        load.failed += 1
    elif [hit["product"] for hit in answer.json()["hits"]] != expected:
        load.incorrect += 1


def _demo_gallery(folder: Path, overrides: Sequence[str]) -> Path:
    data = open_dataset("packbench-tiny")
    ingest(data.root / "catalogue", folder / "gallery", overrides=overrides)
    return folder / "gallery"


def _photos(folder: Path | None) -> list[Path]:
    root = open_dataset("packbench-tiny").root / "queries" if folder is None else folder
    found = sorted(path for path in root.rglob("*") if path.suffix in (".jpg", ".png"))
    if not found:
        raise SystemExit(f"{root}: no photos")
    return found


def _products(photo: Path, gallery: Path) -> list[str]:
    return [hit.record.product_id for hit in query(photo, gallery, k=K).hits]


if __name__ == "__main__":
    main()
