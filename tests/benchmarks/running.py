"""Run a benchmark as `python benchmarks/NAME` does: in this process, or in one of its own."""

from __future__ import annotations

import io
import os
import runpy
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import cv2

ROOT = Path(__file__).resolve().parents[2]


def run_benchmark(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """In this process, which spares the second that the imports of a new one take."""
    words = [str(ROOT / "benchmarks" / name), *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    code: object = None
    threads = cv2.getNumThreads()  # benchmarks that count the processor's seconds take one
    with (
        mock.patch.dict(os.environ, {"PYTHONPATH": str(ROOT)}),
        mock.patch.object(sys, "argv", words),
        mock.patch.object(sys, "path", [str(ROOT / "benchmarks"), *sys.path]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            runpy.run_path(words[0], run_name="__main__")
        except SystemExit as end:
            code = end.code
        finally:
            cv2.setNumThreads(threads)
    if isinstance(code, str):
        err.write(f"{code}\n")
    done = code if isinstance(code, int) else int(code is not None)
    return subprocess.CompletedProcess(words, done, out.getvalue(), err.getvalue())


def run_script(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own, for what measures processes or sets its own up."""
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
