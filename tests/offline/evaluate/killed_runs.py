"""Commands of `packsight evaluate` that are killed by their own hand in the midst of their work."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence

from tests.packsight_command import ROOT

_SCRIPT = """
import os, signal, sys
import packsight.cli
import offline.store.vectors
from engine.blobs import Blobs
offline.store.vectors.BATCH = 4
put = Blobs.put
def once(self, blobs):
    put(self, blobs)
    if self.what == {what!r}:
        os.kill(os.getpid(), signal.SIGKILL)
Blobs.put = once
sys.argv[0] = "packsight"
packsight.cli.entry()
"""


def kill_after_keeping(what: str, arguments: Sequence[str]) -> None:
    """Run the command until it has kept a first batch of ``what``; a batch of vectors is four."""
    given = [sys.executable, "-c", _SCRIPT.format(what=what), *arguments]
    killed = subprocess.run(given, cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
