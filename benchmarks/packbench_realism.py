"""How near Packbench is to photographs: simple statistics, and how segmenters fare on it.

    python benchmarks/packbench_realism.py --data PACKBENCH [--photos GROCERYSTORE] [--u2netp FILE]

``--photos`` is the root of GroceryStoreDataset: its photos of packages in shops (train/Packages)
stand beside Packbench's phone photos, its clean product images beside the studio ones. They
show other goods in other places, so equal values are not expected; a statistic that lies
outside of what photographs do is a sign of the renderer. All images are first reduced to the
same longer side, as a shop's or a phone's own images are.

How to read the tables: median [5 %, 95 %] over images. ``within`` is the fraction of Packbench
images that lie between the photographs' 5th and 95th percentile: 0.9 where both are alike.
The masks are held against the true ones: IoU of what is at least half product, with its 95 %
bootstrap interval, the fraction of images above 0.9, and the mean absolute error of alpha.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from packbench.masks import Score, scores, segmenters
from packbench.statistics import STATISTICS, Pixels
from support.tables import markdown

from engine.errors import PacksightError
from engine.images import ImageLimits, load
from offline.datasets import Dataset, DatasetImage, open_dataset
from offline.datasets.packbench.processes import cores
from offline.metrics.statistics import bootstrap

SIDE = 256  # px, of a standard Packbench
SEED = 20240  # of the bootstrap
GOOD = 0.9  # what U²-Netp reaches in the mean on a public set of photographs with one object
PAIRS = {
    "phone": (("queries",), "train/Packages"),
    "studio": (("catalogue",), "iconic-images-and-descriptions/Packages"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    try:
        dataset = open_dataset(args.data, "packbench")
        for look, (splits, folder) in PAIRS.items():
            chosen = _spread([p for split in splits for p in dataset.images(split)], args.limit)
            real = None if args.photos is None else _photos(args.photos / folder, args.limit)
            print(f"## {look}: {len(chosen)} of Packbench", end="")
            print("" if real is None else f", {len(real)} photographs", end="\n\n")
            print(_statistics([image.path for image in chosen], real), end="\n\n")
        print(_masks(dataset, args), end="")
    except PacksightError as error:
        print(f"packbench_realism: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a Packbench")
    parser.add_argument("--photos", type=Path, metavar="DIR", help="root of GroceryStoreDataset")
    parser.add_argument("--u2netp", type=Path, metavar="FILE.onnx")
    parser.add_argument("--limit", type=int, default=200, metavar="N", help="images of a kind")
    parser.add_argument("--threads", type=int, default=cores(), metavar="N", help="of segmenters")
    return parser


def _photos(folder: Path, limit: int) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png"))
    if not found:
        raise PacksightError(
            f"{folder}: no images.", remedy="Give the root of GroceryStoreDataset as --photos."
        )
    return [found[place] for place in _places(len(found), limit)]


def _spread(images: Sequence[DatasetImage], limit: int) -> list[DatasetImage]:
    """At even distances: a manifest runs category by category, so from all of them."""
    return [images[place] for place in _places(len(images), limit)]


def _places(count: int, limit: int) -> list[int]:
    """Up to ``limit`` places of ``count``, without repeats."""
    return [int(place) for place in np.linspace(0, count - 1, min(limit, count))]


def _statistics(ours: Sequence[Path], real: Sequence[Path] | None) -> str:
    left = _measured(ours)
    if real is None:
        return markdown(["statistic", "Packbench"], [[n, _range(v)] for n, v in left.items()])
    right = _measured(real)
    rows = [
        [name, _range(left[name]), _range(right[name]), f"{_within(left[name], right[name]):.2f}"]
        for name in STATISTICS
    ]
    return markdown(["statistic", "Packbench", "photographs", "within"], rows)


def _measured(paths: Sequence[Path]) -> dict[str, list[float]]:
    images: list[Pixels] = [load(path, limits=ImageLimits(max_side=SIDE)).pixels for path in paths]
    return {name: [of(image) for image in images] for name, of in STATISTICS.items()}


def _range(values: Sequence[float]) -> str:
    low, middle, high = np.percentile(values, [5, 50, 95])
    return f"{middle:.3g} [{low:.3g}, {high:.3g}]"


def _within(ours: Sequence[float], real: Sequence[float]) -> float:
    low, high = np.percentile(real, [5, 95])
    return float(np.mean((np.asarray(ours) >= low) & (np.asarray(ours) <= high)))


def _masks(dataset: Dataset, args: argparse.Namespace) -> str:
    """A table by look, and one by category and look."""
    each = max(1, args.limit // len(PAIRS))
    known = [
        image
        for splits, _ in PAIRS.values()
        for image in _spread([p for split in splits for p in dataset.images(split)], each)
    ]
    found = {
        name: list(scores(segmenter, known))
        for name, segmenter in segmenters(args.u2netp, args.threads).items()
    }
    looks = markdown(
        ["segmenter, look", "images", "IoU", f"IoU > {GOOD}", "MAE"], list(_by_look(found))
    )
    head = ["category", *(f"{name}, {look}" for name in found for look in PAIRS)]
    return f"## masks\n\n{looks}\n\nMean IoU:\n\n{markdown(head, list(_by_category(found)))}\n"


def _by_look(found: dict[str, list[Score]]) -> Iterator[list[str]]:
    for name, every in found.items():
        for look in PAIRS:
            mine = [score for score in every if score.look == look]
            overlap = bootstrap([score.iou for score in mine], seed=SEED)
            good = float(np.mean([score.iou > GOOD for score in mine]))
            error = float(np.mean([score.mae for score in mine]))
            interval = f"{overlap.mean:.3f} [{overlap.low:.3f}, {overlap.high:.3f}]"
            yield [f"{name}, {look}", str(len(mine)), interval, f"{good:.2f}", f"{error:.3f}"]


def _by_category(found: dict[str, list[Score]]) -> Iterator[list[str]]:
    categories = dict.fromkeys(score.category for every in found.values() for score in every)
    for category in categories:
        cells = [category]
        for every in found.values():
            for look in PAIRS:
                mine = [s.iou for s in every if s.look == look and s.category == category]
                cells.append(f"{float(np.mean(mine)):.2f}" if mine else "–")
        yield cells


if __name__ == "__main__":
    sys.exit(main())
