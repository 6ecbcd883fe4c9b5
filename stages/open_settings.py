"""Which settings apply: the gallery's own or a profile's, with files and flags laid over."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from engine.config import Settings, load
from engine.manifest import Manifest
from stages.profiles import DEFAULT, read_profile


def settings_for(
    manifest: Manifest | None,
    *,
    profile: str | None = None,
    config: Path | None = None,
    overrides: Iterable[str] = (),
) -> Settings:
    """A gallery's own settings are the base unless a profile is named; None: no gallery yet."""
    if profile is None and manifest is not None:
        base = manifest.read_settings()
    else:
        base = read_profile(profile or DEFAULT)
    return load(base, file=config, flags=overrides)
