"""The user's folders, also of a user without a home, as in a container."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from engine.errors import ConfigError


def expanded(path: str | Path) -> Path:
    """The path with ``~`` or ``~user`` as that home; ConfigError where there is no such home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(
            f"{path}: no home folder is known for {Path(path).parts[0]}.",
            remedy="Write the whole path, or set HOME.",
        ) from None


def user_cache(name: str) -> Path:
    """Packsight's folder of this name in the user's cache; may not exist yet.

    Without a home the cache is a folder of temporary files that belongs to this user alone;
    ConfigError where there can be none.
    """
    from platformdirs import user_cache_path

    try:
        return user_cache_path("packsight", appauthor=False) / name
    except RuntimeError:
        return _temporary_cache() / name


def keep_what_numba_compiles() -> None:
    """Without a home numba would make a folder named ``~``, and fails where it can make none."""
    try:
        usable = os.access(Path.home(), os.W_OK)
    except RuntimeError:
        usable = False
    if not usable:
        os.environ.setdefault("NUMBA_CACHE_DIR", str(_temporary_cache() / "numba"))


def _temporary_cache() -> Path:
    if os.name != "posix":  # its folder of temporary files is the user's own
        return Path(tempfile.gettempdir()) / "packsight"
    user = os.getuid()
    folder = Path(tempfile.gettempdir()) / f"packsight-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        own = stat.S_ISDIR(status.st_mode) and status.st_uid == user
        problem = "" if own and not status.st_mode & 0o022 else "others may write to it"
    except OSError as error:
        problem = f"cannot be made ({error.strerror})"
    if problem:
        raise ConfigError(
            f"{folder}: cannot stand in for the cache of a user without a home: {problem}.",
            remedy="Set HOME or XDG_CACHE_HOME to a folder that can be written.",
        )
    return folder
