"""`packsight train TRAINER`: train a stage on your own data."""

from __future__ import annotations

import argparse

from packsight.commands._arguments import add_parts, run_part

_HERE = "packsight.commands.train"
TRAINERS = {
    "compact": (
        f"{_HERE}.compact",
        "train the small networks of profile compact, all in one folder",
    ),
    "classifier": (f"{_HERE}.classifier", "train a classifier of categories, on labelled images"),
    "category-head": (
        f"{_HERE}.category_head",
        "fit the categories of an embedder's vectors, for galleries without labels",
    ),
    "embedder": (f"{_HERE}.embedder", "train an embedder, on images of products"),
    "segmenter": (f"{_HERE}.segmenter", "train a segmenter, on images with masks"),
    "matting": (f"{_HERE}.matting", "train FBA matting, on images with mattes"),
    "codebook": (f"{_HERE}.codebook", "cluster local features, SIFT or ORB, into visual words"),
    "trust": (f"{_HERE}.trust", "fit how reliable the masks of a segmenter are"),
    "whitening": (f"{_HERE}.whitening", "fit a whitening for new galleries; see packsight adapt"),
    "reranker": (f"{_HERE}.reranker", "train a reranker, on queries with known answers"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_parts(parser, TRAINERS)


def run(args: argparse.Namespace) -> int:
    return run_part(args)
