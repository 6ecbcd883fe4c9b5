"""`packsight train PART`: train a segmenter, matting, classifier or mask trust of your own."""

from __future__ import annotations

import argparse

from offline.commands.parts import add_parts, run_part

TRAINERS = {
    "classifier": ("offline.train.commands.classifier", "categories from labelled pictures"),
    "embedder": ("offline.train.commands.embedder", "an embedding from products' pictures"),
    "segmenter": ("offline.train.commands.segmenter", "U²-Net from pictures with masks"),
    "matting": ("offline.train.commands.matting", "FBA matting from pictures with mattes"),
    "codebook": ("offline.train.commands.codebook", "words of local features, SIFT or ORB"),
    "trust": ("offline.train.commands.trust", "how far a segmenter's masks can be believed"),
    "whitening": ("offline.train.commands.whitening", "the whitening of a gallery's vectors"),
    "reranker": ("offline.train.commands.reranker", "a rerank from queries with known answers"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_parts(parser, TRAINERS, "Train")


def run(args: argparse.Namespace) -> int:
    return run_part(args)
