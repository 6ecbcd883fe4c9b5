"""Which runtime was measured fastest for a network on this machine, kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from engine.errors import ConfigError, PacksightError
from engine.files import write_whole
from engine.machine import Backend, processor
from stages._compiled import FOLDER_VARIABLE, runtime_folder
from stages._session import RUNTIMES, runtime_version

_log = logging.getLogger(__name__)


def fastest(sha256: str, threads: int) -> Backend | None:
    """For the network of this content; None where nothing was kept for this processor, these
    releases and as many threads."""
    try:
        folder = runtime_folder()
        if folder.is_dir():
            found = json.loads(_path(folder, sha256, threads).read_bytes())["backend"]
            if found in RUNTIMES:
                chosen: Backend = found
                return chosen
    except FileNotFoundError:
        pass
    except (PacksightError, OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("what was measured of runtimes cannot be read (%s)", error)
    return None


def keep_fastest(
    sha256: str, threads: int, backend: Backend, ratios: Mapping[Backend, float]
) -> None:
    """``ratios``: of each runtime's time to ONNX Runtime's, for people who open the file. Raises
    ConfigError where it cannot be written."""
    folder = runtime_folder()
    path = _path(folder, sha256, threads)
    note = {"backend": backend, "ratios": dict(ratios), "measured_on": _conditions(threads)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(note, indent=2))
    except OSError as error:
        raise ConfigError(
            f"{folder}: what was measured cannot be kept ({error.strerror}).",
            remedy=f"Name a folder that can be written in {FOLDER_VARIABLE}.",
        ) from error


def _path(folder: Path, sha256: str, threads: int) -> Path:
    key = json.dumps([sha256, _conditions(threads)])
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def _conditions(threads: int) -> dict[str, object]:
    """What the fastest runtime of a network depends on."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        **{backend: runtime_version(backend) for backend in RUNTIMES},
    }
