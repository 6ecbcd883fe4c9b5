"""Four systems on data that none of their networks was trained on, in one table.

    python benchmarks/networks_compared.py --cache DIR [--data PACKBENCH] [--grocerystore DIR]
        [--u2netp FILE] [--mobilenet FILE] [--lite0 FILE] [--only NAME] [--also NAME=FILE.toml]

Networks are names of the catalogue unless files are given. Rows: Packbench's ``queries``,
``unseen`` and ``test``, and shop photos (GroceryStoreDataset, ``val/Packages``) searched in the
product images and in these with ``train``; galleries as they are described ("off"), adapted to
themselves ("on") and, of the product images, to the photos of ``train`` without their labels too.

How to read the table:

* vectors: R@1 / mAP of images by their vectors alone, whatever their category, as the papers
  measure.
* chain: the same as a user searches: routed, reranked, with print.
* category: accuracy / true category among the two likeliest / among those that are searched, and
  how many these are. ``test`` and the photos are predicted by the catalogue, which has other
  families than ``test``; "shipped head": by the profile's head, in place of the catalogue.
* 95 % intervals, all photos of a product drawn together.

Descriptions are kept in ``--cache``: a killed run goes on.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from support.photos import with_interval
from support.retrieval import answer
from support.tables import markdown

from engine.config import Settings
from engine.types import CategoryScores
from offline.datasets import Dataset, DatasetImage, RetrievalTask, open_dataset
from offline.datasets.relevance import by_category, by_product, clusters_of, label_task
from offline.evaluate.adapting import adapt_task
from offline.evaluate.describing import describe_task
from offline.evaluate.retrieval.measure import measure_rankings, own_level
from offline.evaluate.task import EVERYWHERE, RERANKED, DescribedTask
from stages.classify.nearest import Nearest
from stages.open_settings import settings_for

METRICS = ("R@1", "mAP")
WAYS = {"vectors": EVERYWHERE, "chain": RERANKED}
GROUP = "Packages"
HEAD = "shipped head"
Row = tuple[str, str, str]  # data, what is measured, adaptation


def main(arguments: Sequence[str] | None = None) -> int:
    return answer(_parser(), _report, arguments)


def _report(args: argparse.Namespace) -> str:
    systems = _systems(args)
    found = {name: dict(_measured(name, one, args)) for name, one in systems.items()}
    rows = list(dict.fromkeys(row for cells in found.values() for row in cells))
    lines = [[*row, *(cells.get(row, "–") for cells in found.values())] for row in rows]
    return markdown(("data", "measured", "adaptation", *found), lines)


def _systems(args: argparse.Namespace) -> Mapping[str, Settings]:
    """By column. The chains of all are those of ``classic``; ``compact`` differs by its parts."""
    masks = ("segment.name=u2net", f"segment.weights={_place(args.u2netp)}", "embed.name=onnx")
    columns: Mapping[str, tuple[str, Path | None, tuple[str, ...]]] = {
        "classic": ("classic", None, ()),
        "U²-Netp + MobileNetV2": (
            "classic",
            None,
            (*masks, f"embed.weights={_place(args.mobilenet)}"),
        ),
        "U²-Netp + Lite0, frozen": (
            "classic",
            None,
            (*masks, f"embed.weights={_place(args.lite0)}"),
        ),
        "compact": ("compact", None, ()),
    }
    also = {name: ("compact", Path(file), ()) for name, file in map(_named, args.also)}
    return {
        name: settings_for(
            None,
            profile=profile,
            config=config,
            overrides=[*overrides, f"runtime.threads={args.threads}"],
        )
        for name, (profile, config, overrides) in (columns | also).items()
        if not args.only or name in args.only or name in also
    }


def _place(reference: str) -> str:
    """A file by its whole path, else the catalogue's name."""
    return str(Path(reference).absolute()) if Path(reference).is_file() else reference


def _named(given: str) -> tuple[str, str]:
    name, _, file = given.partition("=")
    return name, file


def _measured(name: str, settings: Settings, args: argparse.Namespace) -> Iterator[tuple[Row, str]]:
    """The cells of a column."""

    def described(task: RetrievalTask) -> DescribedTask:
        print(f"{name}: {task.name}", file=sys.stderr, flush=True)
        return describe_task(task, settings, args.cache)

    yield from _packbench(open_dataset(args.data), described)
    if args.grocerystore is not None:
        images = open_dataset(args.grocerystore).images
        yield from _grocerystore(images, described, args.cache / "unlabelled")


def _packbench(
    dataset: Dataset, described: Callable[[RetrievalTask], DescribedTask]
) -> Iterator[tuple[Row, str]]:
    task = described(dataset.retrieval("queries"))
    for adaptation, one in (("off", task), ("on", adapt_task(task))):
        yield from _retrieval("Packbench queries", adaptation, one)
        yield _categories("Packbench queries", adaptation, one)
    yield from _by_shipped_head("Packbench queries", task)
    task = described(dataset.retrieval("unseen"))
    for adaptation, one in (("off", task), ("on", adapt_task(task))):
        yield from _retrieval("Packbench unseen", adaptation, one)
    if "test" in dataset.protocols:  # every image is a query: there is nothing to adapt to
        yield from _retrieval("Packbench test", "off", described(dataset.retrieval("test")))
    test, catalogue = dataset.images("test"), dataset.images("catalogue")
    task = described(label_task("test in the catalogue", test, catalogue, by_category))
    for adaptation, one in (("off", task), ("on", adapt_task(task))):
        yield _categories("Packbench test", adaptation, one)
    yield from _by_shipped_head("Packbench test", task)


def _grocerystore(
    images: Callable[[str], Sequence[DatasetImage]],
    described: Callable[[RetrievalTask], DescribedTask],
    unlabelled: Path,
) -> Iterator[tuple[Row, str]]:
    photos, train, products = (images(f"{one}/{GROUP}") for one in ("val", "train", "iconic"))
    task = described(label_task("val → product images", photos, products, by_product))
    data = "GroceryStore val → product images"
    yield from _retrieval(data, "off", task)
    yield from _retrieval(data, "on", adapt_task(task))
    seen = f"on, {len(train)} photos"
    yield from _retrieval(data, seen, adapt_task(task, photos=_copies(train, unlabelled)))
    task = described(label_task("val → train", photos, [*products, *train], by_product))
    for adaptation, one in (("off", task), ("on", adapt_task(task))):
        yield from _retrieval("GroceryStore val → train", adaptation, one)


def _copies(photos: Sequence[DatasetImage], folder: Path) -> Path:
    """In one folder, so that no label is read from their places."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, photo in enumerate(photos):
        shutil.copyfile(photo.path, folder / f"{number:05}{photo.path.suffix}")
    return folder


def _retrieval(data: str, adaptation: str, task: DescribedTask) -> Iterator[tuple[Row, str]]:
    level = own_level(task)
    found = measure_rankings(task, [level], list(WAYS.values()), METRICS).of(level)
    products = clusters_of([task.task.queries[at] for at in level.answerable])
    counts = f"{data}, {len(products)} → {len(task.gallery)}"
    for shown, way in WAYS.items():
        cells = (with_interval(column, products) for column in found[way].values.T)
        yield (counts, f"{shown}: R@1 / mAP", adaptation), " / ".join(cells)


def _categories(data: str, adaptation: str, task: DescribedTask) -> tuple[Row, str]:
    searched = [route.categories for route in task.routes]
    true = [image.category for image in task.task.queries]
    holds = [one in names for one, names in zip(true, searched, strict=True)]
    size = np.mean([len(names) for names in searched])
    guesses = _guesses(task.task.queries, [query.scores for query in task.queries])
    cell = f"{guesses} / {np.mean(holds):.3f} of {size:.1f}"
    return (f"{data}, {len(true)} images", "category", adaptation), cell


def _by_shipped_head(data: str, task: DescribedTask) -> Iterator[tuple[Row, str]]:
    classifier = task.parts.describer.classifier
    head = classifier.head if isinstance(classifier, Nearest) else None
    if head is not None:
        scores = [head.alone(query.embedding.vector) for query in task.queries]
        unknown = np.mean([one.unknown for one in scores])
        guesses = _guesses(task.task.queries, scores)
        row = (f"{data}, {len(scores)} images", "category", HEAD)
        yield row, f"{guesses}; {unknown:.3f} called unknown"


def _guesses(images: Sequence[DatasetImage], scores: Sequence[CategoryScores]) -> str:
    """Fractions whose category is the likeliest, and among the two likeliest."""
    ranked = [[name for name, _ in one.ranked()] for one in scores]
    cells = []
    for k in (1, 2):
        pairs = zip(images, ranked, strict=True)
        correct = np.array([float(image.category in names[:k]) for image, names in pairs])
        cells.append(with_interval(correct, clusters_of(images)))
    return " / ".join(cells)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", default="packbench-tiny", metavar="DIR", help="Packbench (default: %(default)s)")
    add("--grocerystore", type=Path, metavar="DIR", help="root of GroceryStoreDataset")
    add("--cache", type=Path, required=True, metavar="DIR", help="for descriptions")
    add("--u2netp", default="u2netp", metavar="NAME_OR_FILE")
    add("--mobilenet", default="mobilenet_v2_keras", metavar="NAME_OR_FILE")
    add("--lite0", default="efficientnet_lite0", metavar="NAME_OR_FILE")
    add("--only", action="append", default=[], metavar="COLUMN", help="repeatable")
    add("--also", action="append", default=[], metavar="NAME=FILE.toml", help="over compact")
    add("--threads", type=int, default=2, metavar="N")
    return parser


if __name__ == "__main__":
    sys.exit(main())
