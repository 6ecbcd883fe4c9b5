"""Visual search for packaging catalogues: find a package from a photo.

    from packsight import ingest, query

    ingest("catalogue", "gallery")
    for hit in query("photo.jpg", "gallery", k=5).hits:
        print(hit.rank, hit.record.product_id, hit.score)

``__all__`` is the stable API; docs/api.md has an example of every name. The other packages of
this distribution (engine, stages, weights, offline, online) may change with any release. Names
are imported when they are first used, so that ``import packsight`` takes a few milliseconds.
"""

from __future__ import annotations

from importlib import import_module

from packsight._shadowing import check_packages

check_packages()

from engine import __version__  # noqa: E402 (checked before it is imported)

TYPE_CHECKING = False  # as typing's, without its import
if TYPE_CHECKING:
    from engine.copying import copy_gallery
    from engine.errors import (
        ConfigError,
        DamageError,
        DisconnectedError,
        EmptyGalleryError,
        FingerprintError,
        GalleryError,
        ImageError,
        ImageTooLargeError,
        LockedError,
        PacksightError,
        StageError,
        WeightsError,
    )
    from engine.galleries import open_gallery
    from engine.protocols import Gallery
    from engine.types import Hit, Record, Results, RGBImage, Route
    from offline.calibration.adaptation import adapt
    from offline.datasets import Dataset, open_dataset
    from offline.ingest import ingest
    from offline.ingest.report import IngestReport
    from offline.migrate import migrate, rollback
    from offline.migrate.report import MigrationReport
    from offline.report.document import Report
    from online.client import Client, ServiceError
    from online.query import query
    from online.query_many import query_many
    from packsight._evaluation import evaluate
    from stages.open_searcher import OpenSearcher, open_searcher

__all__ = [
    "Client",
    "ConfigError",
    "DamageError",
    "Dataset",
    "DisconnectedError",
    "EmptyGalleryError",
    "FingerprintError",
    "Gallery",
    "GalleryError",
    "Hit",
    "ImageError",
    "ImageTooLargeError",
    "IngestReport",
    "LockedError",
    "MigrationReport",
    "OpenSearcher",
    "PacksightError",
    "RGBImage",
    "Record",
    "Report",
    "Results",
    "Route",
    "ServiceError",
    "StageError",
    "WeightsError",
    "__version__",
    "adapt",
    "copy_gallery",
    "evaluate",
    "ingest",
    "migrate",
    "open_dataset",
    "open_gallery",
    "open_searcher",
    "query",
    "query_many",
    "rollback",
]

_HOMES = {
    "engine.errors": (
        "ConfigError",
        "DamageError",
        "DisconnectedError",
        "EmptyGalleryError",
        "FingerprintError",
        "GalleryError",
        "ImageError",
        "ImageTooLargeError",
        "LockedError",
        "PacksightError",
        "StageError",
        "WeightsError",
    ),
    "engine.galleries": ("open_gallery",),
    "engine.copying": ("copy_gallery",),
    "engine.protocols": ("Gallery",),
    "engine.types": ("Hit", "RGBImage", "Record", "Results", "Route"),
    "offline.calibration.adaptation": ("adapt",),
    "offline.datasets": ("Dataset", "open_dataset"),
    "offline.ingest": ("ingest",),
    "offline.ingest.report": ("IngestReport",),
    "offline.migrate": ("migrate", "rollback"),
    "offline.migrate.report": ("MigrationReport",),
    "offline.report.document": ("Report",),
    "online.client": ("Client", "ServiceError"),
    "online.query": ("query",),
    "online.query_many": ("query_many",),
    "packsight._evaluation": ("evaluate",),
    "stages.open_searcher": ("OpenSearcher", "open_searcher"),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Once more: a folder that was put on ``sys.path`` since may hide a package.
    check_packages()
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
