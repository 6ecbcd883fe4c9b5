"""What every data set offers, whatever its files look like."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from offline.datasets.types import Picture, RetrievalTask


@runtime_checkable
class Dataset(Protocol):
    """Pictures by split, and retrieval tasks by protocol.

    Order is part of the promise: the same files give the same pictures in the same order on
    every platform.
    """

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def root(self) -> Path:
        """The folder that was opened."""

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of its splits, none of them empty. One picture may be in several."""

    @property
    def protocols(self) -> tuple[str, ...]:
        """Names of its retrieval tasks; empty where it is not made for retrieval."""

    def pictures(self, split: str) -> tuple[Picture, ...]:
        """The pictures of a split. Raises ConfigError, with the names, for an unknown one."""

    def retrieval(self, protocol: str) -> RetrievalTask:
        """A retrieval task. Raises ConfigError, with the names, for an unknown one."""
