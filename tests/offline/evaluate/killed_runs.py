"""Commands of `packsight evaluate` that are killed by their own hand in the midst of their work."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence

from tests.packsight_command import ROOT

_SCRIPT = """
import os, signal, sys
from importlib import import_module
import packsight.cli
module = import_module({module!r})
{before}
kept = module.{method}
def once(*given):
    kept(*given)
    os.kill(os.getpid(), signal.SIGKILL)
module.{method} = once
sys.argv[0] = "packsight"
packsight.cli.entry()
"""


def kill_after(module: str, method: str, arguments: Sequence[str], before: str = "") -> None:
    """Run the command until ``method`` of the module (CLASS.NAME) has done its work once;
    ``before``: a line that may change ``module`` first."""
    script = _SCRIPT.format(module=module, method=method, before=before)
    given = [sys.executable, "-c", script, *arguments]
    killed = subprocess.run(given, cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
