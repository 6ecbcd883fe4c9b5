"""What it takes to make and to run the paper's system, at its true size: time and memory a stage.

    python benchmarks/paper_system.py --data LABELLED --work DIR [--photos 3]
        [flags of packsight prepare paper, such as --epochs 2 --backbone MobileNetV2]

Networks of random weights and of the published shapes are made first; a server on this machine
stands for their publishers, with the checksums of these files in the catalogue. `packsight prepare
paper` then exports, fetches and trains as it does for a user, some images are ingested with the
settings file that it leaves, and one is searched for. What is given by a flag is not made.

How to read the table: seconds on the clock, seconds of the processor, and the largest resident
memory of the process and its children during a stage, which includes what stages before it left. On
a machine that does other work too, the clock's seconds are too many; the load is printed. What the
system finds means nothing: its weights are random. Linux only.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
from support.processes import MemorySampler
from support.tables import markdown

import weights.catalog as catalog
from offline.train.classifier.recipe import BACKBONES, find_backbone
from packsight.cli import main as packsight
from packsight.commands import _terminal
from weights.checksums import Checksum, digests_of

EPOCHS = 40  # by default


def main(arguments: Sequence[str] | None = None) -> int:
    args, more = _parser().parse_known_args(arguments)
    work = args.work.absolute()
    served = work / "served"
    served.mkdir(parents=True, exist_ok=True)
    os.environ["PACKSIGHT_WEIGHTS_DIR"] = str(work / "cache")
    os.environ["PACKSIGHT_MATTES_DIR"] = str(work / "mattes")
    os.environ["no_proxy"] = "127.0.0.1"
    _terminal.LOGGED = 0.0  # every step of progress is a line, by which stages are told apart
    local = _local_networks(served, args)
    flags = ["--backbone", args.backbone, "--epochs", str(args.epochs), *more]
    watch = Watch(args.epochs)
    out = ["--out", str(work / "paper")]
    with _publisher(served, args), watch.sampler:
        failed = watch.run(["prepare", "paper", "--data", str(args.data), *out, *local, *flags])
        failed = failed or _use(watch, args.data, work, args.photos)
    if failed:
        return failed
    print(markdown(("stage", "clock (s)", "processor (s)", "memory (GiB)"), watch.rows()))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{os.cpu_count()} cores; load at the end {load}; {' '.join(flags)}")
    for path in sorted((work / "paper").rglob("*.onnx")):
        print(f"{path.relative_to(work)}: {path.stat().st_size / 2**20:.1f} MiB")
    size = sum(path.stat().st_size for path in (work / "paper").rglob("*") if path.is_file())
    print(f"paper in all: {size / 2**20:.0f} MiB")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="LABELLED")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR")
    parser.add_argument("--photos", type=int, default=3, help="Images to ingest (default: 3).")
    parser.add_argument("--backbone", default="EfficientNetV2L", help=", ".join(BACKBONES))
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"At most (default: {EPOCHS}).")
    for name in ("u2net", "fba", "resnet50"):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help="In place of a made one.")
    return parser


# Networks of random weights ---------------------------------------------------------------------


def _local_networks(served: Path, args: argparse.Namespace) -> list[str]:
    """Flags of the networks that are not fetched; makes those that none was given for."""
    given = {name: getattr(args, name) for name in ("u2net", "fba", "resnet50")}
    files = {"u2net": served / "u2net.pth", "fba": served / "FBA.pth"}
    made = [name for name, path in given.items() if path is None]
    backbone, images = find_backbone(args.backbone).name, spread(args.data, 8)
    process = multiprocessing.get_context("spawn").Process(
        target=make_networks, args=(served, made, backbone, images)
    )
    process.start()  # apart: its memory and its Keras are not those of the command
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)
    chosen = {name: path or files.get(name) for name, path in given.items()}
    return [part for name, path in chosen.items() if path for part in (f"--{name}", str(path))]


def make_networks(
    served: Path, names: Sequence[str], backbone: str, images: Sequence[Path]
) -> None:
    """Write the published files with random weights, those that are not there yet."""
    import torch
    from torchvision import models

    from weights.frameworks.from_fba import new_network
    from weights.frameworks.nets.u2net import U2NET

    torch.manual_seed(0)
    builds = {
        "u2net": ("u2net.pth", U2NET),
        "fba": ("FBA.pth", partial(new_network, "FBA")),
        "resnet50": ("resnet50.pth", models.resnet50),
    }
    for file, build in (builds[name] for name in names):
        if not (served / file).is_file():
            torch.save(build().state_dict(), served / file)
    if not (served / f"{backbone}.h5").is_file():
        _make_backbone(backbone, served / f"{backbone}.h5", images)


def _make_backbone(name: str, path: Path, images: Sequence[Path]) -> None:
    """As keras.applications publishes it. Its normalisations hold the statistics of some images,
    and residual branches start small (Goyal et al., Accurate, Large Minibatch SGD, 2017): else a
    hundred blocks of random weights amplify rounding until no export agrees with its network."""
    os.environ["KERAS_BACKEND"] = "torch"
    import h5py
    import keras
    import torch
    from keras.src.legacy.saving import legacy_h5_format

    network = getattr(keras.applications, name)(include_top=False, weights=None)
    names = {layer.name for layer in network.layers}
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
            block, last, _ = layer.name.partition("project")
            if last and f"{block}add" in names:
                layer.gamma.assign(0.01 * keras.ops.ones_like(layer.gamma))
    some = [image for path in images if (image := cv2.imread(str(path))) is not None]
    batch = np.stack([cv2.resize(image, (128, 128)) for image in some]).astype(np.float32)
    with torch.no_grad():
        network(batch, training=True)
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)


@contextmanager
def _publisher(served: Path, args: argparse.Namespace) -> Iterator[None]:
    """A server, and a catalogue that has its files in place of those of their publishers."""
    quiet = partial(_Quiet, directory=str(served))
    server = ThreadingHTTPServer(("127.0.0.1", 0), quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    known = dict(catalog.load_catalog())
    backbone = find_backbone(args.backbone)
    files = {backbone.weights: served / f"{backbone.name}.h5"}
    if args.resnet50 is None:
        files["resnet50_v1"] = served / "resnet50.pth"
    for name, path in files.items():
        url = f"http://127.0.0.1:{server.server_address[1]}/{path.name}"
        checksum = Checksum("sha256", digests_of(path).sha256)
        known[name] = replace(known[name], url=url, checksum=checksum)
    for module in list(sys.modules.values()):
        if hasattr(module, "load_catalog"):
            module.load_catalog = lambda path=None: known
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


# The stages -------------------------------------------------------------------------------------


class Watch(io.TextIOBase):
    """Standard output and error of the commands, read for the stage that they are in."""

    def __init__(self, epochs: int) -> None:
        self.sampler = MemorySampler(0.2)
        self._last = f"epoch {epochs}"
        self._stages: list[tuple[str, float, float]] = []  # name; clock and processor at its start
        self._line = ""

    def run(self, command: list[str]) -> int:
        self.begin(command[0])
        self.write(f"$ packsight {' '.join(command)}\n")
        with redirect_stdout(self), redirect_stderr(self):
            return packsight(command)

    def begin(self, stage: str) -> None:
        if not self._stages or self._stages[-1][0] != stage:
            self.sampler.done = len(self._stages)
            self._stages.append((stage, *_now()))

    def rows(self) -> list[list[str]]:
        ends = [*(start[1:] for start in self._stages[1:]), _now()]
        rows = []
        for at, ((name, *start), end) in enumerate(zip(self._stages, ends, strict=True)):
            samples = [s for s in self.sampler.samples if s.done >= at]
            during = [s.total for s in samples if s.done == at]
            held = max(during or [s.total for s in samples[:1]], default=0)  # shorter than a period
            clock, processor = (b - a for a, b in zip(start, end, strict=True))
            rows.append([name, f"{clock:.1f}", f"{processor:.1f}", f"{held / 2**30:.2f}"])
        return rows

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._read(line)
            print(line, file=sys.__stdout__, flush=True)
        return len(text)

    def _read(self, line: str) -> None:
        name, _, rest = line.partition(": ")
        if rest.startswith("from "):
            self.begin("classifier: cut" if name == "classifier" else name)
        elif rest.startswith("fetching "):
            self.begin("fetch")
        elif line.startswith("cutting ") and rest:
            self.begin("classifier: cut")
            done, _, count = rest.partition(" of ")
            if done == count:
                self.begin("classifier: train")
        elif name == self._last:
            self.begin("classifier: export, calibrate")


def _now() -> tuple[float, float]:
    """Seconds of the clock, and of the processor of this process and its children that ended."""
    times = os.times()
    return time.perf_counter(), sum(times[:4])


def _use(watch: Watch, data: Path, work: Path, photos: int) -> int:
    """Ingest some images by the settings that were written, and search for the first."""
    chosen = spread(data, photos)
    for path in chosen:
        copy = work / "catalogue" / path.relative_to(data)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    gallery = ["--gallery", str(work / "gallery")]
    config = ["--config", str(work / "paper/paper.toml"), "--workers", "1"]
    shutil.rmtree(work / "gallery", ignore_errors=True)
    failed = watch.run(["ingest", str(work / "catalogue"), *gallery, *config])
    return failed or watch.run(["query", str(chosen[0]), *gallery])


def spread(folder: Path, count: int) -> list[Path]:
    """Files from all over a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return files[:: max(1, len(files) // count)][:count]


if __name__ == "__main__":
    sys.exit(main())
