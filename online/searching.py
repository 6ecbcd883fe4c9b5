"""Searchers that stay open for the next query."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from engine.galleries import gallery_identity
from stages.open_searcher import OpenSearcher, Photo, open_searcher

__all__ = ["OpenSearcher", "Photo", "open_searcher", "shared_searcher"]

# Galleries kept open by ``shared_searcher``: each holds its models in memory.
KEPT_OPEN = 4

_Key = tuple[str, str | None, Path | None, tuple[str, ...]]
_kept: OrderedDict[_Key, OpenSearcher] = OrderedDict()
_guard = threading.Lock()


def shared_searcher(
    gallery: Path,
    *,
    profile: str | None = None,
    config: Path | None = None,
    overrides: Iterable[str] = (),
) -> OpenSearcher:
    """As ``open_searcher``, kept open for the next call with the same arguments.

    A gallery that was deleted and created again is another one.
    """
    key = (gallery_identity(gallery), profile, config, tuple(overrides))
    with _guard:
        if key not in _kept:
            _kept[key] = open_searcher(gallery, profile=profile, config=config, overrides=key[-1])
        _kept.move_to_end(key)
        while len(_kept) > KEPT_OPEN:
            _kept.popitem(last=False)  # a caller that still uses it keeps it open
        return _kept[key]
