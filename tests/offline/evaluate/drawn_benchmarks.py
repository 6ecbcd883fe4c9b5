"""Small data sets of drawn packages in the real format of benchmarks, with known answers."""

from __future__ import annotations

import json
from pathlib import Path

from tests.drawn_catalogue import package, save

HEADER = "image_id class_id super_class_id path"


def write_drawn_products(root: Path, products: int = 4, views: int = 3) -> None:
    """As Stanford Online Products: every test image is searched among all others."""
    lines = [HEADER]
    for product in range(products):
        for view in range(views):
            name = f"bottle_final/{product}_{view}.PNG"
            save(root / name, package("bottle", product, view))
            lines.append(f"{len(lines)} {product} 1 {name}")
    (root / "Ebay_test.txt").write_text("\n".join(lines) + "\n", "utf-8")


def write_drawn_landmarks(root: Path) -> None:
    """As the revisited Oxford: a jar searched among two jars (easy), another jar (hard), one
    in doubt (junk) and bottles. The second query has no easy answer."""
    names = {
        **{f"jar_{at:06}": package("jar", 1, at) for at in range(4)},
        **{f"bottle_{at:06}": package("bottle", 2 + at) for at in range(3)},
        "query_jar": package("jar", 1, 5),
        "query_bottle": package("bottle", 2, 1),
    }
    for name, pixels in names.items():
        save(root / "jpg" / f"{name}.jpg", pixels)
    gallery = sorted(name for name in names if not name.startswith("query"))
    at = {name: position for position, name in enumerate(gallery)}
    jars = [at[f"jar_{number:06}"] for number in range(4)]
    truth = {
        "imlist": gallery,
        "qimlist": ["query_jar", "query_bottle"],
        "gnd": [
            {"bbx": [0, 0, 96, 128], "easy": jars[:2], "hard": jars[2:3], "junk": jars[3:]},
            {"bbx": [10.2, 0, 90, 128], "easy": [], "hard": [at["bottle_000000"]], "junk": []},
        ],
    }
    (root / "gnd_rdrawn.json").write_text(json.dumps(truth), "utf-8")
