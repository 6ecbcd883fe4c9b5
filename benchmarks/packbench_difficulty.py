"""How hard Packbench is, and whether its difficulty parameter has an effect.

    python benchmarks/packbench_difficulty.py --out DIR --u2netp FILE.onnx --backbone FILE.onnx
    python benchmarks/packbench_difficulty.py --data STANDARD --out DIR ...

Without ``--data`` a reduced benchmark is rendered at every ``--difficulty`` (15 categories of 2
families of 6 products in 2 views, and 6 phone photos a category), or gone on with where DIR holds
it already; families are the same at all of them, only their members lie closer together. With
``--data`` a finished benchmark is taken as it is. Without models only ``classic`` is run.

Two kinds of queries: ``phone``, the photos of catalogue products against the whole catalogue;
``view``, studio images of the validation part against the training part, the easy case: same
light, same table, another side. How to read the table:

* R@1, R@5: fraction of queries with the correct product among the first 1 or 5 products; family
  R@1: the first product is of the correct family. In brackets the 95 % bootstrap interval over
  queries.
* mAP: of images, before they are grouped by product.
* absent: for photos of products that the catalogue lacks, how often a photo of one that it has
  lies nearer to its nearest image than a photo of an absent one to its own (0.5 is chance).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from grocery.galleries import described_queries, without
from packbench.chains import Answer, Chain, Queries, answers, chains, queries_of
from support.tables import markdown

from engine.errors import PacksightError
from offline import ingest
from offline.datasets import Dataset, open_dataset
from offline.datasets.packbench.build import build
from offline.datasets.packbench.manifest import read_header
from offline.datasets.packbench.presets import Preset
from offline.datasets.packbench.shots import Benchmark
from offline.metrics.statistics import bootstrap

DIFFICULTIES = (0.0, 0.25, 0.5, 0.75, 1.0)
KINDS = ("phone", "view")
HEAD = ("difficulty, query, chain", "queries", "R@1", "family R@1", "R@5", "mAP", "absent")
SEED = 20240  # of the bootstrap


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    try:
        print(markdown(HEAD, [row for data in _benchmarks(args) for row in _rows(data, args)]))
    except PacksightError as error:
        _say(f"packbench_difficulty: {error}")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="all is kept here")
    parser.add_argument("--data", type=Path, metavar="DIR", help="a finished Packbench")
    parser.add_argument("--u2netp", type=Path, metavar="FILE.onnx")
    parser.add_argument("--backbone", type=Path, metavar="FILE.onnx")
    parser.add_argument("--difficulty", type=float, nargs="+", default=DIFFICULTIES, metavar="D")
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=KINDS, help="of queries")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--side", type=int, default=192, help="of an image, px")
    parser.add_argument("--samples", type=int, default=16, help="light paths a pixel")
    parser.add_argument("--members", type=int, default=6, help="products a family")
    parser.add_argument("--queries", type=int, default=6, help="phone photos a category")
    parser.add_argument("--workers", type=int, metavar="N", help="rendering processes")
    return parser


def _benchmarks(args: argparse.Namespace) -> Iterator[Path]:
    """Folders of finished benchmarks, each rendered when its turn comes."""
    if args.data is not None:
        yield args.data
        return
    none = (0, 0, 0)
    sizes = Preset(
        "reduced", args.side, args.samples, 2, args.members, 2, none, args.queries, 0, none
    )
    for difficulty in args.difficulty:
        folder = args.out / f"difficulty-{difficulty:g}"
        _say(f"rendering {sizes.images} images into {folder}")
        build(Benchmark(sizes, args.seed, difficulty), folder, workers=args.workers)
        yield folder


def _rows(data: Path, args: argparse.Namespace) -> Iterator[list[str]]:
    header, dataset = read_header(data), open_dataset(data, "packbench")
    # Named by content: what was described of an earlier rendering must not be taken for this one.
    work = args.out / "described" / header.manifest_sha256[:16]
    for chain in chains(args.u2netp, args.backbone):
        catalogue, held_out = _galleries(dataset, chain, work)
        for kind, gallery, split in (
            ("phone", catalogue, "queries"),
            ("view", held_out, "validation"),
        ):
            if kind not in args.kind:
                continue
            task = queries_of(dataset, split)
            described = described_queries(gallery, task.queries, gallery.parent)
            found = answers(chain, gallery, task, described)
            name = f"{header.difficulty:g}, {kind}, {chain.name}"
            yield [name, *_cells(dataset, task, found)]


def _galleries(dataset: Dataset, chain: Chain, work: Path) -> tuple[Path, Path]:
    """The whole catalogue, and it without the validation images."""
    full, reduced = work / chain.variant.name / "catalogue", work / chain.variant.name / "train"
    folder = dataset.root / "catalogue"
    report = ingest(folder, full, profile="classic", overrides=chain.variant.overrides)
    if report.described or report.refused:
        _say(f"{chain.name}: {report.text()}")
    if not reduced.exists():
        uris = {str(image.path.absolute()) for image in dataset.images("validation")}
        without(full, uris, reduced)
    return full, reduced


def _cells(dataset: Dataset, task: Queries, found: Sequence[Answer]) -> list[str]:
    held = {str(image.product) for image in dataset.images("catalogue")}
    here = [query.product.split("/")[1] in held for query in task.queries]
    present = [one for one, is_here in zip(found, here, strict=True) if is_here]
    absent = [one.distance for one, is_here in zip(found, here, strict=True) if not is_here]
    columns = (
        [one.product_at_1 for one in present],
        [one.family_at_1 for one in present],
        [one.product_at_5 for one in present],
        [one.ap for one in present],
    )
    nearer = _nearer([one.distance for one in present], absent)
    return [str(len(present)), *map(_interval, columns), nearer]


def _nearer(present: Sequence[float], absent: Sequence[float]) -> str:
    """Mann and Whitney's statistic over all pairs, ties by half: the area under the ROC curve."""
    if not absent:
        return "–"
    gaps = np.asarray(absent)[None] - np.asarray(present)[:, None]
    return f"{float((gaps > 0).mean() + (gaps == 0).mean() / 2):.3f}"


def _interval(values: Sequence[float]) -> str:
    found = bootstrap(values, seed=SEED)
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
