"""How long a cold `packsight` takes to answer: its help, and a query.

    python benchmarks/cold_start.py [--runs 20] [--images 40] [PHOTO --gallery DIR]

Every run is a new process, which finds the bytecode of its modules, as one that is installed does.
The commands take turns, so that whatever else the machine does falls on all of them alike. Without
a photo, a small catalogue is drawn and ingested with ``compact``.

How to read the table: milliseconds, median and fastest, and the median as a multiple of an empty
Python, the floor under every command. ``imports`` only loads the libraries that a query needs;
what a query takes beyond it is opening the gallery and answering.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from support.images import Photographer, catalogue, jpeg
from support.tables import markdown

from offline import ingest

EMPTY = "empty Python"
IMPORTS = "import numpy, cv2, faiss, onnxruntime, PIL.Image, pydantic"
ENTRY = "from packsight.cli import entry; entry()"
ANSWER = "import sys; from packsight import query; query(sys.argv[1], sys.argv[2])"


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    if (args.photo is None) != (args.gallery is None):
        print("cold_start: give both PHOTO and --gallery, or neither.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="packsight-cold-") as folder:
        photo, gallery = args.photo, args.gallery
        if photo is None:
            photo, gallery = _made_up(Path(folder), args.images)
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(Path(folder, "bytecode"))}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        seconds = _time_in_turns(_commands(photo, gallery), args.runs, environment)
    print(_table(seconds))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photo", nargs="?", type=Path, metavar="PHOTO")
    parser.add_argument("--gallery", type=Path, metavar="DIR")
    parser.add_argument("--runs", type=int, default=20, metavar="N")
    parser.add_argument("--images", type=int, default=40, metavar="N", help="drawn, without PHOTO")
    return parser


def _made_up(folder: Path, images: int) -> tuple[Path, Path]:
    """A photo and a gallery that it is not in."""
    catalogue(folder / "images", images, seed=1)
    gallery = folder / "gallery"
    ingest(folder / "images", gallery, profile="compact")
    photo = folder / "photo.jpg"
    photo.write_bytes(jpeg(Photographer(600, 800, seed=2).shoot()))
    return photo, gallery


def _commands(photo: Path, gallery: Path) -> dict[str, list[str]]:
    packsight = _packsight()
    query = [*packsight, "query"]
    return {
        EMPTY: [sys.executable, "-c", "pass"],
        "imports": [sys.executable, "-c", IMPORTS],
        "packsight --help": [*packsight, "--help"],
        "packsight query --help": [*query, "--help"],
        "packsight query PHOTO": [*query, str(photo), "--gallery", str(gallery)],
        "query(PHOTO) in Python": [sys.executable, "-c", ANSWER, str(photo), str(gallery)],
    }


def _packsight() -> list[str]:
    """The installed command beside this Python, else the same entry without its script."""
    script = shutil.which("packsight", path=str(Path(sys.executable).parent))
    return [script] if script else [sys.executable, "-c", ENTRY]


def _time_in_turns(
    commands: dict[str, list[str]], runs: int, environment: dict[str, str]
) -> dict[str, list[float]]:
    """Seconds of every run; one unmeasured turn first, so that all files are in the page cache and
    all modules have bytecode."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def _table(seconds: dict[str, list[float]]) -> str:
    floor = statistics.median(seconds[EMPTY])
    rows = [
        [
            name,
            f"{statistics.median(values) * 1000:.0f}",
            f"{min(values) * 1000:.0f}",
            f"{statistics.median(values) / floor:.1f}",
        ]
        for name, values in seconds.items()
    ]
    return markdown(["new process", "median (ms)", "fastest (ms)", "times empty Python"], rows)


if __name__ == "__main__":
    sys.exit(main())
