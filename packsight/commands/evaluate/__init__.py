"""`packsight evaluate STAGE`: how well a stage does, and the papers' protocols and tables."""

from __future__ import annotations

import argparse

from packsight.commands._parts import add_parts, run_part

_STAGES = "packsight.commands.evaluate.stages"
STAGES = {
    "all": (f"{_STAGES}:everything", "every stage and the whole chain, in one report"),
    "segment": (f"{_STAGES}:segment", "masks, against true ones"),
    "classify": (f"{_STAGES}:classify", "categories, and what they mean for routing"),
    "retrieve": (f"{_STAGES}:retrieve", "rankings, before and after rerank"),
    "end-to-end": (f"{_STAGES}:end_to_end", "what a user gets: products, no match, speed"),
    "benchmark": ("packsight.commands.evaluate.benchmark", "embeddings by the papers' protocols"),
    "shape": ("packsight.commands.evaluate.shape", "shape descriptors, by the bullseye score"),
    "compare": ("packsight.commands.evaluate.compare", "what changed between two reports"),
    "table": ("packsight.commands.evaluate.table", "by a table as a paper lays it out"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_parts(parser, STAGES, "Evaluate")


def run(args: argparse.Namespace) -> int:
    return run_part(args)
