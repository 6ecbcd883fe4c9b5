"""Small trees of drawn packages in the form that each table needs, with known answers."""

from __future__ import annotations

from pathlib import Path

from tests.drawn_catalogue import package, save
from tests.offline.datasets.small_datasets import lines


def write_eyeglasses(root: Path) -> None:
    """Two models of two views in the gallery, one query each, and one of a model that is absent."""
    for model, kind in (("round", "jar"), ("square", "stick")):
        for view in (0, 1):
            save(root / "gallery" / model / f"{view}.png", package(kind, 1, view))
        save(root / "query" / model / "worn.png", package(kind, 1, 2))
    save(root / "query" / "absent" / "worn.png", package("bottle", 1, 2))


def write_classes(root: Path) -> None:
    """Four images a category to learn from and two to judge; one of the two jars shows a
    bottle, so that it is taken for one."""
    for category in ("bottle", "jar", "stick"):
        for view in range(4):
            save(root / "train" / category / f"{view}.png", package(category, 1, view))
        for view in (4, 5):
            shown = "bottle" if (category, view) == ("jar", 5) else category
            save(root / "test" / category / f"{view}.png", package(shown, 1, view))


def write_oxford_tree(root: Path) -> None:
    """Two landmarks, as gt files tell them: a jar with one good and one junk image besides the
    query itself, and a stick that only a bottle answers."""
    for at in range(3):
        save(root / "images" / f"jar_{at:06}.jpg", package("jar", 1, at))
        save(root / "images" / f"stick_{at:06}.jpg", package("stick", 1, at))
    save(root / "images" / "bottle_000000.jpg", package("bottle", 3))
    for landmark, relevant, junk in (
        ("jar", "jar_000001", "jar_000002"),
        ("stick", "bottle_000000", "jar_000002"),
    ):
        stem = root / "gt" / f"{landmark}_1"
        query = f"{landmark}_000000"
        lines(stem.with_name(f"{stem.name}_query.txt"), f"oxc1_{query} 0 0 96 128")
        lines(stem.with_name(f"{stem.name}_good.txt"), relevant)
        lines(stem.with_name(f"{stem.name}_ok.txt"))
        lines(stem.with_name(f"{stem.name}_junk.txt"), junk)
