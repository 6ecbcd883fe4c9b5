"""Before a long run: are the files there that a data set names?"""

from __future__ import annotations

from pathlib import Path

from offline.datasets.protocol import Dataset


def missing_files(dataset: Dataset) -> list[Path]:
    """Pictures, masks and transmissions that the splits name and that are not there, sorted.

    Readers do not look: finding 120,000 files on a disk takes longer than reading the list of
    them. A missing picture shows as an ImageError when it is read.
    """
    named = {
        path
        for split in dataset.splits
        for picture in dataset.pictures(split)
        for path in (picture.path, picture.mask, picture.transmission)
        if path is not None
    }
    return sorted(path for path in named if not path.is_file())
