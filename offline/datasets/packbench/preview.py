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
    parser.add_argument("category", choices=CATEGORIES)
    parser.add_argument("--out", type=Path, required=True, metavar="PNG")
    parser.add_argument("--families", type=int, default=4)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--difficulty", type=float, default=0.6)
    parser.add_argument("--side", type=int, default=128, help="of one image, px")
    parser.add_argument("--samples", type=int, default=9)
    parser.add_argument("--seed", type=int, default=7)
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
