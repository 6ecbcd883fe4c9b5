"""`packsight train PART`: train a segmenter, matting, classifier or mask trust of your own."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

# Modules with ``add_arguments(parser)`` and ``run(args) -> exit code``, imported to parse: they
# import nothing heavy at their top.
TRAINERS = {
    "classifier": ("offline.train.commands.classifier", "categories from labelled pictures"),
    "embedder": ("offline.train.commands.embedder", "an embedding from products' pictures"),
    "segmenter": ("offline.train.commands.segmenter", "U²-Net from pictures with masks"),
    "matting": ("offline.train.commands.matting", "FBA matting from pictures with mattes"),
    "codebook": ("offline.train.commands.codebook", "words of local features, SIFT or ORB"),
    "trust": ("offline.train.commands.trust", "how far a segmenter's masks can be believed"),
    "whitening": ("offline.train.commands.whitening", "the whitening of a gallery's vectors"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    for name, (module, summary) in TRAINERS.items():
        part = parts.add_parser(name, help=summary, description=f"Train {summary}.")
        trainer: Any = import_module(module)
        trainer.add_arguments(part)
        part.set_defaults(trainer=trainer)


def run(args: argparse.Namespace) -> int:
    return int(args.trainer.run(args))
