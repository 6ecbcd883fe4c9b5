"""Whether files that are gone may be deleted: a share that is not mounted looks just the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.errors import ConfigError
from engine.object_stores import path_of
from engine.types import Source
from offline.ingest.scan import ImageFile, printable

SHOWN = 5  # names that the error lists
MOST = 0.5  # of the known images below the folder; more at once is rarely meant


def require_plausible(
    folder: Path, known: Sequence[Source], gone: Sequence[Source], files: Iterable[ImageFile]
) -> None:
    """Refuse to prune where a whole part of the catalogue seems to be away.

    ``known``: the gallery's images below ``folder``; ``gone``: those of them without a file;
    ``files``: the image files that are there. Raises ConfigError where ``folder``, or a folder
    directly in it that held images, holds none any more, or where more than half would go.
    """
    if not gone:
        return
    left = {_top(file.relative) for file in files}
    tops = {_top(path_of(source.uri).relative_to(folder).as_posix()) for source in gone}
    empty = sorted(top for top in tops - left if top)
    if not left:
        reason = "no image is left below it"
    elif empty:
        more = f" and {len(empty) - SHOWN} more" if len(empty) > SHOWN else ""
        reason = f"no image is left in {', '.join(map(printable, empty[:SHOWN]))}{more}"
    elif len(gone) > MOST * len(known):
        reason = "that is more than half"
    else:
        return
    raise ConfigError(
        f"{printable(str(folder))}: --prune would delete {len(gone):,} of {len(known):,} images, "
        f"and {reason}. Nothing was done.",
        remedy="Is everything mounted? If the files are gone for good, run it with --force-prune.",
    )


def _top(relative: str) -> str:
    """The folder directly below the ingested one; "" for an image directly in it."""
    top, slash, _ = relative.partition("/")
    return top if slash else ""
