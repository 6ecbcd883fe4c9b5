"""The table given with ``--labels``, which a gallery remembers for the next ingests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import ConfigError
from engine.files import file_sha256
from engine.galleries import gallery_exists, open_gallery
from engine.object_stores import path_of
from engine.protocols import WritableGallery
from engine.types import GivenTable
from offline.ingest.scan import printable


@dataclass(frozen=True)
class UsedTable:
    """A table of labels, and the folder that its paths start at."""

    path: Path
    base: Path
    remembered: GivenTable | None = None  # as it was at the last ingest
    sha256: str = ""  # of the remembered one, now

    @property
    def notes(self) -> list[str]:
        if self.remembered is None:
            return []
        changed = self.sha256 != self.remembered.sha256
        since = ", which has changed since" if changed else ""
        return [f"used the labels of {printable(str(self.path))} again{since}"]


def tables_for(
    folder: Path, gallery: str | Path, given: Path | None, *, forget: bool
) -> list[UsedTable]:
    """Those that an ingest of ``folder`` uses, later ones win: the one ``given`` now, or the
    remembered ones. ConfigError where one of these cannot be read."""
    if forget:
        return []
    kept = remembered_tables(folder, gallery)
    if given is None:
        return kept
    below = [table for table in kept if folder in table.base.parents]
    return [*below, UsedTable(given.absolute(), folder)]


def remembered_tables(folder: Path, gallery: str | Path) -> list[UsedTable]:
    """The table given at an earlier ingest of ``folder``, or else of the nearest folder above it,
    and then those of folders below. Raises ConfigError where one cannot be read."""
    if not gallery_exists(gallery):
        return []
    with open_gallery(gallery) as opened:
        tables = opened.label_tables()
    above = next((base for base in (folder, *folder.parents) if str(base) in tables), None)
    below = [base for base in map(path_of, sorted(tables)) if folder in base.parents]
    bases = [*([] if above is None else [above]), *below]
    return [_used(base, tables[str(base)]) for base in bases]


def _used(base: Path, table: GivenTable) -> UsedTable:
    path = path_of(table.path)
    try:
        return UsedTable(path, base, table, file_sha256(path))
    except OSError as error:
        raise ConfigError(
            f"{printable(table.path)}: the table of labels given for {printable(str(base))} cannot "
            f"be read any more ({error.strerror}), and the labels of its {table.rows:,} rows would "
            f"be lost. Nothing was done.",
            remedy="Put it back, name another with --labels TABLE, or give these labels up with "
            "--forget-labels.",
        ) from error


def require_no_loss(
    tables: Mapping[str, GivenTable], used: Sequence[UsedTable], moved: Sequence[str]
) -> None:
    """ConfigError where images were ``moved`` (from these uris) out of a folder whose table would
    no longer label them."""
    bases = {str(table.base) for table in used}
    for base, table in tables.items():
        lost = [uri for uri in moved if path_of(uri).is_relative_to(path_of(base))]
        if lost and base not in bases:
            raise ConfigError(
                f"{len(lost):,} images were moved here from {printable(base)}, for which the table "
                f"of labels {printable(table.path)} was given; its labels would be lost. Nothing "
                "was done.",
                remedy=f"Give it for this folder with --labels {table.path}, or give these labels "
                "up with --forget-labels.",
            )


def remember(gallery: WritableGallery, table: UsedTable, rows: int) -> None:
    """Have the next ingests use the table; ``rows``: how many it has. Raises OSError."""
    if table.remembered is None:
        kept = GivenTable(str(table.path), file_sha256(table.path), rows)
        gallery.keep_label_table(str(table.base), kept)
    elif table.sha256 != table.remembered.sha256:
        gallery.keep_label_table(str(table.base), replace(table.remembered, sha256=table.sha256))
