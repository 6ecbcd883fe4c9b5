"""Find products by photo, from Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.types import Results
    from online.searching import Photo


def query(
    photo: Photo,
    gallery: str | Path,
    *,
    k: int = 10,
    categories: Sequence[str] | None = None,
    profile: str | None = None,
    config: str | Path | None = None,
    overrides: Iterable[str] = (),
) -> Results:
    """The ``k`` best products of the gallery for one photo, best first, each with its best view.

    ``photo`` is a path, the bytes of an image, an open binary file or an RGBImage. It is
    described with the gallery's own settings; ``profile``, ``config`` and ``overrides``
    ("section.key=value") may change its routing and reranking. ``categories`` overrides
    the routing. The gallery and its models stay open for the next call.

    Raises ImageError (photo), GalleryError (none there, empty), FingerprintError, ConfigError
    (k, categories, settings), WeightsError.
    """
    # Imported here, so that `packsight query --help` need not wait for the models' runtime.
    from online.searching import shared_searcher

    opened = shared_searcher(
        Path(gallery),
        profile=profile,
        config=None if config is None else Path(config),
        overrides=overrides,
    )
    return opened.search(photo, k, categories)
