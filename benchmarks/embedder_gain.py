"""What fine-tuning and whitening add on products that no training saw, over several seeds.

    python benchmarks/embedder_gain.py --data DIR --cache DIR --base BACKBONE.onnx --run DIR …

RUN is a folder that ``packsight train embedder --hold-out family --seed S --out RUN`` filled, one
a seed; BACKBONE.onnx is the backbone that it started from, exported with its maps. Whitening is
fitted to the images that the run learned from. Two judges, neither of which any training saw:

* held-out families: each image of the run's own held-out families searched among the others. The
  best epoch was chosen by them, which is a little kind to the trained network.
* the data set's protocol (``unseen``): photos of other families against catalogue images of
  theirs.

How to read the table: a value is the mean over the seeds, ± their standard deviation. The lines
below it give the change of one row to another, with a 95 % bootstrap interval over the queries
(the mean of a query's changes over the seeds where all seeds have it).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from descriptors.whitened import Learned, Way, whitenings
from support.retrieval import answer, parser_of
from support.tables import markdown

from engine.config import Settings, load
from engine.errors import ConfigError
from engine.types import Float64Array, FloatArray
from offline.datasets import Dataset, DatasetImage, RetrievalTask, open_dataset
from offline.datasets.hold_out import divided_splits
from offline.datasets.relevance import by_product, label_task
from offline.evaluate.benchmark.measure import answerable, measure_vectors
from offline.metrics.statistics import bootstrap
from offline.store.vectors import features
from stages.assemble import EmbeddingParts, assemble_embedding
from weights.fetch import FetchPolicy, resolve

MEASURES = ("R@1", "R@5", "mAP", "MRR")
HELD_OUT = "held-out families"
START, TUNED = "start", "trained"
CHANGES = (("{0}", "{1}"), ("{0}", "{0} + {2}"), ("{1}", "{1} + {2}"), ("{0}", "{1} + {2}"))
Key = tuple[str, str]  # judge, row


def main(arguments: Sequence[str] | None = None) -> int:
    return answer(_parser(), _report, arguments)


def _report(args: argparse.Namespace) -> str:
    dataset = open_dataset(args.data)
    task = answerable(dataset.retrieval(args.protocol))
    found: dict[Key, list[Float64Array]] = {}
    for run in args.run:
        for key, figures in _of_run(run, args, dataset, task).items():
            found.setdefault(key, []).append(figures)
    return _text(found, args.dimension)


def _of_run(
    run: Path, args: argparse.Namespace, dataset: Dataset, task: RetrievalTask
) -> dict[Key, Float64Array]:
    recipe = _recipe(run)
    learned, held, _ = divided_splits(dataset, None, None, "family", int(recipe["seed"]))
    judges = {
        HELD_OUT: answerable(label_task(HELD_OUT, held, held, by_product)),
        args.protocol: task,
    }
    figures: dict[Key, Float64Array] = {}
    for name, parts in _embedders(run, args, int(recipe["size"])).items():
        figures |= _judged(name, parts, learned, judges, args)
    return figures


def _recipe(run: Path) -> dict[str, object]:
    try:
        found: dict[str, object] = json.loads((run / "recipe.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{run}: not the folder of a run ({error}).",
            remedy="Fill it with: packsight train embedder --hold-out family --out DIR",
        ) from error
    return found


def _embedders(run: Path, args: argparse.Namespace, size: int) -> dict[str, EmbeddingParts]:
    """The backbone before training, with the same pooling and size; and after it."""
    base = load(Settings(), env={}, flags=["cutout.name=crop", *args.overrides])
    spec = resolve(str(args.base), FetchPolicy(download=False)).spec
    scale = 1.0 if spec is None else size / spec.height
    start = [f"embed.weights='{args.base}'", "embed.pool=gem", f"embed.scales=[{scale}]"]
    tuned = [f"embed.weights='{run / 'embedder.onnx'}'"]
    return {
        name: assemble_embedding(load(base, env={}, flags=["embed.name=onnx", *flags]))
        for name, flags in ((START, start), (TUNED, tuned))
    }


def _judged(
    name: str,
    parts: EmbeddingParts,
    learned: Sequence[DatasetImage],
    judges: dict[str, RetrievalTask],
    args: argparse.Namespace,
) -> dict[Key, Float64Array]:
    sides = {
        judge_: tuple(features(part, parts, args.cache).values for part in (t.queries, t.gallery))
        for judge_, t in judges.items()
    }
    products = tuple(f"{image.category}/{image.product}" for image in learned)
    known = Learned(features(learned, parts, args.cache).values, products)
    ways = [Way(f"Lw {args.dimension}", "learned", args.dimension)]
    figures: dict[Key, Float64Array] = {}
    for way, fitted in whitenings(known, ways):
        row = name if fitted is None else f"{name} + {way.name}"
        for judge_, (queries, gallery) in sides.items():
            if fitted is not None:
                queries, gallery = fitted.project(queries), fitted.project(gallery)
            figures[judge_, row] = _figures(judges[judge_], queries, gallery)
    return figures


def _figures(task: RetrievalTask, queries: FloatArray, gallery: FloatArray) -> Float64Array:
    return measure_vectors(task, queries, gallery, MEASURES)


def _text(found: dict[Key, list[Float64Array]], dimension: int) -> str:
    texts = []
    for judge_ in dict.fromkeys(name for name, _ in found):
        rows = {row: figures for (name, row), figures in found.items() if name == judge_}
        lines = [[row, *_means(figures)] for row, figures in rows.items()]
        changes = [
            _change(rows, *(row.format(START, TUNED, f"Lw {dimension}") for row in pair), judge_)
            for pair in CHANGES
        ]
        table = markdown(("vectors", *MEASURES), lines)
        texts.append(f"### {judge_}\n\n{table}\n\n" + "\n".join(changes))
    return "\n\n".join(texts)


def _means(seeds: Sequence[Float64Array]) -> list[str]:
    means = np.array([figures.mean(axis=0) for figures in seeds])
    return [
        f"{mean:.3f} ± {deviation:.3f}"
        for mean, deviation in zip(means.mean(axis=0), means.std(axis=0), strict=True)
    ]


def _change(rows: dict[str, list[Float64Array]], before: str, after: str, judge_: str) -> str:
    """A line of the report. Every seed holds out other families, so those queries are pooled."""
    if not (before in rows and after in rows):
        return f"- {before} to {after}: not measured"
    differences = [b - a for a, b in zip(rows[before], rows[after], strict=True)]
    pooled = np.concatenate(differences) if judge_ == HELD_OUT else np.mean(differences, axis=0)
    changes = []
    for column, name in enumerate(MEASURES):
        interval = bootstrap(pooled[:, column].tolist(), seed=0)
        changes.append(f"{name} {interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]")
    return f"- {before} to {after}: {', '.join(changes)}"


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--base", type=Path, required=True, metavar="FILE", help="the backbone, with its maps")
    add("--run", type=Path, action="append", required=True, metavar="DIR", help="repeatable")
    add("--protocol", default="unseen", metavar="NAME", help="of the data set")
    add("--dimension", type=int, default=256, metavar="D", help="of the whitened vectors")
    return parser


if __name__ == "__main__":
    sys.exit(main())
