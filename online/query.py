"""Find products by photo, from Python; opened galleries stay open for the next query."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.galleries import gallery_identity

if TYPE_CHECKING:
    from engine.types import Results
    from stages.open_searcher import OpenSearcher, Photo

# Galleries kept open by ``shared_searcher``: each holds its models in memory.
KEPT_OPEN = 4

_Key = tuple[str, str | None, Path | None, tuple[str, ...]]
_kept: OrderedDict[_Key, OpenSearcher] = OrderedDict()
_guard = threading.Lock()


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

    ``photo`` is a path, the bytes of an image, an open binary file or an RGBImage. It is described
    with the gallery's own settings; ``profile``, ``config`` and ``overrides`` ("section.key=value")
    may change its routing and reranking. ``categories`` overrides the routing. The gallery and its
    models stay open for the next call.

    Raises ImageError (photo), GalleryError (none there, empty), FingerprintError, ConfigError
    (k, categories, settings), WeightsError.
    """
    opened = shared_searcher(
        gallery,
        profile=profile,
        config=None if config is None else Path(config),
        overrides=overrides,
    )
    return opened.search(photo, k, categories)


def shared_searcher(
    gallery: str | Path,
    *,
    profile: str | None = None,
    config: Path | None = None,
    overrides: Iterable[str] = (),
) -> OpenSearcher:
    """As ``open_searcher``, kept open for the next call with the same arguments.

    A gallery that was deleted and created again is another one, and so is each generation of one.
    """
    # Imported here, so that `packsight query --help` need not wait for the models' runtime.
    from stages.open_searcher import open_searcher

    given = (profile, config, tuple(overrides))
    with _guard:
        key = (gallery_identity(gallery), *given)
        while key not in _kept:
            opened = open_searcher(gallery, profile=profile, config=config, overrides=given[-1])
            now = (gallery_identity(gallery), *given)
            if now == key:
                _kept[key] = opened
            else:  # another came into use meanwhile
                opened.close()
            key = now
        _kept.move_to_end(key)
        while len(_kept) > KEPT_OPEN:
            _kept.popitem(last=False)  # a caller that still uses it keeps it open
        return _kept[key]
