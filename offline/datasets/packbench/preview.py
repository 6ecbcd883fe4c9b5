"""Look at a category while you model it: families by rows, members by columns.

``python -m offline.datasets.packbench.preview jar --out jar.png``
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from offline.datasets.packbench.camera import framed, posed
from offline.datasets.packbench.categories import CATEGORIES, category
from offline.datasets.packbench.develop import encode
from offline.datasets.packbench.families import Product, family, generator
from offline.datasets.packbench.parameters import View
from offline.datasets.packbench.render import photograph, use_variant
from offline.datasets.packbench.studio import studio


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Render one category's families to a sheet.")
    parser.add_argument("category", choices=CATEGORIES, help="Category to render.")
    parser.add_argument("--out", type=Path, required=True, metavar="PNG", help="File to write.")
    for name, default, what in (
        ("families", 4, "Families, one a row"),
        ("members", 4, "Members of a family, one a column"),
        ("side", 128, "Width and height of one image, in pixels"),
        ("samples", 9, "Light paths a pixel"),
        ("seed", 7, "Seed of the products"),
    ):
        parser.add_argument(
            f"--{name}", type=int, default=default, help=f"{what} (default: {default})."
        )
    parser.add_argument(
        "--difficulty", type=float, default=0.6, help="Difficulty in [0, 1] (default: 0.6)."
    )
    args = parser.parse_args(arguments)
    use_variant()
    views = category(args.category).views
    rows = []
    for number in range(args.families):
        members = family(args.category, number, args.members, args.difficulty, args.seed)
        shots = [
            shot(member, views[index % len(views)], args.side, args.samples)
            for index, member in enumerate(members)
        ]
        rows.append(np.hstack(shots))
    Image.fromarray(np.vstack(rows)).save(args.out)


def shot(product: Product, view: View, side: int, samples: int) -> np.ndarray:
    """(side, side, 3) uint8: the product in the studio."""
    with tempfile.TemporaryDirectory() as folder:
        seen = posed(product.model().parts, view)
        camera = framed(seen.points, view, (side, side))
        room = studio(Path(folder), generator(0, product.id))
        return encode(photograph(seen, camera, room, Path(folder), 1, samples).radiance)


if __name__ == "__main__":
    main()
