"""A Ray cluster of two nodes of this machine, on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
IP = "127.0.0.2"  # of loopback; Ray replaces 127.0.0.1 by the machine's own
TRIES = 3


@contextmanager
def ray_cluster() -> Iterator[str]:
    """The address of two nodes with a processor each; their processes end with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(ROOT))
        cluster = _started()
        try:
            yield str(cluster.address)
        finally:
            cluster.shutdown()


def _started() -> Any:
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "node_ip_address": IP}
    for left in reversed(range(TRIES)):
        cluster = Cluster()
        try:
            cluster.add_node(**node, include_dashboard=False)
            cluster.add_node(**node)
        except Exception:  # Ray gives a node 30 seconds, which a busy machine may not
            cluster.shutdown()
            if not left:
                raise
        else:
            return cluster
    raise AssertionError
