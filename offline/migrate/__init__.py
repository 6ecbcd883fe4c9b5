"""Another generation of a gallery: described by other models, compared, and put in use."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.types import Progress
    from offline.migrate.report import MigrationReport


def migrate(
    gallery: str | Path,
    *,
    profile: str | None = None,
    config: str | Path | None = None,
    overrides: Iterable[str] = (),
    data: Iterable[str | Path] = (),
    photos: str | Path | None = None,
    force: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> MigrationReport:
    """Describe a gallery's images by other settings in a new generation, and put that in use.

    The generation in use is searched and written to meanwhile; writers wait for the last step.
    ``profile``, ``config`` and ``overrides`` as of an ingest into a new gallery; without a profile
    they are laid over the gallery's own settings. The new generation is refused, and kept, where
    it lacks an image, or where it finds less: by what people judged, by the gallery's own views,
    or on the data sets ``data``; ``force`` uses it nevertheless. A gallery that is calibrated is
    calibrated anew by ``photos``, without them by its own views. The generation before stays for
    ``rollback``; older ones are deleted.

    A migration that was stopped goes on with the same call. Raises ConfigError (settings, data),
    WeightsError and GalleryError (none there, another migration, a full disk).
    """
    from offline.migrate.run import Request, run

    return run(
        Request(
            gallery=gallery,
            profile=profile,
            config=None if config is None else Path(config),
            overrides=tuple(overrides),
            data=tuple(map(Path, data)),
            photos=None if photos is None else Path(photos),
            force=force,
            workers=workers,
            progress=progress or (lambda done, total: None),
        )
    )


def rollback(
    gallery: str | Path,
    *,
    to: str | None = None,
    now: bool = False,
    force: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> MigrationReport:
    """Put the generation before in use again, or the one of the name ``to``.

    What changed since is first described in it, by its own settings; an image that cannot be is a
    refusal, unless ``force``. ``now``: it is in use first, and described then; also where the file
    that names the generation in use is damaged. Raises GalleryError where there is no such
    generation, and as ``migrate`` does.
    """
    from offline.migrate.run import RollbackRequest, roll_back

    return roll_back(
        RollbackRequest(
            gallery=gallery,
            to=to,
            now=now,
            force=force,
            workers=workers,
            progress=progress or (lambda done, total: None),
        )
    )
