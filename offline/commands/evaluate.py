"""`packsight evaluate STAGE`: how well a stage does, by the protocols of the papers."""

from __future__ import annotations

import argparse

from offline.commands.parts import add_parts, run_part

STAGES = {
    "retrieval": ("offline.commands.evaluate_retrieval", "how well pictures are found by others"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_parts(parser, STAGES, "Evaluate")


def run(args: argparse.Namespace) -> int:
    return run_part(args)
