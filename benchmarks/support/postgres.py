"""The PostgreSQL that a benchmark uses: one of its own, or one that is at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

# As a server is set up to be used, not as the tests' own.
SETTINGS = {
    "fsync": "on",
    "shared_buffers": "1GB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "2GB",
}


@contextmanager
def server_at(address: str | None) -> Iterator[tuple[str, int | None]]:
    """The address of a database with pgvector, and the server's process where it is our own: it is
    started here, as the tests start it, and stopped and deleted at the end."""
    if address is not None:
        yield address, None
        return
    from tests.postgres_server import postgres_server

    with postgres_server(**SETTINGS) as server:
        yield server.address(), server.process.pid if server.process else None
