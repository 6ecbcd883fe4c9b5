"""A share as curators find it: sound images among what people and programs leave there."""

from __future__ import annotations

import os
import shutil
import struct
import unicodedata
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from engine.types import UInt8Array
from tests.bad_pictures import write_bad_pictures
from tests.drawn_catalogue import package, save

JAPANESE = "化粧水ボトル"  # 18 bytes
SHAPES = ("bottle", "jar", "stick")


@dataclass
class Messy:
    """What was written, by the path below ``root``: what an ingest should make of every file."""

    root: Path
    fate: dict[str, str] = field(default_factory=dict)  # added, refused, duplicate or passed over
    label: dict[str, tuple[str, str]] = field(default_factory=dict)  # category, product
    lost_rows: int = 0  # rows of label tables that name no image

    def note(self, path: Path, fate: str) -> Path:
        self.fate[path.relative_to(self.root).as_posix()] = fate
        return path

    def image(self, relative: str, pixels: UInt8Array, category: str, product: str) -> Path:
        """A sound image with the labels that it should get."""
        self.label[relative] = (category, product)
        return self.note(save(self.root / relative, pixels), "added")

    def rename(self, folder: str, new: str) -> None:
        """A folder that names the category of its images was moved."""
        for path in [path for path in self.fate if path.startswith(f"{folder}/")]:
            moved = path.replace(folder, new, 1)
            self.fate[moved] = self.fate.pop(path)
            if label := self.label.pop(path, None):
                self.label[moved] = (new, label[1].replace(folder, new, 1))

    def forget(self, path: str) -> None:
        """A file was deleted."""
        del self.fate[path], self.label[path]

    def counts(self) -> Counter[str]:
        return Counter(self.fate.values())


def write_messy_folder(root: Path) -> Messy:
    """More than 300 files of all kinds below ``root``, which is made."""
    messy = Messy(root)
    root.mkdir(parents=True)
    for write in (
        _plain_folders,
        _long_names,
        _decomposed_names,
        _spreadsheets,
        _numbered_tables,
        _attributes,
        _copies,
        _cut_outs,
        _odd_files,
        _not_images,
        _system_folders,
        _other_files,
        _links,
    ):
        write(messy)
    return messy


def unique_image(number: int, shape: str = "jar") -> UInt8Array:
    """A package that no other number gives."""
    pixels = package(shape, number % 40, number % 3).copy()
    cv2.putText(pixels, str(number), (2, 12), cv2.FONT_HERSHEY_PLAIN, 0.8, (0, 0, 0))
    return pixels


def _plain_folders(messy: Messy) -> None:
    for number in range(180):
        shape, product, view = SHAPES[number % 3], number // 9, number // 3 % 3
        relative = f"plain-{shape}/p{product:02}/view {view}.jpg"
        messy.image(
            relative, unique_image(number, shape), f"plain-{shape}", f"plain-{shape}/p{product:02}"
        )


def _long_names(messy: Messy) -> None:
    """Up to the file system's limit of 255 bytes, where nothing can be appended to the name."""
    for number, length in enumerate((251, 254, 255)):
        name = (JAPANESE * 14)[: (length - 4) // 3] + "x" * ((length - 4) % 3)
        relative = f"long/{name}.png"
        assert len(Path(relative).name.encode()) == length
        messy.image(relative, unique_image(200 + number), "long", f"long/{name}")


def _decomposed_names(messy: Messy) -> None:
    """A Mac writes é as two characters, the table beside it has one."""
    for number, name in enumerate(("crème", "Käse", "jabón")):
        apart = unicodedata.normalize("NFD", name)
        messy.image(f"mac/{apart}.png", unique_image(210 + number), "mac", f"id-{name}")
    rows = [f"{name}.png,id-{name}" for name in ("crème", "Käse", "jabón")]
    _table(messy, "mac/labels.csv", "path,product\n" + "\n".join(rows) + "\n", "utf-8")
    messy.label = {
        path: (category, f"mac/{product}" if category == "mac" else product)
        for path, (category, product) in messy.label.items()
    }


def _spreadsheets(messy: Messy) -> None:
    """Tables as spreadsheet programs export them; each in a folder of its own."""
    exports = {
        "utf16": ("path\tproduct\tcolour\n{0}\tpump \t grün\n", "utf-16"),
        "sep": ("sep=;\npath;product;colour\n{0};pump;grün\n", "utf-8-sig"),
        "ansi": ("path;product;colour\r\n{0};pump;grün\r\n", "cp1252"),
        "mac-lines": ("path,product,colour\r{0},pump,grün\r", "utf-8"),
        "quoted": ('"path";"product";"colour, as sold; or not"\n{0};pump;grün\n', "utf-8"),
    }
    for number, (name, (text, encoding)) in enumerate(exports.items()):
        folder = f"export-{name}"
        messy.image(f"{folder}/a.png", unique_image(220 + number), folder, f"{folder}/pump")
        _table(messy, f"{folder}/labels.csv", text.format("a.png"), encoding)


def _numbered_tables(messy: Messy) -> None:
    """Two folders that both count their products from 01, and rows that name no image."""
    for number, folder in enumerate(("numbered-jar", "numbered-bottle")):
        for product in ("01", "02"):
            relative = f"{folder}/{product}.png"
            image = unique_image(230 + 2 * number + int(product))
            messy.image(relative, image, folder, f"{folder}/{product}")
        rows = ["01.png,01", "02.png,02"]
        lost = ["O3.png,03", "../../plain-jar/a.png,99", "C:\\share\\04.png,04"]
        _table(messy, f"{folder}/labels.csv", "\n".join(("path,product", *rows, *lost)), "utf-8")
        messy.lost_rows += len(lost)


def _attributes(messy: Messy) -> None:
    """JSON beside an image: ours, and what a downloader and an annotation tool left."""
    folder = "described"
    messy.image(f"{folder}/ours.png", unique_image(240), "pump", f"{folder}/ours")
    messy.image(f"{folder}/theirs.png", unique_image(241), folder, f"{folder}/theirs")
    _table(messy, f"{folder}/ours.json", '{"category": "pump", "colour": "red"}', "utf-8")
    drawn = '{"version": "5.0", "shapes": [{"label": "x", "points": [[1, 2]]}], "imageData": "'
    _table(messy, f"{folder}/theirs.json", drawn + "A" * 100_000 + '"}', "utf-8")


def _copies(messy: Messy) -> None:
    """The same file under the names that file managers give to copies; the original stays."""
    for number in range(5):
        original = messy.image(
            f"copies/p/{number}.png", unique_image(250 + number), "copies", "copies/p"
        )
        for name in (f"{number} (1).png", f"Copy of {number}.png", f"{number} - Copy.png"):
            shutil.copy2(original, original.with_name(name))
            messy.note(original.with_name(name), "duplicate")


def _cut_outs(messy: Messy) -> None:
    """White packages on a transparent background."""
    for number, (shape, suffix) in enumerate(zip(SHAPES, ("png", "webp", "tif"), strict=True)):
        drawn = package(shape, 0)
        alpha = np.where((drawn < 245).any(axis=2), 255, 0).astype(np.uint8)
        white = np.dstack([np.full_like(drawn, 255), alpha])
        white[0, 0, 3] = number  # files of their own content
        messy.image(f"cut-out/{shape}.{suffix}", white, "cut-out", f"cut-out/{shape}")


def _odd_files(messy: Messy) -> None:
    """Sound images in files that are odd: metadata of megabytes, no end, another suffix."""
    folder = messy.root / "odd"
    folder.mkdir()
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile", "A" * 3_000_000, zip=True)
    Image.fromarray(unique_image(260)).save(folder / "text.png", pnginfo=text)
    whole = save(folder / "no end.png", unique_image(261)).read_bytes()
    (folder / "no end.png").write_bytes(whole[:-12])
    whole = save(folder / "checksum.png", unique_image(262)).read_bytes()
    broken = struct.pack(">I", 4) + b"tEXta\0bc" + struct.pack(">I", zlib.crc32(b"other"))
    (folder / "checksum.png").write_bytes(whole[:33] + broken + whole[33:])
    Image.fromarray(unique_image(263)).save(folder / "is a png.jpg", "PNG")
    frames = [
        Image.new("RGBA", (96, 128), (0, 0, 0, 0)),
        Image.fromarray(unique_image(264)).convert("RGBA"),
    ]
    frames[0].save(folder / "fades in.webp", save_all=True, append_images=frames[1:], lossless=True)
    for path in sorted(folder.iterdir()):
        messy.note(path, "added")
        messy.label[f"odd/{path.name}"] = ("odd", f"odd/{path.stem}")


def _not_images(messy: Messy) -> None:
    folder = messy.root / "broken"
    folder.mkdir()
    for name in write_bad_pictures(folder):
        messy.note(folder / name, "refused")
    (folder / "page.jpg").write_text("<!DOCTYPE html><html><title>Sign in</title></html>")
    (folder / "lfs.png").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    for name in ("page.jpg", "lfs.png"):
        messy.note(folder / name, "refused")


def _system_folders(messy: Messy) -> None:
    """Thumbnails and recycle bins, with images in them that show no products."""
    for number, folder in enumerate(
        (
            "@eaDir/a.jpg",
            "#recycle",
            "$RECYCLE.BIN/S-1-5-21",
            "System Volume Information",
            "lost+found",
            "plain-jar/__MACOSX",
            ".Trash-1000/files",
            "plain-jar/p00/.thumbnails",
        )
    ):
        for view in range(3):
            path = messy.root / folder / f"{view}.jpg"
            messy.note(save(path, unique_image(300 + 3 * number + view)), "passed over")
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "plain-jar/._view 0.jpg"):
        _other(messy, name)


def _other_files(messy: Messy) -> None:
    for number in range(30):
        suffix = (".pdf", ".psd", ".xlsx", ".docx", "", ".ai")[number % 6]
        _other(messy, f"papers/file {number}{suffix}")


def _links(messy: Messy) -> None:
    """A linked folder is not followed; a link that leads nowhere is refused."""
    (messy.root / "linked").symlink_to(messy.root / "plain-jar", target_is_directory=True)
    messy.note(messy.root / "linked", "passed over")
    (messy.root / "nowhere.jpg").symlink_to(messy.root / "was here.jpg")
    messy.note(messy.root / "nowhere.jpg", "refused")
    escape = "control/a\x1b[31m\nb.png"
    messy.image(escape, unique_image(290), "control", "control/a\x1b[31m\nb")


def _table(messy: Messy, relative: str, text: str, encoding: str) -> None:
    path = messy.root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    messy.note(path, "passed over")


def _other(messy: Messy, relative: str) -> None:
    path = messy.root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(64))
    messy.note(path, "passed over")
