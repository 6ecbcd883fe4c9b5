"""Each network by each runtime, side by side: a batch, and opening in a new process.

    python benchmarks/runtimes.py [FILE.onnx ...] [--rounds 30] [--starts 5] [--images 1 16]

Without files, the networks that are shipped. Inputs are noise, of the size of the file's sidecar,
``--size`` pixels where it has none and the sides are free. The runtimes take turns within each
round, so that whatever else the machine does falls on all of them alike. OpenVINO needs the extra
``openvino``; a runtime that is not installed is left out.

How to read the tables: medians. ``ms`` by the clock, ``cpu`` what all threads of the process spent,
which remains when others use the cores; ratios are to ONNX Runtime in the same round. ``fixed`` is
OpenVINO with the input's shape known when it compiles, which a stage does not use. The second table
is of new processes that open all networks: importing the runtime counts apart. ``optimised`` is
ONNX Runtime with a file that it had optimised before, ``kept`` OpenVINO with what it compiled
before.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime
from support.numbers import milliseconds
from support.tables import markdown

from engine.errors import PacksightError
from engine.files import file_sha256
from engine.types import FloatArray
from stages._openvino import _converted, _core, _properties
from stages._session import OnnxSession
from weights.cache import shipped_path
from weights.catalog import load_catalog
from weights.sidecar import read_sidecar

Run = Callable[[FloatArray], object]
PLAIN = "onnxruntime"

OPENING = """
import sys, time
from pathlib import Path
way, threads, *files = sys.argv[1:]
start = time.perf_counter(), time.process_time()
if way.startswith("openvino"):
    from stages._openvino import _core
    _core()
else:
    import onnxruntime
imported = time.perf_counter(), time.process_time()
from stages._session import OnnxSession
for file in files:
    path, _, sha256 = file.partition("=")
    if way == "onnxruntime, optimised":
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(threads)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        continue
    OnnxSession(
        Path(path), threads=int(threads), backend=way.partition(",")[0],
        sha256=sha256 if way.endswith("kept") else None,
    )
opened = time.perf_counter(), time.process_time()
print(imported[0] - start[0], opened[0] - imported[0], opened[1] - imported[1])
"""


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    try:
        for images in args.images:
            print(f"\n{images} images at once\n")
            print(_batches(args, images))
        print()
        print(_openings(args))
    except PacksightError as error:
        print(f"runtimes: {error}", file=sys.stderr)
        return 1
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"\n{args.rounds} rounds, {args.threads} threads; load of the machine {load}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    shipped = [shipped_path(entry) for entry in load_catalog().values() if entry.shipped]
    networks = [path for path in shipped if path.suffix == ".onnx"]
    parser.add_argument("files", nargs="*", type=Path, default=networks, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=30, metavar="N")
    parser.add_argument("--starts", type=int, default=5, metavar="N", help="processes of each way")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--images", type=int, nargs="+", default=(1,), metavar="N")
    parser.add_argument("--size", type=int, default=160, metavar="PIXELS")
    return parser


def _batches(args: argparse.Namespace, images: int) -> str:
    rows = []
    for path in args.files:
        session = OnnxSession(path, threads=args.threads)
        batch = _noise(path, session, images, args.size)
        runs: dict[str, Run] = {PLAIN: session.run}
        if find_spec("openvino"):
            runs["openvino"] = OnnxSession(path, threads=args.threads, backend="openvino").run
            runs["openvino, fixed"] = _fixed(path, session, args.threads, batch)
        clock, cpu = _in_turns(runs, batch, args.rounds)
        for name in runs:
            row = [path.stem, name]
            for seconds in (clock, cpu):
                pairs = zip(seconds[name], seconds[PLAIN], strict=True)
                ratio = median(one / max(other, 1e-9) for one, other in pairs)
                row += [milliseconds(median(seconds[name])), f"{ratio:.2f}"]
            rows.append(row)
    return markdown(["network", "runtime", "ms", "ratio", "cpu, ms", "ratio"], rows)


def _noise(path: Path, session: OnnxSession, images: int, size: int) -> FloatArray:
    """In the input's shape."""
    sidecar = read_sidecar(path)
    sides = iter((size, size) if sidecar is None else (sidecar.input.height, sidecar.input.width))
    axes = [axis if isinstance(axis, int) else next(sides) for axis in session.input_shape[1:]]
    return np.random.default_rng(0).standard_normal((images, *axes)).astype(np.float32)


def _fixed(path: Path, session: OnnxSession, threads: int, batch: FloatArray) -> Run:
    """As a session, with all axes known; one whose batch is fixed takes image by image."""
    model = _converted(path)
    one = isinstance(session.input_shape[0], int)
    parts = [batch[at : at + 1] for at in range(len(batch))] if one else [batch]
    model.reshape(parts[0].shape)
    request = _core().compile_model(model, "CPU", _properties(threads)).create_infer_request()
    return lambda _: [request.infer([part]) for part in parts]


def _in_turns(
    runs: Mapping[str, Run], batch: FloatArray, rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds by the clock and of the processor, a round each; after one to warm up."""
    clock: dict[str, list[float]] = {name: [] for name in runs}
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    order = list(runs)
    for name in order:
        runs[name](batch)
    for _ in range(rounds):
        for name in order:
            start, spent = time.perf_counter(), time.process_time()
            runs[name](batch)
            clock[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - spent)
        order.append(order.pop(0))
    return clock, cpu


def _openings(args: argparse.Namespace) -> str:
    with tempfile.TemporaryDirectory(prefix="packsight-runtimes-") as folder:
        given = [f"{path}={file_sha256(path)}" for path in args.files]
        ways = {PLAIN: given, f"{PLAIN}, optimised": _optimised(args.files, Path(folder))}
        if find_spec("openvino"):
            ways |= {"openvino": given, "openvino, kept": given}
        found: dict[str, list[list[float]]] = {way: [] for way in ways}
        kept = {**os.environ, "PACKSIGHT_RUNTIMES_DIR": folder}
        for _ in range(args.starts + 1):  # the first fills caches
            for way, files in ways.items():
                command = [sys.executable, "-c", OPENING, way, str(args.threads), *files]
                done = subprocess.run(command, env=kept, capture_output=True, text=True, check=True)
                found[way].append([float(number) for number in done.stdout.split()])
    rows = [
        [way, *(milliseconds(median(column)) for column in zip(*times[1:], strict=True))]
        for way, times in found.items()
    ]
    return markdown(["a new process", "import, ms", "open all, ms", "open all, cpu ms"], rows)


def _optimised(files: Sequence[Path], folder: Path) -> list[str]:
    made = []
    for number, path in enumerate(files):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.optimized_model_filepath = str(folder / f"{number}.onnx")
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        made.append(options.optimized_model_filepath)
    return made


if __name__ == "__main__":
    sys.exit(main())
