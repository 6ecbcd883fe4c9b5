"""`packsight prepare paper` with a real training, killed in the middle and continued."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.drawn_catalogue import write_catalogue
from tests.offline.prepare.small_system import write_networks
from tests.packsight_command import ENTRY, ROOT, command

# Not imported here: a process that has TensorFlow cannot load all of torch any more.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("keras") is None, reason="needs the extra `train`"),
]
SMALL = (
    *("--backbone", "MobileNetV2", "--weights", "none", "--input-size", "32", "--epochs", "3"),
    # A network that moves far from random weights may amplify the last digits of float32.
    *("--rate", "0.00001"),
)


def test_a_killed_training_goes_on_and_the_system_answers(tmp_path: Path) -> None:
    catalogue, out = tmp_path / "catalogue", tmp_path / "out"
    write_catalogue(catalogue, products=4)
    files = write_networks(tmp_path / "local")
    flags = [str(part) for name, path in files.items() for part in (f"--{name}", path)]
    arguments = ["prepare", "paper", "--data", str(catalogue), "--out", str(out), *flags, *SMALL]
    assert kill_after_an_epoch(arguments, out / "classifier/history.jsonl") == -signal.SIGKILL
    first = (out / "classifier/history.jsonl").read_text().splitlines()[0]
    exported = (out / "u2net.onnx").stat().st_mtime_ns

    done = command(*arguments)
    assert done.code == 0, done.err
    history = (out / "classifier/history.jsonl").read_text().splitlines()
    assert history[0] == first and len(history) == 3
    assert (out / "u2net.onnx").stat().st_mtime_ns == exported

    model = (out / "classifier/classifier.onnx").stat().st_mtime_ns
    assert command(*arguments).code == 0
    assert (out / "classifier/classifier.onnx").stat().st_mtime_ns == model

    gallery = ("--gallery", str(tmp_path / "gallery"))
    config = ("--config", str(out / "paper.toml"), "--workers", "1")
    done = command("ingest", str(catalogue), *gallery, *config)
    assert done.code == 0, done.err
    photo = str(catalogue / "jar/p1/v0.png")
    hits = json.loads(command("query", photo, *gallery, "--category", "jar", "--json").out)["hits"]
    assert hits[0]["uri"] == photo


def kill_after_an_epoch(arguments: list[str], history: Path) -> int:
    process = subprocess.Popen(
        [sys.executable, "-c", ENTRY, *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and not history.is_file():
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait()
