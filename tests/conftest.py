"""What every test may rely on: an environment without settings, and a small drawn catalogue."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.drawn_catalogue import write_catalogue
from tests.postgres_server import PostgresServer, postgres_server

# A fifth of a test's time goes to small files that are synced to the disk: they are kept in memory
# where it has room (a container's may have 64 MiB).
MEMORY = Path("/dev/shm")
ROOM = 2 << 30  # bytes; the default tests write 0.65 of 10⁹, the most of it removed on the way
if (
    "TMPDIR" not in os.environ
    and os.access(MEMORY, os.W_OK)
    and shutil.disk_usage(MEMORY).free > ROOM
):
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

# No test is timed: the machines are shared, and a busy one would fail what is right. Where no test
# gives a number, half of the usual examples. They are others in every run, but where CI is set:
# there Hypothesis draws the same ones each time, by its profile for it, which this one extends.
settings.register_profile(
    "packsight", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("packsight")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test begins alike in every run, whatever ran before it in its process."""
    seed = zlib.crc32(item.nodeid.encode())
    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
    os.environ.pop("KERAS_BACKEND", None)  # set for good by what brings Keras


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's PACKSIGHT_ variables must not reach the tests; caches they may share."""
    for name in os.environ:
        if name.startswith("PACKSIGHT_") and "__" in name:
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def caches_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Apart from the developer's own, and from those of earlier tests."""
    with pytest.MonkeyPatch.context() as patch:
        for kept in ("mattes", "runtimes"):
            patch.setenv(f"PACKSIGHT_{kept.upper()}_DIR", str(tmp_path_factory.mktemp(kept)))
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for all tests of a process; see ``tests.postgres_server``."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """Three categories of two products with two views each: twelve images."""
    folder = tmp_path / "catalogue"
    write_catalogue(folder)
    return folder
