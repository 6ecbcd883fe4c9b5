"""What reading a large JPEG to the working size costs, and what it is made of.

    python benchmarks/decoding.py [--photo FILE] [--size 4000 3000] [--rounds 15]

Without a photo, three are drawn: 4000 x 3000 pixels of blurred noise (12 megapixels), saved at
qualities that give about 1.5, 2.5 and 3.5 MB, as phones do. All ways run in turn within each round.
How to read the table: milliseconds of one core, medians over rounds of the processor's time; other
work on the machine counts less in it than on the clock, which is in the row `as shipped, clock`.

* as shipped: `engine.images.load` with `images.drafted`, as profiles `compact` and `classic` have
  it: the decoder's quarter, 1000 x 750, as it is.
* resized: the same without `images.drafted`, as galleries of before: the decoder's half, resized to
  1024 x 768.
* whole: decoded whole, then resized by Lanczos' filter: the naive twin.
* quarter, half, whole, decoded: Pillow's decoding alone.
* resize: resizing alone, from the half. resize, lanczos: the same by Pillow's filter.
* opencv: `cv2.imdecode` to a quarter, without orientation, colour profile and limits.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, JpegImagePlugin
from support.numbers import milliseconds, spread
from support.tables import markdown

from engine.images import ImageLimits, fit, load

SIZE = (4000, 3000)
QUALITIES = (60, 85, 93)
CLOCK = "as shipped, clock"


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    photos = (
        {args.photo.name: args.photo.read_bytes()} if args.photo else _drawn(args.size, args.seed)
    )
    columns = {name: _measured(data, args.rounds) for name, data in photos.items()}
    names = list(next(iter(columns.values())))
    rows = [[name, *(found[name] for found in columns.values())] for name in names]
    print(markdown(["way (ms)", *columns], rows))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photo", type=Path, metavar="FILE", help="a JPEG of your own")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, metavar="PIXELS")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _drawn(size: tuple[int, int], seed: int) -> dict[str, bytes]:
    width, height = size
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (max(1, height // 40), max(1, width // 40), 3), dtype=np.uint8)
    scene = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    grain = cv2.GaussianBlur(random.normal(0, 18, (height, width)).astype(np.float32), (0, 0), 1)
    pixels = (scene + grain[..., None]).clip(0, 255).astype(np.uint8)
    found = {}
    for quality in QUALITIES:
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "JPEG", quality=quality)
        found[f"{len(out.getvalue()) / 1e6:.1f} MB"] = out.getvalue()
    return found


def _measured(data: bytes, rounds: int) -> dict[str, str]:
    shipped, before = ImageLimits(drafted=True), ImageLimits()
    half, encoded = _decoded(data, 2), np.frombuffer(data, np.uint8)
    flags = cv2.IMREAD_REDUCED_COLOR_4 | cv2.IMREAD_IGNORE_ORIENTATION
    ways: dict[str, Callable[[], object]] = {
        "as shipped": lambda: load(data, limits=shipped),
        "resized": lambda: load(data, limits=before),
        "whole": lambda: _by_lanczos(_decoded(data, 1), before.max_side),
        "quarter, decoded": lambda: _decoded(data, 4),
        "half, decoded": lambda: _decoded(data, 2),
        "whole, decoded": lambda: _decoded(data, 1),
        "resize": lambda: fit(half, before.max_side),
        "resize, lanczos": lambda: _by_lanczos(half, before.max_side),
        "opencv": lambda: cv2.imdecode(encoded, flags),
    }
    spent: dict[str, list[float]] = {name: [] for name in (*ways, CLOCK)}
    for _ in range(rounds):
        for name, way in ways.items():
            start, clock = time.process_time(), time.perf_counter()
            way()
            spent[name].append(time.process_time() - start)
            if name == "as shipped":
                spent[CLOCK].append(time.perf_counter() - clock)
    return {name: milliseconds(spread(found).median) for name, found in spent.items()}


def _decoded(data: bytes, part: int) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        image.draft("RGB", (image.width // part, image.height // part))
    image.load()
    return image


def _by_lanczos(image: Image.Image, side: int) -> Image.Image:
    scale = min(1, side / max(image.size))
    size = round(image.width * scale), round(image.height * scale)
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


if __name__ == "__main__":
    sys.exit(main())
