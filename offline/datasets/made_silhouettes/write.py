"""Write a set as a folder of PNG files that the silhouettes' reader opens."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2

from engine.errors import ConfigError, PacksightError
from engine.types import Progress
from offline.datasets.made_silhouettes.classes import CLASSES, MEMBERS, shape_classes, silhouette


def write_silhouettes(
    out: Path,
    seed: int,
    *,
    classes: int = CLASSES,
    members: int = MEMBERS,
    progress: Progress = lambda done, total: None,
) -> int:
    """Fill the new folder ``out`` with CLASS-NUMBER.png, numbers from 1 on; the count of files.

    The same seed and sizes give the same files. They are written beside and the folder is renamed
    in, so that one that exists is whole. Raises ConfigError where ``out`` holds anything, and
    PacksightError where it cannot be written; neither leaves anything behind.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: is not empty.", remedy="Choose another --out, or remove it.")
    beside = out.with_name(f".{out.name}.part")
    try:
        shutil.rmtree(beside, ignore_errors=True)  # of a run that was killed
        beside.mkdir(parents=True)
        made = _written(beside, seed, classes, members, progress)
        if out.exists():
            out.rmdir()
        beside.rename(out)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise PacksightError(
            f"{out}: cannot be written ({error.strerror or error}).",
            remedy="Make room, or choose another --out.",
        ) from error
    return made


def _written(folder: Path, seed: int, classes: int, members: int, progress: Progress) -> int:
    total = classes * members
    for index, shape in enumerate(shape_classes(seed, classes)):
        for member in range(members):
            _, data = cv2.imencode(".png", silhouette(shape, member))
            (folder / f"{shape.name}-{member + 1}.png").write_bytes(data.tobytes())
            progress(index * members + member + 1, total)
    return total
