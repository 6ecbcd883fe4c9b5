"""Small data sets in the real format of every kind, one writer a kind, for tests of readers."""

from __future__ import annotations

import csv
import hashlib
import json
import pickle
from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from offline.datasets.packbench.manifest import Header, Row


@cache
def _bytes(form: str) -> bytes:
    buffer = BytesIO()
    Image.new("L", (8, 8), 200).save(buffer, form)
    return buffer.getvalue()


def image(*paths: Path) -> None:
    """Write a grey image of 8 x 8 pixels to each path."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        form = {".jpg": "JPEG", ".png": "PNG", ".gif": "GIF", ".bmp": "BMP"}[path.suffix.lower()]
        path.write_bytes(_bytes(form))


def lines(path: Path, *text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in text), "utf-8", newline="\n")


def packbench_row(split: str, role: str, product: str, view: str, *, held: bool) -> Row:
    """A row as the generator writes it; the product is CATEGORY-FAMILY-NUMBER."""
    category, family, _ = product.split("-")
    name = f"{split}/{category}/{product}/{view}"
    return Row(
        f"{name}.jpg",
        split,
        role,
        category,
        f"{category}-{family}",
        product,
        held,
        "phone" if role == "query" else "studio",
        view,
        f"mattes/{name}.png",
        "",
        8,
        8,
        1,
        2,
        7,
        8,
        1.0,
        30.0,
        30.0,
        90.0,
        0.0,
        0.0,
        "0 -9 3",
        "0 0 1",
        "0 0 1",
        24.0,
        0.02,
        "0" * 64,
        "0" * 64,
        "",
    )


def packbench_rows() -> list[Row]:
    """Two families of two in the catalogue, one absent sibling, one unseen product."""
    products = ("jar-f01-p01", "jar-f01-p02", "bottle-f01-p01", "bottle-f02-p01")
    rows = [
        packbench_row("catalogue", role, product, view, held=True)
        for product in products
        for role, view in (("train", "front"), ("validation", "top"))
    ]
    rows.append(packbench_row("test", "test", "jar-f900-p01", "front", held=False))
    rows.append(packbench_row("queries", "query", "jar-f01-p02", "photo1", held=True))
    rows.append(packbench_row("queries", "query", "jar-f01-p03", "photo1", held=False))
    for role, view in (("gallery", "front"), ("query", "photo1")):
        rows.append(packbench_row("unseen", role, "jar-f950-p01", view, held=False))
    return rows


def write_packbench(root: Path, rows: Sequence[Row] | None = None) -> None:
    chosen = packbench_rows() if rows is None else rows
    columns = list(Row.__dataclass_fields__)
    root.mkdir(parents=True, exist_ok=True)
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in chosen:
            cells = [getattr(row, name) for name in columns]
            writer.writerow([str(c).lower() if isinstance(c, bool) else c for c in cells])
            honest = (f"{row.split}/", "mattes/")  # some tests name files that lie outside
            image(*(root / name for name in (row.path, row.matte) if name.startswith(honest)))
    seal(root)


def seal(root: Path, **changed: int) -> None:
    """Write the header anew, so that it agrees with the manifest as it is now."""
    digest = hashlib.sha256((root / "manifest.csv").read_bytes()).hexdigest()
    unread = "0" * 64  # a reader looks at the manifest alone
    header = Header(
        "packbench", "1.0", 1, "tiny", 7, 0.5, {}, "none", 13, 7, digest, unread, unread
    )
    (root / "packbench.json").write_text(json.dumps({**vars(header), **changed}), "utf-8")


def write_folders(root: Path) -> None:
    for view in ("front", "side"):
        image(root / "jar" / "cream" / f"{view}.jpg", root / "dröpper cap" / "b 2" / f"{view}.png")


GROCERY_HEADER = (
    "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int),"
    "Iconic Image Path (str),Product Description Path (str)"
)


def write_grocerystore(root: Path) -> None:
    """An apple and two milks; every class has an iconic image and one in train and val."""
    classes = ("Fruit/Apple/Pink-Lady", "Packages/Milk/Arla-Milk", "Packages/Milk/Oatly")
    rows = []
    for number, name in enumerate(classes):
        _, coarse, fine = name.split("/")
        icon = f"/iconic-images-and-descriptions/{name}/{fine}_Iconic.jpg"
        text = icon.replace("Iconic.jpg", "Description.txt")
        rows.append(f"{fine},{number},{coarse},{min(number, 1)},{icon},{text}")
        image(root / icon.lstrip("/"))
    lines(root / "classes.csv", GROCERY_HEADER, *rows)
    for split in ("train", "val"):
        names = [f"{split}/{name}/{name.split('/')[-1]}_001.jpg" for name in classes]
        image(*(root / name for name in names))
        listed = [f"{name}, {number}, {min(number, 1)}" for number, name in enumerate(names)]
        lines(root / f"{split}.txt", *listed)


PRODUCTS_HEADER = "image_id class_id super_class_id path"


def write_online_products(root: Path) -> None:
    train = [("1", "1", "1", "bicycle_final/11_0.JPG"), ("2", "2", "1", "bicycle_final/12_0.JPG")]
    test = [
        *(("3", "3", "1", f"bicycle_final/13_{view}.JPG") for view in range(3)),
        ("4", "4", "2", "coffee_maker_final/14_0.JPG"),
    ]
    for split, rows in (("train", train), ("test", test)):
        lines(root / f"Ebay_{split}.txt", PRODUCTS_HEADER, *(" ".join(row) for row in rows))
        image(*(root / row[-1] for row in rows))


def write_oxford(root: Path) -> None:
    """One landmark, two queries; five images of it and one of another."""
    names = [*(f"all_souls_{number:06}" for number in range(5)), "radcliffe_000001"]
    image(*(root / "oxbuild images" / f"{name}.jpg" for name in names))
    for query, box in ((0, "0.5 1.5 6.6 7.9"), (1, "1 2 7 8")):
        stem = f"all_souls_{query + 1}"
        lines(root / "gt" / f"{stem}_query.txt", f"oxc1_{names[query]} {box}")
        lines(root / "gt" / f"{stem}_good.txt", names[0], names[1])
        lines(root / "gt" / f"{stem}_ok.txt", names[2])
        lines(root / "gt" / f"{stem}_junk.txt", names[3])


def revisited_truth() -> dict[str, object]:
    """As the authors write it: some lists are lists, some are arrays."""
    return {
        "imlist": [f"all_souls_{number:06}" for number in range(6)],
        "qimlist": ["all_souls_000100", "all_souls_000101"],
        "gnd": [
            {
                "bbx": [0.4, 1.6, 6.0, 7.0],
                "easy": np.array([3, 0]),
                "hard": np.array([1], np.int32),
                "junk": [5],
            },
            {"bbx": np.array([1.0, 1, 5, 5]), "easy": [], "hard": [2], "junk": np.array([], int)},
        ],
    }


def write_revisited(root: Path) -> None:
    truth = revisited_truth()
    root.mkdir(parents=True, exist_ok=True)
    (root / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(truth, protocol=2))
    for key in ("imlist", "qimlist"):
        names = truth[key]
        assert isinstance(names, list)
        image(*(root / "jpg" / f"{name}.jpg" for name in names))


def write_silhouettes(root: Path) -> None:
    image(*(root / f"{shape}-{n}.gif" for shape in ("bat", "personal_car") for n in (1, 2, 10)))


def write_mask_pairs(root: Path) -> None:
    for split in ("TR", "TE"):
        for name in ("a b", "c"):
            image(root / f"DUTS-{split}" / f"DUTS-{split}-Image" / f"{name}.jpg")
            image(root / f"DUTS-{split}" / f"DUTS-{split}-Mask" / f"{name}.png")


def write_corel(root: Path) -> None:
    image(*(root / "image.orig" / f"{number}.jpg" for number in range(1000)))


def write_eyeglasses(root: Path) -> None:
    for model in ("round", "square"):
        image(*(root / "gallery" / model / f"{view}.jpg" for view in ("left", "front")))
        image(root / "query" / model / "worn.jpg")


WRITERS: dict[str, Callable[[Path], None]] = {
    "packbench": write_packbench,
    "folders": write_folders,
    "grocerystore": write_grocerystore,
    "online_products": write_online_products,
    "oxford_paris": write_oxford,
    "revisited": write_revisited,
    "silhouettes": write_silhouettes,
    "mask_pairs": write_mask_pairs,
    "corel": write_corel,
    "eyeglasses": write_eyeglasses,
}
