"""Profiles: stages with their options and weights."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the help of commands names DEFAULT and loads no settings
    from engine.config import Settings

DEFAULT = "compact"


def profile_names() -> list[str]:
    """The profiles that are shipped."""
    return sorted(path.stem for path in _folder().glob("*.toml"))


def profile_path(name_or_path: str) -> Path:
    """The file of a shipped profile, or the path itself if it ends in .toml."""
    if name_or_path.endswith(".toml"):
        return Path(name_or_path)
    if name_or_path not in profile_names():
        from engine.config import unknown_key

        raise unknown_key("profile", name_or_path, profile_names(), "profile")
    return _folder() / f"{name_or_path}.toml"


def read_profile(name_or_path: str = DEFAULT) -> Settings:
    """Settings of a profile; raises ConfigError naming the file and the valid keys."""
    from engine.config import Settings, overlay, read_toml

    path = profile_path(name_or_path)
    return overlay(Settings(), read_toml(path), str(path))


def _folder() -> Path:
    return Path(str(files(__name__)))
