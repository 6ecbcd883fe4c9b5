"""Which settings apply: the gallery's own or a profile's, with files and flags laid over."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from engine.config import Settings, load
from engine.errors import ConfigError
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

    What a profile gained after the gallery was made stays as it was there. Raises ConfigError where
    a layer is invalid, or chooses ``[matting] fba`` without its weights.
    """
    if manifest is None:
        base = read_profile(profile or DEFAULT)
    elif profile is None:
        base = manifest.read_settings()
    else:
        own, named = manifest.read_settings(), read_profile(profile)
        later = own.images.model_dump(include={"alpha", "closer_look", "drafted"})
        images = named.images.model_copy(update=later)
        without = {} if own.keypoints.name != "none" else {"keypoints": own.keypoints}
        base = named.model_copy(update={"images": images, **without})
    return _laid_over(base, manifest, config, overrides)


def settings_of_another(
    manifest: Manifest,
    *,
    profile: str | None = None,
    config: Path | None = None,
    overrides: Iterable[str] = (),
) -> Settings:
    """By which a gallery's images are described anew: a profile's, or its own, with files and flags
    laid over. How folders are read into products, and which index is kept, stays its own. Raises
    ConfigError as ``settings_for``."""
    own = manifest.read_settings()
    if profile is None:
        return _laid_over(own, manifest, config, overrides)
    named = read_profile(profile)
    search = named.search.model_copy(update={"index": own.search.index})
    base = named.model_copy(update={"ingest": own.ingest, "search": search})
    return _laid_over(base, None, config, overrides)


def _laid_over(
    base: Settings, manifest: Manifest | None, config: Path | None, overrides: Iterable[str]
) -> Settings:
    settings = load(base, file=config, flags=overrides)
    if manifest is None or settings.matting != manifest.read_settings().matting:
        _require_named_weights(settings)
    return settings


def _require_named_weights(settings: Settings) -> None:
    """``fba`` alone would take the shipped network, which makes the masks of photos worse.

    A gallery that was made so keeps it: the choice cannot be undone without describing it anew.
    """
    if settings.matting.name == "fba" and "weights" not in settings.matting.options:
        raise ConfigError(
            "[matting] fba: its weights must be named: the shipped ones are for renders only.",
            remedy='Write weights = "fba" (the authors\' network) or a file of '
            'packsight train matting; for rendered images weights = "fba_compact"; '
            'or name = "none". docs/matting.md has the measurements.',
        )
