"""What the store of mattes saves, and what filling it costs.

    python benchmarks/kept_mattes.py --images FOLDER [--limit 60] [--rounds 3]
        [--set segment.name=u2net --set segment.weights=u2netp.onnx]

In every round the images are ingested into new galleries without a store, with an empty one and
with the one that is full then; and described as photos by `packsight adapt`, likewise. The three
run one after the other, so that what else the machine does falls on all alike. How to read the
table: CPU seconds an image, of this process and its decoders, medians over rounds; the ratios are
medians of the ratios within a round. Beneath it the size of the store.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from support.numbers import milliseconds
from support.tables import markdown

from engine.blobs import Blobs
from offline.calibration.adaptation import adapt
from offline.ingest import ingest
from offline.ingest.scan import scan
from stages._mattes import FOLDER_VARIABLE

WAYS = ("no store", "empty store", "full store")


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = _copied(args.images, folder, args.limit)
        times: dict[str, list[list[float]]] = {"ingest": [], "adapt --photos": []}
        for _ in range(args.rounds):
            ingests, adapts = zip(*(_run(folder, way, args.set) for way in WAYS), strict=True)
            times["ingest"].append(ingests)
            times["adapt --photos"].append(adapts)
        rows = [_row(step, np.array(rounds) / count) for step, rounds in times.items()]
        mattes, size = Blobs(folder / "mattes", "mattes").count()
    print(markdown(("CPU ms an image", *WAYS, "empty : no", "full : no"), rows))
    print(f"\n{count} images, {args.rounds} rounds; {size / max(1, mattes) / 1000:.1f} kB a matte")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--limit", type=int, default=60, help="Images (default: 60).")
    parser.add_argument("--rounds", type=int, default=3, help="Rounds (default: 3).")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    return parser


def _copied(images: Path, folder: Path, limit: int) -> int:
    """Spread evenly over the images, a product each; returns how many. Photos have the same
    pixels in other files: copies of an image in the gallery are no photos."""
    found = scan(images.resolve()).images
    chosen = found[:: max(1, len(found) // limit)][:limit]
    for number, image in enumerate(chosen):
        for kind, end in (("images", b""), ("photos", b"\0")):
            product = folder / kind / f"p{number}"
            product.mkdir(parents=True)
            (product / image.path.name).write_bytes(image.path.read_bytes() + end)
    return len(chosen)


def _run(folder: Path, way: str, flags: Sequence[str]) -> tuple[float, float]:
    """CPU seconds of an ingest, and of describing the same images as photos."""
    os.environ[FOLDER_VARIABLE] = str(folder / "mattes")
    gallery = folder / "gallery"
    shutil.rmtree(gallery, ignore_errors=True)
    kept = [] if way != "no store" else ["runtime.mattes_gb=0"]
    settings = ["runtime.threads=1", *flags, *kept]
    _empty_where(way, folder)
    first = _cpu(lambda: ingest(folder / "images", gallery, overrides=settings, adapt=False))
    _empty_where(way, folder)
    return first, _cpu(lambda: adapt(gallery, folder / "photos"))


def _empty_where(way: str, folder: Path) -> None:
    if way == "empty store":
        shutil.rmtree(folder / "mattes", ignore_errors=True)


def _cpu(run: Callable[[], object]) -> float:
    before = os.times()
    run()
    after = os.times()
    return sum(after[:4]) - sum(before[:4])


def _row(step: str, seconds: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Sequence[str]:
    """Of (rounds, 3)."""
    ratios = np.median(seconds[:, 1:] / seconds[:, :1], axis=0)
    return (
        step,
        *(milliseconds(value) for value in np.median(seconds, axis=0).tolist()),
        *(f"{ratio:.2f}" for ratio in ratios.tolist()),
    )


if __name__ == "__main__":
    raise SystemExit(main())
