"""Image files and query boxes of landmark sets, with original or revisited ground truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from engine.errors import ConfigError
from engine.types import Box
from offline.datasets.readers._files import files_below
from offline.ingest.tables import Place

# Files of Paris6k that hold no image (their download had failed); its authors list them in
# corrupt.txt beside the data, and all papers leave them out.
_UNREADABLE_BY_LANDMARK = {
    "louvre": (136, 146),
    "moulinrouge": (422,),
    "museedorsay": (1059,),
    "notredame": (188,),
    "pantheon": (284, 960, 974),
    "pompidou": (195, 196, 201, 467, 640),
    "sacrecoeur": (299, 330, 353),
    "triomphe": (662, 833, 863, 867),
}
UNREADABLE = frozenset(
    f"paris_{landmark}_{number:06}"
    for landmark, numbers in _UNREADABLE_BY_LANDMARK.items()
    for number in numbers
)


def background_files(root: Path) -> dict[str, Path]:
    """All readable .jpg files in any depth by their name without suffix, sorted by it.

    Oxford5k comes in one folder, Paris6k in one a landmark. Raises ConfigError for a name that
    is there twice.
    """
    files: dict[str, Path] = {}
    for path in sorted(files_below(root), key=lambda path: (path.stem, path.as_posix())):
        if path.suffix.lower() not in (".jpg", ".jpeg") or path.stem in UNREADABLE:
            continue
        if path.stem in files:
            raise ConfigError(
                f"{root}: {path.stem} is there twice: {files[path.stem]} and {path}.",
                remedy="Keep one folder with images.",
            )
        files[path.stem] = path
    return files


def query_box(corners: Sequence[float], place: Place) -> Box:
    """A box of fractional pixels as whole ones, rounded as PIL's crop rounds them."""
    if len(corners) != 4 or not all(math.isfinite(corner) for corner in corners):
        raise place.fault(f"the box {list(corners)} is not four numbers")
    x1, y1, x2, y2 = (max(0, round(corner)) for corner in corners)
    if not (x1 < x2 and y1 < y2):
        raise place.fault(f"the box {(x1, y1, x2, y2)} is empty")
    return (x1, y1, x2, y2)
