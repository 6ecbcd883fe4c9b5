"""The `packsight` command as a test runs it: in this process, in another, and without root."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from packsight.cli import main
from tests.drawn_catalogue import QUICK_FLAGS

ROOT = Path(__file__).parents[1]
ENTRY = "import sys; from packsight.cli import entry; sys.argv[0] = 'packsight'; entry()"


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line on standard error."""
        (line,) = self.err.splitlines()
        assert line.startswith("packsight: ")
        return line


class Command:
    """`packsight …` in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Outcome:
        self._capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        assert "Traceback" not in captured.err
        return Outcome(code, captured.out, captured.err)

    def ingest(self, folder: Path, gallery: Path, *more: str | Path) -> Outcome:
        return self("ingest", folder, "--gallery", gallery, "--workers", "1", *QUICK_FLAGS, *more)


def command(
    *arguments: str | Path,
    before: str = "",
    preexec: Callable[[], None] | None = None,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> Outcome:
    """`packsight …` in a process of its own, after the statements in ``before``."""
    done = subprocess.run(
        [sys.executable, "-c", before + ENTRY, *arguments],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=preexec,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Outcome(done.returncode, done.stdout, done.stderr)


def unprivileged(*arguments: str | Path) -> Outcome:
    """`packsight …` in a process, and children, that permissions hold for, even as root."""
    flags = [*QUICK_FLAGS, "--workers", "1", "--quiet"] if arguments[0] == "ingest" else []
    return command(*arguments, *flags, preexec=drop_root_over_files)


def drop_root_over_files() -> None:
    """Give up CAP_DAC_OVERRIDE (1) and CAP_DAC_READ_SEARCH (2) at the coming exec."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def may_be_locked_out() -> bool:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).chmod(0)
        done = subprocess.run(
            ["cat", file.name], capture_output=True, preexec_fn=drop_root_over_files
        )
    return done.returncode != 0
