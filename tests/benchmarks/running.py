"""Run a benchmark as a user does: a script, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_benchmark(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def table(output: str, head: str) -> dict[str, list[str]]:
    """The cells of a markdown table by the first cell of each row; ``head`` is its first cell."""
    lines = [line for line in output.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    start = next(number for number, row in enumerate(cells) if row[0] == head)
    width = len(cells[start])
    found: dict[str, list[str]] = {}
    for row in cells[start + 2 :]:
        if len(row) != width or set(row[0]) == {"-"}:
            break
        found[row[0]] = row[1:]
    return found
