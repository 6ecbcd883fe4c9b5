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
    """A gallery's own settings are the base unless a profile is named; None: no gallery yet.

    What a profile gained after the gallery was made stays as it was there.
    """
    if manifest is None:
        base = read_profile(profile or DEFAULT)
    elif profile is None:
        base = manifest.read_settings()
    else:
        own, named = manifest.read_settings().images, read_profile(profile)
        later = {"alpha": own.alpha, "closer_look": own.closer_look}
        images = named.images.model_copy(update=later)
        base = named.model_copy(update={"images": images})
    return load(base, file=config, flags=overrides)
