"""What `packsight gallery info` shows of the memory and the disk that a gallery takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.types import Storage

# From there on another generation beside it, as a migration makes one, has no room.
NEAR = 0.5
_FLOAT = 4  # bytes


def vector_bytes(images: int, dimension: int, index: str) -> int:
    """Of what an exact search of all reads: it is as fast as memory, and no faster than the disk
    where they do not fit. Codes of another index lie beside the vectors."""
    return images * dimension * (_FLOAT + (index != "exact"))


def lines(storage: Storage, vectors: int, memory: int | None) -> Iterator[str]:
    """``memory`` of this machine, None where it is not known."""
    if storage.partitions is not None:
        behind = ""
        if storage.behind is not None:
            behind = f"; of a replica, {storage.behind:.1f} s since its last change"
        derived = f"; indexes here {megabytes(storage.indexes)}" if storage.indexes else ""
        yield (
            f"storage      {megabytes(storage.tables)} in the server, in {storage.partitions} "
            f"partitions{derived}{behind}"
        )
        if storage.recall is not None:
            yield (
                f"             graphs found {storage.recall:.4f} of the nearest 50, as built, by "
                f"{storage.explored} candidates"
            )
        if not storage.indexes:  # searched there
            return
    else:
        yield (
            f"storage      {megabytes(storage.tables)} of tables, {megabytes(storage.indexes)} of "
            f"indexes; {megabytes(vectors)} of vectors are searched"
        )
    used = storage.tables + storage.indexes
    fractions = {
        "memory": vectors / memory if memory else 0.0,
        "disk": used / (used + storage.free) if storage.free is not None else 0.0,
    }
    if max(fractions.values()) >= NEAR:
        shown = " and ".join(
            f"{fraction:.0%} of what this machine's {what} holds"
            for what, fraction in fractions.items()
            if fraction >= NEAR
        )
        yield f"             at {shown}: docs/scale.md"


def megabytes(size: int) -> str:
    return f"{size / 10**6:.1f} MB" if size < 10**9 else f"{size / 10**9:.2f} GB"
