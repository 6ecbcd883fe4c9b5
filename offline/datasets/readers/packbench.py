"""Packbench, our rendered packaging benchmark: packbench.json and manifest.csv.

Retrieval protocols: ``queries`` (phone-like photos against the catalogue, by product), ``family``
and ``category`` (the same photos, by these) and ``unseen`` (the same for products that no
training saw). Queries of products that are not in the catalogue have no relevant image: they
are in ``RetrievalTask.unanswerable`` of ``queries``. Two are of studio images alone, by product:
the queries of ``validation`` are the validation images, against the catalogue's other images;
``test`` searches the test images by one another.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from engine.errors import ConfigError
from engine.types import Box
from offline.datasets.listed import ListedDataset, Task
from offline.datasets.packbench.manifest import HEADER_FILE, MANIFEST, read_header, sha256
from offline.datasets.relevance import by_category, by_family, by_product, label_task
from offline.datasets.types import DatasetImage
from offline.ingest.tables import Row, inside, read_table, whole_number

EXPECTS = "packbench.json and manifest.csv, as `packsight data packbench` writes them"

CORNERS = ("x1", "y1", "x2", "y2")
COLUMNS = (
    "path",
    "split",
    "role",
    "category",
    "family",
    "product",
    "in_catalogue",
    "look",
    "matte",
    "transmission",
    *CORNERS,
    "width",
    "height",
)
# The rows, by (split, role), of every split that users name; others may not occur.
SPLITS = {
    "train": (("catalogue", "train"),),
    "validation": (("catalogue", "validation"),),
    "catalogue": (("catalogue", "train"), ("catalogue", "validation")),
    "test": (("test", "test"),),
    "queries": (("queries", "query"),),
    "unseen": (("unseen", "query"), ("unseen", "gallery")),
}
ROLES = {pair for pairs in SPLITS.values() for pair in pairs}
Rows = list[tuple[tuple[str, str], DatasetImage]]


def recognises(root: Path) -> bool:
    return (root / HEADER_FILE).is_file()


def read(root: Path) -> ListedDataset:
    """Open a benchmark. Raises ConfigError for a newer schema or a manifest that was changed."""
    _check_manifest(root)
    table = read_table(root / MANIFEST, COLUMNS)
    _check_presence(table)
    rows = [_image(row, root) for row in table]
    parts = {split: _chosen(rows, pairs) for split, pairs in SPLITS.items()}
    return ListedDataset("packbench", root, parts, _tasks(rows))


def _check_manifest(root: Path) -> None:
    header, file = read_header(root), root / MANIFEST
    try:
        digest = sha256(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}).") from error
    if digest != header.manifest_sha256:
        raise ConfigError(
            f"{file}: sha256 {digest[:12]}…, but {HEADER_FILE} has "
            f"{header.manifest_sha256[:12]}…: it was changed or cut off.",
            remedy="Restore it, or generate the benchmark again with the same seed.",
        )


def _image(row: Row, root: Path) -> tuple[tuple[str, str], DatasetImage]:
    pair = (row.text("split"), row.text("role"))
    if pair not in ROLES:
        valid = ", ".join(f"{split} {role}" for split, role in sorted(ROLES))
        raise row.place.fault(f"unknown split and role {' '.join(pair)!r}", f"Valid: {valid}.")
    name = inside(row.text("path"), row.place)
    image = DatasetImage(
        name,
        root / name,
        category=row.text("category"),
        family=row.text("family"),
        product=row.text("product"),
        look=row.text("look"),
        mask=_optional(row, "matte", root),
        transmission=_optional(row, "transmission", root),
        box=_box(row),
    )
    return pair, image


def _optional(row: Row, column: str, root: Path) -> Path | None:
    name = row.cells[column]
    return root / inside(name, row.place) if name else None


def _box(row: Row) -> Box:
    x1, y1, x2, y2 = (whole_number(row.cells[name], name, row.place) for name in CORNERS)
    width, height = (whole_number(row.cells[n], n, row.place) for n in ("width", "height"))
    if not (x1 < x2 <= width and y1 < y2 <= height):
        raise row.place.fault(
            f"box {(x1, y1, x2, y2)} is empty or beyond the image's {width} x {height} pixels"
        )
    return (x1, y1, x2, y2)


def _check_presence(table: Iterable[Row]) -> None:
    """``in_catalogue`` must be correct, or the no-match metrics would be wrong."""
    rows = list(table)
    known = {row.cells["product"] for row in rows if row.cells["split"] == "catalogue"}
    for row in rows:
        product, flag = row.cells["product"], row.chosen("in_catalogue", ("true", "false"))
        if (flag == "true") != (product in known):
            raise row.place.fault(
                f"in_catalogue is {flag}, but the catalogue "
                f"{'has' if product in known else 'lacks'} images of {product!r}"
            )


def _chosen(rows: Rows, pairs: Iterable[tuple[str, str]]) -> list[DatasetImage]:
    return [image for wanted in pairs for pair, image in rows if pair == wanted]


def _tasks(rows: Rows) -> dict[str, Task]:
    catalogue, photos = _chosen(rows, SPLITS["catalogue"]), _chosen(rows, SPLITS["queries"])
    unseen_queries, unseen_gallery = [
        _chosen(rows, [("unseen", role)]) for role in ("query", "gallery")
    ]
    studio = {split: _chosen(rows, SPLITS[split]) for split in ("train", "validation", "test")}
    tasks = {
        "queries": (photos, catalogue, by_product),
        "family": (photos, catalogue, by_family),
        "category": (photos, catalogue, by_category),
        "unseen": (unseen_queries, unseen_gallery, by_product),
        "validation": (studio["validation"], studio["train"], by_product),
        "test": (studio["test"], studio["test"], by_product),
    }
    return {
        name: partial(label_task, f"packbench {name}", queries, gallery, label)
        for name, (queries, gallery, label) in tasks.items()
        if queries and gallery and (queries != gallery or _repeated(queries))
    }


def _repeated(images: Iterable[DatasetImage]) -> bool:
    """Whether some product has two images, so that one can be the query for the other."""
    products = [image.product for image in images]
    return len(set(products)) < len(products)
