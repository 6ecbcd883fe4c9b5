"""Where checkpoints are on this machine: Packsight's cache folder and that of rembg."""

from __future__ import annotations

import errno
import os
from importlib.resources import files
from pathlib import Path

from engine.errors import WeightsError
from engine.user_folders import expanded, user_cache
from weights.catalog import CatalogEntry

DIRECTORY_VARIABLE = "PACKSIGHT_WEIGHTS_DIR"


def cache_directory() -> Path:
    """``PACKSIGHT_WEIGHTS_DIR``, else the weights folder in the user's cache; may not exist yet."""
    named = os.environ.get(DIRECTORY_VARIABLE)
    if named:
        return expanded(named)
    return user_cache("weights")


def rembg_directory() -> Path:
    """Where rembg keeps its models: the same rule as ``BaseSession.u2net_home`` in rembg."""
    home = os.environ.get("U2NET_HOME")
    if home:
        return expanded(home)
    # As in rembg, ``~`` stays where there is no home, and nothing is found there.
    data = os.path.expanduser(os.environ.get("XDG_DATA_HOME", "~"))  # noqa: PTH111
    return Path(data) / ".u2net"


def checkpoint_path(entry: CatalogEntry, directory: Path) -> Path:
    """The checkpoint as its publisher distributes it."""
    return directory / entry.filename


def exported_path(entry: CatalogEntry, directory: Path) -> Path:
    """The ONNX file that ``packsight weights export`` makes of a checkpoint."""
    return directory / f"{entry.name}.onnx"


def shipped_path(entry: CatalogEntry) -> Path:
    """A checkpoint that comes with the package."""
    return Path(str(files("weights"))) / "compact" / f"{entry.name}.onnx"


def rembg_path(entry: CatalogEntry) -> Path | None:
    """rembg's own copy of the checkpoint; None when rembg has none or it is not rembg's."""
    if entry.framework != "rembg":
        return None
    # rembg keeps a file under the model's name, which is not always the one it is offered under.
    names = (entry.filename, f"{entry.name.replace('_', '-')}.{entry.format}")
    paths = [rembg_directory() / name for name in names]
    return next((path for path in paths if path.is_file()), None)


def memory_directory(directory: Path) -> Path:
    """Where digests are cached, see ``checksums.cached_digests``."""
    return directory / "digests"


def make_directory(directory: Path) -> None:
    """Create the cache folder; WeightsError has the variable that names another one."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not os.access(directory, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise WeightsError(
            f"{directory}: cannot be used to keep weights ({error.strerror}).",
            remedy=f"Name a folder that can be written in {DIRECTORY_VARIABLE}.",
        ) from error
