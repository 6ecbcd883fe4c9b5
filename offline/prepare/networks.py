"""The networks of the paper's system as ONNX files: found, copied or exported."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.errors import WeightsError
from engine.files import replacing, write_whole
from engine.user_folders import expanded
from stages._session import OnnxSession
from weights.cache import checkpoint_path
from weights.catalog import CatalogEntry, find_entry, load_catalog
from weights.export import export_checkpoint
from weights.fetch import FetchPolicy, WeightsFile, fetch_checkpoint, resolve
from weights.inspection import find_copies
from weights.sidecar import sidecar_path
from weights.toml_text import toml_lines


@dataclass(frozen=True)
class NetworkKind:
    """``entry``: where it comes from by default; ``local_entry``: what a local checkpoint that is
    no ONNX file is read as."""

    name: str  # of its step and its flag, and of the file that is made
    entry: str
    local_entry: str
    inputs: tuple[int, ...]  # channels
    outputs: tuple[int, ...]  # channels or features of the first one


U2NET = NetworkKind("u2net", "u2net", "u2net_torch", (3,), (1,))
FBA = NetworkKind("fba", "fba", "fba", (11, 12), (1, 7))
RESNET50 = NetworkKind("resnet50", "resnet50_v1", "resnet50_v1", (3,), (2048,))


@dataclass(frozen=True)
class Source:
    """``file``: on this machine, given by the user or a copy of the entry's; None: not there."""

    entry: CatalogEntry
    file: Path | None
    given: bool = False

    @property
    def exports(self) -> bool:
        """Whether it has to become an ONNX file."""
        return self.entry.needs_export if self.file is None else self.file.suffix != ".onnx"


def find_source(kind: NetworkKind, given: Path | None, policy: FetchPolicy) -> Source:
    """The file that the flag names, else an export in the cache, a checkpoint there, or rembg's.

    Raises WeightsError for a flag that names no file.
    """
    catalog = load_catalog()
    if given is not None:
        path = expanded(given).absolute()
        if not path.is_file():
            raise WeightsError(
                f"--{kind.name} {given}: there is no such file.",
                remedy="Give an .onnx file, or a checkpoint as its authors publish it.",
            )
        ready = path.suffix == ".onnx"
        return Source(find_entry(kind.entry if ready else kind.local_entry, catalog), path, True)
    entry = find_entry(kind.entry, catalog)
    copies = sorted(find_copies(entry, policy.cache), key=lambda copy: copy.place != "exported")
    return Source(entry, copies[0].path if copies else None)


def make_network(kind: NetworkKind, source: Source, target: Path, policy: FetchPolicy) -> None:
    """Write ``target`` (*.onnx) and its sidecar; raises WeightsError for what is another network.

    A checkpoint that is not on this machine is fetched.
    """
    entry = source.entry
    if source.given and source.exports:
        export_checkpoint(entry, policy, weights=source.file, out=target)
    elif source.given:
        _copy(resolve(str(source.file), policy), kind, entry, target)
    elif entry.needs_export and source.exports:
        fetched = fetch_checkpoint(entry, policy, replace_damaged=policy.may_download)
        export_checkpoint(entry, policy, weights=fetched.path, out=target)
    elif entry.needs_export:
        _copy(resolve(entry.name, policy), kind, entry, target)
    else:
        fetched = fetch_checkpoint(entry, policy, replace_damaged=policy.may_download)
        _copy(fetched, kind, entry, target)


def files_of(target: Path) -> tuple[Path, Path]:
    return target, sidecar_path(target)


def place_of(entry: CatalogEntry, policy: FetchPolicy) -> Path:
    """Where a file goes by hand to be found."""
    return checkpoint_path(entry, policy.cache)


def _copy(found: WeightsFile, kind: NetworkKind, entry: CatalogEntry, target: Path) -> None:
    _require_kind(found.path, kind)
    beside = sidecar_path(found.path)
    text = beside.read_text("utf-8") if beside.is_file() else _sidecar_text(found, entry)
    with replacing(target) as part:
        shutil.copyfile(found.path, part)
        write_whole(sidecar_path(target), text)


def _sidecar_text(found: WeightsFile, entry: CatalogEntry) -> str:
    """Of a published ONNX file, which has none: there was no export whose parity it could hold."""
    tables: dict[str, dict[str, object]] = {
        "model": {"name": entry.name, "sha256": found.sha256},
        "source": {
            "file": found.path.name,
            "sha256": found.sha256,
            "verified": found.verified,
        },
        "input": asdict(found.spec or entry.input),
    }
    if entry.kind == "segmenter":
        tables["output"] = asdict(entry.output)
    lines = ["# Written by Packsight beside the ONNX file of the same name."]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *toml_lines(table)]
    return "\n".join(lines) + "\n"


def _require_kind(path: Path, kind: NetworkKind) -> None:
    """Before hours of training: two flags that were mixed up."""
    session = OnnxSession(path, threads=1)
    takes, gives = session.input_shape, session.output_shapes[0]
    rank = 2 if kind is RESNET50 else 4
    if not (_may_be(takes, kind.inputs) and len(gives) == rank and _may_be(gives, kind.outputs)):
        raise WeightsError(
            f"{path}: takes {takes} and gives {gives}, which is no {kind.name}.",
            remedy=f"Give --{kind.name} the file of that network.",
        )


def _may_be(shape: Sequence[int | str | None], channels: tuple[int, ...]) -> bool:
    """A free axis, which has a name, may be anything."""
    return len(shape) > 1 and (not isinstance(shape[1], int) or shape[1] in channels)
