"""What TensorFlow logs while it is imported does not reach the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.packsight_command import ROOT

NOISE = "oneDNN custom operations are on"
# Written by the library itself, past Python's streams.
STUBS = {
    "tensorflow": f"""
import os
os.write(2, b"{NOISE}")
class config:
    list_physical_devices = staticmethod(lambda kind: os.write(2, b"cuInit failed"))
""",
    "keras": "",
}
IMPORT = "from offline.train.classifier.network import import_keras; import_keras()"


def imported(
    path: Path | None = None, after: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    own = ("TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND")
    kept = {name: value for name, value in os.environ.items() if name not in own}
    folders = [str(folder) for folder in (path, ROOT) if folder]
    return subprocess.run(
        [sys.executable, "-c", f"{IMPORT}\n{after}"],
        env={**kept, "PYTHONPATH": os.pathsep.join(folders), **more},
        cwd=path or ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    for name, text in STUBS.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def test_nothing_is_shown_unless_the_level_is_set(stubs: Path) -> None:
    after = "import os; os.write(2, b'shown')"
    quiet = imported(stubs, after)
    assert (quiet.returncode, quiet.stderr) == (0, "shown")
    assert NOISE in imported(stubs, TF_CPP_MIN_LOG_LEVEL="0").stderr


def test_an_import_that_fails_is_shown(stubs: Path) -> None:
    (stubs / "tensorflow.py").write_text(STUBS["tensorflow"] + "raise RuntimeError('no AVX')")
    done = imported(stubs)
    assert done.returncode != 0 and NOISE in done.stderr and "no AVX" in done.stderr


# Not imported here: it brings Keras on TensorFlow, and this process's is on torch.
@pytest.mark.slow
@pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs the extra `train`")
def test_tensorflow_itself_is_silent() -> None:
    work = "import tensorflow as tf; print(float(tf.reduce_sum(tf.ones((2, 2)))))"
    done = imported(None, work)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "4.0", "")
