"""`packsight evaluate STAGE`: how well a stage does, and the papers' protocols and tables."""

from __future__ import annotations

import argparse

from offline.commands.parts import add_parts, run_part

STAGES = {
    "benchmark": ("offline.commands.evaluate_benchmark", "embeddings by the papers' protocols"),
    "table": ("offline.commands.evaluate_table", "by a table as a paper lays it out"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_parts(parser, STAGES, "Evaluate")


def run(args: argparse.Namespace) -> int:
    return run_part(args)
