"""Render the demo catalogue and its query photos (extra ``render``).

``python -m offline.datasets.demo.render --out DIR --seed 7``; pictures that exist are kept.
"""

from __future__ import annotations

import argparse
import csv
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from offline.datasets.demo import scene, tables
from offline.datasets.demo.closures import Parts
from offline.datasets.demo.denoise import denoise
from offline.datasets.demo.products import Product, products
from offline.datasets.demo.scene import Table, View

SIDE = 224  # of a catalogue picture, px
SAMPLES = 25  # light paths a pixel; a square, for the multi-jittered sampler
FEATURE_SAMPLES = 9
STUDIO_EXPOSURE = 0.63  # puts the empty sweep at 0.96
FRONT, THREE_QUARTER = View("front", 0, 12), View("three-quarter", 38, 25)
UPRIGHT = (FRONT, THREE_QUARTER, View("elevated", -28, 48))
FLAT = (View("front", 0, 32), View("three-quarter", 36, 42), View("top", -14, 68))
VIEWS: dict[str, tuple[View, ...]] = {
    "palette": FLAT, "puff": FLAT,
    "compact": (View("front", 0, 24), View("three-quarter", 36, 32), View("top", -16, 55)),
    "spatula": (View("front", 0, 48), View("three-quarter", 34, 42), View("top", -52, 66)),
    "cap-general": (FRONT, THREE_QUARTER, View("inside", 30, 22, tip=-96)),
    "cap-dropper": (FRONT, THREE_QUARTER, View("lying", 58, 38, tip=90)),
    "cap-press": (View("front", 0, 22), View("three-quarter", 34, 36), View("elevated", -24, 56)),
}  # fmt: skip
# One query a category, product and setting fixed before any search was run.
QUERIES = (
    ("bottle-03", "oak"), ("compact-02", "marble"), ("jar-04", "linen"), ("palette-03", "oak"),
    ("powder-01", "slate"), ("roll-on-05", "marble"), ("stick-03", "linen"), ("puff-01", "slate"),
    ("spatula-04", "linen"), ("cap-general-02", "oak"), ("cap-one-touch-01", "slate"),
    ("cap-press-04", "oak"), ("cap-dropper-02", "slate"), ("cap-sharp-01", "marble"),
    ("cap-pump-02", "linen"), ("bottle-06", "marble"), ("jar-06", "slate"), ("cap-pump-05", "oak"),
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Render the demo's pictures.")
    parser.add_argument("--out", type=Path, required=True, help="folder to fill")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--side", type=int, default=SIDE, help="catalogue picture side, px")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="light paths a pixel")
    parser.add_argument("--only", default="", help="render products whose name starts so")
    args = parser.parse_args(arguments)
    use_renderer()
    chosen = [p for p in products() if p.slug.startswith(args.only)]
    for product in chosen:
        render_product(product, args.out / "catalogue", args.seed, args.side, args.samples)
    write_attributes(list(products()), args.out / "catalogue" / "attributes.csv")
    render_queries(chosen, args.out / "queries", args.seed, args.samples)


def use_renderer() -> str:
    """Choose Mitsuba's vectorised variant where LLVM is at hand, else the scalar one.

    Their pictures differ in the noise, each repeats itself. LLVM 15 fails to compile some
    kernels; DRJIT_LIBLLVM_PATH names another one.
    """
    import mitsuba as mi

    for variant in ("llvm_ad_rgb", "scalar_rgb"):
        try:
            mi.set_variant(variant)
            mi.load_dict({"type": "sphere"})
        except (ImportError, RuntimeError):
            continue
        break
    return str(mi.variant())


def render_product(product: Product, out: Path, seed: int, side: int, samples: int) -> None:
    for view in VIEWS.get(product.category, UPRIGHT):
        path = out / product.category / product.slug / f"{view.name}.jpg"
        if not path.exists():
            noise = crc32(f"{product.slug}/{view.name}/{seed}".encode())
            radiance = picture(product.parts, view, (side, side), samples, noise)
            write_jpeg(encode(radiance * STUDIO_EXPOSURE), path, quality=88)


def render_queries(chosen: Sequence[Product], out: Path, seed: int, samples: int) -> None:
    rows: list[tuple[str, ...]] = []
    for prefix, table in QUERIES:
        for product in (p for p in chosen if p.slug.startswith(prefix)):
            path = out / f"{product.slug}__{table}.jpg"
            rows.append((path.name, product.slug, product.category))
            if not path.exists():
                rng = np.random.default_rng([seed, crc32(path.name.encode())])
                write_jpeg(_phone_photo(product, table, samples, rng), path, quality=82)
    if rows:
        write_table(["file", "product", "category"], rows, out / "truth.csv")


def _phone_photo(
    product: Product, table: str, samples: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    low, high = (36, 60) if product.category in ("palette", "puff", "spatula") else (16, 40)
    view = View(
        "phone", float(rng.uniform(-48, 48)), float(rng.uniform(low, high)),
        fill=float(rng.uniform(0.55, 0.72)), roll=float(rng.uniform(-7, 7)),
        shift=(float(rng.uniform(-0.14, 0.14)), float(rng.uniform(-0.14, 0.14))),
    )  # fmt: skip
    size = (256, 320) if product.height_mm > 40 else (320, 256)
    room = tables.setting(table, rng)
    radiance = picture(product.parts, view, size, samples, int(rng.integers(2**31)), room)
    # A phone meters the frame, and leaves dark scenes somewhat dark; its sensor adds noise.
    exposed = encode(radiance * 0.3 / max(float(np.median(radiance)), 1e-3) ** 0.7)
    noisy = exposed + rng.normal(0, rng.uniform(2, 4.5), exposed.shape)
    return np.clip(np.round(noisy), 0, 255).astype(np.uint8)


def picture(
    parts: Parts,
    view: View,
    size: tuple[int, int],
    samples: int,
    seed: int,
    room: Table | None = None,
) -> NDArray[np.float32]:
    """(H, W, 3) linear radiance of the product in the studio, or in ``room``; ``size`` = W, H."""
    import mitsuba as mi

    points = scene.posed(parts, view)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        description = {
            "type": "scene", "sensor": scene.camera(np.vstack(points), view, size),
            **(scene.table(room) if room else scene.studio(home)),
            **scene.product(parts, points, home),
        }  # fmt: skip
        stage = mi.load_dict(description)
        light = mi.load_dict({"type": "path", "max_depth": 10, "rr_depth": 4})
        guide = mi.load_dict({"type": "aov", "aovs": "normal:sh_normal,albedo:albedo"})
        noisy = _pixels(mi.render(stage, integrator=light, spp=samples, seed=seed))
        seen = _pixels(mi.render(stage, integrator=guide, spp=FEATURE_SAMPLES, seed=seed))
    features = np.dstack([seen[..., -6:-3] / 2, seen[..., -3:]])
    return denoise(noisy[..., :3], features)


def _pixels(rendered: Any) -> NDArray[np.float32]:
    return np.nan_to_num(np.array(rendered, np.float32))


def encode(radiance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Linear light to 8-bit sRGB (IEC 61966-2-1)."""
    x = np.clip(radiance, 0, 1)
    curve = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return cast("NDArray[np.uint8]", np.round(curve * 255).astype(np.uint8))


def write_jpeg(pixels: NDArray[np.uint8], path: Path, quality: int) -> None:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, optimize=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_bytes(buffer.getvalue())
    beside.replace(path)


def write_attributes(catalogue: Sequence[Product], path: Path) -> None:
    """One row a product folder; heights and volumes follow from the shapes."""
    header = ["path", "name", "material", "colour", "height_mm", "volume_ml"]
    rows = [
        (f"{p.category}/{p.slug}", p.name, p.material, p.colour, f"{p.height_mm:.1f}",
         "" if p.volume_ml is None else f"{p.volume_ml:.1f}")
        for p in catalogue
    ]  # fmt: skip
    write_table(header, rows, path)


def write_table(header: list[str], rows: Sequence[tuple[str, ...]], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
