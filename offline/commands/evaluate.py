"""`packsight evaluate STAGE`: how well a stage does, and the papers' protocols and tables."""

from __future__ import annotations

import argparse

from offline.commands.parts import add_parts, run_part

_STAGES = "offline.commands.evaluate_stages"
STAGES = {
    "all": (f"{_STAGES}:everything", "every stage and the whole chain, in one report"),
    "segment": (f"{_STAGES}:segment", "masks, against true ones"),
    "classify": (f"{_STAGES}:classify", "categories, and what they mean for routing"),
    "retrieve": (f"{_STAGES}:retrieve", "rankings, before and after rerank"),
    "end-to-end": (f"{_STAGES}:end_to_end", "what a user gets: products, no match, speed"),
    "benchmark": ("offline.commands.evaluate_benchmark", "embeddings by the papers' protocols"),
    "shape": ("offline.commands.evaluate_shape", "shape descriptors, by the bullseye score"),
    "compare": ("offline.commands.evaluate_compare", "what changed between two reports"),
    "table": ("offline.commands.evaluate_table", "by a table as a paper lays it out"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_parts(parser, STAGES, "Evaluate")


def run(args: argparse.Namespace) -> int:
    return run_part(args)
