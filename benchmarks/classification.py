"""How well trained classifiers know categories: the paper's Tables 1 and 2, and honest odds.

    python benchmarks/classification.py RUN [RUN ...] --data DIR --work DIR [--split test]

RUN is a folder that ``packsight train classifier --out RUN`` has filled. Its images are cut by
the settings in its artefact and classified by the stage that serves it. Cutouts are kept in
``--work``. How to read the tables:

* Table 1, one a run: precision, recall, F1 and accuracy of each category against all others,
  accuracy by equation 6 of Waqas et al. (CMC 2023): (TP + TN) / all. The last row is their mean.
* Table 2, a row a run: average accuracy is that mean; accuracy is the fraction of photos named
  rightly, with its 95 % bootstrap interval. With 15 categories 0.97 of the first is 0.775 of the
  second. ECE: expected calibration error in 15 bins, before and after the temperature; by chance:
  what perfect probabilities would show on these photos; adaptive: in bins of equal counts. ms:
  one cutout through the ONNX file, median.
* Routing: how often the true category is searched, the mean number of categories searched, and
  the fraction of photos that were searched everywhere, as unsure or unknown. "probability" searches
  what has at least the artefact's probability.
* Unknown: how many photos of known categories are called unknown, and of others: those of
  ``--unknown`` and those in the split whose category was not learned. AUROC: how often a known
  one looks more known than one of the others (0.5 is chance).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from classifiers.predictions import Predictions, all_images, predict
from classifiers.runs import Run, open_trained
from classifiers.tables import (
    CATEGORY,
    OVERALL,
    ROUTING,
    UNKNOWN,
    by_category,
    overall,
    routing,
    unknown,
)
from support.tables import markdown

from engine.errors import ConfigError, PacksightError
from offline.datasets import open_dataset

MASSES = (0.9, 0.95, 0.98, 0.99, 0.995, 0.999)


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    try:
        print(_tables([_predicted(place, args) for place in args.runs], args.mass))
    except PacksightError as error:
        print(f"classification: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a folder of a training")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a data set")
    parser.add_argument("--kind", metavar="KIND", help="of the data set (default: found out)")
    parser.add_argument("--split", default="test", metavar="NAME", help="default: test")
    parser.add_argument("--unknown", type=Path, metavar="DIR", help="a data set of other things")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="keeps cutouts")
    parser.add_argument("--mass", type=float, nargs="+", default=MASSES, metavar="M")
    parser.add_argument(
        "--set",
        dest="flags",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="over the settings of an artefact, such as segment.weights=FILE.onnx",
    )
    return parser


def _predicted(place: Path, args: argparse.Namespace) -> tuple[Run, Predictions]:
    run = open_trained(place, args.flags)
    images = list(open_dataset(args.data, args.kind).images(args.split))
    if args.unknown is not None:
        images += all_images(open_dataset(args.unknown))
    predictions = predict(run, images, args.work)
    if not len(predictions.of(known=True).labels):
        raise ConfigError(
            f"{args.data}: no image of {args.split} is of a category that {run.name} knows: "
            f"{', '.join(run.artefact.labels)}."
        )
    return run, predictions


def _tables(runs: Sequence[tuple[Run, Predictions]], masses: Sequence[float]) -> str:
    known = [(run, predictions.of(known=True)) for run, predictions in runs]
    tables = [
        markdown((f"category ({run.name})", *CATEGORY), list(by_category(run, predictions)))
        for run, predictions in known
    ]
    tables.append(markdown(OVERALL, [overall(run, predictions) for run, predictions in known]))
    routed = [row for run, predictions in known for row in routing(run, predictions, masses)]
    tables.append(markdown(ROUTING, routed))
    rows = [
        unknown(run, predictions.of(known=True), predictions.of(known=False))
        for run, predictions in runs
    ]
    return "\n\n".join([*tables, markdown(UNKNOWN, rows)])


if __name__ == "__main__":
    sys.exit(main())
