"""`packsight train PART`: train a segmenter, matting, classifier or mask trust of your own."""

from __future__ import annotations

import argparse

from packsight.commands._parts import add_parts, run_part

TRAINERS = {
    "classifier": ("packsight.commands.train.classifier", "categories from labelled pictures"),
    "embedder": ("packsight.commands.train.embedder", "an embedding from products' pictures"),
    "segmenter": ("packsight.commands.train.segmenter", "U²-Net from pictures with masks"),
    "matting": ("packsight.commands.train.matting", "FBA matting from pictures with mattes"),
    "codebook": ("packsight.commands.train.codebook", "words of local features, SIFT or ORB"),
    "trust": ("packsight.commands.train.trust", "how far a segmenter's masks can be believed"),
    "whitening": ("packsight.commands.train.whitening", "the whitening of a gallery's vectors"),
    "reranker": ("packsight.commands.train.reranker", "a rerank from queries with known answers"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_parts(parser, TRAINERS, "Train")


def run(args: argparse.Namespace) -> int:
    return run_part(args)
