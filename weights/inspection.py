"""Which checkpoints of the catalogue are on this machine, and whether they are undamaged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.errors import WeightsError
from weights.cache import checkpoint_path, exported_path, rembg_path, shipped_path
from weights.catalog import Catalog, CatalogEntry
from weights.checksums import digests_of
from weights.fetch import damage, matching_sidecar, renewal
from weights.mistaken import mistaken_for, require_no_mistake
from weights.packages import packaged_path

Place = Literal["cache", "exported", "package", "rembg", "shipped"]
State = Literal["verified", "unverified", "damaged"]


@dataclass(frozen=True)
class Copy:
    """One file on this machine that belongs to a catalogue entry."""

    entry: CatalogEntry
    place: Place
    path: Path


@dataclass(frozen=True)
class Verdict:
    """The result of verifying a whole file."""

    path: Path
    state: State
    why: str


def find_copies(entry: CatalogEntry, directory: Path) -> list[Copy]:
    """The checkpoint, its export and the copy of rembg or a package, as far as they exist."""
    if entry.shipped:
        return [Copy(entry, "shipped", path) for path in [shipped_path(entry)] if path.is_file()]
    place: Place = "package" if entry.package else "cache"
    path = packaged_path(entry) if entry.package else checkpoint_path(entry, directory)
    copies = [] if path is None else [Copy(entry, place, path)]
    if entry.needs_export:
        copies.append(Copy(entry, "exported", exported_path(entry, directory)))
    borrowed = rembg_path(entry)
    if borrowed is not None:
        copies.append(Copy(entry, "rembg", borrowed))
    return [copy for copy in copies if copy.path.is_file()]


def verify_copies(names: list[str], catalog: Catalog, directory: Path) -> list[Verdict]:
    """Read every copy of the named entries to the end; cached digests are not used."""
    return [verify_copy(copy) for name in names for copy in find_copies(catalog[name], directory)]


def verify_copy(copy: Copy) -> Verdict:
    """Compare a file with its published checksum, an export with its sidecar."""
    if copy.place == "exported":
        return verify_model(copy.path)
    if mistake := mistaken_for(copy.path):
        return Verdict(copy.path, "damaged", f"is {mistake.kind}. {renewal(copy.entry)}")
    digests = digests_of(copy.path)
    problem = damage(copy.entry, digests)
    if problem is not None:
        return Verdict(copy.path, "damaged", f"{problem}. {renewal(copy.entry)}")
    if copy.entry.checksum is None:
        return Verdict(copy.path, "unverified", "no checksum is published for it")
    return Verdict(copy.path, "verified", str(copy.entry.checksum))


def verify_model(path: Path) -> Verdict:
    """Compare an ONNX file with the sidecar that was written at its export."""
    try:
        require_no_mistake(path)
        sidecar = matching_sidecar(path, digests_of(path).sha256)
    except WeightsError as error:
        return Verdict(path, "damaged", str(error))
    if sidecar is None or sidecar.sha256 is None:
        return Verdict(path, "unverified", "no sidecar states its sha256")
    if not sidecar.source_verified:
        return Verdict(path, "unverified", "as exported, but not of the published checkpoint")
    return Verdict(path, "verified", f"sha256 {sidecar.sha256}")
