"""Take one shot: pose, light, render, develop, write the image and its ground truth."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.errors import PacksightError
from offline.datasets.packbench import labels, phone
from offline.datasets.packbench.camera import Camera, Posed, framed, posed
from offline.datasets.packbench.categories import CATEGORIES, category
from offline.datasets.packbench.develop import Developed, phone_image, studio_image
from offline.datasets.packbench.families import family, generator
from offline.datasets.packbench.labels import flat_art, is_label, label_points
from offline.datasets.packbench.manifest import Row, sha256, write_beside
from offline.datasets.packbench.parameters import View
from offline.datasets.packbench.render import Exposure, photograph
from offline.datasets.packbench.shapes.parts import Parts, extent
from offline.datasets.packbench.shots import Benchmark, Shot, view_of
from offline.datasets.packbench.studio import studio

FLAT_QUALITY = 92  # of the JPEGs of label art
CLUTTER = (0, 3)  # other packages in a phone photo, from .. to
WORK = ".work"  # below a benchmark's folder: meshes of the shots in progress
STEPS = 63  # levels that a transmission is kept in
OPAQUE = 2 / 255  # less light than this passes nowhere: no transmission is kept
LEAST_SHOWN = 0.5  # fraction of the product that every image shows, of what is in the frame
DRAWS = 8  # scenes of a shot, before it is given up


@dataclass(frozen=True)
class _Taken:
    """One scene of a shot, seen by its camera and rendered."""

    view: View
    seen: Posed
    camera: Camera
    exposure: Exposure


def take(shot: Shot, benchmark: Benchmark, out: Path) -> Row:
    """Render ``shot`` and write image, matte and transmission below ``out``.

    A scene that shows less than LEAST_SHOWN of the product is drawn anew, from the same seed.
    Raises PacksightError where none of DRAWS scenes shows enough.
    """
    if shot.look == "flat":
        return _flat(shot, benchmark.preset.side, out)
    for draw in range(1, DRAWS + 1):
        rng = generator(benchmark.seed, shot.path if draw == 1 else f"{shot.path} {draw}")
        taken = _exposed(shot, benchmark, out, rng)
        if taken.exposure.shown >= LEAST_SHOWN:
            return _written(shot, taken, _developed(shot, taken.exposure, rng), out)
    raise PacksightError(
        f"{shot.path}: each of {DRAWS} scenes shows less than {LEAST_SHOWN:.0%} of its product"
    )


def _exposed(shot: Shot, benchmark: Benchmark, out: Path, rng: np.random.Generator) -> _Taken:
    """Draw the scene of a shot and render it."""
    parts = shot.product.model().parts
    view, size = _posture(shot, benchmark.preset.side, rng)
    seen = posed(parts, view)
    aimed_at = label_points(seen) if is_label(shot.product) else seen.points
    camera = framed(aimed_at, view, size)
    (out / WORK).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out / WORK) as name:
        folder = Path(name)
        if shot.look == "studio":
            setting = studio(folder, rng)
        else:
            others = _others(shot, benchmark, rng)
            occluded = labels.OCCLUDED if is_label(shot.product) else None
            setting = phone.scene(seen, rng, folder, others, camera=camera, occluded=occluded)
        noise = int(rng.integers(2**31))
        exposure = photograph(
            seen,
            camera,
            setting,
            folder,
            noise,
            benchmark.preset.samples,
            transmitted=not is_label(shot.product),
        )
    return _Taken(view, seen, camera, exposure)


def _posture(shot: Shot, side: int, rng: np.random.Generator) -> tuple[View, tuple[int, int]]:
    if is_label(shot.product):
        return labels.view(shot.product.category, rng), phone.size(rng, side)
    if shot.view is None:
        view = phone.view(category(shot.product.category), rng)
        return view, phone.size(rng, side)
    view = view_of(shot.product.category, shot.view)
    # A product is never set down twice in the same place.
    placed = replace(
        view,
        azimuth=view.azimuth + rng.uniform(-6, 6),
        elevation=view.elevation + rng.uniform(-2.5, 2.5),
        fill=view.fill * rng.uniform(0.92, 1.06),
    )
    return placed, (side, side)


def _others(shot: Shot, benchmark: Benchmark, rng: np.random.Generator) -> Sequence[Parts]:
    """Packages of other categories, so that only one product is the relevant one."""
    names = [name for name in CATEGORIES if name != shot.product.category]
    chosen = rng.permutation(names)[: int(rng.integers(CLUTTER[0], CLUTTER[1] + 1))]
    picked = []
    for name in chosen:
        number = int(rng.integers(benchmark.preset.families))
        member = next(iter(family(str(name), number, 1, benchmark.difficulty, benchmark.seed)))
        picked.append(member.model().parts)
    return picked


def _developed(shot: Shot, exposure: Exposure, rng: np.random.Generator) -> Developed:
    light = exposure.radiance, exposure.alpha, exposure.transmission, rng
    if shot.look == "studio":
        return studio_image(*light)
    return phone_image(*light, labels.SHARP) if is_label(shot.product) else phone_image(*light)


def _flat(shot: Shot, side: int, out: Path) -> Row:
    """The label's art as printed: all of it is the product, and there is no camera."""
    art = Image.fromarray(flat_art(shot.product))
    art.thumbnail((side, side), Image.Resampling.LANCZOS)
    pixels = np.asarray(art)
    whole = np.ones(pixels.shape[:2], np.float32)
    developed = Developed(pixels, whole, None, FLAT_QUALITY)
    nowhere = 0.0, 0.0, 0.0
    camera = Camera(nowhere, nowhere, nowhere, 0.0, art.size)
    seen = Posed(shot.product.model().parts, (), 0.0)
    printed = Exposure(pixels.astype(np.float32), whole, None, 1.0)
    return _written(shot, _Taken(View("flat", 0, 0), seen, camera, printed), developed, out)


def _written(shot: Shot, taken: _Taken, developed: Developed, out: Path) -> Row:
    view, seen, camera = taken.view, taken.seen, taken.camera
    stem = shot.path.removesuffix(".jpg")
    image = _jpeg(developed.pixels, developed.jpeg_quality)
    files = {shot.path: image, f"mattes/{stem}.png": _png(_bytes(developed.alpha))}
    through = developed.transmission
    if through is not None and float(through.max()) > OPAQUE:
        files[f"transmissions/{stem}.png"] = _png(_bytes(_stepped(through)))
    for path, data in files.items():
        write_beside(out / path, data)
    (path, image), (matte, matte_data), *rest = files.items()
    transmission, transmission_data = rest[0] if rest else ("", b"")
    width, depth, height = (float(x) for x in extent(seen.parts))
    x1, y1, x2, y2 = box(developed.alpha)
    return Row(
        path=path,
        split=shot.split,
        role=shot.role,
        category=shot.product.category,
        family=shot.product.family,
        product=shot.product.id,
        in_catalogue=shot.in_catalogue,
        look=shot.look,
        view=view.name,
        matte=matte,
        transmission=transmission,
        width=camera.size[0],
        height=camera.size[1],
        x1=x1,
        y1=y1,
        x2=x2,
        y2=y2,
        visible=taken.exposure.visible,
        width_mm=width,
        depth_mm=depth,
        height_mm=height,
        azimuth=view.azimuth,
        tip=view.tip,
        eye=_triple(camera.eye),
        target=_triple(camera.target),
        up=_triple(camera.up),
        field_of_view=camera.field,
        units_per_mm=seen.units_per_mm,
        sha256=sha256(image),
        matte_sha256=sha256(matte_data),
        transmission_sha256=sha256(transmission_data) if transmission else "",
    )


def box(alpha: NDArray[np.float32]) -> tuple[int, int, int, int]:
    """x1, y1, x2, y2 in pixels, half-open, of what is more than half covered.

    A spatula out of focus may cover no pixel by half: there, by half of the most.
    """
    rows, columns = np.where(alpha > 0.5 * min(1.0, float(alpha.max())))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def _stepped(through: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rounded to STEPS: half the bytes, and less than what the light paths' number leaves open."""
    return np.asarray(np.round(through * STEPS) / STEPS, np.float32)


def _bytes(fraction: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.round(np.clip(fraction, 0, 1) * 255).astype(np.uint8)


def _jpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _triple(values: tuple[float, float, float]) -> str:
    return " ".join(f"{value:.6f}" for value in values)
