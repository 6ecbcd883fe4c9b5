"""A curator at random: whatever happens to the files, the gallery ends up as the folder is."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from pathlib import Path

import pytest

from engine.galleries import open_gallery
from offline import ingest
from offline.ingest.labels import from_folders
from tests.drawn_catalogue import QUICK, package, save

PRODUCTS = ("jar/a", "jar/b", "stick/a")
NAMES = ("1.png", "2.png", "3.png")


class Curator:
    """Draws, changes, copies, moves, swaps and deletes images below a folder."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.dice = random.Random(seed)
        self.clock = 10**18

    def act(self) -> str:
        files = sorted(self.folder.rglob("*.png"))
        free = [p for p in map(self._path, range(9)) if not p.exists()]
        acts = ["draw"] * bool(free) + ["change", "copy", "move", "swap", "delete"] * bool(files)
        act = self.dice.choice(acts)
        one, other = (self.dice.choice(files) if files else None for _ in range(2))
        target = self.dice.choice(free) if free and self.dice.random() < 0.7 else other
        if act == "draw":
            save(self.dice.choice(free), self._image())
        elif one is None or other is None or target is None:
            return "nothing"
        elif act == "change":
            save(one, self._image())
        elif act == "delete":
            one.unlink()
        elif act == "copy" and one != target:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(one, target)
        elif act == "move" and one != target:
            target.parent.mkdir(parents=True, exist_ok=True)
            one.replace(target)
        elif act == "swap" and one != other:
            one.rename(self.folder / "aside")
            other.rename(one)
            (self.folder / "aside").rename(other)
        return f"{act} {one} {target}"

    def tick(self) -> None:
        """Every file that was written since has another time; a moved one keeps its own."""
        for path in sorted(self.folder.rglob("*.png")):
            if path.stat().st_mtime_ns > 10**18 + 10**15:
                self.clock += 10**9
                os.utime(path, ns=(self.clock, self.clock))

    def _path(self, number: int) -> Path:
        return self.folder / PRODUCTS[number // 3] / NAMES[number % 3]

    def _image(self) -> object:
        return package("jar", self.dice.randrange(4))


def contents(gallery: Path, folder: Path) -> set[tuple[str, str, str]]:
    """(path, sha256, product) of every record."""
    with open_gallery(gallery) as opened:
        assert opened.check() == []
        return {
            (Path(s.uri).relative_to(folder).as_posix(), s.sha256, s.product_id)
            for s in opened.sources()
        }


def expect_as_on_disk(gallery: Path, folder: Path) -> None:
    """Every record is a file as it is now; every image of a product is there exactly once."""
    on_disk = {
        (path.relative_to(folder).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.rglob("*.png")
    }
    held = contents(gallery, folder)
    assert {(path, sha) for path, sha, _ in held} <= on_disk
    assert all(product == from_folders(path).product for path, _, product in held)
    shown = {(from_folders(path).product, sha) for path, sha in on_disk}
    assert {(product, sha) for _, sha, product in held} == shown
    assert len(held) == len(shown)


def live(folder: Path, gallery: Path, seed: int, days: int) -> None:
    curator = Curator(folder, seed)
    ingest(
        save(folder / "jar" / "keep.png", package("stick", 1)).parents[1], gallery, overrides=QUICK
    )
    for day in range(days):
        done = [curator.act() for _ in range(curator.dice.randrange(1, 5))]
        curator.tick()
        ingest(folder, gallery, overrides=QUICK, workers=1, force_prune=True)
        try:
            expect_as_on_disk(gallery, folder)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, day {day}: {done}") from error
        again = ingest(folder, gallery, overrides=QUICK, workers=1, prune=True)
        assert (again.described, again.removed, again.renamed, again.relabelled) == (0, 0, 0, 0)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_gallery_ends_up_as_the_folder_is(tmp_path: Path, seed: int) -> None:
    live(tmp_path / "c", tmp_path / "g", seed, days=4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 16))
def test_the_gallery_follows_the_folder_for_long(tmp_path: Path, seed: int) -> None:
    live(tmp_path / "c", tmp_path / "g", seed, days=25)
