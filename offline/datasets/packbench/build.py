"""Render a whole benchmark in several processes; a killed run is resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from engine.errors import ConfigError, PacksightError
from engine.files import remove_parts
from engine.types import Progress
from offline.datasets.packbench.families import Product
from offline.datasets.packbench.journal import Journal
from offline.datasets.packbench.manifest import (
    HEADER_FILE,
    SCHEMA,
    VERSION,
    Described,
    Header,
    ProductRow,
    Row,
    read_header,
    write,
)
from offline.datasets.packbench.processes import Failure, cores, rendered
from offline.datasets.packbench.shapes.parts import extent
from offline.datasets.packbench.shots import Benchmark, Shot
from offline.datasets.packbench.take import WORK

LOCK = ".packbench.lock"
NAMED = 20  # of the shots that failed


def build(
    benchmark: Benchmark,
    out: Path,
    *,
    workers: int | None = None,
    variant: str = "",
    progress: Progress = lambda done, total: None,
) -> Header:
    """Make the benchmark in ``out``, or finish it; one that is whole is left as it is.

    ``workers`` processes of one thread each, as many as cores by default. ``progress`` is
    called with (images done, images in all). Raises ConfigError where ``out`` holds another
    benchmark or another run is at work in it, and PacksightError where the disk is full, the
    renderer is not installed, a process was killed or shots failed, which it names when all the
    others are done; all but the first leave what is done.
    """
    variant = renderer(variant)
    described = _described(benchmark, variant)
    with _writable(out), _locked(out):
        if (out / HEADER_FILE).exists():
            return _same(out, described)
        _tidy(out)
        shots = list(benchmark.shots())
        journal = Journal(out, described)
        try:
            rows = _taken(benchmark, shots, journal, out, workers, variant, progress)
        finally:
            journal.close()
        ordered = [rows[shot.path] for shot in shots]
        header = write(out, described, ordered, [_product_row(p, s) for p, s in _products(shots)])
        journal.finish()
        _tidy(out)
        return header


def _tidy(out: Path) -> None:
    """Delete the meshes and half-written files that processes left, killed ones above all."""
    shutil.rmtree(out / WORK, ignore_errors=True)
    remove_parts(out)


def renderer(variant: str = "") -> str:
    """The variant that will be used. Raises PacksightError if Mitsuba is absent or refuses it."""
    try:
        from offline.datasets.packbench.render import use_variant

        return use_variant(variant)
    except ImportError:
        raise PacksightError(
            "Mitsuba, which renders the images, is not installed.",
            remedy="Install it: pip install 'packsight[render]', "
            "in a clone: pip install -e '.[render]'",
        ) from None
    except RuntimeError as error:
        raise ConfigError(
            f"{error}.",
            remedy="scalar_rgb works everywhere; the LLVM variants need LLVM 16 or "
            "newer, named by DRJIT_LIBLLVM_PATH.",
        ) from error


def _described(benchmark: Benchmark, variant: str) -> Described:
    import mitsuba as mi

    settings = json.loads(json.dumps(asdict(benchmark.preset)))  # tuples become lists, as read
    return Described(
        "packbench",
        VERSION,
        SCHEMA,
        benchmark.preset.name,
        benchmark.seed,
        benchmark.difficulty,
        settings,
        f"mitsuba {mi.__version__} {variant}",
    )


def _same(out: Path, described: Described) -> Header:
    header = read_header(out)
    new = asdict(described)
    old = {key: value for key, value in asdict(header).items() if key in new}
    if old != new:
        other = ", ".join(f"{k} {old[k]}" for k in new if old[k] != new[k])
        raise ConfigError(
            f"{out}: already holds another Packbench ({other}).", remedy="Choose another --out."
        )
    return header


@contextmanager
def _writable(out: Path) -> Iterator[None]:
    """The folder, made if need be; a failed write below it becomes one PacksightError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise PacksightError(
            f"{error.filename or out}: cannot be written ({error.strerror or error}).",
            remedy="Make room, or choose another --out, and run the same command again to go on.",
        ) from error


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(out / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(
            f"{out}: another run is at work in it.", remedy="Wait for it, or choose another --out."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _taken(
    benchmark: Benchmark,
    shots: list[Shot],
    journal: Journal,
    out: Path,
    workers: int | None,
    variant: str,
    progress: Progress,
) -> dict[str, Row]:
    """All rows by path: those of the journal, and those taken now.

    Raises PacksightError where shots failed, after the last of the others.
    """
    rows = dict(journal.rows)
    progress(len(rows), len(shots))
    missing = [index for index, shot in enumerate(shots) if shot.path not in rows]
    if not missing:
        return rows
    count = min(workers or cores(), len(missing))
    failures = []
    for made in rendered(benchmark, missing, out, count, variant):
        if isinstance(made, Failure):
            failures.append(made.reason)
            continue
        journal.add(made)
        rows[made.path] = made
        progress(len(rows), len(shots))
    if failures:
        raise _failed(out, sorted(failures), len(shots))
    return rows


def _failed(out: Path, reasons: list[str], count: int) -> PacksightError:
    more = f"; and {len(reasons) - NAMED} more" if len(reasons) > NAMED else ""
    return PacksightError(
        f"{out}: {len(reasons)} of {count} images could not be made: "
        f"{'; '.join(reasons[:NAMED])}{more}.",
        remedy="The others are kept; the same command tries again those that are missing.",
    )


def _products(shots: Iterable[Shot]) -> Iterator[tuple[Product, Shot]]:
    seen: set[str] = set()
    for shot in shots:
        if shot.product.id not in seen:
            seen.add(shot.product.id)
            yield shot.product, shot


def _product_row(product: Product, shot: Shot) -> ProductRow:
    model, drawn = product.model(), product.parameters
    width, depth, height = (float(x) for x in extent(model.parts))
    parameters = {
        "measures": {key: round(value, 4) for key, value in drawn.dimensions.items()},
        "choices": dict(drawn.choices),
        "surfaces": {key: f"{m.finish} {m.colour}" for key, m in drawn.surfaces.items()},
        "artwork": drawn.artwork,
    }
    return ProductRow(
        product.id,
        product.category,
        product.family,
        product.archetype.name,
        product.name,
        product.material,
        product.colour,
        shot.in_catalogue,
        width,
        depth,
        height,
        model.volume_ml,
        json.dumps(parameters),
    )
