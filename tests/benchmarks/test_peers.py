"""`benchmarks/peers.py`: systems in turn on the same photos."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.benchmarks.running import ROOT, run_script

PROGRAM = """
import sys
sys.path.insert(0, {programs!r})
from turns import take_turns
print("a library's own words")
take_turns(lambda photo: [{answer}])
"""


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("peers")


def _command(folder: Path, name: str, program: str) -> list[str]:
    path = folder / f"{name}.py"
    path.write_text(program)
    return [sys.executable, str(path)]


def test_systems_answer_the_same_photos_and_what_cannot_start_is_left_out(
    peers: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = str(ROOT / "benchmarks/peer_programs")
    finding = PROGRAM.format(programs=programs, answer="photo.replace('photos', 'catalogue')")
    guessing = PROGRAM.format(programs=programs, answer="'catalogue/p0/0.jpg'")
    systems = [
        peers.System("finds", _command(tmp_path, "finds", finding), judged=True),
        peers.System("fails", _command(tmp_path, "fails", "raise SystemExit('no weights')")),
        peers.System("guesses", _command(tmp_path, "guesses", guessing), judged=True),
    ]
    products = [f"p{number}" for number in range(4)]
    data = peers.Data(
        {f"photos/{product}/0.jpg": product for product in products},
        {f"catalogue/{product}/0.jpg": product for product in products},
    )
    found = peers._in_turns(systems, data)
    assert [system.name for system in found] == ["finds", "guesses"]
    assert "fails left out: no weights" in capsys.readouterr().out
    assert all(len(system.seconds) == len(system.processor) == 4 for system in found)
    rows = peers._table(found, data).splitlines()[2:]
    assert "1.000 [1.000, 1.000]" in rows[0] and "0.250" in rows[1]


def test_comparisons_whose_files_are_not_named_are_left_out(tmp_path: Path) -> None:
    done = run_script("peers.py", "--work", tmp_path, "--only", "masks")
    assert done.returncode == 0, done.stderr
    assert "masks left out" in done.stdout and "--u2netp" in done.stdout


@pytest.mark.slow
def test_masks_of_the_same_network_are_timed_in_both(tmp_path: Path) -> None:
    pytest.importorskip("rembg")
    file = ROOT.parent / "shared/weights/u2netp.onnx"
    if not file.is_file():
        pytest.skip(f"{file} is not there")
    few = ("--work", tmp_path, "--only", "masks", "--photos", "2")
    done = run_script("peers.py", *few, "--u2netp", file)
    assert done.returncode == 0, done.stderr
    assert "| rembg" in done.stdout and "| segment u2net" in done.stdout
