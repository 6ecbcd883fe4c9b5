"""`packsight evaluate STAGE`: evaluate a stage, or by the papers' protocols and tables."""

from __future__ import annotations

import argparse

from packsight.commands._arguments import add_parts, run_part

_HERE = "packsight.commands.evaluate"
STAGES = {
    "all": (f"{_HERE}.stages:everything", "evaluate every stage and the whole chain"),
    "segment": (f"{_HERE}.stages:segment", "compare masks with ground truth"),
    "classify": (f"{_HERE}.stages:classify", "evaluate categories, and what routing makes of them"),
    "retrieve": (f"{_HERE}.stages:retrieve", "evaluate rankings, before and after reranking"),
    "end-to-end": (
        f"{_HERE}.stages:end_to_end",
        "evaluate what a user gets: products, no match, speed",
    ),
    "benchmark": (f"{_HERE}.benchmark", "evaluate embeddings by the papers' protocols"),
    "shape": (f"{_HERE}.shape", "evaluate shape descriptors by the bullseye score"),
    "compare": (f"{_HERE}.compare", "compare two reports; exit code 1 on a regression"),
    "table": (f"{_HERE}.table", "evaluate by a paper's table, in its layout"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_parts(parser, STAGES)


def run(args: argparse.Namespace) -> int:
    return run_part(args)
