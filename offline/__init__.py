"""Offline: build galleries, train, evaluate."""

from offline.ingest import ingest

__all__ = ["ingest"]
